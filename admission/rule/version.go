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

// CertManagerAtLeast tells whether cert-manager is known to be of this version or a later one. A pre-release counts as what
// it leads to. Where the version is not known the answer is no, so rules speak of cert-manager as it is today.
func (s *Settings) CertManagerAtLeast(minor string) bool {
	v, err := version.ParseGeneric(s.CertManagerVersion)
	if err != nil {
		return false
	}
	return v.AtLeast(version.MustParseGeneric(minor))
}
