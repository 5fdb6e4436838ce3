package rule

import "testing"

func TestEditorsCreateChallenges(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"v1.0.0": true, "v1.18.9": true, "v1.19.5": true, "v1.19.6": false, "1.19.7": false, "v1.20.0": true, "v1.20.0-alpha.1": true, "v1.20.2": true,
		"v1.20.3": false, "v1.21.0": false, "v1.21.2": false, "v2.0.0": false, "": false, "latest": false,
	}
	for has, want := range tests {
		if got := EditorsCreateChallenges(has); got != want {
			t.Errorf("cert-manager %q: %t, want %t", has, got, want)
		}
	}
}
