package words_test

import (
	"testing"

	"github.com/certyun/certyun/admission/words"
)

func TestClosestName(t *testing.T) {
	t.Parallel()
	given := []string{"letsencrypt-prod", "letsencrypt-staging", "corp-ca", "selfsigned"}
	for name, c := range map[string]struct{ written, want string }{
		"a word written out":               {"letsencrypt-production", "letsencrypt-prod"},
		"a word cut short":                 {"letsencrypt-stag", "letsencrypt-staging"},
		"a slip of the pen":                {"letsencrypt-pord", "letsencrypt-prod"},
		"another separator":                {"letsencrypt_prod", "letsencrypt-prod"},
		"another case":                     {"LetsEncrypt-Prod", "letsencrypt-prod"},
		"a part left out":                  {"letsencrypt", "letsencrypt-prod"},
		"a part more":                      {"corp-ca-issuer", "corp-ca"},
		"two parts more":                   {"corp-ca-issuer-old", ""},
		"another environment is no slip":   {"letsencrypt-dev", ""},
		"a common first part is no slip":   {"corp-root", ""},
		"nothing alike":                    {"vault", ""},
		"nothing":                          {"", ""},
		"only separators are like nothing": {"--", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := words.ClosestName(c.written, given); got != c.want {
				t.Errorf("ClosestName(%q) = %q, want %q", c.written, got, c.want)
			}
		})
	}
}
