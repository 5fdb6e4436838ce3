package doctor

import (
	"path"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/certyun/certyun/admission/policy"
)

// judgePolicy judges the policy that an admission server reads, as the server does and in its words.
func (a *admission) judgePolicy(d *appsv1.Deployment) {
	name, key := policyOf(d)
	if name == "" {
		return
	}
	configMap := &corev1.ConfigMap{}
	found, known := a.get(d.Namespace, name, configMap)
	if !known {
		return
	}
	configMap.Namespace, configMap.Name = d.Namespace, name
	object, values := ref("v1", "ConfigMap", configMap), map[string]string{"configmap": name, "key": key}
	raw, has := configMap.Data[key]
	switch {
	case !found:
		a.problem("policy-unusable", object, "it does not exist", values)
	case !has:
		a.problem("policy-unusable", object, "it has no "+key, values)
	default:
		if _, err := policy.Read([]byte(raw), a.ruleset); err != nil {
			a.problem("policy-unusable", object, strings.ReplaceAll(err.Error(), "\n", "; "), values)
			return
		}
		a.checkf(OK, "%s: the policy can be used", object)
	}
}

// policyOf is the ConfigMap, and the key in it, that a Deployment's flag --policy leads to; "" where it leads to none.
func policyOf(d *appsv1.Deployment) (configMap, key string) {
	file := argument(d, "--policy")
	if file == "" {
		return "", ""
	}
	pod := &d.Spec.Template.Spec
	for _, container := range pod.Containers {
		for _, mount := range container.VolumeMounts {
			inside, isInside := strings.CutPrefix(path.Clean(file), path.Clean(mount.MountPath))
			if !isInside || inside != "" && inside[0] != '/' {
				continue
			}
			if configMap, key = keyOf(pod.Volumes, mount.Name, strings.TrimPrefix(path.Join("/", mount.SubPath, inside), "/")); configMap != "" {
				return configMap, key
			}
		}
	}
	return "", ""
}

// keyOf is the ConfigMap of a volume, and the key that is a file in it.
func keyOf(volumes []corev1.Volume, name, file string) (configMap, key string) {
	for _, v := range volumes {
		if v.Name != name || v.ConfigMap == nil {
			continue
		}
		for _, item := range v.ConfigMap.Items {
			if path.Clean(item.Path) == file {
				return v.ConfigMap.Name, item.Key
			}
		}
		return v.ConfigMap.Name, file
	}
	return "", ""
}
