package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
)

var kinds = map[fault.Kind]string{
	fault.Transient:      "transient",
	fault.Throttled:      "throttled",
	fault.Denied:         "denied",
	fault.CredentialGone: "credential_gone",
	fault.ZoneNotFound:   "zone_not_found",
	fault.Misconfigured:  "misconfigured",
}

func TestKindString(t *testing.T) {
	for kind, want := range kinds {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is called %q, want %q", kind, got, want)
		}
	}
	for _, kind := range []fault.Kind{-1, fault.Misconfigured + 1, 99} {
		if got := kind.String(); got != "unknown" {
			t.Errorf("kind %d is called %q", kind, got)
		}
	}
}

func TestText(t *testing.T) {
	tests := map[string]struct {
		fault fault.Error
		want  string
	}{
		"a reason alone":            {fault.Error{Reason: "it is so"}, "it is so"},
		"a reason and a code":       {fault.Error{Reason: "it is so", Code: "A.B"}, "it is so (A.B)"},
		"a reason and a remedy":     {fault.Error{Reason: "it is so", Remedy: "change it"}, "it is so; change it"},
		"a reason, code and remedy": {fault.Error{Reason: "it is so", Code: "A.B", Remedy: "change it"}, "it is so (A.B); change it"},
		"neither kind, nor wait, nor cause is printed": {
			fault.Error{Kind: fault.Denied, Reason: "it is so", RetryAfter: time.Hour, Cause: errors.New("RequestId=123")},
			"it is so",
		},
		"a percent sign is nothing special": {fault.Error{Reason: "100%d", Code: "%s", Remedy: "%v"}, "100%d (%s); %v"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if diff := cmp.Diff(test.want, test.fault.Error()); diff != "" {
					t.Errorf("text (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestIs(t *testing.T) {
	for made := range kinds {
		err := &fault.Error{Kind: made, Reason: "so"}
		for asked := range kinds {
			for name, err := range map[string]error{
				"itself": err, "wrapped": fmt.Errorf("adding a record: %w", err), "wrapped twice": fmt.Errorf("a: %w", fmt.Errorf("b: %w", err)),
				"joined": errors.Join(io.EOF, err),
			} {
				if got, want := fault.Is(err, asked), made == asked; got != want {
					t.Errorf("Is(%s %s, %s) = %t", made, name, asked, got)
				}
			}
		}
	}
	for kind := range kinds {
		if fault.Is(nil, kind) {
			t.Errorf("no error is %s", kind)
		}
		if fault.Is(io.EOF, kind) {
			t.Errorf("an error that is no fault is %s", kind)
		}
		if fault.Is(fmt.Errorf("text only: %v", &fault.Error{Kind: kind}), kind) { //nolint:errorlint // an error that does not wrap is what is tested
			t.Errorf("the text of a fault is %s", kind)
		}
	}
}

func TestCause(t *testing.T) {
	err := fmt.Errorf("listing: %w", &fault.Error{Kind: fault.Transient, Reason: "so", Cause: fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is not what errors.Is finds")
	}
	if errors.Is(err, io.EOF) {
		t.Error("errors.Is finds what is not there")
	}
	if got, want := err.Error(), "listing: so"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	outer := &fault.Error{Kind: fault.Misconfigured, Reason: "outer", Cause: err}
	if !fault.Is(outer, fault.Misconfigured) || fault.Is(outer, fault.Transient) {
		t.Error("a fault is of its cause's kind, not of its own")
	}
}

func TestRetryable(t *testing.T) {
	tests := map[string]struct {
		err   error
		after time.Duration
		want  bool
	}{
		"nothing went wrong":       {nil, 0, false},
		"an error that is unknown": {io.EOF, 0, false},
		"a deadline by itself":     {context.DeadlineExceeded, 0, false},
		"transient":                {&fault.Error{Kind: fault.Transient}, 0, true},
		"transient, with a wait":   {&fault.Error{Kind: fault.Transient, RetryAfter: 3 * time.Second}, 3 * time.Second, true},
		"throttled":                {&fault.Error{Kind: fault.Throttled}, 0, true},
		"throttled and wrapped":    {fmt.Errorf("a: %w", &fault.Error{Kind: fault.Throttled, RetryAfter: time.Second}), time.Second, true},
		"denied":                   {&fault.Error{Kind: fault.Denied}, 0, false},
		"the credential is gone":   {&fault.Error{Kind: fault.CredentialGone}, 0, false},
		"no such zone":             {&fault.Error{Kind: fault.ZoneNotFound}, 0, false},
		"misconfigured":            {&fault.Error{Kind: fault.Misconfigured}, 0, false},
		"of a kind that is none":   {&fault.Error{Kind: 99}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			after, got := fault.Retryable(test.err)
			if got != test.want || after != test.after {
				t.Errorf("Retryable = %s, %t, want %s, %t", after, got, test.after, test.want)
			}
		})
	}
}

func TestCode(t *testing.T) {
	const unreadable = "unreadable code"
	tests := map[string]struct{ in, want string }{
		"one word":                      {"Throttling", "Throttling"},
		"words joined by dots":          {"InvalidParameter.DomainRecordExist", "InvalidParameter.DomainRecordExist"},
		"words joined by other signs":   {"Some-Code_2.x", "Some-Code_2.x"},
		"a number":                      {"502", "502"},
		"as long as a code may be":      {strings.Repeat("a", 80), strings.Repeat("a", 80)},
		"longer than any code":          {strings.Repeat("a", 81), unreadable},
		"nothing":                       {"", unreadable},
		"a sentence":                    {"The request id is 7F3A", unreadable},
		"a line feed":                   {"Throttling\n", unreadable},
		"a URL":                         {"https://alidns.aliyuncs.com/?Signature=x", unreadable},
		"a page of HTML":                {"<html>", unreadable},
		"JSON":                          {`{"Code":502}`, unreadable},
		"letters outside ASCII":         {"错误", unreadable},
		"bytes that are not UTF-8":      {"\xff", unreadable},
		"an escape code of a terminal":  {"\x1b[31mred", unreadable},
		"base64 that may be a token":    {"c2VjcmV0/+==", unreadable},
		"a verb of a format's":          {"%s", unreadable},
		"letters that fold to ASCII's":  {"\u212aey", unreadable},
		"a code with a space in front":  {" Throttling", unreadable},
		"a code within quotation marks": {`"Throttling"`, unreadable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := fault.Code(test.in)
			if got != test.want {
				t.Errorf("Code(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func FuzzCode(f *testing.F) {
	for _, seed := range []string{"", "Throttling.User", "InvalidTimeStamp.Expired", "<html>", "\xff", "a b", strings.Repeat("x", 81), "unreadable code"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := fault.Code(s)
		if got == "unreadable code" {
			return
		}
		if got != s || fault.Code(got) != got {
			t.Fatalf("Code(%q) = %q, of which Code makes %q", s, got, fault.Code(got))
		}
		if len(got) == 0 || len(got) > 80 || strings.ContainsAny(got, " \t\r\n<>{}\"'%/?&=\x00\x1b") {
			t.Fatalf("Code(%q) lets it through", s)
		}
	})
}
