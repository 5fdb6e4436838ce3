package wire_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/wire"
)

func TestCheckDebug(t *testing.T) {
	for value, refused := range map[string]bool{
		"": false, "http2debug=1": true, "http2debug=2": true, "http2debug": true, "http2debug=0": false, "gctrace=1,http2debug=1": true,
		"gctrace=1, http2debug=2": true, "http2client=0": false, "xhttp2debug=1": false,
	} {
		if err := wire.CheckDebug(value); (err != nil) != refused {
			t.Errorf("GODEBUG=%s: %v", value, err)
		}
	}
}
