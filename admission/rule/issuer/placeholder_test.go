package issuer

import "testing"

func TestWhatIsToBeFilledIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"<your-email>": true, "<Your Email>": true, "YOUR_EMAIL": true, "your@email": true, "EMAIL": true, "email@domain": true,
		"me@yourdomain": true, "${ACME_EMAIL}": true, "$EMAIL": true, "%EMAIL%": true, "{{ .Values.email }}": true, "[email]": true,
		"<admin@your-domain>": true, "user@domain.tld": true, "ops@example": true, "changeme": true, "change-me@corp": true, "email": true,
		"ACME_EMAIL_HERE": true, "REPLACE_ME@corp.dev": true, "your email": true, "user@host": true,

		"root@localhost": false, "ann@corp.internal": false, "ann@mail.corp.internal": false, "pki.cert-lab.dev": false,
		"<ann@corp>": false, "Ann Smith": false, "ann@cert-lab.dev, bob@cert-lab.dev": false, "ops@": false, "mailto:ann@cert-lab.dev": false,
		"用户@cert-lab.dev": false, "ops@internal": false, "hostmaster": false,
	} {
		if got := isPlaceholder(text); got != want {
			t.Errorf("isPlaceholder(%q) = %t, want %t", text, got, want)
		}
	}
}
