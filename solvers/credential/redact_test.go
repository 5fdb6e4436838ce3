package credential_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
)

func TestRedact(t *testing.T) {
	odd := credential.Keys{ID: "LTAI5tExample", Secret: "se+cret/==", Token: "CAIS/t+k=%"}
	once, twice := url.QueryEscape(odd.Token), url.QueryEscape(url.QueryEscape(odd.Token))
	tests := map[string]struct {
		keys credential.Keys
		in   string
		want string
	}{
		"nothing in nothing":               {odd, "", ""},
		"a text without keys stays":        {odd, "the signature does not match", "the signature does not match"},
		"without keys every text stays":    {credential.Keys{}, "a text", "a text"},
		"each part":                        {odd, "id LTAI5tExample, secret se+cret/==, token CAIS/t+k=%.", "id ***, secret ***, token ***."},
		"every time that it stands there":  {odd, "LTAI5tExample LTAI5tExampleLTAI5tExample", "*** ******"},
		"in a query":                       {odd, "?AccessKeyId=LTAI5tExample&SecurityToken=" + once, "?AccessKeyId=***&SecurityToken=***"},
		"in a string that is signed":       {odd, "POST&%2F&SecurityToken%3D" + twice + "%26Version", "POST&%2F&SecurityToken%3D***%26Version"},
		"in a path":                        {odd, "/" + url.PathEscape(odd.Secret) + "/", "/***/"},
		"a part of it alone is left there": {odd, "LTAI5tExampl", "LTAI5tExampl"},
		"a part that begins like another":  {credential.Keys{ID: "abc", Secret: "abcdef"}, "abcdef abc", "*** ***"},
		"a part that holds another":        {credential.Keys{ID: "c", Secret: "abcdef"}, "abcdef c", "*** ***"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.keys.Redact(test.in)); diff != "" {
				t.Errorf("redacted (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("LTAI5tExample", "se+cret/==", "CAIS/t+k=%", "text ")
	f.Add("aaaaaaaaaaaa", "aaaaaaaaaaaaa", "", "a")
	f.Add("id%2Bid%2Bid%2B", "id+id+id+id+", "\xff\xff\xff\xff\xff\xff\xff\xff", "%")
	f.Fuzz(func(t *testing.T, id, secret, token, text string) {
		keys := credential.Keys{ID: id, Secret: secret, Token: token}
		for _, part := range []string{id, secret, token} {
			// What is as short as the stars, or holds them, can be made by hiding something else.
			if len(part) < 12 || strings.Contains(part, "*") {
				continue
			}
			for _, form := range []string{part, url.QueryEscape(part), url.QueryEscape(url.QueryEscape(part)), url.PathEscape(part)} {
				if got := keys.Redact(text + form + text); strings.Contains(got, form) {
					t.Fatalf("%q is left in %q", form, got)
				}
			}
		}
	})
}
