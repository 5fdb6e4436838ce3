package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// variable is one environment variable.
type variable struct{ name, value string }

// environment is an ordered list of variables: a later one may refer to those before it.
type environment []variable

func (e environment) lookup(name string) (string, bool) {
	for _, v := range slices.Backward(e) {
		if v.name == name {
			return v.value, true
		}
	}
	return "", false
}

func (e environment) strings() []string {
	all := make([]string, 0, len(e))
	for _, v := range e {
		all = append(all, v.name+"="+v.value)
	}
	return all
}

// resolveEnvironment reads a container's variables, in the order and with the references of the kubelet, after those
// that the image itself would have set.
func resolveEnvironment(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, container *corev1.Container, base environment) (environment, error) {
	env := slices.Clone(base)
	for _, source := range container.EnvFrom {
		more, err := environmentFrom(ctx, client, pod.Namespace, source)
		if err != nil {
			return nil, err
		}
		env = append(env, more...)
	}
	for _, v := range container.Env {
		if v.ValueFrom == nil {
			env = append(env, variable{v.Name, expand(v.Value, env)})
			continue
		}
		value, found, err := valueFrom(ctx, client, pod, container, v.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", v.Name, err)
		}
		if found {
			env = append(env, variable{v.Name, value})
		}
	}
	return env, nil
}

func environmentFrom(ctx context.Context, client kubernetes.Interface, namespace string, source corev1.EnvFromSource) (environment, error) {
	values := map[string]string{}
	switch {
	case source.SecretRef != nil:
		secret, err := client.CoreV1().Secrets(namespace).Get(ctx, source.SecretRef.Name, metav1.GetOptions{})
		if err != nil && (!apierrors.IsNotFound(err) || !isTrue(source.SecretRef.Optional)) {
			return nil, err
		}
		if err == nil {
			for key, value := range secret.Data {
				values[key] = string(value)
			}
		}
	case source.ConfigMapRef != nil:
		configMap, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, source.ConfigMapRef.Name, metav1.GetOptions{})
		if err != nil && (!apierrors.IsNotFound(err) || !isTrue(source.ConfigMapRef.Optional)) {
			return nil, err
		}
		if err == nil {
			values = configMap.Data
		}
	}
	var env environment
	for key, value := range values {
		env = append(env, variable{source.Prefix + key, value})
	}
	slices.SortFunc(env, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	return env, nil
}

// valueFrom reads what a variable refers to. An optional reference to nothing is not found, and no error.
func valueFrom(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, container *corev1.Container, source *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case source.FieldRef != nil:
		value, err = podField(pod, source.FieldRef.FieldPath)
		return value, true, err
	case source.ResourceFieldRef != nil:
		value, err = resourceField(container, source.ResourceFieldRef)
		return value, true, err
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		secret, err := client.CoreV1().Secrets(pod.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && isTrue(ref.Optional) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		data, ok := secret.Data[ref.Key]
		return keyValue(string(data), ok, ref.Key, ref.Optional)
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		configMap, err := client.CoreV1().ConfigMaps(pod.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && isTrue(ref.Optional) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		data, ok := configMap.Data[ref.Key]
		return keyValue(data, ok, ref.Key, ref.Optional)
	}
	return "", false, errors.New("this kind of reference is not played")
}

func keyValue(value string, ok bool, key string, optional *bool) (string, bool, error) {
	if !ok && !isTrue(optional) {
		return "", false, fmt.Errorf("there is no key %q", key)
	}
	return value, ok, nil
}

// subscripted matches metadata.labels['key'] and metadata.annotations['key'].
var subscripted = regexp.MustCompile(`^metadata\.(labels|annotations)\['([^']+)'\]$`)

// podField reads a field for the downward API.
func podField(pod *corev1.Pod, path string) (string, error) {
	if match := subscripted.FindStringSubmatch(path); match != nil {
		if match[1] == "labels" {
			return pod.Labels[match[2]], nil
		}
		return pod.Annotations[match[2]], nil
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "metadata.labels":
		return formatMap(pod.Labels), nil
	case "metadata.annotations":
		return formatMap(pod.Annotations), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs":
		return loopback, nil
	}
	return "", fmt.Errorf("the field %q is not played", path)
}

func formatMap(m map[string]string) string {
	var lines []string
	for key, value := range m {
		lines = append(lines, key+"="+strconv.Quote(value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// resourceField reads a request or a limit of the container, in units of the divisor, rounded up.
func resourceField(container *corev1.Container, ref *corev1.ResourceFieldSelector) (string, error) {
	kind, name, ok := strings.Cut(ref.Resource, ".")
	list := container.Resources.Requests
	if kind == "limits" {
		list = container.Resources.Limits
	}
	quantity, found := list[corev1.ResourceName(name)]
	if !ok || !found || (kind != "limits" && kind != "requests") {
		return "", fmt.Errorf("the container has no %q", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	amount, unit := quantity.MilliValue(), divisor.MilliValue()
	return strconv.FormatInt((amount+unit-1)/unit, 10), nil
}

// expand replaces $(NAME) by the variable's value, as Kubernetes does: what is unknown stays, and $$ is a dollar sign.
func expand(text string, env environment) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(strings.TrimPrefix(rest, "("), ")")
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteByte('$')
			text = rest[1:]
		case strings.HasPrefix(rest, "(") && closed:
			value, known := env.lookup(name)
			if !known {
				value = "$(" + name + ")"
			}
			out.WriteString(value)
			text = after
		default:
			out.WriteByte('$')
			text = rest
		}
	}
}

// place is how the world inside a container is laid over this machine.
type place struct {
	// mounts are paths in the container and where their files really lie.
	mounts map[string]string
	// ports are ports of the container and the ports of the loopback interface that stand for them.
	ports map[int32]int
}

// translate rewrites a mount path, wherever it stands in the text between separators, and a port that is all of the text
// or its end after "=" or ":".
func (p place) translate(text string) string {
	return p.translatePort(p.translatePaths(text))
}

func (p place) translatePaths(text string) string {
	const separators = "=:, "
	var longestFirst []string
	for mount := range p.mounts {
		longestFirst = append(longestFirst, mount)
	}
	slices.SortFunc(longestFirst, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var out strings.Builder
	for i := 0; i < len(text); {
		starts := i == 0 || strings.IndexByte(separators, text[i-1]) >= 0
		matched := ""
		for _, mount := range longestFirst {
			rest, found := strings.CutPrefix(text[i:], mount)
			if starts && found && (rest == "" || strings.IndexByte(separators+"/", rest[0]) >= 0) {
				matched = mount
				break
			}
		}
		if matched == "" {
			out.WriteByte(text[i])
			i++
			continue
		}
		out.WriteString(p.mounts[matched])
		i += len(matched)
	}
	return out.String()
}

func (p place) translatePort(text string) string {
	start := strings.LastIndexAny(text, "=:") + 1
	number, err := strconv.ParseInt(text[start:], 10, 32)
	if err != nil {
		return text
	}
	if host, ok := p.ports[int32(number)]; ok {
		return text[:start] + strconv.Itoa(host)
	}
	return text
}

// hostPort finds the port of this machine for a port that is given by number or by its name in the container.
func (p place) hostPort(container *corev1.Container, port intstr.IntOrString) (int, bool) {
	for _, declared := range container.Ports {
		if declared.ContainerPort == port.IntVal && port.Type == intstr.Int || declared.Name == port.StrVal && port.Type == intstr.String {
			host, ok := p.ports[declared.ContainerPort]
			return host, ok
		}
	}
	return 0, false
}

// mountsOf lays a container's mounts over the folders of its volumes.
func mountsOf(container *corev1.Container, volumePath func(name string) string) map[string]string {
	mounts := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounts[strings.TrimSuffix(mount.MountPath, "/")] = filepath.Join(volumePath(mount.Name), filepath.FromSlash(mount.SubPath))
	}
	return mounts
}

// commandLine is what runs in the place of the container's command: program and arguments.
func commandLine(image Image, container *corev1.Container, env environment, where place) (string, []string, error) {
	if len(container.Command) > 0 && container.Command[0] != image.Entrypoint && container.Command[0] != filepath.Base(image.Entrypoint) {
		return "", nil, fmt.Errorf("the image has no program %q", container.Command[0])
	}
	var args []string
	if len(container.Command) > 0 {
		args = append(args, container.Command[1:]...)
	}
	args = append(args, container.Args...)
	if len(args) > 0 {
		args = append(args, image.Args[args[0]]...)
	}
	for i, arg := range args {
		args[i] = where.translate(expand(arg, env))
	}
	return image.Program, args, nil
}
