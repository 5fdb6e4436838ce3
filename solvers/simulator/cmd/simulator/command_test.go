package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certyun/certyun/solvers/simulator/admin"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

func TestTheCommandTellsWhereItListensAndEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	const config = `{"dnspod":{"accounts":[{"owner":"alice","keys":[{"id":"AKID","secret":"s"}]}],"zones":[{"owner":"alice","name":"example.com"}]},"dns":{"delay":"9s"}}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	command := newCommand()
	command.SetArgs([]string{"--config", file, "--tls", "--dns-delay", "3s", "--name-servers", "2", "--cache", "--negative-ttl", "60s"})
	command.SetOut(writer)
	ended := make(chan error, 1)
	go func() { ended <- command.ExecuteContext(ctx) }()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var endpoints admin.Endpoints
	if err := json.Unmarshal([]byte(line), &endpoints); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if !strings.HasPrefix(endpoints.Alidns, "https://") || !strings.Contains(endpoints.CA, "BEGIN CERTIFICATE") || len(endpoints.NameServers) != 2 {
		t.Errorf("endpoints: %+v", endpoints)
	}
	client := admin.NewClient(endpoints.Admin, nil)
	zones, err := client.Zones(ctx, admin.DNSPod)
	if err != nil || len(zones) != 1 || zones[0].Name != "example.com" {
		t.Errorf("zones: %v, %v", zones, err)
	}
	settings, err := client.DNS(ctx)
	if err != nil || *settings.Delay != "3s" || !*settings.Cache || settings.NameServers[1].Mode != dns.Normal {
		t.Errorf("DNS: %+v, %v", settings, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestFlagsThatCanNotBe(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"x":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, arguments := range map[string][]string{
		"a config that is not there":      {"--config", bad + "x"},
		"a config of no form":             {"--config", bad},
		"an admin API for all":            {"--admin-address", "0.0.0.0:0"},
		"an admin address of a name":      {"--admin-address", "localhost:0"},
		"an admin address without a port": {"--admin-address", "127.0.0.1"},
		"a DNS address without a port":    {"--dns-address", "127.0.0.1"},
		"no name server":                  {"--name-servers", "0"},
		"an address that is none":         {"--alidns-address", "nowhere"},
		"an argument":                     {"run"},
	} {
		t.Run(name, func(t *testing.T) {
			command := newCommand()
			command.SetArgs(arguments)
			command.SetOut(io.Discard)
			if err := command.ExecuteContext(t.Context()); err == nil {
				t.Error("ran")
			}
		})
	}
}
