package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// options are the flags.
type options struct {
	config      string
	alidns      string
	dnspod      string
	dns         string
	recursive   string
	validation  string
	admin       string
	nameServers int
	delay       time.Duration
	negativeTTL time.Duration
	cache       bool
	tls         bool
}

const anyPort = "127.0.0.1:0"

func newCommand() *cobra.Command {
	o := &options{}
	command := &cobra.Command{
		Use:           "simulator",
		Short:         "Run stand-ins for Alibaba Cloud DNS and Tencent Cloud DNSPod, and a DNS over their records",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	flags := command.Flags()
	flags.StringVar(&o.config, "config", "", "JSON file with accounts, zones and settings")
	flags.StringVar(&o.alidns, "alidns-address", anyPort, "host:port of the Alidns API")
	flags.StringVar(&o.dnspod, "dnspod-address", anyPort, "host:port of the DNSPod API")
	flags.StringVar(&o.dns, "dns-address", anyPort, "host:port of the first authoritative name server; further ones listen at the same port of the addresses after it")
	flags.IntVar(&o.nameServers, "name-servers", 1, "how many authoritative name servers; not with nameServers in the config")
	flags.StringVar(&o.recursive, "recursive-address", anyPort, "host:port of the recursive resolver")
	flags.StringVar(&o.validation, "validation-address", anyPort, "host:port of the resolver for a certificate authority, which never caches")
	flags.StringVar(&o.admin, "admin-address", anyPort, "host:port of the admin API, on loopback")
	flags.DurationVar(&o.delay, "dns-delay", 0, "time between an API call and the DNS that shows it")
	flags.DurationVar(&o.negativeTTL, "negative-ttl", 0, "TTL and minimum of the zones' SOA, 10m unless given")
	flags.BoolVar(&o.cache, "cache", false, "let the recursive resolver cache answers, negative ones too")
	flags.BoolVar(&o.tls, "tls", false, "serve both clouds over HTTPS; the authority's certificate is in the JSON line")
	return command
}

func (o *options) run(c *cobra.Command) error {
	world, err := o.world(c)
	if err != nil {
		return err
	}
	started, err := simulator.New(world)
	if err != nil {
		return err
	}
	return errors.Join(o.serve(c.Context(), started, c.OutOrStdout()), started.Close())
}

// world puts the flags over the config.
func (o *options) world(c *cobra.Command) (simulator.Options, error) {
	var config simulator.Config
	if o.config != "" {
		text, err := os.ReadFile(o.config)
		if err != nil {
			return simulator.Options{}, err
		}
		if config, err = simulator.ParseConfig(text); err != nil {
			return simulator.Options{}, fmt.Errorf("%s: %w", o.config, err)
		}
	}
	world, err := config.Options()
	if err != nil {
		return simulator.Options{}, fmt.Errorf("%s: %w", o.config, err)
	}
	world.TLS = o.tls
	world.Alidns.Address, world.DNSPod.Address = o.alidns, o.dnspod
	world.DNS.Recursive.Address, world.DNS.Validation.Address = o.recursive, o.validation
	for flag, set := range map[string]func(){
		"dns-delay":    func() { world.DNS.Delay = o.delay },
		"negative-ttl": func() { world.DNS.NegativeTTL = o.negativeTTL },
		"cache":        func() { world.DNS.Recursive.Cache = o.cache },
	} {
		if c.Flags().Changed(flag) {
			set()
		}
	}
	return world, o.authoritative(&world.DNS)
}

// authoritative lays out the name servers, unless the config did.
func (o *options) authoritative(d *simulator.DNSOptions) error {
	first, err := netip.ParseAddrPort(o.dns)
	if err != nil {
		return fmt.Errorf("--dns-address %q: want IP:port", o.dns)
	}
	d.Port = int(first.Port())
	if len(d.NameServers) > 0 {
		return nil
	}
	if o.nameServers < 1 {
		return errors.New("--name-servers: at least one")
	}
	for i, address := 1, first.Addr(); i <= o.nameServers; i, address = i+1, address.Next() {
		d.NameServers = append(d.NameServers, dns.NameServer{Name: fmt.Sprintf("ns%d.simulator.test.", i), Address: address})
	}
	return nil
}

// serve runs the admin API until the context ends.
func (o *options) serve(ctx context.Context, world *simulator.World, out io.Writer) error {
	host, _, err := net.SplitHostPort(o.admin)
	if address, notIP := netip.ParseAddr(host); err != nil || notIP != nil || !address.IsLoopback() {
		return fmt.Errorf("--admin-address %q: want a loopback IP:port, the API asks for no password", o.admin)
	}
	listener, err := net.Listen("tcp", o.admin)
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	server := &http.Server{Handler: world.AdminHandler(url), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	line, err := json.Marshal(world.Endpoints(url))
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", line)
	}
	if err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}
