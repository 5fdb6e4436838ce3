package dns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

type plainNameServer NameServer

type nameServerJSON struct {
	*plainNameServer
	Delay string `json:"delay,omitempty"`
}

// MarshalJSON writes the delay as a string.
func (n NameServer) MarshalJSON() ([]byte, error) {
	plain := plainNameServer(n)
	wire := nameServerJSON{plainNameServer: &plain}
	if n.Delay != 0 {
		wire.Delay = n.Delay.String()
	}
	return json.Marshal(wire)
}

// UnmarshalJSON refuses unknown fields.
func (n *NameServer) UnmarshalJSON(text []byte) error {
	wire := nameServerJSON{plainNameServer: (*plainNameServer)(n)}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return err
	}
	if wire.Delay == "" {
		return nil
	}
	delay, err := time.ParseDuration(wire.Delay)
	if err != nil {
		return fmt.Errorf("delay %q: not a number with a unit", wire.Delay)
	}
	n.Delay = delay
	return nil
}
