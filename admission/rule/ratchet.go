package rule

import (
	"fmt"
	"regexp"
)

// complaint is what makes a finding the same as one about another version of the object.
type complaint struct{ rule, about string }

var indexes = regexp.MustCompile(`\[\d+\]`)

func complaintOf(f Finding) complaint {
	if f.Value != nil {
		return complaint{f.Rule, fmt.Sprintf("%T %v", f.Value, f.Value)}
	}
	return complaint{f.Rule, indexes.ReplaceAllString(f.Field, "[]")}
}

// history is what was wrong with the old object. It is looked up when it is first asked for.
type history struct {
	count  func() (map[complaint]int, error)
	counts map[complaint]int
	err    error
}

// excuse tells why what would be denied is not: the old object had it too, the same rule about the same value, wherever that is now.
// Where there is no value to compare, the path counts without its indexes, as often as it was there. It is "" for what is new.
func (h *history) excuse(f Finding) string {
	if h.counts == nil {
		h.counts, h.err = h.count()
	}
	if key := complaintOf(f); h.counts[key] > 0 {
		if f.Value == nil {
			h.counts[key]--
		}
		return "already present, so not denied"
	}
	if h.err != nil {
		return "not denied, because it is not known whether it was there before"
	}
	return ""
}
