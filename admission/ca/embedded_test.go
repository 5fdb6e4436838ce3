package ca_test

import (
	"net/netip"
	"testing"

	"github.com/certyun/certyun/admission/ca"
)

func TestAddressIn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"frontend.10.43.65.51.nip.io": "10.43.65.51", "10.0.0.1.nip.io": "10.0.0.1", "app-10-0-0-1.nip.io": "10.0.0.1",
		"app.10-0-0-1.nip.io": "10.0.0.1", "app-c0a80001.nip.io": "192.168.0.1", "c0a80001.nip.io": "192.168.0.1",
		"www-192-168-0-1.sslip.io": "192.168.0.1", "www.192-168-0-1.sslip.io": "192.168.0.1", "192-168-0-1.www.sslip.io": "192.168.0.1",
		"--1.sslip.io": "::1", "2a01-4f8-c17-b8f--2.sslip.io": "2a01:4f8:c17:b8f::2", "*.10.0.0.1.nip.io": "10.0.0.1",
		"APP.10.0.0.1.NIP.IO": "10.0.0.1", "10.0.0.1.xip.io": "10.0.0.1", "app.localtest.me": "127.0.0.1", "localtest.me": "127.0.0.1",
		"app.traefik.me": "127.0.0.1", "app-10-0-0-1.traefik.me": "10.0.0.1", "52.0.56.137.nip.io": "52.0.56.137",
		"nip.io": "", "www.nip.io": "", "300.1.1.1.nip.io": "", "10.0.0.1.example.com": "", "10.0.0.1.anip.io": "", "deadbeefs.nip.io": "",
	} {
		got, ok := ca.AddressIn(name)
		if ok != (want != "") || ok && got.Address != netip.MustParseAddr(want) {
			t.Errorf("%s: %v %t, want %q", name, got.Address, ok, want)
		}
	}
}
