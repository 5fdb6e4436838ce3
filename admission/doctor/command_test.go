package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

// apiServer answers every request with this status, and lists with these names.
func apiServer(t *testing.T, status int, reason metav1.StatusReason, names ...string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: int32(status), Reason: reason, Message: "so it is"}
		if strings.HasSuffix(r.URL.Path, "certificates") && len(names) > 0 {
			list := cmapi.CertificateList{TypeMeta: metav1.TypeMeta{Kind: "CertificateList", APIVersion: "cert-manager.io/v1"}}
			for _, name := range names {
				list.Items = append(list.Items, cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Name: name}})
			}
			answer = list
		} else {
			w.WriteHeader(status)
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// execute runs the command under a name, and returns what it writes and with which code the process would end.
func execute(t *testing.T, name string, args ...string) (out, failure string, code int) {
	t.Helper()
	root := &cobra.Command{Use: "certyun", SilenceUsage: true, SilenceErrors: true}
	if name != "certyun" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	}
	root.AddCommand(NewCommand())
	var written bytes.Buffer
	root.SetOut(&written)
	root.SetErr(&written)
	root.SetArgs(append([]string{"doctor", "--kubeconfig", filepath.Join("testdata", "kubeconfig.yaml")}, args...))
	err := root.ExecuteContext(t.Context())
	if coded, ok := errors.AsType[*report.ExitError](err); ok {
		return written.String(), coded.Error(), coded.ExitCode()
	}
	if err != nil {
		return written.String(), err.Error(), -1
	}
	return written.String(), "", 0
}

func TestCommand(t *testing.T) {
	t.Parallel()
	forbidding, empty := apiServer(t, http.StatusForbidden, metav1.StatusReasonForbidden), apiServer(t, http.StatusNotFound, metav1.StatusReasonNotFound)
	stranger := apiServer(t, http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"an unknown argument":                       {[]string{"certificates", "a", "b"}, 2, "want the name of one certificate, not 2 arguments"},
		"no name":                                   {[]string{"issuer"}, 2, "want the name of one issuer, not 0 arguments"},
		"an unknown subcommand":                     {[]string{"issue"}, 2, `unknown argument "issue"`},
		"an unknown flag":                           {[]string{"--colour"}, 2, "unknown flag: --colour"},
		"an unknown output":                         {[]string{"-o", "yaml"}, 2, `--output "yaml": want text or json`},
		"an unknown kind":                           {[]string{"issuer", "le", "--kind", "Issuers"}, 2, `--kind "Issuers": want auto, Issuer, ClusterIssuer`},
		"a port that cannot be":                     {[]string{"--dns-port", "70000"}, 2, "--dns-port 70000 must be from 1 to 65535"},
		"a name that cannot be":                     {[]string{"certificate", "shop/www"}, 2, `"shop/www" is not the name of a certificate`},
		"a namespace that cannot be":                {[]string{"certificate", "www", "-n", "../shop"}, 2, `--namespace "../shop": may not contain '/'`},
		"no time":                                   {[]string{"--timeout", "0s"}, 2, "--timeout must be greater than 0"},
		"a resolver that cannot be":                 {[]string{"--nameservers", "a b"}, 2, "--nameservers"},
		"an endpoint that cannot be":                {[]string{"--alidns-endpoint", "ftp://x"}, 2, "--alidns-endpoint"},
		"roots that are not there":                  {[]string{"--cloud-ca-file", "/does/not/exist"}, 3, "--cloud-ca-file"},
		"a kubeconfig that is not there":            {[]string{"--kubeconfig", "/does/not/exist"}, 3, "/does/not/exist"},
		"a cluster that is not there":               {[]string{"-s", "http://127.0.0.1:1"}, 3, "the Kubernetes API server does not answer"},
		"a cluster that does not know the user":     {[]string{"-s", stranger}, 3, "the Kubernetes API server does not know you"},
		"a cluster that forbids everything":         {[]string{"-s", forbidding}, 3, "nothing could be checked"},
		"a Certificate that may not be seen":        {[]string{"certificate", "www", "-n", "shop", "-s", forbidding}, 3, "not checked: certificate www in shop (may not get certificates www in shop)"},
		"an Issuer that may not be seen":            {[]string{"issuer", "le", "-n", "shop", "-s", forbidding}, 3, "nothing could be checked"},
		"a Certificate that is not there":           {[]string{"certificate", "www", "-n", "shop", "-s", empty}, 1, "There is no Certificate shop/www: the namespace shop does not exist either."},
		"a ClusterIssuer that is not there":         {[]string{"clusterissuer", "le", "-n", "shop", "-s", empty}, 1, "There is no ClusterIssuer le."},
		"an Issuer that is not there, for machines": {[]string{"issuer", "le", "-n", "shop", "-s", empty, "-o", "json"}, 1, `"cause": "object-missing"`},
		"a cluster with nothing in it":              {[]string{"-s", empty}, 1, "[definitions-missing]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, failure, code := execute(t, "certyun", test.args...)
			if code != test.code || !strings.Contains(out+failure, test.want) {
				t.Errorf("code %d, want %d and %q:\n%s%s", code, test.code, test.want, out, failure)
			}
			if code == 2 && !strings.Contains(failure, "See 'certyun doctor") {
				t.Errorf("it does not say where help is: %s", failure)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"certyun", "kubectl certyun"} {
		for _, args := range [][]string{{"--help"}, {"certificate", "--help"}, {"issuer", "--help"}} {
			out, _, code := execute(t, name, args...)
			if want := name + " doctor " + strings.TrimSuffix(args[0], "--help"); code != 0 || !strings.Contains(out, want) || strings.Contains(out, "{}") {
				t.Errorf("code %d; the help of %q lacks %q or has a hole:\n%s", code, args, want, out)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	server := apiServer(t, http.StatusForbidden, metav1.StatusReasonForbidden, "web", "www", "mail")
	tests := map[string]struct {
		args []string
		want []string
	}{
		"names":                      {[]string{"certificate", "-s", server, ""}, []string{"web", "www", "mail"}},
		"names that begin so":        {[]string{"certificate", "-s", server, "w"}, []string{"web", "www"}},
		"no second name":             {[]string{"certificate", "-s", server, "web", ""}, nil},
		"names that may not be seen": {[]string{"issuer", "-s", server, ""}, nil},
		"no cluster":                 {[]string{"certificate", "-s", "http://127.0.0.1:1", ""}, nil},
		"outputs":                    {[]string{"-o", ""}, []string{"text", "json"}},
		"kinds":                      {[]string{"issuer", "--kind", ""}, []string{"auto", "Issuer", "ClusterIssuer"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := &cobra.Command{Use: "certyun"}
			root.AddCommand(NewCommand())
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetErr(&bytes.Buffer{})
			root.SetArgs(append([]string{cobra.ShellCompRequestCmd, "doctor", "--kubeconfig", filepath.Join("testdata", "kubeconfig.yaml")}, test.args...))
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := strings.Fields(strings.SplitN(out.String(), ":", 2)[0])
			if diff := cmp.Diff(strings.Join(test.want, " "), strings.Join(got, " ")); diff != "" {
				t.Errorf("completions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWatch follows a Certificate through time.
func TestWatch(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason string
		// changes happen to the cluster after so long.
		after  time.Duration
		change func(*testing.T, *scene)
		state  State
		took   time.Duration
		lines  int
	}{
		"it becomes ready": {
			`Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`, 10 * time.Second,
			func(t *testing.T, s *scene) {
				t.Helper()
				crt := find[*cmapi.Certificate](t, s, "www")
				crt.Status = cmapi.CertificateStatus{Conditions: []cmapi.CertificateCondition{{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue}}}
				remove[*acmev1.Challenge](s, "www-1-1-1")
				remove[*acmev1.Order](s, "www-1-1")
				s.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "www-tls"}})
			}, Ready, 10 * time.Second, 8,
		},
		"it stays stuck": {presenting + "too many calls to Alidns (Throttling.User)", time.Hour, nil, Stuck, 30 * time.Second, 6},
		"it is stuck in two ways, one after the other": {
			presenting + "too many calls to Alidns (Throttling.User)", 20 * time.Second, func(t *testing.T, s *scene) {
				t.Helper()
				find[*acmev1.Challenge](t, s, "www-1-1-1").Status.Reason = presenting + "the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM)"
			}, Stuck, 50 * time.Second, 7,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s.now = func() time.Time { return noon.Add(time.Since(start)) }
				challenge := s.issuance(t, test.reason)
				challenge.Status.Presented, challenge.CreationTimestamp = true, metav1.NewTime(noon)
				d := s.doctor(t)
				if test.change != nil {
					test.change(t, s)
					d.client = changing{Client: d.client, later: s.doctor(t).client, at: start.Add(test.after)}
				}
				var told bytes.Buffer
				found, err := d.Watch(t.Context(), "shop", "www", Patience{Interval: watchInterval, Stuck: defaultPatience, Look: defaultTimeout}, &told)
				if err != nil {
					t.Fatal(err)
				}
				if found.State != test.state || time.Since(start) != test.took {
					t.Errorf("%s after %s, want %s after %s: %v", found.State, time.Since(start), test.state, test.took, found.Causes)
				}
				if lines := strings.Count(told.String(), "\n"); lines != test.lines {
					t.Errorf("%d lines were told, want %d:\n%s", lines, test.lines, told.String())
				}
			})
		})
	}
}

// changing is a client of a cluster that is another one from some time on.
type changing struct {
	client.Client
	later client.Client
	at    time.Time
}

func (c changing) now() client.Client {
	if time.Now().Before(c.at) {
		return c.Client
	}
	return c.later
}

func (c changing) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	return c.now().Get(ctx, key, object, opts...)
}

func (c changing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.now().List(ctx, list, opts...)
}
