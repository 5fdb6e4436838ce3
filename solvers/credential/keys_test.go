package credential_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/credential"
)

var keys = credential.Keys{ID: "LTAI5tPartOfID", Secret: "PartOfSecret", Token: "PartOfToken"}

const hidden = "credential.Keys(redacted)"

func TestKeysArePrintedAsTheirKind(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for name, value := range map[string]any{"a value": keys, "a pointer": &keys} {
			t.Run(verb+" of "+name, func(t *testing.T) {
				if got := fmt.Sprintf(verb, value); got != hidden {
					t.Errorf("printed %q", got)
				}
			})
		}
	}
	if got := fmt.Sprintf("%q", keys); got != `"`+hidden+`"` {
		t.Errorf("%%q printed %s", got)
	}
	if got := fmt.Sprint(keys); got != hidden {
		t.Errorf("Sprint printed %q", got)
	}
}

func TestKeysHideWithinOtherValues(t *testing.T) {
	type request struct {
		Zone string
		Keys credential.Keys
	}
	values := map[string]any{
		"a struct":               request{"example.com", keys},
		"a pointer to a struct":  &request{"example.com", keys},
		"a slice":                []credential.Keys{keys},
		"a map":                  map[string]credential.Keys{"a": keys},
		"a key of a map":         map[credential.Keys]int{keys: 1},
		"a slice of any":         []any{keys, &keys},
		"a wrapped error's text": fmt.Errorf("signing with %v: %w", keys, errors.New("no")),
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X"} {
			t.Run(verb+" of "+name, func(t *testing.T) { refuseKeys(t, fmt.Sprintf(verb, value)) })
		}
	}
}

func TestKeysInJSON(t *testing.T) {
	got, err := json.Marshal(map[string]any{"value": keys, "pointer": &keys, "in": []credential.Keys{keys}, "key": map[credential.Keys]int{keys: 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"in":["` + hidden + `"],"key":{"` + hidden + `":1},"pointer":"` + hidden + `","value":"` + hidden + `"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestKeysInLogs(t *testing.T) {
	type request struct{ Keys credential.Keys }
	var out bytes.Buffer
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
		logger := slog.New(handler).With("keys", keys)
		logger.Info("signing", "value", keys, "pointer", &keys, "struct", request{keys}, "list", []credential.Keys{keys})
	}
	t.Run("slog", func(t *testing.T) { refuseKeys(t, out.String()) })

	t.Run("any handler of slog's", func(t *testing.T) {
		if got := slog.AnyValue(keys).Resolve(); got.Kind() != slog.KindString || got.String() != hidden {
			t.Errorf("the handler is given %s", got.Kind())
		}
	})

	t.Run("klog", func(t *testing.T) {
		var out bytes.Buffer
		state := klog.CaptureState()
		defer state.Restore()
		flags := flag.NewFlagSet("klog", flag.PanicOnError)
		klog.InitFlags(flags)
		if err := flags.Parse([]string{"-logtostderr=false", "-alsologtostderr=false", "-stderrthreshold=FATAL"}); err != nil {
			t.Fatal(err)
		}
		klog.SetOutput(&out)
		klog.InfoS("signing", "value", keys, "pointer", &keys, "struct", request{keys}, "list", []credential.Keys{keys})
		klog.ErrorS(fmt.Errorf("signing with %v", keys), "signing", "keys", keys)
		klog.Infof("%v %+v %#v %s", keys, keys, keys, keys)
		klog.Flush()
		if lines := strings.Count(out.String(), "\n"); lines < 3 {
			t.Errorf("%d lines were logged, want 3:\n%s", lines, out.String())
		}
		refuseKeys(t, out.String())
	})
}

// refuseKeys fails if a text shows a part of the keys, plainly or in hexadecimal digits, or does not show that they are hidden.
func refuseKeys(t *testing.T, text string) {
	t.Helper()
	for _, part := range []string{keys.ID, keys.Secret, keys.Token} {
		for _, form := range []string{part, fmt.Sprintf("%x", part), fmt.Sprintf("%X", part)} {
			if strings.Contains(text, form) {
				t.Errorf("shows %q:\n%s", part, text)
			}
		}
	}
	if !strings.Contains(text, hidden) && !strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", hidden)) {
		t.Errorf("does not say that keys are hidden:\n%s", text)
	}
}

func TestIdentity(t *testing.T) {
	same := keys
	tests := map[string]credential.Keys{
		"no keys":              {},
		"another ID":           {ID: "LTAI5tOther", Secret: keys.Secret, Token: keys.Token},
		"another secret":       {ID: keys.ID, Secret: "other", Token: keys.Token},
		"another token":        {ID: keys.ID, Secret: keys.Secret, Token: "other"},
		"no token":             {ID: keys.ID, Secret: keys.Secret},
		"token and secret run": {ID: keys.ID, Secret: keys.Secret + keys.Token},
		"ID and secret run":    {ID: keys.ID + keys.Secret, Token: keys.Token},
		"parts changed places": {ID: keys.Secret, Secret: keys.ID, Token: keys.Token},
		"upper case":           {ID: strings.ToUpper(keys.ID), Secret: keys.Secret, Token: keys.Token},
		"a boundary elsewhere": {ID: keys.ID[:5], Secret: keys.ID[5:] + keys.Secret, Token: keys.Token},
	}
	if keys.Identity() != same.Identity() {
		t.Error("the same keys have two identities")
	}
	seen := map[string]string{keys.Identity(): "the keys themselves"}
	for name, other := range tests {
		identity := other.Identity()
		if also, ok := seen[identity]; ok {
			t.Errorf("%s: the identity is that of %s", name, also)
		}
		seen[identity] = name
		if len(identity) != 64 {
			t.Errorf("%s: the identity %q is no SHA-256 sum", name, identity)
		}
		for _, part := range []string{other.ID, other.Secret, other.Token} {
			if part != "" && strings.Contains(identity, part) {
				t.Errorf("%s: the identity shows a part of the keys", name)
			}
		}
	}
}
