package providertest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// Caller asks a cloud whose keys are.
type Caller interface {
	Caller(ctx context.Context, keys credential.Keys) (credential.Caller, error)
}

// Callers is what differs between how the hosts' clouds say whose keys are.
type Callers struct {
	Host
	// At returns what asks at an API.
	At func(wire.API) Caller
	// Document is an answer, and Caller what it says. Incomplete are answers in which something is missing.
	Document   string
	Caller     credential.Caller
	Incomplete []string
	// Codes are what is said to codes of STS, with the kind of the fault in front.
	Codes map[string]string
}

// RunCallers holds what asks whose keys are to what it says of answers.
func RunCallers(t *testing.T, c Callers) {
	ask := func(t *testing.T, answer Answer) (credential.Caller, *Server, error) {
		t.Helper()
		server := c.Serve(t, func(Asked) Answer { return answer })
		got, err := c.At(At(t, server.URL, nil)).Caller(t.Context(), c.Keys)
		checkSecrets(t, err, c.Keys)
		return got, server, err
	}
	t.Run("a caller", func(t *testing.T) {
		got, server, err := ask(t, Answer{Body: c.Document})
		if diff := cmp.Diff(c.Caller, got); diff != "" || err != nil {
			t.Errorf("caller (-want +got), %v:\n%s", err, diff)
		}
		if asked := server.Asked(); len(asked) != 1 || asked[0].Action != "GetCallerIdentity" {
			t.Errorf("asked: %v", asked)
		}
	})
	for _, body := range c.Incomplete {
		t.Run(body, func(t *testing.T) {
			if got, _, err := ask(t, Answer{Body: body}); !fault.Is(err, fault.Transient) || got != (credential.Caller{}) {
				t.Errorf("it is taken for a caller: %v, %v", got, err)
			}
		})
	}
	for code, want := range c.Codes {
		t.Run(code, func(t *testing.T) {
			_, _, err := ask(t, c.Refuse(code))
			if diff := cmp.Diff(want, Described(err)); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}
