package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/certyun/certyun/admission/report"
)

// injectFrom is the annotation by which cert-manager's CA injector finds a Certificate
// (https://cert-manager.io/docs/concepts/ca-injector/).
const injectFrom = "cert-manager.io/inject-ca-from"

// expiresSoon is when an expiry is worth a warning: cert-manager renews long before.
const expiresSoon = 7 * 24 * time.Hour

// serving compares the certificate that the solver serves with what the API server trusts. Trusted is false where that is
// seen not to fit.
func (s *solver) serving(service *apiregistrationv1.APIService, values map[string]string) (trusted bool) {
	object := apiServiceObject(service.Spec.Group)
	if service.Spec.InsecureSkipTLSVerify {
		s.checkf(Warning, "%s: insecureSkipTLSVerify is set, so that anybody between could answer for the solvers", object)
		return true
	}
	if len(service.Spec.CABundle) == 0 {
		s.problem("apiservice-ca-wrong", object, "its caBundle is empty", values)
		return false
	}
	where := service.Spec.Service
	if found, known := s.get(where.Namespace, where.Name, &corev1.Service{}); known && !found {
		return true // nothing is served
	}
	served, from := s.servedChain(service)
	if served == nil {
		return true
	}
	name := fmt.Sprintf("%s.%s.svc", where.Name, where.Namespace)
	return s.judgeServed(object, service.Spec.CABundle, served, name, from, values)
}

// judgeServed says whether the API server will accept a chain, the leaf first.
func (s *solver) judgeServed(object report.Object, bundle []byte, chain []*x509.Certificate, name, from string, values map[string]string) (trusted bool) {
	now := s.now()
	leaf := chain[0]
	expires := leaf.NotAfter.UTC().Format(time.RFC3339)
	values = with(values, "expires", expires)
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(bytes.TrimSpace(bundle))
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	values["begins"] = leaf.NotBefore.UTC().Format(time.RFC3339)
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: intermediates, CurrentTime: now})
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	hostname, isHostname := errors.AsType[x509.HostnameError](err)
	switch {
	case now.Before(leaf.NotBefore):
		s.problem("serving-certificate-not-yet-valid", object, fmt.Sprintf("the serving certificate (%s) is not valid before %s", from, values["begins"]), values)
	case isHostname:
		why := strings.TrimPrefix(hostname.Error(), "x509: ")
		s.problem("serving-certificate-name-wrong", object, fmt.Sprintf("the serving certificate (%s): %s", from, why), with(values, "why", why))
	case now.After(leaf.NotAfter) || isInvalid && invalid.Reason == x509.Expired:
		s.problem("serving-certificate-expired", object, fmt.Sprintf("the serving certificate (%s) expired at %s", from, expires), values)
	case err != nil:
		why := strings.TrimPrefix(err.Error(), "x509: ")
		s.problem("apiservice-ca-wrong", object, fmt.Sprintf("its caBundle does not verify the serving certificate (%s): %s", from, why), values)
	case leaf.NotAfter.Sub(now) < expiresSoon:
		s.warning("serving-certificate-expires", object, fmt.Sprintf("the serving certificate (%s) expires at %s", from, expires), values)
	default:
		s.checkf(OK, "Serving certificate (%s): verified by the caBundle, expires at %s", from, expires)
	}
	return err == nil
}

// servedChain is the chain that the solvers serve: as they serve it where they can be reached from here, else as it stands in the
// Secret that they serve it from.
func (s *solver) servedChain(service *apiregistrationv1.APIService) (chain []*x509.Certificate, from string) {
	where := service.Spec.Service
	port := 443
	if where.Port != nil {
		port = int(*where.Port)
	}
	name := fmt.Sprintf("%s.%s.svc", where.Name, where.Namespace)
	for _, address := range s.addressesOf(where.Namespace, where.Name, port) {
		der, err := s.handshake.Certificates(s.ctx, address, name)
		if err != nil {
			break // from outside of the cluster that is usual
		}
		if chain = parseChain(der); chain != nil {
			return chain, "as it is served"
		}
	}
	namespace, certificate, ok := strings.Cut(service.Annotations[injectFrom], "/")
	if !ok {
		s.skipf("the serving certificate of %s (it cannot be reached from here, and no annotation %s says where it is kept)", service.Name, injectFrom)
		return nil, ""
	}
	return s.kept(namespace, certificate), fmt.Sprintf("of Certificate %s/%s", namespace, certificate)
}

// kept is the chain in a Certificate's Secret, nil where it cannot be seen.
func (s *solver) kept(namespace, name string) []*x509.Certificate {
	crt := &cmapi.Certificate{}
	if found, known := s.get(namespace, name, crt); !found || !known {
		return nil
	}
	secret, known := s.secret(namespace, crt.Spec.SecretName)
	if secret == nil || !known {
		return nil
	}
	var der [][]byte
	for rest := secret.Data[corev1.TLSCertKey]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return parseChain(der)
		}
		der = append(der, block.Bytes)
	}
}

func parseChain(der [][]byte) []*x509.Certificate {
	var chain []*x509.Certificate
	for _, bytes := range der {
		c, err := x509.ParseCertificate(bytes)
		if err != nil {
			return nil
		}
		chain = append(chain, c)
	}
	return chain
}

// addressesOf is where a Service may be reached.
func (s *solver) addressesOf(namespace, name string, port int) []string {
	svc := &corev1.Service{}
	if found, known := s.get(namespace, name, svc); !found || !known {
		return nil
	}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return []string{joinHostPort(svc.Spec.ExternalName, port)}
	}
	addresses, _ := s.endpoints(svc)
	return addresses
}

func joinHostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// TLS implements Handshake over the network.
type TLS struct {
	// Timeout bounds one connection. From outside of a cluster most lead nowhere.
	Timeout time.Duration
}

// Certificates implements Handshake.
func (t TLS) Certificates(ctx context.Context, address, serverName string) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: serverName, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // nothing is sent; the certificate is what is looked at
	}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	defer conn.Close()
	var der [][]byte
	for _, c := range conn.(*tls.Conn).ConnectionState().PeerCertificates {
		der = append(der, c.Raw)
	}
	return der, nil
}
