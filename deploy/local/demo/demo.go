// Package demo shows certyun at work: in a cluster on this machine, cert-manager obtains certificates through both
// providers, and every step can be watched.
package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// patience is how long the certificates may take.
const patience = 90 * time.Second

// namespace is where the demo's Certificates and its Ingress live.
const namespace = "default"

// Options of a demo.
type Options struct {
	Out io.Writer
	// Keep leaves the cluster up until the context ends.
	Keep bool
}

// demo is one run.
type demo struct {
	*printer
	box   toolbox.Toolbox
	stage *stage.Stage
	names []string
}

// Run plays the demo. It ends with an error when anything fails, and takes away what it started.
func Run(ctx context.Context, options Options) (err error) {
	box, err := toolbox.Open()
	if err != nil {
		return err
	}
	if err := box.Build(ctx, options.Out, toolbox.ForCluster()...); err != nil {
		return err
	}
	d := &demo{printer: newPrinter(options.Out), box: box}
	started := time.Now()
	d.printf("\nCertificates through Alidns and DNSPod, in a cluster on this machine\n\n")
	d.stage, err = stage.Start(ctx, stage.Options{Toolbox: box, Step: d.step})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stage.Explain(ctx))
		}
		d.printf("\n")
		err = errors.Join(err, d.step("end everything that was started", d.stage.Stop))
	}()
	if err := d.issue(ctx); err != nil {
		return err
	}
	if err := d.refuse(ctx); err != nil {
		return err
	}
	d.printf("  total time: %.0f s\n", time.Since(started).Seconds())
	if !options.Keep {
		return nil
	}
	return d.keep(ctx)
}

// issue asks for the certificates, waits for them and shows them.
func (d *demo) issue(ctx context.Context) error {
	accounts, err := d.accounts()
	if err != nil {
		return err
	}
	before := d.counts(accounts)
	d.printf("\nDNS records, as they come and go\n\n")
	stop := d.stage.Watch(ctx, d.showChange)
	err = d.request(ctx, accounts)
	var certificates []*x509.Certificate
	if err == nil {
		certificates, err = d.wait(ctx)
	}
	changes := stop()
	if err != nil {
		return err
	}
	d.printf("\nCertificates\n\n")
	if err := d.showCertificates(certificates); err != nil {
		return err
	}
	return d.checkRecords(accounts, before, changes)
}

// hosted is an account and the zone that it hosts in the demo.
type hosted struct {
	stage.Account
	zone string
}

func (d *demo) accounts() ([]hosted, error) {
	alidns, err := d.stage.AddAccount(stage.Alidns(), "demo", "example.com")
	if err != nil {
		return nil, err
	}
	dnspod, err := d.stage.AddAccount(stage.DNSPod(), "demo", "example.net")
	if err != nil {
		return nil, err
	}
	return []hosted{{alidns, "example.com"}, {dnspod, "example.net"}}, nil
}

// request makes what a user would: for each provider the Secret with the key, a ClusterIssuer and a Certificate for the
// apex and its wildcard; and an Ingress that asks for a certificate by its annotation.
func (d *demo) request(ctx context.Context, accounts []hosted) error {
	for _, account := range accounts {
		issuer, err := d.stage.CreateIssuer(ctx, "", "letsencrypt-"+account.SolverName, account.Account)
		if err != nil {
			return err
		}
		name := strings.ReplaceAll(account.zone, ".", "-")
		certificate := stage.Certificate(namespace, name, issuer, account.zone, "*."+account.zone)
		if err := d.create(ctx, certificate, name); err != nil {
			return err
		}
		d.printf("  %-8s  Secret, ClusterIssuer %s and Certificate %s created\n", account.Title, issuer.Name, name)
	}
	ingress := stage.Ingress(namespace, "shop", "letsencrypt-alidns", "shop.example.com")
	if err := d.create(ctx, ingress, "shop"); err != nil {
		return err
	}
	d.printf("  %-8s  Ingress shop created, with the annotation cert-manager.io/cluster-issuer: letsencrypt-alidns\n", "Alidns")
	return nil
}

func (d *demo) create(ctx context.Context, object client.Object, certificate string) error {
	if err := d.stage.Client.Create(ctx, object); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.names = append(d.names, certificate)
	return nil
}

func (d *demo) wait(ctx context.Context) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for _, name := range d.names {
		certificate, err := d.stage.WaitForCertificate(ctx, namespace, name, patience)
		if err != nil {
			return nil, fmt.Errorf("demo: certificate %s: %w", name, err)
		}
		certificates = append(certificates, certificate)
	}
	return certificates, d.waitForCleanUp(ctx)
}

// waitForCleanUp waits until cert-manager has let go of the challenges: a certificate may be there a moment earlier.
func (d *demo) waitForCleanUp(ctx context.Context) error {
	return stage.Eventually(ctx, patience, func() error { return d.stage.NoChallenges(ctx, namespace) })
}

func (d *demo) showChange(change stage.Change) {
	sign := "+"
	if change.Removed {
		sign = "-"
	}
	d.printf("  %-8s  %s %s %s %q\n", change.Cloud, sign, change.Record.Type, change.Name(), change.Record.Value)
}

func (d *demo) showCertificates(certificates []*x509.Certificate) error {
	rows := [][]string{{"CERTIFICATE", "NAMES", "ISSUER", "VALID"}}
	for i, certificate := range certificates {
		const day = "2006-01-02 15:04"
		rows = append(rows, []string{
			d.names[i], strings.Join(certificate.DNSNames, ", "), certificate.Issuer.CommonName,
			certificate.NotBefore.UTC().Format(day) + " to " + certificate.NotAfter.UTC().Format(day),
		})
	}
	d.table(rows)
	return nil
}

// counts says how many records are in each account's zone.
func (d *demo) counts(accounts []hosted) []int {
	var counts []int
	for _, account := range accounts {
		counts = append(counts, len(d.stage.Endpoint(account.Provider).Records(account.zone)))
	}
	return counts
}

// checkRecords sums up what was written and removed. What was there before must be there still, and nothing else.
func (d *demo) checkRecords(accounts []hosted, before []int, changes []stage.Change) error {
	d.printf("\nDNS records\n\n")
	rows := [][]string{{"PROVIDER", "ZONE", "WRITTEN", "REMOVED", "OF OTHERS"}}
	var left error
	for i, account := range accounts {
		written, removed := 0, 0
		for _, change := range changes {
			switch {
			case change.Cloud != account.Title:
			case change.Removed:
				removed++
			default:
				written++
			}
		}
		rows = append(rows, []string{
			account.Title, account.zone, fmt.Sprint(written), fmt.Sprint(removed), fmt.Sprintf("%d, untouched", before[i]),
		})
		if now := d.counts(accounts)[i]; written != removed || now != before[i] || written == 0 {
			left = errors.Join(left, fmt.Errorf("demo: %s: %d records written, %d removed; %d records before, %d after",
				account.zone, written, removed, before[i], now))
		}
	}
	d.table(rows)
	return left
}

// keep shows how to look around, and waits for Ctrl-C or for a part of the cluster to fail.
func (d *demo) keep(ctx context.Context) error {
	d.printf(`
The cluster stays up until Ctrl-C. In another terminal:

  export KUBECONFIG=%s
  %s get certificates,clusterissuers,ingresses -A
  tail -f %s/%s_*

`, d.stage.Cluster.Kubeconfig, d.box.Path(toolbox.Kubectl), d.stage.Cluster.Logs(), stage.Namespace)
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.stage.Cluster.Failed():
		return err
	}
}
