package annotated

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/words"
)

// doubts say of annotations what is wrong with a value that cert-manager reads, but that makes a Certificate which its webhook or a
// CA refuses. From version 1.22 on cert-manager refuses most of them itself, and trims addresses
// (https://github.com/cert-manager/cert-manager/pull/9160).
func doubts(settings rule.Settings) map[string]func(value string, all map[string]string) string {
	addresses, mailboxes := untrimmed(notAnAddress), wrongMailboxes
	if settings.CertManagerAtLeast("1.22") {
		addresses, mailboxes = trimmed(notAnAddress), trimmed(notAMailbox)
	}
	return map[string]func(string, map[string]string) string{
		cmapi.CommonNameAnnotationKey:            longCommonName,
		cmapi.AltNamesAnnotationKey:              untrimmed(nil),
		cmapi.IPSANAnnotationKey:                 addresses,
		cmapi.EmailsAnnotationKey:                mailboxes,
		cmapi.DurationAnnotationKey:              shortLifetime,
		cmapi.RenewBeforeAnnotationKey:           uselessRenewBefore,
		cmapi.RenewBeforePercentageAnnotationKey: impossiblePercentage,
	}
}

func longCommonName(value string, _ map[string]string) string {
	const limit = 64
	if len(value) > limit {
		return fmt.Sprintf("%d bytes long; cert-manager refuses more than %d", len(value), limit)
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
				return "has an empty entry; remove the comma"
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

// trimmed finds what is wrong with the entries of a list, around which spaces do not matter.
func trimmed(wrong func(entry string) string) func(string, map[string]string) string {
	return func(value string, all map[string]string) string {
		entries := strings.Split(value, ",")
		for i := range entries {
			entries[i] = strings.TrimSpace(entries[i])
		}
		return untrimmed(wrong)(strings.Join(entries, ","), all)
	}
}

func notAnAddress(entry string) string {
	if net.ParseIP(entry) == nil {
		return fmt.Sprintf("%q is not an IP address; cert-manager refuses it", entry)
	}
	return ""
}

func notAMailbox(entry string) string {
	if csr.RefusedAddress(entry) {
		return fmt.Sprintf("%q is not a bare e-mail address; cert-manager refuses it", entry)
	}
	return ""
}

// wrongMailboxes also looks at an empty list, which cert-manager reads as one address without a letter.
func wrongMailboxes(value string, all map[string]string) string {
	if value == "" {
		return "empty; cert-manager refuses it"
	}
	return untrimmed(notAMailbox)(value, all)
}

func shortLifetime(value string, _ map[string]string) string {
	if d, err := time.ParseDuration(value); err == nil && d < cmapi.MinimumCertificateDuration {
		return "is shorter than 1h; cert-manager refuses it"
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
		return "is shorter than 5m; cert-manager refuses it"
	case before >= lifetime:
		return fmt.Sprintf("is not shorter than the duration %s; cert-manager refuses it", words.Duration(lifetime))
	}
	if _, both := all[cmapi.RenewBeforePercentageAnnotationKey]; both {
		return fmt.Sprintf("set next to %s; cert-manager refuses it", cmapi.RenewBeforePercentageAnnotationKey)
	}
	return ""
}

// impossiblePercentage speaks where cert-manager's webhook looks at the percentage: next to a duration.
func impossiblePercentage(value string, all map[string]string) string {
	percentage, err := strconv.Atoi(value)
	_, lifetime := all[cmapi.DurationAnnotationKey]
	if err == nil && lifetime && (percentage < 1 || percentage > 99) {
		return "is outside 1-99; cert-manager refuses it"
	}
	return ""
}
