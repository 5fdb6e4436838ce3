package wire

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Endpoint is where a cloud's API is served: an operator's choice, never an Issuer author's.
type Endpoint struct {
	// Scheme is "https", or "http" towards a loopback address.
	Scheme string
	// Host is the host, with a port if it is not the scheme's own.
	Host string
}

// ParseEndpoint reads an endpoint's URL. Signed requests can be replayed by whoever reads them, and some carry a session
// token, so plain http is accepted only towards a loopback address. The SDKs know hosts, not paths.
func ParseEndpoint(s string) (Endpoint, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return Endpoint{}, fmt.Errorf("%q is not a URL with a host; write it like https://alidns.aliyuncs.com", withoutUser(s))
	}
	switch {
	case u.User != nil:
		return Endpoint{}, fmt.Errorf("%q has a user name or password; an endpoint has none", u.Redacted())
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return Endpoint{}, fmt.Errorf("%q has a path, a query or a fragment; an endpoint is a host and a port only", s)
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return Endpoint{}, fmt.Errorf("%q has a port that cannot be; ports are numbers from 1 to 65535", s)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return Endpoint{}, fmt.Errorf("%q is plain http to a host that is not a loopback address; use https", s)
	case u.Scheme != "https" && u.Scheme != "http":
		return Endpoint{}, fmt.Errorf("%q has the scheme %q; use https", s, u.Scheme)
	}
	return Endpoint{Scheme: u.Scheme, Host: u.Host}, nil
}

// EndpointOfFlag reads the value of a flag, where "" is the public endpoint, the zero value. An error names the flag.
func EndpointOfFlag(flag, url string) (Endpoint, error) {
	if url == "" {
		return Endpoint{}, nil
	}
	endpoint, err := ParseEndpoint(url)
	if err != nil {
		return Endpoint{}, fmt.Errorf("--%s: %w", flag, err)
	}
	return endpoint, nil
}

// withoutUser keeps a password out of an error about a URL that cannot be used.
func withoutUser(s string) string { return s[strings.LastIndex(s, "@")+1:] }

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
