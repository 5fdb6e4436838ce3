package certificate

import (
	"context"
	"fmt"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/cert-manager/cert-manager/pkg/util/pki"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// renewalRules are the rules about when a Certificate is renewed.
func renewalRules() []rule.Rule {
	return []rule.Rule{renewalWindowZero(), renewalWindowNeverOpens(), renewPercentageIgnored()}
}

func renewalWindowZero() rule.Rule {
	return rule.Rule{
		ID:       "renewal-window-zero",
		Severity: rule.Deny,
		Summary:  "A renewal window has no length.",
		Why: "cert-manager 1.21 accepts a windowDuration of 0s, and then its controller panics each time it looks at the Certificate. It restarts " +
			"and panics again, so no certificate in the whole cluster is issued any more (https://github.com/cert-manager/cert-manager/issues/9100).",
		Remedy: "Write how long the window stays open, like 1h.",
		Check: rule.WrittenCertificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			windows := renewalWindows(r.Certificate)
			if len(windows) == 0 || r.Settings.CertManagerAtLeast("1.22") { // from then on cert-manager's own webhook refuses it
				return nil
			}
			for i, window := range windows {
				if window.WindowDuration != nil && window.WindowDuration.Duration <= 0 {
					if err := yield(rule.Finding{
						Field: fmt.Sprintf("spec.renewal.windows[%d].windowDuration", i), Value: window.WindowDuration.Duration.String(),
						Message: "must be greater than 0; cert-manager 1.21 accepts 0s and its controller then crashes on every reconcile (cert-manager#9100)",
					}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

// renewalWindows are the windows that cert-manager looks at.
func renewalWindows(crt *cmapi.Certificate) []cmapi.CertificateRenewalWindows {
	renewal := crt.Spec.Renewal
	if renewal == nil || renewal.Policy != cmapi.CertificateRenewalPolicyRenewBefore {
		return nil
	}
	return renewal.Windows
}

// maxWindows is how many windows are looked at: a schedule that never opens takes long to be recognized.
const maxWindows = 50

func renewalWindowNeverOpens() rule.Rule {
	return rule.Rule{
		ID:       "renewal-window-never-opens",
		Severity: rule.Warn,
		Summary:  "No renewal window opens while the certificate is valid.",
		Why: "The certificate is issued. But cert-manager finds no time at which it may renew it and sets Ready=False with reason WindowError " +
			"(https://github.com/cert-manager/cert-manager/issues/9146); in version 1.21 its controller panics when it then looks whether the " +
			"certificate is due, as with a window of no length. Found with cert-manager's own pki.RenewalTime.",
		Remedy: "Write a schedule that opens often enough, and look at impossible dates such as 30 February.",
		Check:  rule.WrittenCertificates(checkWindowsOpen),
	}
}

func checkWindowsOpen(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	windows := renewalWindows(r.Certificate)
	if len(windows) == 0 || len(windows) > maxWindows || r.Settings.Now.IsZero() {
		return nil
	}
	schedules := make([]util.CronSchedule, len(windows))
	for i, window := range windows {
		var err error
		if schedules[i], err = scheduleOf(window); err != nil || window.WindowDuration == nil || window.WindowDuration.Duration <= 0 {
			return nil //nolint:nilerr // cert-manager's webhook, or the rule above, speaks about that
		}
	}
	spec := &r.Certificate.Spec
	lifetime := apiutil.DefaultCertDuration(spec.Duration)
	if lifetime < cmapi.MinimumCertificateDuration {
		return nil
	}
	notAfter := r.Settings.Now.Add(lifetime)
	if _, err := pki.RenewalTime(r.Settings.Now, notAfter, spec.RenewBefore, spec.RenewBeforePercentage, spec.Renewal); err == nil {
		return nil
	}
	for i, window := range windows {
		what := "never opens"
		if next := schedules[i].Next(r.Settings.Now); !next.IsZero() {
			what = fmt.Sprintf("does not open between the renewal time and the end of a certificate of %s", words.Duration(lifetime))
		}
		if err := yield(rule.Finding{
			Field: fmt.Sprintf("spec.renewal.windows[%d].cron", i), Value: window.Cron,
			Message: what + "; the certificate will be issued but not renewed (Ready=False, WindowError)",
		}); err != nil {
			return err
		}
	}
	return nil
}

// scheduleOf reads a window as cert-manager does. An error means that its webhook refuses the window, or that this machine
// does not know the time zone.
func scheduleOf(window cmapi.CertificateRenewalWindows) (util.CronSchedule, error) {
	zone, err := time.LoadLocation(window.Timezone)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	return util.CronParse(window.Cron, zone.String())
}

func renewPercentageIgnored() rule.Rule {
	return rule.Rule{
		ID:       "renew-percentage-ignored",
		Severity: rule.Warn,
		Summary:  "renewBeforePercentage is outside 1-99.",
		Why: "cert-manager's webhook looks at it only next to a duration. Without one it accepts any number, and pki.RenewalTime then ignores what is " +
			"outside 1-99.",
		Remedy: "Write a number from 1 to 99: how much of the lifetime is left when cert-manager renews.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			spec := &r.Certificate.Spec
			percentage := spec.RenewBeforePercentage
			if percentage == nil || spec.Duration != nil || spec.RenewBefore != nil || *percentage >= 1 && *percentage <= 99 {
				return nil
			}
			return yield(rule.Finding{Field: "spec.renewBeforePercentage", Value: *percentage, Message: "is outside 1-99 and is ignored; renewal falls back to 1/3 of the lifetime before expiry"})
		}),
	}
}
