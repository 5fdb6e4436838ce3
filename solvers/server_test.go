package solvers

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emicklei/go-restful/v3"
	"github.com/spf13/pflag"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func TestOptionsAreValidated(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // "" when the options are right
	}{
		"defaults":                          {},
		"another group":                     {args: []string{"--group-name=acme.example.org"}},
		"a group without a dot":             {args: []string{"--group-name=acme"}, want: `--group-name "acme" is not an API group`},
		"a group that is no domain name":    {args: []string{"--group-name=Acme.example.org"}, want: `--group-name "Acme.example.org" is not an API group`},
		"cert-manager's own group":          {args: []string{"--group-name=acme.cert-manager.io"}, want: `belongs to cert-manager.io`},
		"an endpoint over https":            {args: []string{"--alidns-endpoint=https://alidns.aliyuncs.com"}},
		"an endpoint on loopback":           {args: []string{"--dnspod-endpoint=http://127.0.0.1:8080"}},
		"an endpoint over http":             {args: []string{"--dnspod-endpoint=http://dnspod.tencentcloudapi.com"}, want: "--dnspod-endpoint"},
		"an endpoint without a scheme":      {args: []string{"--alidns-endpoint=alidns.aliyuncs.com"}, want: "--alidns-endpoint"},
		"no calls at all":                   {args: []string{"--alidns-qps=0"}, want: "--alidns-qps 0 must be a number greater than 0"},
		"calls that are not a number":       {args: []string{"--alidns-qps=NaN"}, want: "--alidns-qps NaN must be a number greater than 0"},
		"calls without end":                 {args: []string{"--dnspod-qps=Inf"}, want: "--dnspod-qps +Inf must be a number greater than 0"},
		"several mistakes are all reported": {args: []string{"--dnspod-qps=-1", "--group-name=x"}, want: "--dnspod-qps -1 must be a number greater than 0"},
		"no wait":                           {args: []string{"--propagation-timeout=0"}},
		"the longest wait":                  {args: []string{"--propagation-timeout=30s"}},
		"a wait that leaves no time for calls": {
			args: []string{"--propagation-timeout=31s"},
			want: "--propagation-timeout 31s must be from 0s to 30s: the API calls before the wait need the rest of the 33s that a challenge has",
		},
		"a wait below zero": {args: []string{"--propagation-timeout=-1s"}, want: "--propagation-timeout -1s must be from 0s to 30s"},
		"resolvers":         {args: []string{"--propagation-nameservers=10.0.0.10,[fd00::10]:5353,dns.example:53"}},
		"a resolver that is a URL": {
			args: []string{"--propagation-nameservers=10.0.0.10,https://dns.example"}, want: `--propagation-nameservers: "https://dns.example" is not a resolver`,
		},
		"port 0 for name servers": {args: []string{"--propagation-port=0"}, want: "--propagation-port 0 must be from 1 to 65535"},
		"a port that is too high": {args: []string{"--propagation-port=65536"}, want: "--propagation-port 65536 must be from 1 to 65535"},
		"networks":                {args: []string{"--propagation-allow-networks=10.0.0.0/8,fd00::/8"}},
		"an address that is no network": {
			args: []string{"--propagation-allow-networks=10.0.0.1"},
			want: `--propagation-allow-networks: "10.0.0.1" is not a network; want one like 10.0.0.0/8 or fd00::/8, and /32 or /128 for one address`,
		},
		"domains for CNAME records":  {args: []string{"--cname-targets=acme.example.net,例子.com."}},
		"a domain that has a *":      {args: []string{"--cname-targets=*.example.net"}, want: `--cname-targets: "*.example.net" is not a domain such as acme.example.net: it has a *`},
		"a domain with a dot before": {args: []string{"--cname-targets=example.com,.example.net"}, want: `--cname-targets: ".example.net" is not a domain such as acme.example.net: `},
		"strict":                     {args: []string{"--propagation-strict"}},
		"strict without a wait": {
			args: []string{"--propagation-strict", "--propagation-timeout=0s"}, want: "--propagation-strict has no meaning with --propagation-timeout=0",
		},
		"the generic server's own validation": {args: []string{"--secure-port=70000"}, want: "--secure-port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GROUP_NAME", "")
			o := NewOptions()
			flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
			for _, group := range o.Flags().FlagSets {
				flags.AddFlagSet(group)
			}
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			if err := o.Complete(); err != nil {
				t.Fatal(err)
			}
			err := o.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got the error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheGroupComesFromTheFlagThenTheEnvironmentThenTheDefault(t *testing.T) {
	for name, c := range map[string]struct{ flag, env, want string }{
		"nothing":     {want: config.DefaultGroup},
		"environment": {env: "acme.env.example", want: "acme.env.example"},
		"flag":        {flag: "acme.flag.example", env: "acme.env.example", want: "acme.flag.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GROUP_NAME", c.env)
			o := NewOptions()
			o.Server.SolverGroup = c.flag
			if err := o.Complete(); err != nil {
				t.Fatal(err)
			}
			if o.Server.SolverGroup != c.want {
				t.Errorf("got %q, want %q", o.Server.SolverGroup, c.want)
			}
		})
	}
}

func TestACloudCAFileThatCannotBeUsed(t *testing.T) {
	for name, file := range map[string]string{"missing": "/does/not/exist.pem", "no certificate": "server_test.go"} {
		t.Run(name, func(t *testing.T) {
			o := NewOptions()
			o.CloudCAFile = file
			_, _, err := o.Solvers()
			if err == nil || !strings.Contains(err.Error(), "--cloud-ca-file") {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

func TestOperationIDsTellTheSolversApart(t *testing.T) {
	same := func(*restful.Route) (string, []string, error) { return "createChallengePayload", []string{"tag"}, nil }
	ids := map[string]bool{}
	for _, name := range []string{AlidnsName, AlidnsAlias, DNSPodName} {
		id, _, err := uniqueOperationID(same)(&restful.Route{Path: "/apis/acme.certyun.internal/v1alpha1/" + name})
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	if len(ids) != 3 {
		t.Errorf("got the operation ids %v", ids)
	}
}

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present() // so that the zones are known
		r.inject(cloud.Fault{Kind: cloud.Slow, Action: r.remove, Latency: 5 * time.Second})
		ctx, cancel := context.WithCancel(r.t.Context())
		defer cancel()
		go func() {
			if err := r.solver.CleanUp(r.request()); err != nil {
				r.t.Errorf("CleanUp: %v", err)
			}
			cancel()
		}()
		time.Sleep(time.Second)
		r.solver.Drain(r.t.Context())
		synctest.Wait() // for what follows at once
		if ctx.Err() == nil {
			r.t.Error("Drain returned before CleanUp did")
		}
		r.wantTXT("alice")
	})
}
