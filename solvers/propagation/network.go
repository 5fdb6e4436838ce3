package propagation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Asker asks name servers.
type Asker interface {
	// Ask asks one server for the TXT records at a name, without recursion, and returns their values. A name that is not
	// there, or has no such record, has no values. An error means that the server did not answer with authority; it is one of
	// this package's, short and stable. The name is in A-label form, without a dot at the end. Ask may be called
	// concurrently and follows nothing: no CNAME and no referral.
	Ask(ctx context.Context, server netip.AddrPort, name string) ([]string, error)
}

// errSilent is for a server that gives no answer at all.
var errSilent = errors.New("does not answer")

// What a server may answer in place of something useful.
var (
	errNoAuthority = errors.New("answers without authority")
	errReferral    = errors.New("refers to other name servers")
	errBadAnswer   = errors.New("gives an answer to another question")
)

// Network asks over UDP, and over TCP what does not fit. It implements Asker.
type Network struct{}

// How long a server has to answer, and after which time without an answer a packet is taken for lost. Both are far above any
// way around the earth.
const (
	answerWithin = 2 * time.Second
	sendAgain    = 700 * time.Millisecond
)

// ednsSize is the size of answers that reaches everybody in one piece (https://www.dnsflagday.net/2020/).
const ednsSize = 1232

// Ask implements Asker.
func (Network) Ask(ctx context.Context, server netip.AddrPort, name string) ([]string, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT)
	query.RecursionDesired = false
	query.SetEdns0(ednsSize, false)
	reply, err := exchange(ctx, server, query)
	if err == nil && reply.Rcode == dns.RcodeFormatError {
		query.Extra = nil // a server that is older than EDNS
		reply, err = exchange(ctx, server, query)
	}
	if err != nil {
		return nil, errSilent
	}
	return values(reply, query.Question[0].Name)
}

// exchange sends a query over UDP and, when the answer is cut off, over TCP.
func exchange(ctx context.Context, server netip.AddrPort, query *dns.Msg) (*dns.Msg, error) {
	reply, err := roundTrip(ctx, "udp", server, query, sendAgain)
	if err != nil || !reply.Truncated {
		return reply, err
	}
	return roundTrip(ctx, "tcp", server, query, answerWithin)
}

// roundTrip sends a query, again after each time without an answer, and returns the answer.
func roundTrip(ctx context.Context, network string, server netip.AddrPort, query *dns.Msg, again time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	end, _ := ctx.Deadline()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	conn := &dns.Conn{Conn: raw, UDPSize: ednsSize}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	query.Id = dns.Id()
	for time.Now().Before(end) {
		if err := conn.WriteMsg(query); err != nil {
			return nil, err
		}
		reply, err := read(conn, query.Id, earlier(time.Now().Add(again), end))
		if err == nil {
			return reply, nil
		}
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, context.DeadlineExceeded
}

// read returns the next message with this id. Others, and what is no message, are somebody else's.
func read(conn *dns.Conn, id uint16, until time.Time) (*dns.Msg, error) {
	if err := conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	for {
		reply, err := conn.ReadMsg()
		if errors.Is(err, dns.ErrShortRead) {
			continue
		}
		if _, network := errors.AsType[net.Error](err); network || err != nil && reply == nil {
			return nil, err
		}
		if err == nil && reply.Id == id && reply.Response {
			return reply, nil
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// values reads an answer. Only records at the name itself count: an ACME server that finds a CNAME follows it elsewhere, and
// what the CNAME leads to is not for this zone to say.
func values(reply *dns.Msg, name string) ([]string, error) {
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	default:
		return nil, fmt.Errorf("answers %s", rcode(reply.Rcode))
	}
	if len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, name) || reply.Question[0].Qtype != dns.TypeTXT {
		return nil, errBadAnswer
	}
	if !reply.Authoritative {
		if refers(reply, name) {
			return nil, errReferral
		}
		return nil, errNoAuthority
	}
	var found []string
	for _, rr := range reply.Answer {
		if txt, ok := rr.(*dns.TXT); ok && strings.EqualFold(txt.Hdr.Name, name) && txt.Hdr.Class == dns.ClassINET {
			found = append(found, strings.Join(txt.Txt, ""))
		}
	}
	return found, nil
}

func rcode(code int) string {
	if text, ok := dns.RcodeToString[code]; ok {
		return text
	}
	return fmt.Sprintf("code %d", code)
}

// refers tells whether an answer only names the name servers of a zone in which the name is.
func refers(reply *dns.Msg, name string) bool {
	for _, rr := range reply.Ns {
		if ns, ok := rr.(*dns.NS); ok && len(reply.Answer) == 0 && dns.IsSubDomain(ns.Hdr.Name, name) {
			return true
		}
	}
	return false
}

// SystemResolver asks the resolvers that the system names.
func SystemResolver() Resolver { return &net.Resolver{PreferGo: true} }

// ResolverAt asks one resolver, at "host:port".
func ResolverAt(address string) Resolver {
	var dialer net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}}
}

// ParseResolver makes "host:port" of a resolver's address, which may lack the port.
func ParseResolver(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), "53"
	}
	_, notAddress := netip.ParseAddr(host)
	number, badPort := strconv.ParseUint(port, 10, 16)
	if notAddress != nil && len(validation.IsDNS1123Subdomain(strings.TrimSuffix(host, "."))) > 0 || badPort != nil || number == 0 {
		return "", fmt.Errorf("%q is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}
