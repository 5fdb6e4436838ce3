package metadata_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/metadata"
)

const (
	arn  = "acs:ram::1:role/dns"
	ram  = "/latest/meta-data/ram/security-credentials/"
	cam  = "/latest/meta-data/cam/security-credentials/"
	ttls = "X-aliyun-ecs-metadata-token-ttl-seconds"
)

// machine is a node at a cloud whose clock a test sets.
type machine struct {
	*metadata.Node
	cloud *cloud.Cloud
	now   time.Time
}

func newMachine() *machine {
	m := &machine{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	m.cloud = cloud.New(cloud.Options{Now: func() time.Time { return m.now }})
	m.cloud.PutAccount(cloud.Account{Owner: "bob", Roles: []cloud.Role{{ARN: arn}}})
	m.Node = metadata.NewNode(m.cloud)
	m.Attach(arn, 6*time.Hour)
	return m
}

func ask(handler http.Handler, method, path string, header ...string) (status int, body string) {
	r, w := httptest.NewRequest(method, path, nil), httptest.NewRecorder()
	if len(header) > 0 {
		r.Header.Set(header[0], header[1])
	}
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTokensOfECS(t *testing.T) {
	m := newMachine()
	for ttl, want := range map[string]int{"": 400, "0": 400, "21601": 400, "-5": 400, "five": 400, "1": 200, "21600": 200} {
		if status, _ := ask(m.ECS(), http.MethodPut, "/latest/api/token", ttls, ttl); status != want {
			t.Errorf("a token for %q seconds: HTTP %d, want %d", ttl, status, want)
		}
	}
	_, token := ask(m.ECS(), http.MethodPut, "/latest/api/token", ttls, "300")
	for step, test := range []struct {
		after time.Duration
		token string
		want  int
	}{{0, "", 403}, {0, "made-up", 403}, {0, token, 200}, {299 * time.Second, token, 200}, {time.Second, token, 403}} {
		m.now = m.now.Add(test.after)
		for _, path := range []string{ram, ram + "dns"} {
			if status, _ := ask(m.ECS(), http.MethodGet, path, "X-aliyun-ecs-metadata-token", test.token); status != test.want {
				t.Errorf("step %d, %s: HTTP %d, want %d", step, path, status, test.want)
			}
		}
	}
}

// Whatever gives keys gives those of the role that is attached, until it is detached.
func TestKeys(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(*metadata.Node) http.Handler
		path  string
		names []string // of the id, the secret and the token
	}{
		"ECS":               {(*metadata.Node).ECS, ram, []string{"AccessKeyId", "AccessKeySecret", "SecurityToken"}},
		"CVM":               {(*metadata.Node).CVM, cam, []string{"TmpSecretId", "TmpSecretKey", "Token"}},
		"a credentials URI": {(*metadata.Node).URI, "", []string{"AccessKeyId", "AccessKeySecret", "SecurityToken"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			handler := test.serve(m.Node)
			_, token := ask(handler, http.MethodPut, "/latest/api/token", ttls, "300")
			get := func(path string) (int, string) {
				return ask(handler, http.MethodGet, path, "X-aliyun-ecs-metadata-token", token)
			}
			keys := "/creds"
			if test.path != "" {
				keys = test.path + "dns"
				if status, role := get(test.path); status != http.StatusOK || role != "dns" {
					t.Errorf("HTTP %d, the role %q", status, role)
				}
				if status, _ := get(test.path + "other"); status != http.StatusNotFound {
					t.Errorf("another role: HTTP %d", status)
				}
			}
			status, body := get(keys)
			var given map[string]any
			if err := json.Unmarshal([]byte(body), &given); err != nil || status != http.StatusOK {
				t.Fatalf("HTTP %d, %v", status, err)
			}
			id, _ := given[test.names[0]].(string)
			key, owner, known := m.cloud.Key(id)
			want := []any{"Success", key.Secret, key.Token, "2026-12-01T18:00:00Z"}
			if diff := cmp.Diff(want, []any{given["Code"], given[test.names[1]], given[test.names[2]], given["Expiration"]}); diff != "" || !known || owner != "bob" {
				t.Errorf("the key of %q is known: %v (-want +got):\n%s", owner, known, diff)
			}
			if ends, there := given["ExpiredTime"]; there && ends != float64(key.Expires.Unix()) {
				t.Errorf("ends at %v", ends)
			}
			if _, again := get(keys); strings.Contains(again, id) {
				t.Error("the same session again")
			}
			m.Detach()
			if status, _ := get(keys); status != http.StatusNotFound {
				t.Errorf("without a role: HTTP %d", status)
			}
		})
	}
}
