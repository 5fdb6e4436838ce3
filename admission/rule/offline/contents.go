package offline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // an image may have no time zones, and then every window would be refused

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

func timeRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-duration",
		Summary: "spec.duration is less than an hour.",
		Why: "cert-manager cannot renew in time what lives shorter, so its webhook refuses it. It looks only where spec.duration or spec.renewBefore " +
			"is set; the duration is 2160h where it is not.",
		Remedy: "Write 1h or more.",
		Check:  refusesSpec(refuseDuration),
	}, {
		ID:      "cm-renew-before",
		Summary: "spec.renewBefore or spec.renewBeforePercentage leaves no time to live, or both are set.",
		Why: "The certificate is renewed that long before it expires, so it must be less than the duration, which is 2160h where none is set, and at " +
			"least five minutes. cert-manager's webhook looks at the percentage only next to a duration or a renewBefore, and reckons with what is left of it.",
		Remedy: "Write one of them: renewBefore shorter than the duration, or a percentage from 1 to 99.",
		Check:  refusesSpec(refuseRenewBefore),
	}, {
		ID:      "cm-renewal-window",
		Summary: "spec.renewal has a policy or a window that cert-manager cannot follow.",
		Why: "A window has a length, a cron schedule of five fields and maybe an IANA time zone; the policy Disabled has no windows. cert-manager's " +
			"webhook looks at each of them.",
		Remedy: "Write cron: \"0 2 * * *\" and windowDuration: 4h.",
		Check:  refusesSpec(refuseRenewal),
	}}
}

func refuseDuration(r *refusals, s *cmapi.CertificateSpec) {
	if s.Duration != nil && s.Duration.Duration < cmapi.MinimumCertificateDuration {
		r.invalid(fieldpath.Spec("duration"), words.Duration(s.Duration.Duration), "is less than an hour", `Write "1h" or more`)
	}
}

func refuseRenewBefore(r *refusals, s *cmapi.CertificateSpec) {
	if s.Duration == nil && s.RenewBefore == nil {
		return
	}
	duration, path, percentagePath := apiutil.DefaultCertDuration(s.Duration), fieldpath.Spec("renewBefore"), fieldpath.Spec("renewBeforePercentage")
	if s.RenewBefore != nil {
		before := s.RenewBefore.Duration
		written := words.Duration(before)
		switch {
		case s.RenewBeforePercentage != nil:
			r.invalid(path, written, "stands beside renewBeforePercentage", "Keep one of them")
			r.invalid(percentagePath, *s.RenewBeforePercentage, "stands beside renewBefore", "Keep one of them")
			return
		case before < cmapi.MinimumRenewBefore:
			r.invalid(path, written, "is less than five minutes", `Write "5m" or more`)
		case before >= duration:
			r.invalid(path, written, fmt.Sprintf("is not less than the duration, which is %s", words.Duration(duration)), shorterThan(duration))
		}
	}
	if s.RenewBeforePercentage == nil {
		return
	}
	percentage := *s.RenewBeforePercentage
	left := time.Duration(float64(duration) * float64(100-percentage) / 100)
	switch {
	case left >= duration:
		r.invalid(percentagePath, percentage, "leaves no time before the renewal", "Write a number from 1 to 99")
	case left < cmapi.MinimumRenewBefore:
		r.invalid(percentagePath, percentage, fmt.Sprintf("leaves less than five minutes of %s", words.Duration(duration)), "Write a number from 1 to 99")
	}
}

func shorterThan(duration time.Duration) string {
	third := (duration / 3).Truncate(time.Minute)
	if third < cmapi.MinimumRenewBefore {
		return "Write a shorter one"
	}
	return fmt.Sprintf("Write a shorter one, like %q", words.Duration(third))
}

func refuseRenewal(r *refusals, s *cmapi.CertificateSpec) {
	if s.Renewal == nil {
		return
	}
	windows := fieldpath.Spec("renewal", "windows")
	switch policy := s.Renewal.Policy; policy {
	case cmapi.CertificateRenewalPolicyRenewBefore:
	case cmapi.CertificateRenewalPolicyDisabled:
		if len(s.Renewal.Windows) > 0 {
			r.forbidden(windows, "there are no windows where the policy is Disabled", "Remove them, or write policy: RenewBefore")
		}
		return
	default:
		r.add(rule.Finding{
			Field: fieldpath.Spec("renewal", "policy").String(), Type: field.ErrorTypeNotSupported, Value: string(policy),
			Message: "is not one of RenewBefore, Disabled", Remedy: "Write RenewBefore",
		})
	}
	for i, window := range s.Renewal.Windows {
		refuseWindow(r, windows.Index(i), window)
	}
}

func refuseWindow(r *refusals, path *field.Path, window cmapi.CertificateRenewalWindows) {
	if window.WindowDuration == nil {
		r.required(path.Child("windowDuration"), "says not how long the window stays open", `Write a duration, like "4h"`)
	}
	const schedule = `Write minute, hour, day of the month, month and day of the week, like "0 2 * * *"`
	_, zoneErr := time.LoadLocation(window.Timezone)
	if zoneErr != nil {
		r.invalid(path.Child("timezone"), window.Timezone, "is not a time zone of the IANA database", `Write one like "Europe/Berlin"`)
	}
	switch _, err := util.CronParse(window.Cron, window.Timezone); {
	case err != nil && zoneErr != nil:
		r.invalid(path.Child("cron"), window.Cron, "cannot be read without its time zone", "Write another timezone")
	case err != nil:
		_, cause, _ := strings.Cut(err.Error(), "': ") // before it the schedule is repeated
		r.invalid(path.Child("cron"), window.Cron, "is not a schedule of cron: "+cause, schedule)
	}
}

func contentRules() []rule.Rule {
	return append([]rule.Rule{{
		ID:      "cm-signature-algorithm",
		Summary: "spec.signatureAlgorithm is not one of the key's algorithm.",
		Why:     "An RSA key cannot sign with ECDSA. Without privateKey.algorithm the key is RSA.",
		Remedy:  "Leave signatureAlgorithm out, or write one that fits privateKey.algorithm.",
		Check:   refusesSpec(refuseSignatureAlgorithm),
	}, {
		ID:      "cm-key-usage",
		Summary: "One of spec.usages is not a usage that cert-manager knows.",
		Why:     "The schema has a list of usages, and cert-manager's webhook looks them up again.",
		Remedy:  "Write usages such as digital signature, key encipherment, server auth, client auth.",
		Check:   refusesSpec(refuseUsages),
	}, {
		ID:      "cm-revision-history-limit",
		Summary: "spec.revisionHistoryLimit is less than 1.",
		Why:     "cert-manager keeps at least the CertificateRequest of the certificate that is in use.",
		Remedy:  "Write 1 or more, or leave it out, which means 1.",
		Check: refusesSpec(func(r *refusals, s *cmapi.CertificateSpec) {
			if limit := s.RevisionHistoryLimit; limit != nil && *limit < 1 {
				r.invalid(fieldpath.Spec("revisionHistoryLimit"), *limit, "is less than 1", "Write 1, or leave it out")
			}
		}),
	}, {
		ID:      "cm-secret-template",
		Summary: "spec.secretTemplate has labels or annotations that no Secret may have, or that are cert-manager's own.",
		Why: "They become labels and annotations of the Secret, so they follow the rules of Kubernetes. Annotations that begin with cert-manager.io/ are " +
			"written by cert-manager itself, but for cert-manager.io/allow-direct-injection.",
		Remedy: "Write labels and annotations that Kubernetes admits, in a domain of your own.",
		Check:  refusesSpec(refuseSecretTemplate),
	}, {
		ID:      "cm-name-constraints",
		Summary: "spec.nameConstraints is empty, or the Certificate is not a CA.",
		Why:     "Name constraints bind what a CA issues (RFC 5280, 4.2.1.10). In other certificates they mean nothing, so cert-manager's webhook refuses them.",
		Remedy:  "Write isCA: true, and permitted or excluded.",
		Check: refusesSpec(func(r *refusals, s *cmapi.CertificateSpec) {
			if s.NameConstraints == nil {
				return
			}
			if !s.IsCA {
				r.invalid(fieldpath.Spec("nameConstraints"), nil, "binds only CAs, and isCA is not true", "Write isCA: true, or remove nameConstraints")
			}
			if s.NameConstraints.Permitted == nil && s.NameConstraints.Excluded == nil {
				r.invalid(fieldpath.Spec("nameConstraints"), nil, "has no constraint", "Write permitted or excluded, or remove nameConstraints")
			}
		}),
	}}, outputRules()...)
}

func outputRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-output-format-twice",
		Summary: "spec.additionalOutputFormats has the same type twice.",
		Why:     "Each format is a key of the Secret, so cert-manager's webhook wants each but once.",
		Remedy:  "Remove one of them.",
		Check: refusesSpec(func(r *refusals, s *cmapi.CertificateSpec) {
			seen := map[cmapi.CertificateOutputFormatType]bool{}
			for i, format := range s.AdditionalOutputFormats {
				if seen[format.Type] {
					r.add(rule.Finding{
						Field: fieldpath.Spec("additionalOutputFormats").Index(i).Child("type").String(), Type: field.ErrorTypeDuplicate,
						Value: string(format.Type), Message: "is in the list already", Remedy: "Remove one of them",
					})
				}
				seen[format.Type] = true
			}
		}),
	}, {
		ID:      "cm-keystore-password",
		Summary: "A keystore has no password, or two.",
		Why:     "A JKS or PKCS#12 keystore is locked with one password: a text, or a key of a Secret. cert-manager's webhook looks even where create is false.",
		Remedy:  "Write passwordSecretRef: {name: …, key: …}.",
		Check:   refusesSpec(refuseKeystores),
	}}
}

// signatureAlgorithms are what keys of an algorithm can sign with.
func signatureAlgorithms(key cmapi.PrivateKeyAlgorithm) []cmapi.SignatureAlgorithm {
	switch key {
	case cmapi.RSAKeyAlgorithm:
		return []cmapi.SignatureAlgorithm{cmapi.SHA256WithRSA, cmapi.SHA384WithRSA, cmapi.SHA512WithRSA}
	case cmapi.ECDSAKeyAlgorithm:
		return []cmapi.SignatureAlgorithm{cmapi.ECDSAWithSHA256, cmapi.ECDSAWithSHA384, cmapi.ECDSAWithSHA512}
	case cmapi.Ed25519KeyAlgorithm:
		return []cmapi.SignatureAlgorithm{cmapi.PureEd25519}
	}
	return nil
}

func refuseSignatureAlgorithm(r *refusals, s *cmapi.CertificateSpec) {
	key := cmapi.RSAKeyAlgorithm
	if s.PrivateKey != nil && s.PrivateKey.Algorithm != "" {
		key = s.PrivateKey.Algorithm
	}
	fitting := signatureAlgorithms(key)
	if s.SignatureAlgorithm == "" || fitting == nil || slices.Contains(fitting, s.SignatureAlgorithm) {
		return
	}
	words := make([]string, len(fitting))
	for i, algorithm := range fitting {
		words[i] = string(algorithm)
	}
	r.invalid(fieldpath.Spec("signatureAlgorithm"), string(s.SignatureAlgorithm), fmt.Sprintf("does not fit an %s key", key),
		fmt.Sprintf("Write one of %s, or another privateKey.algorithm", strings.Join(words, ", ")))
}

func refuseUsages(r *refusals, s *cmapi.CertificateSpec) {
	for i, usage := range s.Usages {
		_, key := apiutil.KeyUsageType(usage)
		_, extended := apiutil.ExtKeyUsageType(usage)
		if key || extended {
			continue
		}
		remedy := "Write one such as digital signature, key encipherment, server auth, client auth"
		if closest := closestUsage(string(usage)); closest != "" {
			remedy = fmt.Sprintf("Write %q", closest)
		}
		r.invalid(fieldpath.Spec("usages").Index(i), string(usage), "is not a usage", remedy)
	}
}

// closestUsage is the usage that has the same letters, "" where none has.
func closestUsage(written string) string {
	letters := func(text string) string {
		return strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(text))
	}
	usages := []cmapi.KeyUsage{
		cmapi.UsageSigning, cmapi.UsageDigitalSignature, cmapi.UsageContentCommitment, cmapi.UsageKeyEncipherment, cmapi.UsageKeyAgreement,
		cmapi.UsageDataEncipherment, cmapi.UsageCertSign, cmapi.UsageCRLSign, cmapi.UsageEncipherOnly, cmapi.UsageDecipherOnly, cmapi.UsageAny,
		cmapi.UsageServerAuth, cmapi.UsageClientAuth, cmapi.UsageCodeSigning, cmapi.UsageEmailProtection, cmapi.UsageSMIME, cmapi.UsageIPsecEndSystem,
		cmapi.UsageIPsecTunnel, cmapi.UsageIPsecUser, cmapi.UsageTimestamping, cmapi.UsageOCSPSigning, cmapi.UsageMicrosoftSGC, cmapi.UsageNetscapeSGC,
	}
	for _, usage := range usages {
		if letters(string(usage)) == letters(written) {
			return string(usage)
		}
	}
	return ""
}

func refuseSecretTemplate(r *refusals, s *cmapi.CertificateSpec) {
	if s.SecretTemplate == nil {
		return
	}
	path := fieldpath.Spec("secretTemplate", "annotations")
	for _, key := range slices.Sorted(maps.Keys(s.SecretTemplate.Annotations)) {
		if strings.HasPrefix(key, "cert-manager.io/") && key != cmapi.AllowsInjectionFromSecretAnnotation {
			r.invalid(path.Key(key), key, "cert-manager writes annotations in cert-manager.io/ itself", "Remove it")
		}
	}
	errs := apivalidation.ValidateAnnotations(s.SecretTemplate.Annotations, path)
	errs = append(errs, metavalidation.ValidateLabels(s.SecretTemplate.Labels, fieldpath.Spec("secretTemplate", "labels"))...)
	for _, err := range errs {
		what, _, _ := strings.Cut(err.Detail, " (e.g. ") // what follows is an example and a regular expression
		r.add(rule.Finding{Field: err.Field, Type: err.Type, Value: err.BadValue, Message: strings.TrimSuffix(what, ".")})
	}
}

func refuseKeystores(r *refusals, s *cmapi.CertificateSpec) {
	if s.Keystores == nil {
		return
	}
	if jks := s.Keystores.JKS; jks != nil {
		refusePassword(r, fieldpath.Spec("keystores", "jks"), jks.Password, jks.PasswordSecretRef.Name)
	}
	if pkcs12 := s.Keystores.PKCS12; pkcs12 != nil {
		refusePassword(r, fieldpath.Spec("keystores", "pkcs12"), pkcs12.Password, pkcs12.PasswordSecretRef.Name)
	}
}

func refusePassword(r *refusals, path *field.Path, password *string, secretName string) {
	const remedy = "Write passwordSecretRef with a name and a key, or password"
	switch {
	case password != nil && secretName != "":
		r.forbidden(path, "has password and passwordSecretRef", "Keep one of them")
	case password == nil && secretName == "":
		r.required(path, "has no password", remedy)
	}
	if password != nil && *password == "" {
		r.forbidden(path.Child("password"), "the password is empty", remedy)
	}
}
