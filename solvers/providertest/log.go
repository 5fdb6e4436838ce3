package providertest

import (
	"bytes"
	"flag"
	"net/url"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

// log holds what of a vendor's message gets into the log, at level 4 and only there.
func (h Host) log(t *testing.T) {
	escaped := url.QueryEscape(h.Keys.Secret)
	for name, test := range map[string]struct {
		level   string
		message string
		want    []string
		not     []string
	}{
		"the message and the request's id are logged": {
			level: "4", message: "The line is odd.", want: []string{"The line is odd.", "REQUEST-1", "example.com"},
		},
		"below level 4 nothing is logged": {
			level: "3", message: "The line is odd.", not: []string{"The line is odd.", "REQUEST-1"},
		},
		"keys are taken out, as they are and as they stand in a query": {
			level: "4", message: h.Keys.ID + " and " + h.Keys.Secret + " and " + escaped,
			want: []string{"*** and *** and ***"}, not: []string{h.Keys.ID, h.Keys.Secret, escaped},
		},
		"a message that repeats what was signed is left out": {
			level: "4", message: "no match, server String to Sign is:POST&%2F&AccessKeyId%3Dsomething",
			want: []string{"left out", "REQUEST-1"}, not: []string{"POST", "something"},
		},
		"a long message is cut": {
			level: "4", message: strings.Repeat("x", 10_000), want: []string{strings.Repeat("x", 512) + "…"}, not: []string{strings.Repeat("x", 513)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := logged(t, test.level)
			server := h.Serve(t, func(Asked) Answer {
				return Answer{Status: h.API.Status, Body: h.API.Refusal("Something.New", test.message, "REQUEST-1")}
			})
			if err := Find(Challenge("example.com", rr))(t.Context(), h.Account(t, server.URL)); err == nil {
				t.Fatal("the refusal is no error")
			}
			klog.Flush()
			for _, part := range test.want {
				if !strings.Contains(log.String(), part) {
					t.Errorf("the log lacks %q:\n%s", part, log)
				}
			}
			for _, part := range test.not {
				if strings.Contains(log.String(), part) {
					t.Errorf("the log has %q:\n%s", part, log)
				}
			}
		})
	}
}

// logged turns the log to a buffer until the test ends.
func logged(t *testing.T, level string) *bytes.Buffer {
	t.Helper()
	t.Cleanup(klog.CaptureState().Restore)
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, v := range map[string]string{"v": level, "logtostderr": "false"} {
		if err := flags.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	var buffer bytes.Buffer
	klog.SetOutput(&buffer)
	return &buffer
}
