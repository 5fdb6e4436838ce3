package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// Config is the form of a world in a JSON file.
type Config struct {
	Alidns CloudConfig `json:"alidns,omitzero"`
	DNSPod CloudConfig `json:"dnspod,omitzero"`
	DNS    DNSConfig   `json:"dns,omitzero"`
}

// CloudConfig is one cloud in a Config.
type CloudConfig struct {
	Accounts []cloud.Account `json:"accounts,omitempty"`
	Zones    []cloud.Zone    `json:"zones,omitempty"`
	// Settings change only those of the cloud's own that they name.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// DNSConfig is the DNS in a Config. Durations are strings such as "3s".
type DNSConfig struct {
	NameServers []dns.NameServer `json:"nameServers,omitempty"`
	Delay       string           `json:"delay,omitempty"`
	NegativeTTL string           `json:"negativeTTL,omitempty"`
	Zones       []string         `json:"zones,omitempty"`
	Records     []string         `json:"records,omitempty"`
	// Cache turns the cache of the recursive resolver on.
	Cache bool `json:"cache,omitempty"`
}

// ParseConfig reads a Config and refuses what it does not know.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Config{}, err
	}
	if decoder.More() {
		return Config{}, errors.New("text after the JSON value")
	}
	return c, nil
}

// Options are those of the world that the config describes.
func (c Config) Options() (Options, error) {
	alidns, err := c.Alidns.options()
	if err != nil {
		return Options{}, fmt.Errorf("alidns: %w", err)
	}
	dnspod, err := c.DNSPod.options()
	if err != nil {
		return Options{}, fmt.Errorf("dnspod: %w", err)
	}
	delay, err := duration("dns.delay", c.DNS.Delay)
	if err != nil {
		return Options{}, err
	}
	negativeTTL, err := duration("dns.negativeTTL", c.DNS.NegativeTTL)
	if err != nil {
		return Options{}, err
	}
	return Options{
		Alidns: alidns,
		DNSPod: dnspod,
		DNS: DNSOptions{
			NameServers: c.DNS.NameServers, Delay: delay, NegativeTTL: negativeTTL, Zones: c.DNS.Zones, Records: c.DNS.Records,
			Recursive: dns.RecursiveOptions{Cache: c.DNS.Cache},
		},
	}, nil
}

func duration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration", field, text)
	}
	return d, nil
}

func (c CloudConfig) options() (CloudOptions, error) {
	if len(c.Settings) > 0 {
		var trial cloud.Settings
		if err := json.Unmarshal(c.Settings, &trial); err != nil {
			return CloudOptions{}, fmt.Errorf("settings: %w", err)
		}
	}
	owners := map[string]bool{}
	for _, a := range c.Accounts {
		if a.Owner == "" || owners[a.Owner] {
			return CloudOptions{}, fmt.Errorf("account %q: an owner is needed, and each once", a.Owner)
		}
		owners[a.Owner] = true
	}
	for _, z := range c.Zones {
		if !owners[z.Owner] {
			return CloudOptions{}, fmt.Errorf("zone %s: no account of %q", z.Name, z.Owner)
		}
	}
	return CloudOptions{Accounts: c.Accounts, Zones: c.Zones, Change: func(s *cloud.Settings) {
		if len(c.Settings) > 0 {
			_ = json.Unmarshal(c.Settings, s) // the trial above went well
		}
	}}, nil
}
