package charts

import (
	"strings"
	"testing"

	"github.com/certyun/certyun/admission/rule"
)

// Who installs certyun is told which versions of cert-manager let others than cert-manager create Challenges.
func TestVersionsThatLetEditorsCreateChallenges(t *testing.T) {
	texts := map[string]string{"README.md": read(t, "../README.md"), "README.zh-CN.md": read(t, "../README.zh-CN.md"), "the notes": notes(t)}
	for name, text := range texts {
		for _, part := range []string{rule.ChallengesClosed, rule.ChallengesClosedBefore, "GHSA-8rvj-mm4h-c258", "hardening.challengePolicy=true"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: nothing about %s", name, part)
			}
		}
	}
}
