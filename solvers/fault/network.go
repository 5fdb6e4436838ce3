package fault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"syscall"
)

// Network makes a transient fault from an error of net/http. The error itself may hold a signed URL or the port of our
// end of the connection, so only its cause is named. Server is the host (and port) that was called.
func Network(err error, server string) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e // what carries our calls gave the cause already
	}
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err
	}
	e := &Error{Kind: Transient, Cause: stableCause(err)}
	if isProxy(err) {
		server = "the proxy on the way to " + server
		e.Remedy = "check HTTPS_PROXY and NO_PROXY in the environment"
	}
	e.Reason = networkReason(err, server)
	if isCertificate(err) {
		e.Kind = Misconfigured
		e.Remedy = "check the endpoint's address, the roots that are trusted and what stands between"
	}
	return e
}

func networkReason(err error, server string) string {
	if dnsErr, ok := errors.AsType[*net.DNSError](err); ok {
		if dnsErr.IsNotFound && !isProxy(err) {
			return "the host " + server + " does not exist in DNS"
		}
		return "the host name of " + server + " could not be resolved"
	}
	switch {
	case isCertificate(err):
		return "the certificate of " + server + " is not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + server
	case errors.Is(err, context.Canceled):
		return "the call to " + server + " was given up"
	case isTimeout(err):
		return "no answer from " + server + " in time"
	}
	return "the connection to " + server + " failed"
}

// isProxy tells whether it was the proxy that could not be reached: net/http marks that.
func isProxy(err error) bool {
	opErr, ok := errors.AsType[*net.OpError](err)
	return ok && opErr.Op == "proxyconnect"
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isCertificate(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return verify || authority || host
}

// stableCause keeps what callers may ask for with errors.Is and drops the rest.
func stableCause(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case isTimeout(err):
		return context.DeadlineExceeded
	}
	return nil
}
