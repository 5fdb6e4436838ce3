package providertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// Asked is one request.
type Asked struct {
	Action     string
	Parameters map[string]string
	Header     http.Header
}

// Answer is what a scripted server says. A zero status is 200.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Server says what a test wants, and remembers what it was asked.
type Server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []Asked
}

// Serve starts a scripted server that ends with the test.
func (h Host) Serve(t *testing.T, script func(Asked) Answer) *Server {
	t.Helper()
	s := &Server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action, parameters, err := h.API.Read(r)
		if err != nil {
			t.Error(err)
		}
		asked := Asked{Action: action, Parameters: parameters, Header: r.Header}
		s.mu.Lock()
		s.asked = append(s.asked, asked)
		s.mu.Unlock()
		answer := script(asked)
		w.Header().Set("Content-Type", "application/json")
		for name, v := range answer.Header {
			w.Header().Set(name, v)
		}
		w.WriteHeader(max(answer.Status, 200))
		_, _ = io.WriteString(w, answer.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

// Asked is all that the server was asked.
func (s *Server) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Values are what a parameter was in each request.
func (s *Server) Values(parameter string) []string {
	var list []string
	for _, asked := range s.Asked() {
		list = append(list, asked.Parameters[parameter])
	}
	return list
}

// Refuse is an answer with a code of the API.
func (h Host) Refuse(code string) Answer { return h.refuseWith(h.API.Status, code) }

// refuseWith makes every answer differ in all that a text must not depend on.
func (h Host) refuseWith(status int, code string) Answer {
	now := time.Now()
	message := fmt.Sprintf("refused %s at %v, %s %s", code, now, h.Keys.ID, url.QueryEscape(h.Temporary.Token))
	return Answer{Status: status, Body: h.API.Refusal(code, message, fmt.Sprint("request-", now.UnixNano()))}
}

func (h Host) oddAnswers(t *testing.T) {
	const unreadable = "transient, retry true after 0s: HOST answered HTTP %d with something that cannot be read"
	const stranger = "; check the endpoint's address and what stands between"
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for name, test := range map[string]struct {
		answer Answer
		// want is unreadable where it is left out.
		want string
	}{
		"a gateway's page":                  {answer: Answer{Status: 502, Body: "<html>" + h.Keys.ID + "</html>"}},
		"a gateway's page with HTTP 200":    {answer: Answer{Body: "<html>hello</html>"}},
		"a code that is a number":           {answer: Answer{Status: 502, Body: `{"Code":502}`}},
		"a code that is a list":             {answer: Answer{Status: 502, Body: `{"Code":["x"]}`}},
		"a message that is an object":       {answer: Answer{Status: 500, Body: `{"Code":"X","Message":{}}`}},
		"an error without a code":           {answer: Answer{Status: 503, Body: `{}`}},
		"a document with HTTP 500":          {answer: Answer{Status: 500, Body: `{"Response":{"RequestId":"r"}}`}},
		"half a document":                   {answer: Answer{Body: h.API.Zones(1)[:len(h.API.Zones(1))/2]}},
		"no document":                       {answer: Answer{Body: ``}},
		"a document of something else":      {answer: Answer{Body: `{}`}},
		"a list in place of a document":     {answer: Answer{Body: `[]`}},
		"null in place of a document":       {answer: Answer{Body: `null`}},
		"an empty response":                 {answer: Answer{Body: `{"Response":{}}`}},
		"a response that is null":           {answer: Answer{Body: `{"Response":null}`}},
		"lists of the wrong type":           {answer: Answer{Body: `{"TotalCount":{},"Domains":[]}`}},
		"fields of the wrong type":          {answer: Answer{Body: `{"Response":{"RecordId":"x","RecordList":{},"DomainList":7,"RequestId":[]}}`}},
		"an error of another API":           {answer: Answer{Body: `{"code":4000,"message":"x","codeDesc":""}`}},
		"an event stream":                   {answer: Answer{Header: header("Content-Type", "text/event-stream"), Body: "data: x\n\n"}},
		"a body without a type":             {answer: Answer{Header: header("Content-Type", "application/octet-stream"), Body: "\x00\x01"}},
		"an encoding that nobody asked for": {answer: Answer{Header: header("Content-Encoding", "deflate"), Body: h.API.Zones(0)}},
		"an encoding that nobody knows":     {answer: Answer{Header: header("Content-Encoding", "zstd"), Body: "x"}},
		"a time-out of the gateway":         {answer: Answer{Status: 408, Body: "slow"}},
		"a body that is too long": {
			answer: Answer{Status: 502, Body: strings.Repeat("x", 10<<20)}, want: "transient, retry true after 0s: the answer of HOST is too long",
		},
		"too many calls for the gateway": {
			answer: Answer{Status: 429, Body: "slow down"}, want: "throttled, retry true after 0s: too many calls to HOST",
		},
		"a page that is not found": {
			answer: Answer{Status: 404, Body: "not here"},
			want:   "misconfigured, retry false after 0s: HOST answered HTTP 404 with something that cannot be read" + stranger,
		},
		"a redirect": {
			answer: Answer{Status: 302, Header: header("Location", "http://elsewhere.invalid/")},
			want:   "misconfigured, retry false after 0s: HOST answered with a redirect, which a signed request must not follow" + stranger,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := h.Serve(t, func(Asked) Answer { return test.answer })
			account := h.Account(t, server.URL)
			want := test.want
			if want == "" {
				want = fmt.Sprintf(unreadable, max(test.answer.Status, 200))
			}
			want = strings.ReplaceAll(want, "HOST", strings.TrimPrefix(server.URL, "http://"))
			for method, do := range map[string]Call{
				"Zones": List, "AddTXT": Add(Challenge("example.com", rr)), "FindTXT": Find(Challenge("example.com", rr)), "Delete": Remove("1"),
			} {
				if diff := cmp.Diff(want, Described(do(t.Context(), account))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
		})
	}
}

// showing answers with a list, and where the host looks at one record, with that one.
func (h Host) showing(one cloud.Record, list string) func(Asked) Answer {
	return func(asked Asked) Answer {
		if asked.Action == h.API.LookAction {
			return Answer{Body: h.API.Look(one)}
		}
		return Answer{Body: list}
	}
}

// lists has lists as no simulator has them.
func (h Host) lists(t *testing.T) {
	const endless = 1_000_000_000
	one := cloud.Record{ID: 5, RR: "x", Type: "TXT", Value: Value}
	t.Run("names that are none are left out, and none is there twice", func(t *testing.T) {
		server := h.Serve(t, func(Asked) Answer {
			return Answer{Body: h.API.Zones(4, Zone{"bad name.com", "also bad"}, Zone{"", "xn--fsqu00a.com"}, Zone{"example.com", ""}, Zone{"EXAMPLE.com", ""})}
		})
		got, err := h.Account(t, server.URL).Zones(t.Context())
		if diff := cmp.Diff([]string{"example.com", "xn--fsqu00a.com"}, got); diff != "" || err != nil {
			t.Errorf("zones, %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("what an API finds by a part of a name or of a value is not ours", func(t *testing.T) {
		longer := cloud.Record{ID: 6, RR: "x.www", Type: "TXT", Value: Value}
		other := cloud.Record{ID: 7, RR: "x", Type: "TXT", Value: Value + "x"}
		server := h.Serve(t, h.showing(one, h.API.Records(3, longer, one, other)))
		got, err := h.Account(t, server.URL).FindTXT(t.Context(), Challenge("example.com", "x"))
		if diff := cmp.Diff([]provider.RecordID{"5"}, got); diff != "" || err != nil {
			t.Errorf("ids, %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("a record that moves to the next page while the first is read counts once", func(t *testing.T) {
		server := h.Serve(t, h.showing(one, h.API.Records(2, one)))
		got, err := h.Account(t, server.URL).FindTXT(t.Context(), Challenge("example.com", "x"))
		if diff := cmp.Diff([]provider.RecordID{"5"}, got); diff != "" || err != nil {
			t.Errorf("ids, %v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff(h.API.FirstPages, server.Values(h.API.PageParameter)[:len(h.API.FirstPages)]); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
	for name, test := range map[string]struct {
		body string
		do   Call
		want bool
		most int
	}{
		"a total of zones that is never reached is an error": {body: h.API.Zones(endless, Zone{"example.com", ""}), do: List, want: true, most: 1000},
		"so is one of records":                               {body: h.API.Records(endless, one), do: Find(Challenge("example.com", "x")), want: true, most: 1000},
		"an empty page ends a list":                          {body: h.API.Zones(endless), do: List, most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := h.Serve(t, func(Asked) Answer { return Answer{Body: test.body} })
			// A thousand calls need no network.
			account := h.Open(wire.API{Transport: simulator.Transport(server.Config.Handler)}, h.Keys, nil)
			err := test.do(t.Context(), account)
			if got := fault.Is(err, fault.Transient); got != test.want {
				t.Errorf("error %v, want one: %v", err, test.want)
			}
			if calls := len(server.Asked()); calls > test.most {
				t.Errorf("%d calls, want at most %d", calls, test.most)
			}
		})
	}
}
