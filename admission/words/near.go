package words

import "strings"

// minAbbreviation is how long a part of a name must be to stand for a longer one: "prod" for "production".
const minAbbreviation = 3

// ClosestName is Closest for names that people give to objects: it also knows "letsencrypt-production" for "letsencrypt-prod", and
// a part that is left out. Of several that are equally near it is the first.
func ClosestName(written string, candidates []string) string {
	if closest := Closest(written, candidates); closest != "" {
		return closest
	}
	parts := partsOf(written)
	best, fewest := "", 2 // one part more or fewer, no more
	for _, candidate := range candidates {
		if n, like := missingParts(parts, partsOf(candidate)); like && n < fewest {
			best, fewest = candidate, n
		}
	}
	return best
}

func partsOf(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '.' || r == '_' })
}

// missingParts tells whether two names begin with parts that are alike, the first of them the same, and how many parts one has that
// the other has not.
func missingParts(a, b []string) (missing int, like bool) {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 0 || a[0] != b[0] {
		return 0, false
	}
	for i := range a {
		if !abbreviates(a[i], b[i]) && !abbreviates(b[i], a[i]) {
			return 0, false
		}
	}
	return len(b) - len(a), true
}

// abbreviates tells whether a part is the beginning of another one.
func abbreviates(short, long string) bool {
	return short == long || len(short) >= minAbbreviation && strings.HasPrefix(long, short)
}
