package rule

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shimAnnotation is one that becomes a field of the Certificates.
type shimAnnotation struct {
	key string
	// field is what it becomes.
	field string
	// read sets the field as cert-manager does. It says what is wrong with a value for which cert-manager gives up, and
	// otherwise returns "".
	read func(crt *cmapi.Certificate, value string) (problem string)
	// doubt says what is wrong with a value that cert-manager reads, but that makes a Certificate which its webhook or a CA
	// refuses.
	doubt func(value string, all map[string]string) (problem string)
	// judgedElsewhere says that another rule speaks about the value.
	judgedElsewhere bool
}

// shimAnnotations are all of them, in the order in which cert-manager reads them.
func shimAnnotations() []shimAnnotation {
	return slices.Concat(
		[]shimAnnotation{
			{
				key: cmapi.CommonNameAnnotationKey, field: "spec.commonName", doubt: longCommonName,
				read: func(crt *cmapi.Certificate, value string) string { crt.Spec.CommonName = value; return "" },
			},
			{
				key: cmapi.AltNamesAnnotationKey, field: "spec.dnsNames", doubt: untrimmed(nil),
				read: func(crt *cmapi.Certificate, value string) string {
					if value != "" {
						crt.Spec.DNSNames = append(crt.Spec.DNSNames, strings.Split(value, ",")...)
					}
					return ""
				},
			},
			{
				key: cmapi.IPSANAnnotationKey, field: "spec.ipAddresses", doubt: untrimmed(notAnAddress),
				read: func(crt *cmapi.Certificate, value string) string {
					if value != "" {
						crt.Spec.IPAddresses = append(crt.Spec.IPAddresses, strings.Split(value, ",")...)
					}
					return ""
				},
			},
			{
				key: cmapi.EmailsAnnotationKey, field: "spec.emailAddresses", doubt: wrongMailboxes,
				read: func(crt *cmapi.Certificate, value string) string {
					crt.Spec.EmailAddresses = strings.Split(value, ",")
					return ""
				},
			},
		},
		subjectAnnotations(), lifetimeAnnotations(), privateKeyAnnotations(),
		[]shimAnnotation{{key: cmapi.IngressSecretTemplate, field: "spec.secretTemplate", read: readSecretTemplate}},
	)
}

// knownAnnotations are all that cert-manager reads, on whatever object.
func knownAnnotations() []string {
	keys := append(certificateAnnotations(), cmapi.IngressIssuerNameAnnotationKey, cmapi.IngressClusterIssuerNameAnnotationKey,
		cmapi.IssuerKindAnnotationKey, cmapi.IssuerGroupAnnotationKey, cmapi.CertificateIgnoreTLSListeners,
		cmacme.IngressEditInPlaceAnnotationKey, cmapi.IngressACMEIssuerHTTP01IngressClassAnnotationKey,
		cmapi.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey, cmacme.ACMECertificateHTTP01ParentRefFallback)
	for _, a := range shimAnnotations() {
		keys = append(keys, a.key)
	}
	return keys
}

// certificateAnnotations are read on Certificates alone.
func certificateAnnotations() []string {
	return []string{
		cmapi.URISANAnnotationKey, cmapi.IssueTemporaryCertificateAnnotation, cmacme.ACMECertificateHTTP01IngressNameOverride,
		cmacme.ACMECertificateHTTP01IngressClassOverride, cmacme.ACMECertificateHTTP01IngressClassNameOverride,
		cmacme.ACMECertificateHTTP01ParentRefName, cmacme.ACMECertificateHTTP01ParentRefKind, cmacme.ACMECertificateHTTP01ParentRefNamespace,
	}
}

func subjectAnnotations() []shimAnnotation {
	list := func(key, name string, target func(*cmapi.X509Subject) *[]string) shimAnnotation {
		return shimAnnotation{key: key, field: "spec.subject." + name, read: func(crt *cmapi.Certificate, value string) string {
			values, err := util.SplitWithEscapeCSV(value)
			if err != nil {
				return fmt.Sprintf("%q is not one line of comma-separated values; put quotes around a value with a comma or a quote", value)
			}
			*target(subjectOf(crt)) = values
			return ""
		}}
	}
	return []shimAnnotation{
		list(cmapi.SubjectOrganizationsAnnotationKey, "organizations", func(s *cmapi.X509Subject) *[]string { return &s.Organizations }),
		list(cmapi.SubjectOrganizationalUnitsAnnotationKey, "organizationalUnits", func(s *cmapi.X509Subject) *[]string { return &s.OrganizationalUnits }),
		list(cmapi.SubjectCountriesAnnotationKey, "countries", func(s *cmapi.X509Subject) *[]string { return &s.Countries }),
		list(cmapi.SubjectProvincesAnnotationKey, "provinces", func(s *cmapi.X509Subject) *[]string { return &s.Provinces }),
		list(cmapi.SubjectLocalitiesAnnotationKey, "localities", func(s *cmapi.X509Subject) *[]string { return &s.Localities }),
		list(cmapi.SubjectPostalCodesAnnotationKey, "postalCodes", func(s *cmapi.X509Subject) *[]string { return &s.PostalCodes }),
		list(cmapi.SubjectStreetAddressesAnnotationKey, "streetAddresses", func(s *cmapi.X509Subject) *[]string { return &s.StreetAddresses }),
		{key: cmapi.SubjectSerialNumberAnnotationKey, field: "spec.subject.serialNumber", read: func(crt *cmapi.Certificate, value string) string {
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

func lifetimeAnnotations() []shimAnnotation {
	return []shimAnnotation{
		{
			key: cmapi.DurationAnnotationKey, field: "spec.duration", doubt: shortLifetime,
			read: readDuration(func(crt *cmapi.Certificate, d *metav1.Duration) { crt.Spec.Duration = d }),
		},
		{
			key: cmapi.RenewBeforeAnnotationKey, field: "spec.renewBefore", doubt: uselessRenewBefore,
			read: readDuration(func(crt *cmapi.Certificate, d *metav1.Duration) { crt.Spec.RenewBefore = d }),
		},
		{
			key: cmapi.RenewBeforePercentageAnnotationKey, field: "spec.renewBeforePercentage", doubt: impossiblePercentage,
			read: readNumber(func(crt *cmapi.Certificate, n *int32) { crt.Spec.RenewBeforePercentage = n }),
		},
		{key: cmapi.UsagesAnnotationKey, field: "spec.usages", read: readUsages},
		{key: cmapi.RevisionHistoryLimitAnnotationKey, field: "spec.revisionHistoryLimit", read: func(crt *cmapi.Certificate, value string) string {
			problem := readNumber(func(crt *cmapi.Certificate, n *int32) { crt.Spec.RevisionHistoryLimit = n })(crt, value)
			if problem == "" && *crt.Spec.RevisionHistoryLimit < 1 {
				return value + " is less than 1"
			}
			return problem
		}},
	}
}

func readDuration(set func(*cmapi.Certificate, *metav1.Duration)) func(*cmapi.Certificate, string) string {
	return func(crt *cmapi.Certificate, value string) string {
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Sprintf("%q is not a Go duration; use %s", value, goDuration(value))
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
			return fmt.Sprintf("%q is not a whole number", value)
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
func privateKeyAnnotations() []shimAnnotation {
	return []shimAnnotation{
		{
			key: cmapi.PrivateKeyAlgorithmAnnotationKey, field: "spec.privateKey.algorithm", judgedElsewhere: true,
			read: func(crt *cmapi.Certificate, value string) string {
				privateKeyOf(crt).Algorithm = cmapi.PrivateKeyAlgorithm(value)
				return oneOf(value, keyAlgorithms()...)
			},
		},
		{
			key: cmapi.PrivateKeyEncodingAnnotationKey, field: "spec.privateKey.encoding",
			read: func(crt *cmapi.Certificate, value string) string {
				privateKeyOf(crt).Encoding = cmapi.PrivateKeyEncoding(value)
				return oneOf(value, cmapi.PKCS1, cmapi.PKCS8)
			},
		},
		{
			key: cmapi.PrivateKeySizeAnnotationKey, field: "spec.privateKey.size", judgedElsewhere: true,
			read: func(crt *cmapi.Certificate, value string) string {
				size, err := strconv.Atoi(value)
				key := privateKeyOf(crt)
				key.Size = size
				if err != nil || key.Algorithm != cmapi.Ed25519KeyAlgorithm && !sizeFits(key.Algorithm, size) {
					return "is not a size of the algorithm"
				}
				return ""
			},
		},
		{
			key: cmapi.PrivateKeyRotationPolicyAnnotationKey, field: "spec.privateKey.rotationPolicy",
			read: func(crt *cmapi.Certificate, value string) string {
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
	return fmt.Sprintf("%q is not one of %s (case matters)", value, strings.Join(names, ", "))
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

func longCommonName(value string, _ map[string]string) string {
	const limit = 64
	if len(value) > limit {
		return fmt.Sprintf("%d bytes long; cert-manager's webhook refuses a common name of more than %d", len(value), limit)
	}
	return ""
}

// untrimmed finds spaces around the entries of a list, and then what else may be wrong with an entry.
func untrimmed(wrong func(entry string) string) func(string, map[string]string) string {
	return func(value string, _ map[string]string) string {
		if value == "" {
			return ""
		}
		for entry := range strings.SplitSeq(value, ",") {
			switch {
			case strings.TrimSpace(entry) == "":
				return fmt.Sprintf("empty entry in %q; remove the comma", value)
			case strings.TrimLeft(entry, " \t\r\n") != entry:
				return fmt.Sprintf("leading space in %q; entries are not trimmed", entry)
			case strings.TrimSpace(entry) != entry:
				return fmt.Sprintf("trailing space in %q; entries are not trimmed", entry)
			}
			if wrong != nil {
				if problem := wrong(entry); problem != "" {
					return problem
				}
			}
		}
		return ""
	}
}

func notAnAddress(entry string) string {
	if net.ParseIP(entry) == nil {
		return fmt.Sprintf("%q is not an IP address; cert-manager's webhook refuses the Certificate", entry)
	}
	return ""
}

func notAMailbox(entry string) string {
	if refusedAddress(entry) {
		return fmt.Sprintf("%q is not a bare e-mail address; cert-manager's webhook refuses the Certificate", entry)
	}
	return ""
}

// wrongMailboxes also looks at an empty list, which cert-manager reads as one address without a letter.
func wrongMailboxes(value string, all map[string]string) string {
	if value == "" {
		return "empty; cert-manager's webhook refuses the Certificate"
	}
	return untrimmed(notAMailbox)(value, all)
}

func shortLifetime(value string, _ map[string]string) string {
	if d, err := time.ParseDuration(value); err == nil && d < cmapi.MinimumCertificateDuration {
		return fmt.Sprintf("%s is shorter than 1h; cert-manager's webhook refuses the Certificate", value)
	}
	return ""
}

func uselessRenewBefore(value string, all map[string]string) string {
	before, err := time.ParseDuration(value)
	if err != nil {
		return ""
	}
	lifetime := cmapi.DefaultCertificateDuration
	if d, err := time.ParseDuration(all[cmapi.DurationAnnotationKey]); err == nil {
		lifetime = d
	}
	switch {
	case before < cmapi.MinimumRenewBefore:
		return fmt.Sprintf("%s is shorter than 5m; cert-manager's webhook refuses the Certificate", value)
	case before >= lifetime:
		return fmt.Sprintf("%s is not shorter than the duration %s; cert-manager's webhook refuses the Certificate", value, shortDuration(lifetime))
	}
	if _, both := all[cmapi.RenewBeforePercentageAnnotationKey]; both {
		return fmt.Sprintf("set next to %s; cert-manager's webhook refuses the Certificate", cmapi.RenewBeforePercentageAnnotationKey)
	}
	return ""
}

// impossiblePercentage speaks where cert-manager's webhook looks at the percentage: next to a duration.
func impossiblePercentage(value string, all map[string]string) string {
	percentage, err := strconv.Atoi(value)
	_, lifetime := all[cmapi.DurationAnnotationKey]
	if err == nil && lifetime && (percentage < 1 || percentage > 99) {
		return fmt.Sprintf("%d is outside 1-99; cert-manager's webhook refuses the Certificate", percentage)
	}
	return ""
}
