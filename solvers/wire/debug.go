package wire

import (
	"fmt"
	"strings"
)

// CheckDebug refuses a value of GODEBUG that has net/http print the headers of every request: signatures, tokens of sessions, and the
// token with which the Kubernetes API server is called (https://pkg.go.dev/net/http#hdr-HTTP_2).
func CheckDebug(godebug string) error {
	for setting := range strings.SplitSeq(godebug, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
		if name == "http2debug" && value != "0" {
			return fmt.Errorf("GODEBUG: %s would print tokens and signatures; remove it from the environment", setting)
		}
	}
	return nil
}
