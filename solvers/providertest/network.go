package providertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/quota"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

func (h Host) network(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + refused.Addr().String()
	if err := refused.Close(); err != nil {
		t.Fatal(err)
	}
	world := h.Start(t, nil)
	for name, test := range map[string]struct {
		url   string
		fault cloud.FaultKind
		want  string
	}{
		"nobody listens":           {url: closed, want: "transient, retry true after 0s: connection refused by HOST"},
		"the connection is reset":  {url: world.URL, fault: cloud.Reset, want: "transient, retry true after 0s: the connection to HOST failed"},
		"the server never answers": {url: world.URL, fault: cloud.Hang, want: "transient, retry true after 0s: no answer from HOST in time"},
	} {
		t.Run(name, func(t *testing.T) {
			world.ClearFaults()
			if test.fault != "" {
				if err := world.Inject(cloud.Fault{Kind: test.fault}); err != nil {
					t.Fatal(err)
				}
			}
			account := h.Account(t, test.url, h.Temporary)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err := account.Zones(ctx)
				cancel()
				want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(test.url, "http://"))
				if diff := cmp.Diff(want, Described(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				checkSecrets(t, err, h.Temporary)
			}
		})
	}
}

// hang holds that calls which are given up leave neither goroutines nor connections behind.
func (h Host) hang(t *testing.T) {
	world := h.Start(t, nil)
	if err := world.Inject(cloud.Fault{Kind: cloud.Hang}); err != nil {
		t.Fatal(err)
	}
	endpoint, err := wire.ParseEndpoint(world.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	account := h.Open(wire.API{Endpoint: endpoint, Transport: transport}, h.Keys, nil)
	before := runtime.NumGoroutine()
	began := time.Now()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := account.Zones(ctx); !fault.Is(err, fault.Transient) {
				t.Errorf("error %v, want a transient one", err)
			}
		})
	}
	group.Wait()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the calls took %v, want about 300ms", took)
	}
	transport.CloseIdleConnections()
	settle(t, before)
}

// settle waits until there are no more goroutines than before, give or take those of the runtime.
func settle(t *testing.T, before int) {
	t.Helper()
	after := 0
	for range 100 {
		if after = runtime.NumGoroutine(); after <= before+2 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", after, before)
}

func (h Host) sharedConnections(t *testing.T) {
	var opened, calls atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// Every other answer is of a kind whose body one of the SDKs does not close.
		if calls.Add(1)%2 == 0 {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = w.Write([]byte(h.API.Zones(0)))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	api := At(t, server.URL, nil)
	for i := range 50 {
		account := h.Open(api, credential.Keys{ID: fmt.Sprint(h.Keys.ID, i), Secret: "secret"}, nil)
		if _, err := account.Zones(t.Context()); err != nil && i%2 == 0 {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if opened.Load() != 1 || calls.Load() != 50 {
		t.Errorf("%d calls of 50 accounts opened %d connections, want 50 and 1", calls.Load(), opened.Load())
	}
}

func (h Host) tls(t *testing.T) {
	o := h.world()
	o.TLS = true
	world := simulator.Start(t, o)
	at := h.Endpoint(world)
	if _, err := h.Open(At(t, at.URL, world.CA), h.Keys, nil).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := at.Calls(); len(calls) != 1 || !calls[0].TLS {
		t.Errorf("calls %+v, want one over TLS", calls)
	}
	_, err := h.Account(t, at.URL).Zones(t.Context())
	want := "misconfigured, retry false after 0s: the certificate of " + at.Address +
		" is not trusted; check the endpoint's address, the roots that are trusted and what stands between"
	if diff := cmp.Diff(want, Described(err)); diff != "" {
		t.Errorf("with the system's roots (-want +got):\n%s", diff)
	}
}

// token holds that a token is sent; the simulator holds that it is signed.
func (h Host) token(t *testing.T) {
	world := h.Start(t, nil)
	if _, err := h.Account(t, world.URL, h.Temporary).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := world.Calls(); len(calls) != 1 || !calls[0].Token || calls[0].Owner != "alice" {
		t.Errorf("calls %+v, want one of alice with her token", calls)
	}
}

func (h Host) concurrency(t *testing.T) {
	world := h.Start(t, nil)
	api := At(t, world.URL, nil)
	one := h.Open(api, h.Keys, nil)
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 50 {
		group.Go(func() {
			// Every other one is an account of its own, as every call of the solver's makes one.
			account := one
			if i%2 == 0 {
				account = h.Open(api, h.Keys, nil)
			}
			r := provider.TXT{Zone: "example.com", RR: rr, Value: Value + strconv.Itoa(i), TTL: 600}
			id, err := account.AddTXT(t.Context(), r)
			errs <- err
			ids, err := account.FindTXT(t.Context(), r)
			errs <- err
			if !slices.Equal(ids, []provider.RecordID{id}) {
				errs <- fmt.Errorf("found %v, want %v", ids, id)
			}
			_, err = account.Delete(t.Context(), "example.com", id)
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if left := world.Records("example.com"); len(left) != 0 {
		t.Errorf("%d records are left", len(left))
	}
}

// rateLimit holds that the SDK's time-outs do not end the wait for the account's turn, which is within the call, and that the limit's
// own fault comes through.
func (h Host) rateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := wire.API{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Cancel: //nolint:staticcheck // so the time-out of an http.Client reaches a transport that is given another context
				return nil, errors.New("the SDK's time-out")
			default:
			}
			body := io.NopCloser(strings.NewReader(h.API.Records(0)))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
		})}
		account := provider.NewAccounts(quota.New(0.01, "--qps"), false).Account(h.Keys.Identity(), h.Keys.ID, func(pace *quota.Call) provider.Provider {
			return h.Open(api, h.Keys, pace)
		})
		begun, waited := time.Now(), 0
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
			if _, err := account.FindTXT(ctx, Challenge("example.com", rr)); err != nil {
				t.Fatalf("after %v: %v", time.Since(begun), err)
			}
			cancel()
			if time.Since(begun) > time.Minute {
				waited++
			}
			begun = time.Now()
		}
		if waited == 0 {
			t.Error("no call waited for a minute, so this shows nothing")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := account.FindTXT(ctx, Challenge("example.com", rr)); !fault.Is(err, fault.Throttled) {
			t.Errorf("without time to wait: %v, want a throttled fault", err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
