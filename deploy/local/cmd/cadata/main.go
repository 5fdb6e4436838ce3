// Command cadata names the facts about CAs whose sources nobody has looked at for 90 days. Where there are any it ends with 1.
package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/certyun/certyun/admission/ca"
)

// age is how old a fact may be when a release is made.
const age = 90 * 24 * time.Hour

func main() {
	since := ca.Day(time.Now().UTC().Add(-age).Format(time.DateOnly))
	old := ca.Older(ca.Known().Facts(), since)
	if len(old) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, fact := range old {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", fact.Date, fact.Authority, fact.Part, fact.URL)
	}
	if err := table.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Fprintf(os.Stderr, "%d facts in admission/ca/authorities.yaml are older than %s: look at their sources, and write what they say and today's date\n", len(old), since)
	os.Exit(1)
}
