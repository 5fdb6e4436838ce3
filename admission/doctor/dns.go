package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/miekg/dns"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/propagation"
)

// DNS is the DNS and the ACME servers as they are seen from here. The solver may see them in another way.
type DNS struct {
	// Resolvers are asked first, "host:port".
	Resolvers []string
	// Port is where authoritative name servers are asked.
	Port uint16
}

// queryTimeout bounds one question to one resolver.
const queryTimeout = 5 * time.Second

// maxChain is how many CNAMEs are followed.
const maxChain = 12

// ednsSize is the size of answers that reaches everybody in one piece (https://www.dnsflagday.net/2020/).
const ednsSize = 1232

// ask asks the resolvers, one after the other, until one answers. They are told not to check DNSSEC: what is wrong with it would hide
// everything else, and is looked at by itself.
func (w *DNS) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	query.SetEdns0(ednsSize, false)
	query.CheckingDisabled = true
	var errs []error
	for _, resolver := range w.Resolvers {
		for _, network := range []string{"udp", "tcp"} {
			client := &dns.Client{Net: network, Timeout: queryTimeout}
			reply, _, err := client.ExchangeContext(ctx, query, resolver)
			if err != nil {
				errs = append(errs, fmt.Errorf("the resolver %s over %s: %w", resolver, network, stable(err)))
				continue
			}
			if reply.Truncated && network == "udp" {
				continue
			}
			if reply.Rcode == dns.RcodeSuccess || reply.Rcode == dns.RcodeNameError {
				return reply, nil
			}
			errs = append(errs, fmt.Errorf("the resolver %s answers %s", resolver, dns.RcodeToString[reply.Rcode]))
			break
		}
	}
	return nil, cmp.Or(errors.Join(errs...), errors.New("there is no resolver to ask"))
}

// stable says what is wrong with the network, without the port of our end.
func stable(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("does not answer")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// errCircle is for CNAMEs that lead nowhere.
var errCircle = errors.New("the CNAMEs have no end")

// follow returns the names that a name leads to by CNAME, itself first.
func (w *DNS) follow(ctx context.Context, name string) ([]string, error) {
	chain := []string{name}
	for len(chain) <= maxChain {
		reply, err := w.ask(ctx, chain[len(chain)-1], dns.TypeCNAME)
		if err != nil {
			return chain, err
		}
		target := targetOf(reply, chain[len(chain)-1])
		switch {
		case target == "":
			return chain, nil
		case slices.Contains(chain, target):
			return chain, fmt.Errorf("%w: that of %s leads back to %s", errCircle, chain[len(chain)-1], target)
		}
		chain = append(chain, target)
	}
	return chain, fmt.Errorf("%w: %s leads through more than %d", errCircle, name, maxChain)
}

// targetOf is what a name is a CNAME to, "" where it is none.
func targetOf(reply *dns.Msg, name string) string {
	for _, cname := range recordsOf[*dns.CNAME](reply.Answer, name) {
		return strings.ToLower(strings.TrimSuffix(cname.Target, "."))
	}
	return ""
}

// synthesized is the first of the names that lead to one another by CNAME at which a wildcard answers, -1 where there is none. A
// wildcard answers for a sibling in the same way, and where it has several answers, for a name below.
func (w *DNS) synthesized(ctx context.Context, path []string) int {
	return slices.IndexFunc(path[:len(path)-1], func(name string) bool {
		target := path[slices.Index(path, name)+1]
		_, parent, _ := strings.Cut(name, ".")
		return w.leads(ctx, "*."+parent, target) && !w.explicit(ctx, name, target) || w.leads(ctx, "*."+name, target)
	})
}

// explicit tells whether somebody wrote a CNAME to the target that the wildcard above has as well. Then the wildcard answers two labels
// below it, and not below the name, which is there (https://www.rfc-editor.org/rfc/rfc4592#section-3.3.1).
func (w *DNS) explicit(ctx context.Context, name, target string) bool {
	_, parent, _ := strings.Cut(name, ".")
	return w.leads(ctx, "*."+freshLabel()+"."+parent, target) && !w.leads(ctx, "*."+name, target)
}

// hasNoCNAME tells whether the name servers say that a name has none. A resolver may remember what a wildcard answered before there was a
// record at the name.
func (w *DNS) hasNoCNAME(ctx context.Context, name string) bool {
	zone, err := w.zone(ctx, name)
	if err != nil {
		return false
	}
	servers, _, err := w.finder().Servers(ctx, zone)
	if err != nil {
		return false
	}
	answer, err := w.authoritative(ctx, servers, name, dns.TypeCNAME)
	return err == nil && len(recordsOf[*dns.CNAME](answer, name)) == 0
}

// freshLabel is one that nobody has asked for before.
func freshLabel() string { return "certyun-" + strings.ToLower(rand.Text()) }

// leads tells whether a name is a CNAME to a target.
func (w *DNS) leads(ctx context.Context, name, target string) bool {
	reply, err := w.ask(ctx, name, dns.TypeCNAME)
	return err == nil && targetOf(reply, name) == target
}

// zone finds the zone of a name as cert-manager does: by the SOA record of the name or of the first name above it that has one. It
// is "" where none has.
func (w *DNS) zone(ctx context.Context, name string) (string, error) {
	for _, label := range dns.Split(dns.Fqdn(name)) {
		candidate := dns.Fqdn(name)[label:]
		reply, err := w.ask(ctx, candidate, dns.TypeSOA)
		if err != nil {
			return "", err
		}
		if len(recordsOf[*dns.SOA](reply.Answer, candidate)) > 0 {
			return strings.ToLower(strings.TrimSuffix(candidate, ".")), nil
		}
	}
	return "", nil
}

// sighting is what one authoritative server says.
type sighting struct {
	server propagation.Server
	values []string
	err    error
}

// authorities asks each authoritative server of a zone for the TXT records at a name.
func (w *DNS) authorities(ctx context.Context, zone, name string) ([]sighting, error) {
	servers, _, err := w.finder().Servers(ctx, zone)
	if err != nil {
		return nil, err
	}
	seen := make([]sighting, len(servers))
	done := make(chan struct{})
	for i, server := range servers {
		go func() {
			values, err := propagation.Network{}.Ask(ctx, netip.AddrPortFrom(server.Addr, w.Port), name)
			seen[i] = sighting{server, values, err}
			done <- struct{}{}
		}()
	}
	for range servers {
		<-done
	}
	return seen, nil
}

// noServers is what is said of a zone that the DNS delegates to nobody.
const noServers = "no name servers"

func encloses(zones []string, name string) bool {
	_, found := dnsname.LongestZone(zones, name)
	return found
}

// records are those of a Certificate's names, as the DNS shows them.
type records struct {
	*reader
	sight
	chain *chain
	// zones are those whose DNSSEC was looked at, each with what is wrong with it.
	zones map[string]string
}

// lookup is one name to look at.
type lookup struct {
	name string
	// plain tells whether the certificate is for the name, wildcard whether it is for all names below it.
	plain, wildcard bool
	// methods are those by which the name may be validated, as ACME calls them.
	methods []string
	// follows tells whether the solver follows a CNAME.
	follows bool
	// expected are the values that challenges wait to be seen.
	expected []string
	// web tells whether the name is validated over HTTP-01, so that no record is needed.
	web bool
	// waiting tells whether the challenges are young.
	waiting bool
	// complaints are what challenges say that wait for nothing to be seen.
	complaints []string
}

// lookups are the names of a Certificate that need a record.
func (d *records) lookups() []*lookup {
	byName := map[string]*lookup{}
	var ordered []*lookup
	of := func(name string, wildcard bool) *lookup {
		bare, hasStar := strings.CutPrefix(name, "*.")
		if parsed, err := dnsname.Parse(bare); err == nil {
			bare = parsed
		}
		if byName[bare] == nil {
			byName[bare] = &lookup{name: bare, follows: d.followsCNAME(), methods: d.methods()}
			ordered = append(ordered, byName[bare])
		}
		one := byName[bare]
		one.wildcard = one.wildcard || wildcard || hasStar
		one.plain = one.plain || !wildcard && !hasStar
		return one
	}
	for _, name := range d.chain.certificate.Spec.DNSNames {
		of(name, false)
	}
	for _, challenge := range d.chain.challenges {
		one := of(challenge.Spec.DNSName, challenge.Spec.Wildcard)
		if challenge.Spec.Solver.DNS01 == nil {
			one.web, one.methods = true, []string{byHTTP}
			continue
		}
		if !challenge.Spec.Wildcard {
			one.methods = []string{byDNS}
		}
		one.follows = challenge.Spec.Solver.DNS01.CNAMEStrategy == "Follow"
		one.waiting = one.waiting || d.now().Sub(challenge.CreationTimestamp.Time) < patientlyFor
		if challenge.Status.Presented || strings.Contains(challenge.Status.Reason, "not visible yet") {
			one.expected = append(one.expected, challenge.Spec.Key)
		} else {
			one.complaints = append(one.complaints, challenge.Status.Reason)
		}
	}
	return ordered
}

// followsCNAME tells whether all of the Issuer's DNS-01 solvers do.
func (d *records) followsCNAME() bool {
	if d.chain.issuer == nil || d.chain.issuer.GetSpec().ACME == nil {
		return true
	}
	for _, solver := range d.chain.issuer.GetSpec().ACME.Solvers {
		if solver.DNS01 != nil && solver.DNS01.CNAMEStrategy != "Follow" {
			return false
		}
	}
	return true
}

// Methods of validation, as ACME calls them.
const (
	byDNS  = "dns-01"
	byHTTP = "http-01"
)

// methods are those of the Issuer's solvers.
func (d *records) methods() []string {
	var methods []string
	if d.chain.issuer == nil || d.chain.issuer.GetSpec().ACME == nil {
		return nil
	}
	for _, solver := range d.chain.issuer.GetSpec().ACME.Solvers {
		method := byDNS
		if solver.HTTP01 != nil {
			method = byHTTP
		}
		if !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
	}
	return methods
}

// look looks at each name of the Certificate.
func (d *records) look() {
	who := d.applicant()
	for _, one := range d.lookups() {
		if !one.web {
			d.lookAt(one)
		}
		d.lookCAA(one, who)
	}
}

// applicant is the Issuer, as the CA knows it.
func (d *records) applicant() applicant {
	if d.chain.issuer == nil || d.chain.issuer.GetSpec().ACME == nil {
		return applicant{}
	}
	who := applicant{identities: d.chain.issuer.identities(), obeys: obeysParameters(ca.Known().Lookup(d.chain.issuer.GetSpec().ACME.Server), d.now())}
	if status := d.chain.issuer.GetStatus().ACME; status != nil {
		who.account = status.URI
	}
	return who
}

// lookAt looks where the record of a name is to be, and who shows it.
func (d *records) lookAt(one *lookup) {
	object := ref(certManagerVersion, "Certificate", d.chain.certificate)
	record := "_acme-challenge." + one.name
	values := map[string]string{"name": one.name, "record": record, "port": fmt.Sprint(d.dns.Port), "resolvers": strings.Join(d.dns.Resolvers, ", ")}
	path, err := d.dns.follow(d.ctx, record)
	if errors.Is(err, errCircle) {
		d.problem("cname-loop", object, err.Error(), values)
		return
	}
	if err != nil {
		d.unanswered(object, values, err.Error())
		return
	}
	target, wildcard := d.target(one, object, path, values)
	if target == "" {
		return
	}
	values["record"] = target
	zone, err := d.dns.zone(d.ctx, target)
	if err != nil {
		d.unanswered(object, values, err.Error())
		return
	}
	values["zone"] = zone
	if wildcard != "" && d.leavesZone(one, object, wildcard, values) {
		return
	}
	if zone == "" || dnsname.IsPublicSuffix(zone) {
		d.tooHigh(object, target, values)
		return
	}
	if d.distrusted(object, zone, values) || target != path[0] && d.distrustedAbove(object, path[0], values) {
		return
	}
	seen, err := d.dns.authorities(d.ctx, zone, target)
	if err != nil {
		d.unanswered(object, values, err.Error())
		return
	}
	d.checkf(OK, "the zone of %s is %s, with the name servers %s", target, zone, serversOf(seen))
	d.compare(one, seen, values)
}

// target is where the record of a name has to be, by the CNAMEs that lead from one to the next; "" where the solver writes it elsewhere.
// Wildcard is the name on the way at which a wildcard answers, where the solver follows that.
func (d *records) target(one *lookup, object report.Object, path []string, values map[string]string) (target, wildcard string) {
	record, target := path[0], path[len(path)-1]
	if len(path) == 1 || d.dns.hasNoCNAME(d.ctx, record) {
		return record, ""
	}
	text := strings.Join(path, " → ")
	at := d.dns.synthesized(d.ctx, path)
	switch {
	case !one.follows && at == 0:
		d.checkf(OK, "CNAME %s: that is a wildcard, which does not answer there any more as soon as the record is written", text)
		return record, ""
	case !one.follows:
		d.problem("cname-not-followed", object, "the solver does not follow the CNAME "+text, with(values, "record", record, "target", target))
		return "", ""
	case at >= 0:
		wildcard = path[at]
		d.checkf(OK, "CNAME %s: at %s that is a wildcard", text, wildcard)
	default:
		d.checkf(OK, "CNAME %s", text)
	}
	return target, wildcard
}

// leavesZone notes a wildcard CNAME that takes the record into another zone, as those to a CDN do. Within a zone, it takes it to where the
// account may write as well. That is why the challenge does not go on, where this speaks of that zone.
func (d *records) leavesZone(one *lookup, object report.Object, wildcard string, values map[string]string) bool {
	target, zone := values["record"], values["zone"]
	own, err := d.dns.zone(d.ctx, wildcard)
	if err != nil || own == zone {
		return false
	}
	refused := slices.ContainsFunc(one.complaints, func(said string) bool {
		return strings.Contains(said, target) || zone != "" && !dnsname.IsPublicSuffix(zone) && strings.Contains(said, zone) || strings.Contains(said, wildcardCNAME)
	})
	level := Warning
	if refused {
		level = Problem
	}
	text := fmt.Sprintf("the solver follows it to %s, which is not in the zone %s", target, own)
	d.bad(level, "cname-of-wildcard", object, text, with(values, "record", wildcard, "why", text))
	return refused
}

// tooHigh says why no zone was found below a public suffix: the domain does not exist, or its SOA record is not shown.
func (d *records) tooHigh(object report.Object, target string, values map[string]string) {
	zone := values["zone"]
	domain := below(zone, target)
	exists, err := d.dns.exists(d.ctx, domain)
	if err == nil && !exists {
		d.problem("domain-not-in-dns", object, fmt.Sprintf("the resolvers say that %s does not exist", domain), with(values, "domain", domain))
		return
	}
	d.problem("zone-is-public-suffix", object, fmt.Sprintf("the resolvers take %s for the zone of %s", cmp.Or(zone, "the root"), target), values)
}

// below is the name just below a public suffix on the way to a name; without a suffix, its last two labels.
func below(suffix, name string) string {
	labels := dns.SplitDomainName(name)
	keep := min(max(len(dns.SplitDomainName(suffix))+1, 2), len(labels))
	return strings.Join(labels[len(labels)-keep:], ".")
}

// exists tells whether the resolvers know a name.
func (w *DNS) exists(ctx context.Context, name string) (bool, error) {
	reply, err := w.ask(ctx, name, dns.TypeNS)
	if err != nil {
		return false, err
	}
	return reply.Rcode != dns.RcodeNameError, nil
}

// serversOf names the servers that were asked.
func serversOf(seen []sighting) string {
	var names []string
	for _, s := range seen {
		names = append(names, s.server.String())
	}
	return listed(names, "that have no address")
}

// unanswered notes that nobody says anything of a name, or that all who do say that they failed.
func (d *records) unanswered(object report.Object, values map[string]string, why string) {
	cause := "dns-closed"
	switch {
	case strings.Contains(why, noServers):
		cause = "zone-not-delegated"
	case isFailure(why):
		cause = "dns-broken"
	}
	d.problem(cause, object, values["record"]+": "+why, with(values, "why", why))
}

// compare says which of a zone's servers show what is expected.
func (d *records) compare(one *lookup, seen []sighting, values map[string]string) {
	object := ref(certManagerVersion, "Certificate", d.chain.certificate)
	var missing, refused, leftOver []string
	answering := 0
	for _, s := range seen {
		if s.err != nil {
			refused = append(refused, s.server.String()+" "+s.err.Error())
			d.checkf(Warning, "%s at %s: it %v", values["record"], s.server, s.err)
			continue
		}
		answering++
		level := OK
		if slices.ContainsFunc(one.expected, func(v string) bool { return !slices.Contains(s.values, v) }) {
			missing = append(missing, s.server.String())
			level = Problem
		}
		d.checkf(level, "%s at %s: %s", values["record"], s.server, shownBy(s.values, one.expected))
		for _, value := range s.values {
			if looksLikeChallenge(value) && !slices.Contains(one.expected, value) && !slices.Contains(leftOver, value) {
				leftOver = append(leftOver, value)
			}
		}
	}
	switch {
	case answering == 0:
		d.silence(one, object, values, strings.Join(refused, ", "))
	case len(missing) > 0:
		level := Problem
		if one.waiting && len(missing) == answering {
			level = Waiting
		}
		text := "not visible yet on " + strings.Join(missing, ", ")
		d.sign(Sign{Cause: "record-not-visible", Level: level, Object: object, Text: text, Values: with(values, "servers", strings.Join(missing, ", "))})
	}
	if one.waiting || len(leftOver) == 0 {
		return
	}
	if leftOver = d.ownerless(leftOver); len(leftOver) > 0 {
		text := fmt.Sprintf("%d values of challenges that are not under way", len(leftOver))
		d.sign(Sign{Cause: "records-left-over", Level: Warning, Object: object, Text: text, Values: values})
	}
}

// silence notes that no name server of a zone answers. Where the resolvers get an answer from them for a name that nobody has asked for
// before, something between here and them is at fault.
func (d *records) silence(one *lookup, object report.Object, values map[string]string, why string) {
	if _, err := d.dns.exists(d.ctx, freshLabel()+"."+values["zone"]); why == "" || err != nil {
		d.unanswered(object, values, cmp.Or(why, "the zone has "+noServers))
		return
	}
	if reply, err := d.dns.ask(d.ctx, values["record"], dns.TypeTXT); err == nil {
		var shown []string
		for _, txt := range recordsOf[*dns.TXT](reply.Answer, values["record"]) {
			shown = append(shown, strings.Join(txt.Txt, ""))
		}
		d.checkf(OK, "%s at the resolvers: %s", values["record"], shownBy(shown, one.expected))
	}
	d.problem("name-servers-fail-here", object, values["record"]+": "+why, with(values, "why", why))
}

// ownerless are the values that are no Challenge's. certyun writes those of a name together, also of Challenges that cert-manager
// has not begun with, and of other Certificates.
func (d *records) ownerless(values []string) []string {
	defer d.unnoted(len(d.notChecked))
	challenges := &acmev1.ChallengeList{}
	if !d.list("", challenges) {
		d.list(d.chain.certificate.Namespace, challenges)
	}
	for i := range challenges.Items {
		values = slices.DeleteFunc(values, func(v string) bool { return v == challenges.Items[i].Spec.Key })
	}
	return values
}

// shownBy says what a server shows.
func shownBy(values, expected []string) string {
	present := 0
	for _, value := range expected {
		if slices.Contains(values, value) {
			present++
		}
	}
	text := fmt.Sprintf("%d TXT records", len(values))
	if len(expected) > 0 {
		text += fmt.Sprintf(", %d of the %d that challenges wait for", present, len(expected))
	}
	return text
}

// challengeLength is the length of the SHA-256 digest that a DNS-01 record holds, in base64url
// (https://www.rfc-editor.org/rfc/rfc8555#section-8.4).
const challengeLength = 43

func looksLikeChallenge(value string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return len(value) == challengeLength && strings.Trim(value, alphabet) == ""
}
