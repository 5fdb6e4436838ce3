package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// settingsJSON spells the durations of Settings as strings ("3s"). A nil one leaves the setting as it is.
type settingsJSON struct {
	*plainSettings
	WriteTime   *string `json:"writeTime,omitempty"`
	ListLag     *string `json:"listLag,omitempty"`
	ClockWindow *string `json:"clockWindow,omitempty"`
	ClockSkew   *string `json:"clockSkew,omitempty"`
}

type plainSettings Settings

// MarshalJSON writes durations as strings.
func (s Settings) MarshalJSON() ([]byte, error) {
	plain := plainSettings(s)
	return json.Marshal(settingsJSON{
		plainSettings: &plain,
		WriteTime:     durationText(s.WriteTime),
		ListLag:       durationText(s.ListLag),
		ClockWindow:   durationText(s.ClockWindow),
		ClockSkew:     durationText(s.ClockSkew),
	})
}

// UnmarshalJSON changes only the settings that the text names, and refuses unknown ones.
func (s *Settings) UnmarshalJSON(text []byte) error {
	wire := settingsJSON{plainSettings: (*plainSettings)(s)}
	if err := decodeStrict(text, &wire); err != nil {
		return err
	}
	for _, d := range []struct {
		text *string
		into *time.Duration
	}{{wire.WriteTime, &s.WriteTime}, {wire.ListLag, &s.ListLag}, {wire.ClockWindow, &s.ClockWindow}, {wire.ClockSkew, &s.ClockSkew}} {
		if err := parseDuration(d.text, d.into); err != nil {
			return err
		}
	}
	return nil
}

type plainFault Fault

type faultJSON struct {
	*plainFault
	Latency *string `json:"latency,omitempty"`
}

// MarshalJSON writes the latency as a string.
func (f Fault) MarshalJSON() ([]byte, error) {
	plain := plainFault(f)
	return json.Marshal(faultJSON{plainFault: &plain, Latency: durationText(f.Latency)})
}

// UnmarshalJSON refuses unknown fields.
func (f *Fault) UnmarshalJSON(text []byte) error {
	wire := faultJSON{plainFault: (*plainFault)(f)}
	if err := decodeStrict(text, &wire); err != nil {
		return err
	}
	return parseDuration(wire.Latency, &f.Latency)
}

// decodeStrict refuses fields that the type does not have and anything after the value.
func decodeStrict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("text after the JSON value")
	}
	return nil
}

func durationText(d time.Duration) *string {
	if d == 0 {
		return nil
	}
	text := d.String()
	return &text
}

func parseDuration(text *string, into *time.Duration) error {
	if text == nil {
		return nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil {
		return fmt.Errorf("duration %q: not a number with a unit", *text)
	}
	*into = d
	return nil
}
