package rule

import "k8s.io/apimachinery/pkg/util/version"

// certManagerAtLeast tells whether cert-manager is known to be of this version or a later one. A pre-release counts as what
// it leads to. Where the version is not known the answer is no, so rules speak of cert-manager as it is today.
func (s *Settings) certManagerAtLeast(minor string) bool {
	v, err := version.ParseGeneric(s.CertManagerVersion)
	if err != nil {
		return false
	}
	return v.AtLeast(version.MustParseGeneric(minor))
}
