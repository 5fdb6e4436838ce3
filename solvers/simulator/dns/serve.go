package dns

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// serve answers one query as one name server.
func (a *Authority) serve(ns *NameServer, w dns.ResponseWriter, q *dns.Msg) {
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		send(w, q, new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented))
		return
	}
	question := q.Question[0]
	a.log(ns.Name, question)
	mode, at := a.present(ns)
	reply := new(dns.Msg).SetReply(q)
	switch mode {
	case Silent:
		return
	case Lame:
		send(w, q, reply)
		return
	case Refused:
		send(w, q, new(dns.Msg).SetRcode(q, dns.RcodeRefused))
		return
	case ServFail:
		send(w, q, new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		return
	default: // the others answer, each in its way
	}
	if question.Qclass != dns.ClassINET {
		send(w, q, new(dns.Msg).SetRcode(q, dns.RcodeRefused))
		return
	}
	a.fill(reply, question, at)
	distort(reply, mode, overUDP(w))
	send(w, q, reply)
}

// present is how a name server behaves now, and the time whose zones it shows.
func (a *Authority) present(ns *NameServer) (Mode, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return ns.Mode, a.now().Add(-a.delay - ns.Delay)
}

func (a *Authority) fill(reply *dns.Msg, question dns.Question, at time.Time) {
	r := a.resolve(question.Name, question.Qtype, at)
	if !r.known {
		reply.Rcode = dns.RcodeRefused
		return
	}
	reply.Rcode, reply.Answer, reply.Ns, reply.Extra = r.rcode, r.answer, r.authority, r.additional
	reply.Authoritative = !r.referral || len(r.answer) > 0
	echoCase(reply, question.Name)
}

// echoCase spells the owner of the records at the queried name as the query did.
func echoCase(reply *dns.Msg, name string) {
	for i, rr := range reply.Answer {
		if rr.Header().Name != name && strings.EqualFold(rr.Header().Name, name) {
			reply.Answer[i] = dns.Copy(rr)
			reply.Answer[i].Header().Name = name
		}
	}
}

func distort(reply *dns.Msg, mode Mode, udp bool) {
	switch mode {
	case Intercepted:
		reply.Authoritative, reply.RecursionAvailable = false, true
	case Truncated:
		if udp {
			reply.Truncated = true
			reply.Answer, reply.Ns, reply.Extra = nil, nil, nil
		}
	case WrongCase:
		reply.Question[0].Name = swapCase(reply.Question[0].Name)
	case ExtraCNAME:
		header := dns.RR_Header{Name: "unrelated." + defaultDomain, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: hostTTL}
		reply.Answer = append([]dns.RR{&dns.CNAME{Hdr: header, Target: "elsewhere." + defaultDomain}}, reply.Answer...)
	default: // a true answer
	}
}

func swapCase(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, name)
}

func overUDP(w dns.ResponseWriter) bool {
	_, udp := w.LocalAddr().(*net.UDPAddr)
	return udp
}

// ednsSize is the UDP size that the servers offer (DNS flag day 2020).
const ednsSize = 1232

// send writes a reply, cut to what the client takes.
func send(w dns.ResponseWriter, q, reply *dns.Msg) {
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
		reply.SetEdns0(ednsSize, opt.Do())
	}
	if !overUDP(w) {
		size = dns.MaxMsgSize
	}
	reply.Compress = true
	reply.Truncate(size)
	_ = w.WriteMsg(reply) // a client that is gone needs no answer
}
