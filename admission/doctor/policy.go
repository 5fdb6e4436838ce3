package doctor

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/certyun/certyun/admission/policy"
)

// judgePolicy judges the policy that an admission server reads, as the server does and in its words.
func (a *admission) judgePolicy(d *appsv1.Deployment) {
	name, key := configMapOf(d, "--policy")
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
