package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// file is one file of a volume.
type file struct {
	data []byte
	mode fs.FileMode
}

// files are a volume's, keyed by path.
type files map[string]file

// volumes fills the volumes of one Pod and keeps them current.
type volumes struct {
	client kubernetes.Interface
	pod    *corev1.Pod
	dir    string
	tokens map[string]*token
}

// token is a ServiceAccount token and when to ask for the next one.
type token struct {
	value string
	renew time.Time
}

func newVolumes(client kubernetes.Interface, pod *corev1.Pod, dir string) *volumes {
	return &volumes{client: client, pod: pod, dir: dir, tokens: map[string]*token{}}
}

// path is where the volume's files lie.
func (v *volumes) path(name string) string { return filepath.Join(v.dir, name) }

// sync brings every volume up to date. An error means that the Pod cannot start yet, or, when it runs, that it goes on
// with the files that it has.
func (v *volumes) sync(ctx context.Context, pod *corev1.Pod) error {
	v.pod = pod
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.EmptyDir != nil {
			if err := os.MkdirAll(v.path(volume.Name), 0o755); err != nil {
				return err
			}
			continue
		}
		content, err := v.content(ctx, volume)
		if err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
		if err := writeVolume(v.path(volume.Name), content); err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
	}
	return nil
}

func (v *volumes) content(ctx context.Context, volume *corev1.Volume) (files, error) {
	switch {
	case volume.Secret != nil:
		s := volume.Secret
		return v.secret(ctx, s.SecretName, s.Items, s.Optional, s.DefaultMode)
	case volume.ConfigMap != nil:
		c := volume.ConfigMap
		return v.configMap(ctx, c.Name, c.Items, c.Optional, c.DefaultMode)
	case volume.DownwardAPI != nil:
		return v.downward(volume.DownwardAPI.Items, volume.DownwardAPI.DefaultMode)
	case volume.Projected != nil:
		return v.projected(ctx, volume.Projected)
	}
	return nil, errors.New("this kind of volume is not played")
}

func (v *volumes) projected(ctx context.Context, projected *corev1.ProjectedVolumeSource) (files, error) {
	all := files{}
	for _, source := range projected.Sources {
		var content files
		var err error
		switch {
		case source.Secret != nil:
			content, err = v.secret(ctx, source.Secret.Name, source.Secret.Items, source.Secret.Optional, projected.DefaultMode)
		case source.ConfigMap != nil:
			c := source.ConfigMap
			content, err = v.configMap(ctx, c.Name, c.Items, c.Optional, projected.DefaultMode)
		case source.DownwardAPI != nil:
			content, err = v.downward(source.DownwardAPI.Items, projected.DefaultMode)
		case source.ServiceAccountToken != nil:
			content, err = v.serviceAccountToken(ctx, source.ServiceAccountToken, projected.DefaultMode)
		default:
			err = errors.New("this kind of projected volume is not played")
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, content)
	}
	return all, nil
}

func (v *volumes) secret(ctx context.Context, name string, items []corev1.KeyToPath, optional *bool, mode *int32) (files, error) {
	secret, err := v.client.CoreV1().Secrets(v.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return files{}, nil
	}
	if err != nil {
		return nil, err
	}
	return pickItems(secret.Data, items, optional, mode)
}

func (v *volumes) configMap(ctx context.Context, name string, items []corev1.KeyToPath, optional *bool, mode *int32) (files, error) {
	configMap, err := v.client.CoreV1().ConfigMaps(v.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return files{}, nil
	}
	if err != nil {
		return nil, err
	}
	data := maps.Clone(configMap.BinaryData)
	if data == nil {
		data = map[string][]byte{}
	}
	for key, value := range configMap.Data {
		data[key] = []byte(value)
	}
	return pickItems(data, items, optional, mode)
}

// pickItems lays out all keys, or the listed ones at their paths.
func pickItems(data map[string][]byte, items []corev1.KeyToPath, optional *bool, mode *int32) (files, error) {
	content := files{}
	if len(items) == 0 {
		for key, value := range data {
			content[key] = file{data: value, mode: fileMode(mode, nil)}
		}
		return content, nil
	}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok && isTrue(optional) {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("there is no key %q", item.Key)
		}
		content[item.Path] = file{data: value, mode: fileMode(mode, item.Mode)}
	}
	return content, nil
}

func (v *volumes) downward(items []corev1.DownwardAPIVolumeFile, mode *int32) (files, error) {
	content := files{}
	for _, item := range items {
		if item.FieldRef == nil {
			return nil, errors.New("only fieldRef is played in a downward API volume")
		}
		value, err := podField(v.pod, item.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		content[item.Path] = file{data: []byte(value), mode: fileMode(mode, item.Mode)}
	}
	return content, nil
}

// serviceAccountToken asks for a token that is bound to the Pod, and for the next one when four fifths of its life are
// over, as the kubelet does.
func (v *volumes) serviceAccountToken(ctx context.Context, source *corev1.ServiceAccountTokenProjection, mode *int32) (files, error) {
	held := v.tokens[source.Audience]
	if held == nil || time.Now().After(held.renew) {
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: source.ExpirationSeconds,
			BoundObjectRef: &authenticationv1.BoundObjectReference{
				APIVersion: "v1", Kind: "Pod", Name: v.pod.Name, UID: v.pod.UID,
			},
		}}
		if source.Audience != "" {
			request.Spec.Audiences = []string{source.Audience}
		}
		answer, err := v.client.CoreV1().ServiceAccounts(v.pod.Namespace).
			CreateToken(ctx, v.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		life := time.Until(answer.Status.ExpirationTimestamp.Time)
		held = &token{value: answer.Status.Token, renew: time.Now().Add(life / 5 * 4)}
		v.tokens[source.Audience] = held
	}
	return files{source.Path: {data: []byte(held.value), mode: fileMode(mode, nil)}}, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func fileMode(volume, item *int32) fs.FileMode {
	if item != nil {
		return fs.FileMode(*item)
	}
	if volume != nil {
		return fs.FileMode(*volume)
	}
	return 0o644
}

// dataLink is the link that is moved from one generation of a volume's files to the next, so that a reader sees all of
// one or all of the other. Programs that reload files watch for exactly this.
const dataLink = "..data"

// writeVolume makes the folder hold exactly these files, and touches nothing when it does already.
func writeVolume(dir string, content files) error {
	current, err := readVolume(dir)
	if err != nil {
		return err
	}
	if current != nil && maps.EqualFunc(current, content, func(a, b file) bool {
		return bytes.Equal(a.data, b.data) && a.mode == b.mode
	}) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	generation, err := os.MkdirTemp(dir, "..")
	if err != nil {
		return err
	}
	if err := os.Chmod(generation, 0o755); err != nil {
		return err
	}
	for name, f := range content {
		if err := writeFile(filepath.Join(generation, filepath.FromSlash(name)), f); err != nil {
			return err
		}
	}
	return publish(dir, filepath.Base(generation), content)
}

func writeFile(name string, f file) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, f.data, f.mode); err != nil {
		return err
	}
	return os.Chmod(name, f.mode) // the process's umask has no say here
}

// publish moves the link to the new generation, and adds and removes the links that users see.
func publish(dir, generation string, content files) error {
	last, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temporary := filepath.Join(dir, dataLink+"_tmp")
	if err := os.Symlink(generation, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, dataLink)); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for name := range content {
		top, _, _ := strings.Cut(path.Clean(name), "/")
		wanted[top] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") || wanted[entry.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	for _, top := range slices.Sorted(maps.Keys(wanted)) {
		err := os.Symlink(filepath.Join(dataLink, top), filepath.Join(dir, top))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if last == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(dir, last))
}

// readVolume returns the files of the current generation, nil when there is none.
func readVolume(dir string) (files, error) {
	link := filepath.Join(dir, dataLink)
	if _, err := os.Stat(link); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	content := files{}
	generation := os.DirFS(link)
	err := fs.WalkDir(generation, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(generation, name)
		if err != nil {
			return err
		}
		content[name] = file{data: data, mode: info.Mode().Perm()}
		return nil
	})
	return content, err
}
