// Package quiet keeps the SDK of Alibaba Cloud from printing signed requests.
//
// The SDK reads the environment variable DEBUG while it is initialised and, if that names "sdk", prints every request
// with its AccessKey ID, security token and signature on standard output
// (https://github.com/aliyun/alibaba-cloud-sdk-go/blob/master/docs/6-Debug-EN.md). It has no other switch. So "sdk" is
// taken out of the variable before: packages are initialised in the order of their import paths as soon as all that they
// import is (https://go.dev/ref/spec#Package_initialization), and all parts of the SDK that print wait for packages which
// come after this one.
package quiet

import (
	"os"
	"strings"
)

// Importing the package is all there is to it.
var _ = silence()

func silence() error {
	flags, ok := os.LookupEnv("DEBUG")
	if !ok {
		return nil
	}
	return os.Setenv("DEBUG", without(flags, "sdk"))
}

// without removes a flag from a list with commas.
func without(flags, flag string) string {
	var kept []string
	for f := range strings.SplitSeq(flags, ",") {
		if f != flag {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, ",")
}
