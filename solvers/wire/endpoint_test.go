package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/wire"
)

func TestParseEndpoint(t *testing.T) {
	tests := map[string]struct {
		in   string
		want wire.Endpoint
	}{
		"a cloud's own":                 {"https://alidns.aliyuncs.com", wire.Endpoint{Scheme: "https", Host: "alidns.aliyuncs.com"}},
		"a trailing slash goes":         {"https://alidns.aliyuncs.com/", wire.Endpoint{Scheme: "https", Host: "alidns.aliyuncs.com"}},
		"a port stays":                  {"https://alidns.example:8443", wire.Endpoint{Scheme: "https", Host: "alidns.example:8443"}},
		"the highest port":              {"https://alidns.example:65535", wire.Endpoint{Scheme: "https", Host: "alidns.example:65535"}},
		"a scheme in upper case":        {"HTTPS://alidns.example", wire.Endpoint{Scheme: "https", Host: "alidns.example"}},
		"https to a loopback address":   {"https://127.0.0.1:1", wire.Endpoint{Scheme: "https", Host: "127.0.0.1:1"}},
		"https to an IPv6 address":      {"https://[2001:db8::1]:8443", wire.Endpoint{Scheme: "https", Host: "[2001:db8::1]:8443"}},
		"http to 127.0.0.1":             {"http://127.0.0.1:8080", wire.Endpoint{Scheme: "http", Host: "127.0.0.1:8080"}},
		"http to another loopback":      {"http://127.8.9.10/", wire.Endpoint{Scheme: "http", Host: "127.8.9.10"}},
		"http to localhost":             {"http://localhost:8080", wire.Endpoint{Scheme: "http", Host: "localhost:8080"}},
		"http to the IPv6 loopback":     {"http://[::1]:8080", wire.Endpoint{Scheme: "http", Host: "[::1]:8080"}},
		"http to the loopback, bare":    {"http://[::1]", wire.Endpoint{Scheme: "http", Host: "[::1]"}},
		"http to a mapped IPv4 address": {"http://[::ffff:127.0.0.1]:80", wire.Endpoint{Scheme: "http", Host: "[::ffff:127.0.0.1]:80"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseEndpoint(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("endpoint (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEndpointRefuses(t *testing.T) {
	const (
		noHost = " is not a URL with a host; write it like https://alidns.aliyuncs.com"
		plain  = " is plain http to a host that is not a loopback address; use https"
		extra  = " has a path, a query or a fragment; an endpoint is a host and a port only"
		user   = " has a user name or password; an endpoint has none"
		port   = " has a port that cannot be; ports are numbers from 1 to 65535"
	)
	tests := map[string]struct{ in, want string }{
		"nothing":                     {"", `""` + noHost},
		"a host alone":                {"alidns.aliyuncs.com", `"alidns.aliyuncs.com"` + noHost},
		"a host and a port alone":     {"alidns.aliyuncs.com:443", `"alidns.aliyuncs.com:443"` + noHost},
		"an address and a port alone": {"127.0.0.1:8080", `"127.0.0.1:8080"` + noHost},
		"a scheme alone":              {"https://", `"https://"` + noHost},
		"a port without a host":       {"https://:8443", `"https://:8443"` + noHost},
		"a scheme without slashes":    {"https:alidns.aliyuncs.com", `"https:alidns.aliyuncs.com"` + noHost},
		"a path alone":                {"/alidns", `"/alidns"` + noHost},
		"no URL at all":               {"http://[::1", `"http://[::1"` + noHost},
		"a host with a space":         {"https://ali dns.example", `"https://ali dns.example"` + noHost},
		"a line feed at the end":      {"https://alidns.example\n", `"https://alidns.example\n"` + noHost},
		"a port that is a word":       {"https://alidns.example:https", `"https://alidns.example:https"` + noHost},
		"an empty port":               {"https://alidns.example:", `"https://alidns.example:"` + port},
		"a port of zero":              {"https://alidns.example:0", `"https://alidns.example:0"` + port},
		"a port too high":             {"https://alidns.example:65536", `"https://alidns.example:65536"` + port},
		"another scheme":              {"ftp://alidns.example", `"ftp://alidns.example" has the scheme "ftp"; use https`},
		"a UNIX socket":               {"unix://localhost", `"unix://localhost" has the scheme "unix"; use https`},
		"no scheme":                   {"//alidns.example", `"//alidns.example" has the scheme ""; use https`},
		"http to a host":              {"http://alidns.aliyuncs.com", `"http://alidns.aliyuncs.com"` + plain},
		"http to a private address":   {"http://10.0.0.1:8080", `"http://10.0.0.1:8080"` + plain},
		"http to every address":       {"http://0.0.0.0:8080", `"http://0.0.0.0:8080"` + plain},
		"http to an IPv6 address":     {"http://[2001:db8::1]", `"http://[2001:db8::1]"` + plain},
		"http to what begins like localhost": {
			"http://localhost.evil.example", `"http://localhost.evil.example"` + plain,
		},
		"http to what begins like loopback": {"http://127.0.0.1.evil.example", `"http://127.0.0.1.evil.example"` + plain},
		"http to a short form of loopback":  {"http://127.1", `"http://127.1"` + plain},
		"http to loopback as one number":    {"http://2130706433", `"http://2130706433"` + plain},
		"a path":                            {"https://alidns.example/v1", `"https://alidns.example/v1"` + extra},
		"a path with an escape":             {"https://alidns.example/%2e", `"https://alidns.example/%2e"` + extra},
		"a query":                           {"https://alidns.example?a=b", `"https://alidns.example?a=b"` + extra},
		"a fragment":                        {"https://alidns.example#a", `"https://alidns.example#a"` + extra},
		"a user name":                       {"https://me@alidns.example", `"https://me@alidns.example"` + user},
		"a user name and a password":        {"https://me:hunter2@alidns.example", `"https://me:xxxxx@alidns.example"` + user},
		"a password in what is no URL":      {"https://me:hunter2@alidns.example/%zz", `"alidns.example/%zz"` + noHost},
		"a password with an at sign":        {"https://me:hunter2@hunter2@alidns.example/%zz", `"alidns.example/%zz"` + noHost},
		"a password without slashes":        {"https:me:hunter2@alidns.example", `"alidns.example"` + noHost},
		"a password without a scheme":       {"me:hunter2@alidns.example", `"alidns.example"` + noHost},
		"a password without a host":         {"https://me:hunter2@", `""` + noHost},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseEndpoint(test.in)
			if err == nil {
				t.Fatalf("read as %v, want an error", got)
			}
			if got != (wire.Endpoint{}) {
				t.Errorf("there is %v beside the error", got)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
