package dnspod_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

// TestLog holds what of a vendor's message gets into the log, at level 4 and only there.
func TestLog(t *testing.T) {
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
			level: "4", message: keys.ID + " and " + keys.Secret + " and " + url.QueryEscape(keys.Secret),
			want: []string{"*** and *** and ***"}, not: []string{keys.ID, keys.Secret, url.QueryEscape(keys.Secret)},
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
			server := serve(t, func(request) answer {
				return answer{status: 400, body: fmt.Sprintf(`{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":%q},"RequestId":"REQUEST-1"}}`, test.message)}
			})
			_, err := at(t, server.URL, nil).Account(keys, nil).FindTXT(t.Context(), challenge("example.com", "_acme-challenge"))
			if err == nil {
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
