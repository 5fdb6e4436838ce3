package rule

import (
	"runtime/debug"

	"k8s.io/apimachinery/pkg/util/version"
)

// BuiltWith is the version of cert-manager whose code the binary holds, like "v1.21.2"; "" in a test.
func BuiltWith() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/cert-manager/cert-manager" {
				return dep.Version
			}
		}
	}
	return ""
}

// Versions of cert-manager whose chart, or an older one's, no longer lets whoever may edit a namespace create Challenges there
// (GHSA-8rvj-mm4h-c258): of its minor version, and of the one before.
const (
	ChallengesClosed       = "1.20.3"
	ChallengesClosedBefore = "1.19.6"
)

// EditorsCreateChallenges tells whether the chart of a version of cert-manager lets whoever may edit a namespace create Challenges.
// Where the version is not known, that is not said.
func EditorsCreateChallenges(has string) bool {
	v, err := version.ParseGeneric(has)
	if err != nil || v.AtLeast(version.MustParseGeneric(ChallengesClosed)) {
		return false
	}
	isMended := v.AtLeast(version.MustParseGeneric(ChallengesClosedBefore)) && v.LessThan(version.MustParseGeneric("1.20"))
	return !isMended
}

// CertManagerAtLeast tells whether cert-manager is known to be of this version or a later one. A pre-release counts as what
// it leads to. Where the version is not known the answer is no, so rules speak of cert-manager as it is today.
func (s *Settings) CertManagerAtLeast(minor string) bool {
	v, err := version.ParseGeneric(s.CertManagerVersion)
	if err != nil {
		return false
	}
	return v.AtLeast(version.MustParseGeneric(minor))
}
