package shim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/words"
)

// Annotation is one that becomes a field of the Certificates.
type Annotation struct {
	Key string
	// Field is what it becomes.
	Field string
	// Read sets the field as cert-manager does. It says what is wrong with a value for which cert-manager gives up, and
	// otherwise returns "".
	Read func(crt *cmapi.Certificate, value string) (problem string)
}

// Annotations are all of them, in the order in which cert-manager reads them.
func Annotations() []Annotation {
	return slices.Concat(
		[]Annotation{
			{
				Key: cmapi.CommonNameAnnotationKey, Field: "spec.commonName",
				Read: func(crt *cmapi.Certificate, value string) string { crt.Spec.CommonName = value; return "" },
			},
			{
				Key: cmapi.AltNamesAnnotationKey, Field: "spec.dnsNames",
				Read: func(crt *cmapi.Certificate, value string) string {
					if value != "" {
						crt.Spec.DNSNames = append(crt.Spec.DNSNames, strings.Split(value, ",")...)
					}
					return ""
				},
			},
			{
				Key: cmapi.IPSANAnnotationKey, Field: "spec.ipAddresses",
				Read: func(crt *cmapi.Certificate, value string) string {
					if value != "" {
						crt.Spec.IPAddresses = append(crt.Spec.IPAddresses, strings.Split(value, ",")...)
					}
					return ""
				},
			},
			{
				Key: cmapi.EmailsAnnotationKey, Field: "spec.emailAddresses",
				Read: func(crt *cmapi.Certificate, value string) string {
					crt.Spec.EmailAddresses = strings.Split(value, ",")
					return ""
				},
			},
		},
		subjectAnnotations(), lifetimeAnnotations(), privateKeyAnnotations(),
		[]Annotation{{Key: cmapi.IngressSecretTemplate, Field: "spec.secretTemplate", Read: readSecretTemplate}},
	)
}

// KnownAnnotations are all that cert-manager reads, on whatever object.
func KnownAnnotations() []string {
	keys := append(CertificateAnnotations(), cmapi.IngressIssuerNameAnnotationKey, cmapi.IngressClusterIssuerNameAnnotationKey,
		cmapi.IssuerKindAnnotationKey, cmapi.IssuerGroupAnnotationKey, cmapi.CertificateIgnoreTLSListeners,
		cmacme.IngressEditInPlaceAnnotationKey, cmapi.IngressACMEIssuerHTTP01IngressClassAnnotationKey,
		cmapi.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey, cmacme.ACMECertificateHTTP01ParentRefFallback)
	for _, a := range Annotations() {
		keys = append(keys, a.Key)
	}
	return keys
}

// Meant tells whether a key was meant to be an annotation of cert-manager's: one in its groups of today and of before version 0.11, or in
// what people write for them.
func Meant(key string) bool {
	prefix, _, _ := strings.Cut(strings.ToLower(key), "/")
	bare := strings.NewReplacer("-", "", "_", "", ".", "").Replace(prefix)
	return strings.Contains(bare, "certmanager") || words.Closest(prefix, []string{certmanager.GroupName}) != ""
}

// CertificateAnnotations are read on Certificates alone.
func CertificateAnnotations() []string {
	return []string{
		cmapi.URISANAnnotationKey, cmapi.IssueTemporaryCertificateAnnotation, cmacme.ACMECertificateHTTP01IngressNameOverride,
		cmacme.ACMECertificateHTTP01IngressClassOverride, cmacme.ACMECertificateHTTP01IngressClassNameOverride,
		cmacme.ACMECertificateHTTP01ParentRefName, cmacme.ACMECertificateHTTP01ParentRefKind, cmacme.ACMECertificateHTTP01ParentRefNamespace,
	}
}

func subjectAnnotations() []Annotation {
	list := func(key, name string, target func(*cmapi.X509Subject) *[]string) Annotation {
		return Annotation{Key: key, Field: "spec.subject." + name, Read: func(crt *cmapi.Certificate, value string) string {
			values, err := util.SplitWithEscapeCSV(value)
			if err != nil {
				return "is not one line of comma-separated values; put quotes around a value with a comma or a quote"
			}
			*target(subjectOf(crt)) = values
			return ""
		}}
	}
	return []Annotation{
		list(cmapi.SubjectOrganizationsAnnotationKey, "organizations", func(s *cmapi.X509Subject) *[]string { return &s.Organizations }),
		list(cmapi.SubjectOrganizationalUnitsAnnotationKey, "organizationalUnits", func(s *cmapi.X509Subject) *[]string { return &s.OrganizationalUnits }),
		list(cmapi.SubjectCountriesAnnotationKey, "countries", func(s *cmapi.X509Subject) *[]string { return &s.Countries }),
		list(cmapi.SubjectProvincesAnnotationKey, "provinces", func(s *cmapi.X509Subject) *[]string { return &s.Provinces }),
		list(cmapi.SubjectLocalitiesAnnotationKey, "localities", func(s *cmapi.X509Subject) *[]string { return &s.Localities }),
		list(cmapi.SubjectPostalCodesAnnotationKey, "postalCodes", func(s *cmapi.X509Subject) *[]string { return &s.PostalCodes }),
		list(cmapi.SubjectStreetAddressesAnnotationKey, "streetAddresses", func(s *cmapi.X509Subject) *[]string { return &s.StreetAddresses }),
		{Key: cmapi.SubjectSerialNumberAnnotationKey, Field: "spec.subject.serialNumber", Read: func(crt *cmapi.Certificate, value string) string {
			if value != "" {
				subjectOf(crt).SerialNumber = value
			}
			return ""
		}},
	}
}

func subjectOf(crt *cmapi.Certificate) *cmapi.X509Subject {
	if crt.Spec.Subject == nil {
		crt.Spec.Subject = &cmapi.X509Subject{}
	}
	return crt.Spec.Subject
}

func lifetimeAnnotations() []Annotation {
	return []Annotation{
		{
			Key: cmapi.DurationAnnotationKey, Field: "spec.duration",
			Read: readDuration(func(crt *cmapi.Certificate, d *metav1.Duration) { crt.Spec.Duration = d }),
		},
		{
			Key: cmapi.RenewBeforeAnnotationKey, Field: "spec.renewBefore",
			Read: readDuration(func(crt *cmapi.Certificate, d *metav1.Duration) { crt.Spec.RenewBefore = d }),
		},
		{
			Key: cmapi.RenewBeforePercentageAnnotationKey, Field: "spec.renewBeforePercentage",
			Read: readNumber(func(crt *cmapi.Certificate, n *int32) { crt.Spec.RenewBeforePercentage = n }),
		},
		{Key: cmapi.UsagesAnnotationKey, Field: "spec.usages", Read: readUsages},
		{Key: cmapi.RevisionHistoryLimitAnnotationKey, Field: "spec.revisionHistoryLimit", Read: func(crt *cmapi.Certificate, value string) string {
			problem := readNumber(func(crt *cmapi.Certificate, n *int32) { crt.Spec.RevisionHistoryLimit = n })(crt, value)
			if problem == "" && *crt.Spec.RevisionHistoryLimit < 1 {
				return "is less than 1"
			}
			return problem
		}},
	}
}

func readDuration(set func(*cmapi.Certificate, *metav1.Duration)) func(*cmapi.Certificate, string) string {
	return func(crt *cmapi.Certificate, value string) string {
		d, err := time.ParseDuration(value)
		if err != nil {
			return "is not a Go duration; use " + goDuration(value)
		}
		set(crt, &metav1.Duration{Duration: d})
		return ""
	}
}

// goDuration is what a duration in days or weeks is in hours, or else an example.
func goDuration(value string) string {
	hours := map[string]int{"d": 24, "day": 24, "days": 24, "w": 7 * 24, "y": 365 * 24}
	digits := strings.TrimRightFunc(value, func(r rune) bool { return r < '0' || r > '9' })
	unit := strings.ToLower(strings.TrimSpace(value[len(digits):]))
	const longest = 100_000
	if n, err := strconv.Atoi(digits); err == nil && hours[unit] > 0 && n > 0 && n < longest {
		return strconv.Itoa(n*hours[unit]) + "h"
	}
	return "hours, minutes and seconds, like 2160h"
}

func readNumber(set func(*cmapi.Certificate, *int32)) func(*cmapi.Certificate, string) string {
	return func(crt *cmapi.Certificate, value string) string {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return "is not a whole number"
		}
		number := int32(n)
		set(crt, &number)
		return ""
	}
}

func readUsages(crt *cmapi.Certificate, value string) string {
	var usages []cmapi.KeyUsage
	for text := range strings.SplitSeq(value, ",") {
		usage := cmapi.KeyUsage(strings.Trim(text, " "))
		_, plain := apiutil.KeyUsageType(usage)
		_, extended := apiutil.ExtKeyUsageType(usage)
		if !plain && !extended {
			return fmt.Sprintf("%q is not a usage; write \"server auth\", \"digital signature\" and the like, with commas between", usage)
		}
		usages = append(usages, usage)
	}
	crt.Spec.Usages = usages
	return ""
}

// privateKeyAnnotations include those about which key-size-for-algorithm speaks.
func privateKeyAnnotations() []Annotation {
	return []Annotation{
		{
			Key: cmapi.PrivateKeyAlgorithmAnnotationKey, Field: "spec.privateKey.algorithm",
			Read: func(crt *cmapi.Certificate, value string) string {
				privateKeyOf(crt).Algorithm = cmapi.PrivateKeyAlgorithm(value)
				return oneOf(value, csr.KeyAlgorithms()...)
			},
		},
		{
			Key: cmapi.PrivateKeyEncodingAnnotationKey, Field: "spec.privateKey.encoding",
			Read: func(crt *cmapi.Certificate, value string) string {
				privateKeyOf(crt).Encoding = cmapi.PrivateKeyEncoding(value)
				return oneOf(value, cmapi.PKCS1, cmapi.PKCS8)
			},
		},
		{
			Key: cmapi.PrivateKeySizeAnnotationKey, Field: "spec.privateKey.size",
			Read: func(crt *cmapi.Certificate, value string) string {
				size, err := strconv.Atoi(value)
				key := privateKeyOf(crt)
				key.Size = size
				if err != nil || key.Algorithm != cmapi.Ed25519KeyAlgorithm && !csr.KeySizeFits(key.Algorithm, size) {
					return "is not a size of the algorithm"
				}
				return ""
			},
		},
		{
			Key: cmapi.PrivateKeyRotationPolicyAnnotationKey, Field: "spec.privateKey.rotationPolicy",
			Read: func(crt *cmapi.Certificate, value string) string {
				privateKeyOf(crt).RotationPolicy = cmapi.PrivateKeyRotationPolicy(value)
				return oneOf(value, cmapi.RotationPolicyNever, cmapi.RotationPolicyAlways)
			},
		},
	}
}

func privateKeyOf(crt *cmapi.Certificate) *cmapi.CertificatePrivateKey {
	if crt.Spec.PrivateKey == nil {
		crt.Spec.PrivateKey = &cmapi.CertificatePrivateKey{}
	}
	return crt.Spec.PrivateKey
}

func oneOf[T ~string](value string, allowed ...T) string {
	names := make([]string, 0, len(allowed))
	for _, name := range allowed {
		if string(name) == value {
			return ""
		}
		names = append(names, string(name))
	}
	return fmt.Sprintf("is not one of %s (case matters)", strings.Join(names, ", "))
}

func readSecretTemplate(crt *cmapi.Certificate, value string) string {
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.DisallowUnknownFields()
	template := &cmapi.CertificateSecretTemplate{}
	if err := decoder.Decode(template); err != nil {
		return fmt.Sprintf("not JSON of a secretTemplate (%v); write {\"labels\": {…}, \"annotations\": {…}}", err)
	}
	for key := range template.Annotations {
		if strings.HasPrefix(key, "cert-manager.io/") {
			return "a secretTemplate must not have annotations under cert-manager.io/"
		}
	}
	if len(template.Annotations) > 0 || len(template.Labels) > 0 {
		crt.Spec.SecretTemplate = template
	}
	return ""
}
