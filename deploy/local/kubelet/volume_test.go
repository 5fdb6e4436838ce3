package kubelet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestWriteVolume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	write := func(content files) {
		t.Helper()
		if err := writeVolume(dir, content); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for name := range content {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = string(data)
		}
		want := map[string]string{}
		for name, f := range content {
			want[name] = string(f.data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	}
	link := func() string {
		t.Helper()
		target, err := os.Readlink(filepath.Join(dir, dataLink))
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	first := files{"tls.crt": {data: []byte("1"), mode: 0o644}, "nested/deep/key": {data: []byte("2"), mode: 0o600}}
	write(first)
	generation := link()
	write(first)
	if link() != generation {
		t.Error("the link was moved although nothing changed")
	}
	write(files{"tls.crt": {data: []byte("3"), mode: 0o644}, "other": {data: []byte("4"), mode: 0o644}})
	if link() == generation {
		t.Error("the link was not moved although files changed")
	}
	if _, err := os.Lstat(filepath.Join(dir, "nested")); !os.IsNotExist(err) {
		t.Errorf("a file that is gone is still to be seen: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, generation)); !os.IsNotExist(err) {
		t.Errorf("the last generation is still there: %v", err)
	}
	before := link()
	write(files{"tls.crt": {data: []byte("3"), mode: 0o600}, "other": {data: []byte("4"), mode: 0o644}})
	if link() == before {
		t.Error("a new mode is a change")
	}
}

// world is the objects that the volumes below come from. It counts the tokens that it gives.
func world(tokens *int, life time.Duration) *fake.Clientset {
	client := fake.NewClientset(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "secret"}, Data: map[string][]byte{"a": []byte("A"), "b": []byte("B")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "config"}, Data: map[string]string{"c": "C"}, BinaryData: map[string][]byte{"d": {0}}},
	)
	client.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "token" {
			return false, nil, nil
		}
		*tokens++
		return true, &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{
			Token: "token", ExpirationTimestamp: metav1.NewTime(time.Now().Add(life)),
		}}, nil
	})
	return client
}

func TestVolumeContent(t *testing.T) {
	yes, mode := true, int32(0o400)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod", Labels: map[string]string{"app": "x"}}}
	for name, test := range map[string]struct {
		volume corev1.VolumeSource
		want   files
		fails  bool
	}{
		"a Secret": {
			volume: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "secret", DefaultMode: &mode}},
			want:   files{"a": {[]byte("A"), 0o400}, "b": {[]byte("B"), 0o400}},
		},
		"an item of a Secret": {
			volume: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "secret", Items: []corev1.KeyToPath{{Key: "a", Path: "x/y", Mode: &mode}}}},
			want:   files{"x/y": {[]byte("A"), 0o400}},
		},
		"a missing item": {
			volume: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "secret", Items: []corev1.KeyToPath{{Key: "z", Path: "z"}}}},
			fails:  true,
		},
		"a missing Secret": {volume: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other"}}, fails: true},
		"an optional missing Secret": {
			volume: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "other", Optional: &yes}}, want: files{},
		},
		"a ConfigMap": {
			volume: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}}},
			want:   files{"c": {[]byte("C"), 0o644}, "d": {[]byte{0}, 0o644}},
		},
		"the downward API": {
			volume: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
			}}},
			want: files{"labels": {[]byte(`app="x"`), 0o644}},
		},
		"a token beside a ConfigMap": {
			volume: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}},
				{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: "config"}, Items: []corev1.KeyToPath{{Key: "c", Path: "ca.crt"}},
				}},
			}}},
			want: files{"token": {[]byte("token"), 0o644}, "ca.crt": {[]byte("C"), 0o644}},
		},
		"a kind that is not played": {
			volume: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, fails: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVolumes(world(new(int), time.Hour), pod, t.TempDir())
			got, err := v.content(t.Context(), &corev1.Volume{Name: "v", VolumeSource: test.volume})
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t", err, test.fails)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(file{})); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		life time.Duration
		want int
	}{
		"a fresh token is kept":                   {time.Hour, 1},
		"a token that is about to end is renewed": {0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := 0
			v := newVolumes(world(&tokens, test.life), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod"}}, t.TempDir())
			for range 2 {
				if _, err := v.serviceAccountToken(t.Context(), &corev1.ServiceAccountTokenProjection{Path: "token"}, nil); err != nil {
					t.Fatal(err)
				}
			}
			if tokens != test.want {
				t.Errorf("%d tokens were asked for, want %d", tokens, test.want)
			}
		})
	}
}
