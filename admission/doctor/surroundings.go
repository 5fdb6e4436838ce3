package doctor

import (
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

// surroundings are what a solver finds around it, as far as its Pod says so.
type surroundings struct {
	// object is the Pod, or the Deployment where none that runs can be seen: what webhooks inject is only in the Pod.
	object    report.Object
	pod       *corev1.PodSpec
	container *corev1.Container
	// account is its ServiceAccount, "namespace/name".
	account string
}

// surroundings looks at them once.
func (s *solver) surroundings() *surroundings {
	if s.around != nil {
		return s.around
	}
	object, pod := ref("apps/v1", "Deployment", s.deployed), &s.deployed.Spec.Template.Spec
	if running := s.runningPod(s.deployed); running != nil {
		object, pod = ref("v1", "Pod", running), &running.Spec
	}
	s.around = &surroundings{object: object, pod: pod, container: solverIn(pod), account: s.account}
	if len(s.around.container.EnvFrom) > 0 {
		s.skipf("what %s has in its environment from whole Secrets and ConfigMaps (envFrom)", object)
	}
	return s.around
}

// runningPod is the newest Pod of a Deployment that runs, nil where none can be seen.
func (r *reader) runningPod(d *appsv1.Deployment) *corev1.Pod {
	pods := &corev1.PodList{}
	if d.Spec.Selector == nil || !r.list(d.Namespace, pods, client.MatchingLabels(d.Spec.Selector.MatchLabels)) {
		return nil
	}
	return newest(pods.Items, func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil
	})
}

// solverIn is the solver's container among those that may have been injected.
func solverIn(pod *corev1.PodSpec) *corev1.Container {
	at := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return slices.Contains(slices.Concat(c.Command, c.Args), "solver") })
	if at < 0 {
		return &corev1.Container{}
	}
	return &pod.Containers[at]
}

// certain tells whether what cannot be seen there is not there.
func (s *surroundings) certain() bool { return s.object.Kind == "Pod" && len(s.container.EnvFrom) == 0 }

// getenv is the value of a variable of its environment. Of one that is written elsewhere it says only where.
func (s *surroundings) getenv(name string) string {
	for _, v := range slices.Backward(s.container.Env) { // the last one counts
		if v.Name == name && v.ValueFrom == nil {
			return v.Value
		}
		if v.Name == name {
			return s.elsewhere(name)
		}
	}
	return ""
}

// elsewhere is where the value of a variable is written, "" for one whose value is there.
func (s *surroundings) elsewhere(name string) string {
	for _, v := range slices.Backward(s.container.Env) {
		if v.Name != name {
			continue
		}
		switch from := v.ValueFrom; {
		case from == nil:
			return ""
		case from.SecretKeyRef != nil:
			return "from the Secret " + from.SecretKeyRef.Name
		case from.ConfigMapKeyRef != nil:
			return "from the ConfigMap " + from.ConfigMapKeyRef.Name
		}
		return "from the Pod itself"
	}
	return ""
}

// mounted is the volume in which a file of a container is, and its path in there; nil where none is mounted there.
func mounted(pod *corev1.PodSpec, container *corev1.Container, file string) (volume *corev1.Volume, inside string) {
	for _, mount := range container.VolumeMounts {
		rest, isInside := strings.CutPrefix(path.Clean(file), path.Clean(mount.MountPath))
		if !isInside || rest != "" && rest[0] != '/' {
			continue
		}
		at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if at >= 0 {
			return &pod.Volumes[at], strings.TrimPrefix(path.Join("/", mount.SubPath, rest), "/")
		}
	}
	return nil, ""
}

// configMapOf is the ConfigMap, and the key in it, that a flag of a Deployment leads to; "" where it leads to none.
func configMapOf(d *appsv1.Deployment, flag string) (configMap, key string) {
	file := argument(d, flag)
	if file == "" {
		return "", ""
	}
	pod := &d.Spec.Template.Spec
	for i := range pod.Containers {
		volume, inside := mounted(pod, &pod.Containers[i], file)
		if volume == nil || volume.ConfigMap == nil {
			continue
		}
		for _, item := range volume.ConfigMap.Items {
			if path.Clean(item.Path) == inside {
				return volume.ConfigMap.Name, item.Key
			}
		}
		return volume.ConfigMap.Name, inside
	}
	return "", ""
}
