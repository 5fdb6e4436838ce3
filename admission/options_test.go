package admission

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated_Flags holds docs/flags-admission.md to the flags that there are.
func TestGenerated_Flags(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Flags of `certyun admission`\n\nMade by `make generate`. Do not edit.\n")
	groups := NewOptions().Flags()
	for _, name := range groups.Order {
		fmt.Fprintf(&b, "\n## %s\n\n| flag | default | meaning |\n| --- | --- | --- |\n", strings.ToUpper(name[:1])+name[1:])
		groups.FlagSets[name].VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Deprecated != "" {
				return
			}
			value := strings.Trim(f.DefValue, "[]")
			if value != "" {
				value = "`" + value + "`"
			}
			usage := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", ">", "&gt;").Replace(f.Usage)
			fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, value, usage)
		})
	}
	file := filepath.Join("..", "docs", "flags-admission.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/flags-admission.md is not up to date; run make generate (-want +got):\n%s", diff)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	tests := map[string]struct {
		set  func(*Options)
		want string
	}{
		"as they should be": {func(*Options) {}, ""},
		"a certificate from a Secret": {func(o *Options) {
			o.TLS = TLSOptions{SecretNamespace: "certyun", SecretName: "ca", DNSNames: []string{"a.svc"}}
		}, ""},
		"everything else": {func(o *Options) {
			o.SolverGroup, o.MetricsBindAddress, o.SecretNamespaces = "acme.example.com", "0", []string{"a"}
			o.AmbientCredentials, o.AmbientRoles = "all", []string{"acs:ram::*:role/certyun-*"}
		}, ""},
		"no certificate":                            {func(o *Options) { o.TLS = TLSOptions{} }, "a serving certificate is needed: --tls-cert-file and --tls-private-key-file, or --tls-secret-namespace, --tls-secret-name and --tls-dns-names"},
		"a certificate without its key":             {func(o *Options) { o.TLS.KeyFile = "" }, "--tls-cert-file and --tls-private-key-file belong together"},
		"a Secret without its namespace":            {func(o *Options) { o.TLS = TLSOptions{SecretName: "ca", DNSNames: []string{"a.svc"}} }, "--tls-secret-namespace, --tls-secret-name and --tls-dns-names belong together"},
		"a Secret without names":                    {func(o *Options) { o.TLS = TLSOptions{SecretName: "ca", SecretNamespace: "certyun"} }, "--tls-secret-namespace, --tls-secret-name and --tls-dns-names belong together"},
		"files and names":                           {func(o *Options) { o.TLS.DNSNames = []string{"a.svc"} }, "--tls-cert-file and --tls-private-key-file exclude --tls-secret-namespace, --tls-secret-name and --tls-dns-names"},
		"a port that cannot be":                     {func(o *Options) { o.SecurePort = 70000 }, "--secure-port 70000 must be from 1 to 65535"},
		"no port":                                   {func(o *Options) { o.SecurePort = 0 }, "--secure-port 0 must be from 1 to 65535"},
		"names of callers without a CA":             {func(o *Options) { o.ClientNames = []string{"kube-apiserver"} }, "--client-names needs --client-ca-file: names of certificates that nobody verified mean nothing"},
		"a client CA that is not there":             {func(o *Options) { o.ClientCAFile = missing }, "--client-ca-file: stat " + missing + ": no such file or directory"},
		"a policy that is not there":                {func(o *Options) { o.PolicyFile = missing }, "--policy: stat " + missing + ": no such file or directory"},
		"a kubeconfig that is not there":            {func(o *Options) { o.Kubeconfig = missing }, "--kubeconfig: stat " + missing + ": no such file or directory"},
		"an address without a port":                 {func(o *Options) { o.MetricsBindAddress = "localhost" }, `--metrics-bind-address "localhost" must be host:port, :port or 0`},
		"a delay before now":                        {func(o *Options) { o.ShutdownDelay = -time.Second }, "--shutdown-delay-duration -1s must not be negative"},
		"no namespace of cert-manager":              {func(o *Options) { o.CertManagerNamespace = "" }, `--cert-manager-namespace "" is not the name of a namespace`},
		"a namespace that cannot be":                {func(o *Options) { o.ClusterResourceNamespace = "a.b" }, `--cluster-resource-namespace "a.b" is not the name of a namespace`},
		"Secrets of all namespaces":                 {func(o *Options) { o.SecretNamespaces = []string{"a", "*"} }, `--secret-metadata-namespaces "*" is not the name of a namespace`},
		"a version that is none":                    {func(o *Options) { o.CertManagerVersion = "latest" }, `--cert-manager-version "latest" is not a version like v1.21.2`},
		"a group that is none":                      {func(o *Options) { o.SolverGroup = "acme example" }, `--solver-group "acme example" is not an API group`},
		"ambient credentials for nobody knows whom": {func(o *Options) { o.AmbientCredentials = "issuers" }, `--ambient-credentials "issuers" must be one of cluster-issuers, all, none`},
		"any role of any cloud": {func(o *Options) { o.AmbientRoles = []string{"acs:ram::*", "*"} }, `--ambient-role-arns: "*" is not the ARN of a role; write one like ` +
			"acs:ram::1234567890123456:role/certyun or qcs::cam::uin/100000000001:roleName/certyun-*, where * stands for any characters"},
		"an unknown format of the log":     {func(o *Options) { o.Logging.Format = "xml" }, `format: Invalid value: "xml": Unsupported log format`},
		"several faults, in order of flag": {func(o *Options) { o.SecurePort, o.SolverGroup = -1, "A" }, "--secure-port -1 must be from 1 to 65535\n--solver-group \"A\" is not an API group"},
	}
	for name, c := range tests {
		o := NewOptions()
		o.TLS = TLSOptions{CertFile: "tls.crt", KeyFile: "tls.key"}
		o.Complete()
		c.set(o)
		got := ""
		if err := o.Validate(); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOptionsThatFollow(t *testing.T) {
	t.Parallel()
	o := NewOptions()
	o.CertManagerNamespace, o.CertManagerVersion = "pki", "v1.20.0"
	o.Complete()
	if o.ClusterResourceNamespace != "pki" || o.CertManagerVersion != "v1.20.0" {
		t.Errorf("the cluster resource namespace is %q, the version %q", o.ClusterResourceNamespace, o.CertManagerVersion)
	}
	o.CertManagerUsers = []string{"cm"}
	want := map[string]bool{
		"system:serviceaccount:pki:cm":                                true,
		"system:serviceaccount:kube-system:generic-garbage-collector": true,
		"system:serviceaccount:kube-system:namespace-controller":      true,
	}
	if diff := cmp.Diff(want, o.users()); diff != "" {
		t.Errorf("users who are never judged (-want +got):\n%s", diff)
	}
}

func TestTheCommandHasAllFlags(t *testing.T) {
	t.Parallel()
	cmd := NewCommand()
	for _, name := range []string{"secure-port", "tls-secret-name", "client-ca-file", "policy", "solver-group", "ambient-credentials", "ambient-role-arns", "metrics-bind-address", "logging-format", "v"} {
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("there is no flag --%s", name)
		}
	}
	cmd.SilenceUsage, cmd.SilenceErrors = true, true // as the root command has it
	cmd.SetArgs([]string{"--secure-port=0"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "--secure-port 0") {
		t.Errorf("the command's error is %v", err)
	}
}
