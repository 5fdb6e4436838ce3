package alidns

import (
	"strings"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// searchFor reads how DescribeDomainRecords is to search. The mode decides which parameters count: LIKE and EXACT look at
// KeyWord alone and ignore even Type.
func searchFor(q query) (func(cloud.Record) bool, error) {
	p := q.params
	switch strings.ToUpper(p["SearchMode"]) {
	case "":
		if p["KeyWord"] != "" {
			return byKeyWord(p["KeyWord"], like), nil
		}
		return func(r cloud.Record) bool {
			return like(p["RRKeyWord"], r.RR) && like(p["ValueKeyWord"], r.Value) && exactly(p["TypeKeyWord"], r.Type) && plain(p, r)
		}, nil
	case "LIKE":
		return byKeyWord(p["KeyWord"], like), nil
	case "EXACT":
		return byKeyWord(p["KeyWord"], exactly), nil
	case "ADVANCED":
		return func(r cloud.Record) bool {
			return like(p["RRKeyWord"], r.RR) && like(p["ValueKeyWord"], r.Value) && plain(p, r)
		}, nil
	case "COMBINATION":
		return func(r cloud.Record) bool {
			return exactly(p["RRKeyWord"], r.RR) && exactly(p["ValueKeyWord"], r.Value) && exactly(p["TypeKeyWord"], r.Type) && plain(p, r)
		}, nil
	}
	return nil, bad("InvalidParameter", "The parameter value SearchMode is invalid.")
}

func byKeyWord(word string, matches func(word, text string) bool) func(cloud.Record) bool {
	return func(r cloud.Record) bool { return matches(word, r.RR) || matches(word, r.Value) }
}

// plain compares the parameters that are never fuzzy.
func plain(p parameters, r cloud.Record) bool {
	status := "ENABLE"
	if r.Disabled {
		status = "DISABLE"
	}
	return exactly(p["Type"], r.Type) && exactly(p["Line"], r.Line) && exactly(p["Status"], status)
}

// like is the fuzzy match %word%, whatever the case. An empty word matches everything, as it does in exactly.
func like(word, text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}

func exactly(word, text string) bool { return word == "" || strings.EqualFold(word, text) }
