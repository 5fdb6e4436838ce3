package doctor

import (
	"cmp"
	"fmt"
	"strings"

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

// whyNotReady says what the first Pod that is not ready waits for, in the kubelet's and the scheduler's words.
func (r *reader) whyNotReady(d *appsv1.Deployment) string {
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
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	switch has := d.Status.ReadyReplicas; {
	case has == 0:
		why := "it is scaled to 0 replicas"
		if wanted > 0 {
			why = cmp.Or(r.whyNotReady(d), fmt.Sprintf("none of its %d Pods is ready", wanted))
		}
		v.problem(down, object, why, values)
		return false
	case has < wanted:
		v.checkf(Warning, "%s: %d of %d Pods are ready", object, has, wanted)
	default:
		v.checkf(OK, "%s: %d of %d Pods are ready", object, has, wanted)
	}
	return true
}
