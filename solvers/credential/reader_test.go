package credential_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
)

// store is a Secrets that holds Secrets by "namespace/name" and notes what it is asked for.
type store struct {
	secrets map[string]map[string][]byte
	// err is returned instead of an answer.
	err   error
	asked []string
}

func (s *store) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	s.asked = append(s.asked, namespace+"/"+name)
	if s.err != nil {
		return nil, s.err
	}
	data, ok := s.secrets[namespace+"/"+name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
	}
	return &corev1.Secret{Data: data}, nil
}

// secret is a store that has one Secret, "team/alidns", with this AccessKey ID and an AccessKey Secret in order.
func secret(id string) *store {
	return &store{secrets: map[string]map[string][]byte{"team/alidns": {"id": []byte(id), "secret": []byte("s3cr3t")}}}
}

var refs = config.Keys{ID: config.Ref{Name: "alidns", Key: "id"}, Secret: config.Ref{Name: "alidns", Key: "secret"}}

func TestRead(t *testing.T) {
	tests := map[string]struct {
		store *store
		refs  config.Keys
		want  credential.Keys
		asked []string
	}{
		"a pair from one Secret, which is read once": {
			secret("LTAI5tExample"), refs,
			credential.Keys{ID: "LTAI5tExample", Secret: "s3cr3t"},
			[]string{"team/alidns"},
		},
		"a pair and a token from one Secret, which is read once": {
			&store{secrets: map[string]map[string][]byte{"team/sts": {"i": []byte("STS.a"), "s": []byte("b"), "t": []byte("c+/=")}}},
			config.Keys{ID: config.Ref{Name: "sts", Key: "i"}, Secret: config.Ref{Name: "sts", Key: "s"}, Token: config.Ref{Name: "sts", Key: "t"}},
			credential.Keys{ID: "STS.a", Secret: "b", Token: "c+/="},
			[]string{"team/sts"},
		},
		"three Secrets, of the given namespace only": {
			&store{secrets: map[string]map[string][]byte{
				"team/a": {"k": []byte("1")}, "team/b": {"k": []byte("2")}, "team/c": {"k": []byte("3")},
				"other/a": {"k": []byte("x")}, "other/b": {"k": []byte("x")}, "other/c": {"k": []byte("x")},
			}},
			config.Keys{ID: config.Ref{Name: "a", Key: "k"}, Secret: config.Ref{Name: "b", Key: "k"}, Token: config.Ref{Name: "c", Key: "k"}},
			credential.Keys{ID: "1", Secret: "2", Token: "3"},
			[]string{"team/a", "team/b", "team/c"},
		},
		"a name that looks like another namespace's is a name": {
			&store{secrets: map[string]map[string][]byte{"team/other/a": {"k": []byte("1")}}},
			config.Keys{ID: config.Ref{Name: "other/a", Key: "k"}},
			credential.Keys{ID: "1"},
			[]string{"team/other/a"},
		},
		"no reference, so no Secret is read": {
			&store{}, config.Keys{}, credential.Keys{}, nil,
		},
		"a line feed at the end goes":              {secret("LTAI5tExample\n"), refs, credential.Keys{ID: "LTAI5tExample", Secret: "s3cr3t"}, []string{"team/alidns"}},
		"a Windows line end goes":                  {secret("LTAI5tExample\r\n"), refs, credential.Keys{ID: "LTAI5tExample", Secret: "s3cr3t"}, []string{"team/alidns"}},
		"white space on both sides goes":           {secret(" \t LTAI5tExample \n\n"), refs, credential.Keys{ID: "LTAI5tExample", Secret: "s3cr3t"}, []string{"team/alidns"}},
		"white space outside ASCII goes":           {secret("\u00a0LTAI5tExample\u3000"), refs, credential.Keys{ID: "LTAI5tExample", Secret: "s3cr3t"}, []string{"team/alidns"}},
		"every visible character of ASCII may be":  {secret("!\"#$%&'()*+,-./0:;<=>?@AZ[\\]^_`az{|}~"), refs, credential.Keys{ID: "!\"#$%&'()*+,-./0:;<=>?@AZ[\\]^_`az{|}~", Secret: "s3cr3t"}, []string{"team/alidns"}},
		"a Secret of which only the ID is named":   {secret("LTAI5tExample"), config.Keys{ID: refs.ID}, credential.Keys{ID: "LTAI5tExample"}, []string{"team/alidns"}},
		"one key of a Secret named for both parts": {secret("x"), config.Keys{ID: refs.ID, Secret: refs.ID}, credential.Keys{ID: "x", Secret: "x"}, []string{"team/alidns"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := credential.NewReader(test.store).Read(t.Context(), "team", test.refs)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want { // cmp.Diff would show nothing: Keys hide what they hold
				t.Errorf("got the ID %q, the secret %q and the token %q", got.ID, got.Secret, got.Token)
			}
			if diff := cmp.Diff(test.asked, test.store.asked); diff != "" {
				t.Errorf("Secrets asked for (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadFails(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "alidns", errors.New("RBAC: not at 10:31:07"))
	const (
		create     = "create it in the namespace of the Issuer (for a ClusterIssuer: the cluster resource namespace, cert-manager's own by default)"
		add        = "add it, or name another key in the Issuer"
		write      = "write the access key there as the cloud's console shows it"
		unreadable = "the Secret team/alidns could not be read from the Kubernetes API server"
		odd        = `the value of the key "id" in the Secret team/alidns has white space or another character inside that no access key has`
	)
	tests := map[string]struct {
		store *store
		want  fault.Error
		text  string
	}{
		"the Secret does not exist": {
			&store{},
			fault.Error{Kind: fault.CredentialGone, Reason: "the Secret team/alidns does not exist", Remedy: create},
			"the Secret team/alidns does not exist; " + create,
		},
		"the Secret exists in another namespace only": {
			&store{secrets: map[string]map[string][]byte{"default/alidns": {"id": []byte("a"), "secret": []byte("b")}}},
			fault.Error{Kind: fault.CredentialGone, Reason: "the Secret team/alidns does not exist", Remedy: create},
			"the Secret team/alidns does not exist; " + create,
		},
		"the Secret is empty": {
			&store{secrets: map[string]map[string][]byte{"team/alidns": nil}},
			fault.Error{Kind: fault.CredentialGone, Reason: `the Secret team/alidns has no key "id"`, Remedy: add},
			`the Secret team/alidns has no key "id"; ` + add,
		},
		"the key was renamed": {
			&store{secrets: map[string]map[string][]byte{"team/alidns": {"ID": []byte("a"), "secret": []byte("b")}}},
			fault.Error{Kind: fault.CredentialGone, Reason: `the Secret team/alidns has no key "id"`, Remedy: add},
			`the Secret team/alidns has no key "id"; ` + add,
		},
		"the second key is missing": {
			&store{secrets: map[string]map[string][]byte{"team/alidns": {"id": []byte("a")}}},
			fault.Error{Kind: fault.CredentialGone, Reason: `the Secret team/alidns has no key "secret"`, Remedy: add},
			`the Secret team/alidns has no key "secret"; ` + add,
		},
		"the value is empty": {
			secret(""),
			fault.Error{Kind: fault.Misconfigured, Reason: `the value of the key "id" in the Secret team/alidns is empty`, Remedy: write},
			`the value of the key "id" in the Secret team/alidns is empty; ` + write,
		},
		"the value is white space": {
			secret(" \n"),
			fault.Error{Kind: fault.Misconfigured, Reason: `the value of the key "id" in the Secret team/alidns is empty`, Remedy: write},
			`the value of the key "id" in the Secret team/alidns is empty; ` + write,
		},
		"the value has a space inside":      {secret("LTAI5t Example"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value has a line feed inside":  {secret("LTAI5t\nExample"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value has a NUL inside":        {secret("LTAI5t\x00"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value has a DEL inside":        {secret("LTAI5t\x7f"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value is not ASCII":            {secret("密钥"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value has a byte order mark":   {secret("\ufeffLTAI5tExample"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value is not UTF-8":            {secret("LTAI5t\xff"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"the value has a typographic quote": {secret("“LTAI5t”"), fault.Error{Kind: fault.Misconfigured, Reason: odd, Remedy: write}, odd + "; " + write},
		"certyun may not read it": {
			&store{err: forbidden},
			fault.Error{
				Kind: fault.Denied, Reason: "certyun is not allowed to read the Secret team/alidns",
				Remedy: "add team to the chart's value secrets.namespaces (and the Secret to secrets.resourceNames, if that is set)",
			},
			"certyun is not allowed to read the Secret team/alidns; " +
				"add team to the chart's value secrets.namespaces (and the Secret to secrets.resourceNames, if that is set)",
		},
		"the API server's certificate is bad": {
			&store{err: errors.New("Get https://10.0.0.1:443/: dial 127.0.0.1:54321")},
			fault.Error{Kind: fault.Transient, Reason: unreadable},
			unreadable,
		},
		"the API server is overloaded": {
			&store{err: apierrors.NewTooManyRequests("slow down", 7)},
			fault.Error{Kind: fault.Transient, Reason: unreadable},
			unreadable,
		},
		"the API server failed": {
			&store{err: apierrors.NewInternalError(errors.New("etcd: leader changed at 10:31:07"))},
			fault.Error{Kind: fault.Transient, Reason: unreadable},
			unreadable,
		},
		"the API server does not know us": {
			&store{err: apierrors.NewUnauthorized("token expired")},
			fault.Error{Kind: fault.Transient, Reason: unreadable},
			unreadable,
		},
		"the time was up": {
			&store{err: fmt.Errorf("reading: %w", context.DeadlineExceeded)},
			fault.Error{Kind: fault.Transient, Reason: unreadable},
			unreadable,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			keys, err := credential.NewReader(test.store).Read(t.Context(), "team", refs)
			if keys != (credential.Keys{}) {
				t.Error("there are keys beside the error")
			}
			got, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("error %v, want a fault", err)
			}
			if diff := cmp.Diff(test.want, *got, cmpopts.IgnoreFields(fault.Error{}, "Cause")); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.text, err.Error()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if test.store.err != nil && !errors.Is(err, test.store.err) {
				t.Errorf("the API server's error is not what errors.Is finds")
			}
		})
	}
}

func TestReadAfterRotation(t *testing.T) {
	s := secret("old")
	reader := credential.NewReader(s)
	before, err := reader.Read(t.Context(), "team", refs)
	if err != nil {
		t.Fatal(err)
	}
	s.secrets["team/alidns"]["id"] = []byte("new")
	after, err := reader.Read(t.Context(), "team", refs)
	if err != nil {
		t.Fatal(err)
	}
	if before.ID != "old" || after.ID != "new" {
		t.Errorf("read %q, and %q after the rotation", before.ID, after.ID)
	}
}

// canceller is a Secrets that hands back how its context ended.
type canceller struct{}

func (canceller) Secret(ctx context.Context, _, _ string) (*corev1.Secret, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := credential.NewReader(canceller{}).Read(ctx, "team", refs)
	if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Transient) {
		t.Errorf("error %v, want a transient fault because of the context", err)
	}
}
