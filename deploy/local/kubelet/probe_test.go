package kubelet

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestAsk(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	port, err := strconv.Atoi(server.URL[strings.LastIndex(server.URL, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	container := &corev1.Container{Name: "c", Ports: []corev1.ContainerPort{{Name: "https", ContainerPort: 8443}}}
	p := newProber(container, place{ports: map[int32]int{8443: port}})
	get := func(path string, port intstr.IntOrString) corev1.ProbeHandler {
		return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Scheme: corev1.URISchemeHTTPS, Path: path, Port: port}}
	}
	for name, test := range map[string]struct {
		handler corev1.ProbeHandler
		good    bool
	}{
		"a good answer":             {get("/readyz", intstr.FromString("https")), true},
		"a bad answer":              {get("/livez", intstr.FromInt32(8443)), false},
		"an undeclared port":        {get("/readyz", intstr.FromInt32(1)), false},
		"an open port":              {corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8443)}}, true},
		"a kind that is not played": {corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := p.ask(t.Context(), &corev1.Probe{ProbeHandler: test.handler}); (err == nil) != test.good {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWatch plays answers against thresholds, in a time of its own.
func TestWatch(t *testing.T) {
	for name, test := range map[string]struct {
		probe   corev1.Probe
		answers string // one character for each question: + is a good answer
		want    string // the verdicts
	}{
		"one good answer is success":           {corev1.Probe{}, "+", "+"},
		"failures count only in a row":         {corev1.Probe{FailureThreshold: 3}, "--+--+---", "++-"},
		"success may need several":             {corev1.Probe{SuccessThreshold: 2, FailureThreshold: 1}, "+-++", "-+"},
		"a state that lasts is told each time": {corev1.Probe{FailureThreshold: 2}, "---", "--"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var asked atomic.Int64
				ask := func(context.Context, *corev1.Probe) error {
					i := int(asked.Add(1)) - 1
					if i >= len(test.answers) {
						cancel()
						return nil
					}
					if test.answers[i] == '+' {
						return nil
					}
					return context.DeadlineExceeded
				}
				var verdicts strings.Builder
				watch(ctx, &test.probe, ask, func(good bool) bool {
					if ctx.Err() == nil {
						verdicts.WriteString(map[bool]string{true: "+", false: "-"}[good])
					}
					return true
				})
				if got := verdicts.String(); got != test.want {
					t.Errorf("verdicts %q, want %q", got, test.want)
				}
			})
		})
	}
}
