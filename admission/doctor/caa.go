package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/miekg/dns"
)

// maxDirectory bounds what is read of an ACME directory.
const maxDirectory = 1 << 20

// directoryTimeout bounds the call for it.
const directoryTimeout = 10 * time.Second

// identities asks an ACME server under which names CAA records allow it (https://www.rfc-editor.org/rfc/rfc8555#section-9.7.6).
func (i *issuer) identities() []string {
	if i.GetSpec().ACME == nil {
		return nil
	}
	names, err := directory(i.ctx, i.GetSpec().ACME)
	if err != nil {
		i.checkf(Warning, "ACME server of %s: %v", i.object, err)
		i.skipf("CAA records (the ACME server does not say whom they must allow)")
		return nil
	}
	i.checkf(OK, "ACME server of %s: it answers; CAA records must allow %s", i.object, listed(names, "nobody in particular"))
	return names
}

// directory reads the part of an ACME directory that concerns CAA. It trusts what the Issuer tells cert-manager to trust.
func directory(ctx context.Context, issuer *acmev1.ACMEIssuer) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, directoryTimeout)
	defer cancel()
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: issuer.SkipTLSVerify} //nolint:gosec // the Issuer says so, and nothing is sent
	if len(issuer.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(issuer.CABundle)
	}
	transport := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer.Server, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", issuer.Server, response.Status)
	}
	var directory struct {
		Meta struct {
			Identities []string `json:"caaIdentities"`
		} `json:"meta"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDirectory)).Decode(&directory); err != nil {
		return nil, fmt.Errorf("%s is no ACME directory: %w", issuer.Server, err)
	}
	return directory.Meta.Identities, nil
}

// caa finds the CAA records that hold for a name: those of the name, or of the first above it that has any
// (https://www.rfc-editor.org/rfc/rfc8659#section-3).
func (w *DNS) caa(ctx context.Context, name string) (at string, records []*dns.CAA, err error) {
	for _, label := range dns.Split(dns.Fqdn(name)) {
		candidate := dns.Fqdn(name)[label:]
		reply, err := w.ask(ctx, candidate, dns.TypeCAA)
		if err != nil {
			return "", nil, err
		}
		for _, rr := range reply.Answer {
			if record, ok := rr.(*dns.CAA); ok {
				records = append(records, record)
			}
		}
		if len(records) > 0 {
			return strings.TrimSuffix(candidate, "."), records, nil
		}
	}
	return "", nil, nil
}

// lookCAA says whether the CA may issue for a name.
func (d *records) lookCAA(one *lookup, who applicant) {
	at, records, err := d.dns.caa(d.ctx, one.name)
	if err != nil {
		d.checkf(Warning, "CAA of %s: %v", one.name, err)
		return
	}
	if len(records) == 0 {
		d.checkf(OK, "CAA of %s: no records, so every CA may issue", one.name)
		return
	}
	var texts []string
	for _, record := range records {
		texts = append(texts, fmt.Sprintf("%d %s %q", record.Flag, record.Tag, record.Value))
	}
	slices.Sort(texts)
	text := listed(texts, "")
	if len(who.identities) == 0 {
		d.checkf(Warning, "CAA of %s at %s: %s", one.name, at, text)
		return
	}
	permitted := true
	for _, asked := range one.asked() {
		if objection := who.objection(records, asked.methods, asked.wildcard); objection != nil {
			permitted = false
			d.bad(objection.Level, objection.Cause, ref(certManagerVersion, "Certificate", d.chain.certificate),
				fmt.Sprintf("the CAA records of %s at %s are %s, and %s", asked.name, at, text, objection.Text), map[string]string{"domain": at})
		}
	}
	if permitted {
		d.checkf(OK, "CAA of %s at %s: %s", one.name, at, text)
	}
}

// askedName is a name that a CA is asked for, and how it may be validated.
type askedName struct {
	name     string
	wildcard bool
	methods  []string
}

// asked are the names of a lookup that a CA is asked for: the name, the wildcard below it, or both.
func (l *lookup) asked() []askedName {
	var names []askedName
	if l.plain {
		names = append(names, askedName{l.name, false, l.methods})
	}
	if l.wildcard {
		names = append(names, askedName{"*." + l.name, true, []string{byDNS}})
	}
	return names
}
