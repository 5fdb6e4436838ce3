package placeholder_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/admission/placeholder"
)

func found(text string, isName bool) []string {
	var all []string
	for _, s := range placeholder.Find(text, isName) {
		all = append(all, text[s.Start:s.End])
	}
	return all
}

func TestFind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"${DOMAIN}":                        {"${DOMAIN}"},
		"${domain_one:=cert-lab.dev}":      {"${domain_one:=cert-lab.dev}"},
		"${A/./-}-x-${B}":                  {"${A/./-}", "${B}"},
		"${A:-${B}}.dev":                   {"${A:-${B}}"},
		"${{ secrets.DOMAIN }}":            {"${{ secrets.DOMAIN }}"},
		"*.$(DOMAIN)":                      {"$(DOMAIN)"},
		"<path:secret/data/dns#domain>":    {"<path:secret/data/dns#domain>"},
		"<path:secret/data/dns#a@1 | b64>": {"<path:secret/data/dns#a@1 | b64>"},
		"<secret:dns>":                     {"<secret:dns>"},
		"www.<YOUR_DOMAIN>":                {"<YOUR_DOMAIN>"},
		"<your domain>":                    {"<your domain>"},
		"<<DOMAIN>>":                       {"<<DOMAIN>>"},
		"{{ .Values.domain }}":             {"{{ .Values.domain }}"},
		"a-{{x}}-{{ y }}":                  {"{{x}}", "{{ y }}"},
		"[[ .Domain ]]":                    {"[[ .Domain ]]"},
		"@DOMAIN@":                         {"@DOMAIN@"},
		"%DOMAIN%":                         {"%DOMAIN%"},
		"#{DOMAIN}#":                       {"#{DOMAIN}#"},
		"ENC[AES256_GCM,data:a,iv:b]":      {"ENC[AES256_GCM,data:a,iv:b]"},
		"ref+vault://secret/dns#/domain":   {"ref+vault://secret/dns#/domain"},
		"$$${DOMAIN}":                      {"${DOMAIN}"},
		"$${DOMAIN}":                       nil,
		"$$(DOMAIN)":                       nil,
		"${":                               nil,
		"${DOMAIN":                         nil,
		"${}":                              nil,
		"/${1}/$5":                         nil,
		"a < b":                            nil,
		"<":                                nil,
		"Name <a@b.dev>":                   nil,
		"^(?P<name>[a-z]+)(?<n>x)$":        nil,
		"[[:alpha:]]+":                     nil,
		"https://a.dev/%7Bx%7D?%E4%B8%AD":  nil,
		"-----BEGIN CERTIFICATE-----\nMII": nil,
		"MY_DOMAIN":                        nil,
		"$DOMAIN":                          nil,
		"":                                 nil,
	} {
		if diff := cmp.Diff(want, found(text, false)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestFindInNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"MY_DOMAIN.example.dev":  {"MY_DOMAIN"},
		"EXAMPLE_COM-tls":        {"EXAMPLE_COM"},
		"A_B.C_D":                {"A_B", "C_D"},
		"DOMAIN_PLACEHOLDER":     {"DOMAIN_PLACEHOLDER"},
		"www.PLACEHOLDER":        {"PLACEHOLDER"},
		"REPLACE_ME":             {"REPLACE_ME"},
		"*.$DOMAIN":              {"$DOMAIN"},
		"$domain":                {"$domain"},
		"__DOMAIN__":             {"__DOMAIN__"},
		"((domain))":             {"((domain))"},
		"${A_B}.C_D":             {"${A_B}", "C_D"},
		"$5":                     nil,
		"a$b":                    nil,
		"$$DOMAIN":               nil,
		"WWW.EXAMPLE.DEV":        nil,
		"API.EXAMPLE.DEV":        nil,
		"_ACME-CHALLENGE.A.DEV":  nil,
		"_sip._tcp.example.dev":  nil,
		"my_domain":              nil,
		"xn--fiqs8s.example.dev": nil,
	} {
		if diff := cmp.Diff(want, found(text, true)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// FuzzFind holds that placeholders are parts of the text in order, and that one filled in with a word is none.
func FuzzFind(f *testing.F) {
	for _, text := range []string{"${A}.b", "$${A}", "<a><b>", "A_B_C.D_E", "{{x}}}", "$(a)$b", "(?P<a>b)<c>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, isName := range []bool{false, true} {
			end := 0
			spans := placeholder.Find(text, isName)
			if diff := cmp.Diff(placeholder.Search(text, isName), spans, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%q: what is searched for (-) is not what is found (+):\n%s", text, diff)
			}
			for _, s := range spans {
				if s.Start < end || s.End <= s.Start || s.End > len(text) {
					t.Fatalf("%q: %v", text, spans)
				}
				end = s.End
			}
			same := placeholder.Fill(text, spans, func(placeholder string) string { return placeholder })
			if same != text {
				t.Errorf("%q becomes %q", text, same)
			}
			filled := placeholder.Fill(text, spans, func(string) string { return "\x00" })
			if strings.Count(filled, "\x00") != strings.Count(text, "\x00")+len(spans)-inside(text, spans) {
				t.Errorf("%q is filled as %q", text, filled)
			}
		}
	})
}

// inside counts the zero bytes that placeholders themselves hold.
func inside(text string, spans []placeholder.Span) int {
	n := 0
	for _, s := range spans {
		n += strings.Count(text[s.Start:s.End], "\x00")
	}
	return n
}
