package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deploymentBehind is the Deployment whose Pods a Service selects, nil when there is none to be seen. A Service that selects by
// name alone is known by its label.
func (r *reader) deploymentBehind(svc *corev1.Service) *appsv1.Deployment {
	deployments := &appsv1.DeploymentList{}
	if !r.list(svc.Namespace, deployments) {
		return nil
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		selected := len(svc.Spec.Selector) > 0 && labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels))
		if selected || d.Name == svc.Name {
			return d
		}
	}
	return nil
}

// endpoints are the addresses, host:port, that a Service leads to and that are ready.
func (r *reader) endpoints(svc *corev1.Service) (addresses []string, known bool) {
	slices := &discoveryv1.EndpointSliceList{}
	if !r.list(svc.Namespace, slices, client.MatchingLabels{discoveryv1.LabelServiceName: svc.Name}) {
		return nil, false
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready || len(slice.Ports) == 0 || slice.Ports[0].Port == nil {
				continue
			}
			for _, address := range endpoint.Addresses {
				addresses = append(addresses, joinHostPort(address, int(*slice.Ports[0].Port)))
			}
		}
	}
	return addresses, true
}

// serviceOf is the Service that leads to a Deployment's Pods, nil where there is none. Known is false where nobody may look.
func (r *reader) serviceOf(d *appsv1.Deployment) (svc *corev1.Service, known bool) {
	services := &corev1.ServiceList{}
	if !r.list(d.Namespace, services) {
		return nil, false
	}
	for i := range services.Items {
		selector := services.Items[i].Spec.Selector
		if len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(d.Spec.Template.Labels)) {
			return &services.Items[i], true
		}
	}
	return nil, true
}

// ours are the Deployments of a part of certyun's chart, by their labels: they tell what runs to whoever may not see by which
// APIService or webhook configuration it is called.
func (r *reader) ours(part string) []appsv1.Deployment {
	deployments := &appsv1.DeploymentList{}
	r.listMine(deployments, client.MatchingLabels{partOf: ours, component: part})
	return deployments.Items
}

// whyNotReady says what the first Pod of this age that is not ready waits for, in the kubelet's and the scheduler's words.
func (r *reader) whyNotReady(d *appsv1.Deployment, aged time.Duration) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return c.Message
		}
	}
	pods := &corev1.PodList{}
	if d.Spec.Selector == nil || !r.list(d.Namespace, pods, client.MatchingLabels(d.Spec.Selector.MatchLabels)) {
		return ""
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.DeletionTimestamp != nil || r.now().Sub(pod.CreationTimestamp.Time) < aged {
			continue
		}
		if why := r.whyPodNotReady(&pods.Items[i]); why != "" {
			return fmt.Sprintf("the Pod %s: %s", pods.Items[i].Name, why)
		}
	}
	return ""
}

func (r *reader) whyPodNotReady(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		waiting, ended := status.State.Waiting, status.LastTerminationState.Terminated
		switch {
		case waiting != nil && waiting.Reason == "ContainerCreating":
			return cmp.Or(r.lastWarning("Pod", pod), waiting.Reason)
		case waiting != nil:
			return strings.TrimSuffix(waiting.Reason+": "+waiting.Message, ": ")
		case !status.Ready && ended != nil:
			return fmt.Sprintf("the container %s ended with exit code %d (%s)", status.Name, ended.ExitCode, ended.Reason)
		case !status.Ready:
			return fmt.Sprintf("the container %s is not ready", status.Name)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Status == corev1.ConditionFalse && c.Message != "" {
			return c.Message
		}
	}
	return ""
}

// deployment checks that a Deployment has a Pod that is ready. Down is the cause where it has none, with these values.
func (v *sight) deployment(r *reader, d *appsv1.Deployment, down string, values map[string]string) (ready bool) {
	object := ref("apps/v1", "Deployment", d)
	wanted, has := wantedPods(d), d.Status.ReadyReplicas
	if has == 0 {
		why := "it is scaled to 0 replicas"
		if wanted > 0 {
			why = cmp.Or(r.whyNotReady(d, 0), fmt.Sprintf("none of its %d Pods is ready", wanted))
		}
		v.problem(down, object, why, values)
		return false
	}
	there := fmt.Sprintf("%d of %d Pods are ready", has, wanted)
	why := r.whyHeld(d)
	switch {
	case why != "":
		v.warning("pods-not-ready", object, there+"; "+why, map[string]string{"why": why})
	case has < wanted:
		v.checkf(Warning, "%s: %s", object, there)
	default:
		v.checkf(OK, "%s: %s", object, there)
	}
	return true
}

func wantedPods(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// settles is how long a Pod may take to become ready beside others that are.
const settles = 2 * time.Minute

// whyHeld says what keeps a Deployment from having all of its Pods as they are wanted, "" where nothing does. Old Pods may be ready
// while those that are to take their place never will be.
func (r *reader) whyHeld(d *appsv1.Deployment) string {
	if wanted := wantedPods(d); d.Status.ReadyReplicas >= wanted && d.Status.UpdatedReplicas >= wanted && d.Status.Replicas <= d.Status.UpdatedReplicas {
		return ""
	}
	if why := r.whyNotReady(d, settles); why != "" {
		return why
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

// running checks what is to be seen of a part of certyun without what it is called by: its Pods, and the Service that leads to them.
func (v *sight) running(r *reader, d *appsv1.Deployment, down string, values map[string]string) {
	r.seen = true
	if !v.deployment(r, d, down, values) {
		return
	}
	svc, known := r.serviceOf(d)
	switch {
	case svc != nil:
		v.leads(r, svc, down, values)
	case known:
		v.problem(down, ref("apps/v1", "Deployment", d), "no Service leads to its Pods", values)
	}
}

// leads checks that a Service leads to Pods that are ready.
func (v *sight) leads(r *reader, svc *corev1.Service, down string, values map[string]string) bool {
	addresses, known := r.endpoints(svc)
	if known && len(addresses) == 0 {
		v.problem(down, ref("v1", "Service", svc),
			"the Service has no endpoint that is ready: its selector matches no Pod, or the Pods are not ready", values)
		return false
	}
	if known {
		v.checkf(OK, "%s: %s", ref("v1", "Service", svc), counted(len(addresses), "endpoint"))
	}
	return true
}
