// Package dryrun asks a real API server whether it would take what users apply: the chart as Helm renders it, the bundle
// and the examples.
package dryrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/certyun/certyun/deploy/local/cluster"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// manifest is something to apply.
type manifest struct {
	name string
	text []byte
}

// Run starts an API server with cert-manager's CRDs and asks.
func Run(ctx context.Context, out io.Writer) (err error) {
	box, err := toolbox.Open()
	if err != nil {
		return err
	}
	if err := box.Build(ctx, out, toolbox.Etcd, toolbox.APIServer, toolbox.Kubectl, toolbox.Helm); err != nil {
		return err
	}
	plane, err := cluster.StartControlPlane(ctx, box)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	if err := plane.InstallCRDs(ctx); err != nil {
		return err
	}
	// The namespaces that the manifests name.
	for _, namespace := range []string{"cert-manager", "certyun", "team-a"} {
		if _, err := plane.Kubectl(ctx, nil, "create", "namespace", namespace); err != nil {
			return err
		}
	}
	manifests, err := collect(ctx, plane, box.Root)
	if err != nil {
		return err
	}
	var refused error
	for _, m := range manifests {
		answer, err := plane.Kubectl(ctx, bytes.NewReader(m.text), "apply", "--dry-run=server", "--filename", "-")
		if err != nil {
			refused = errors.Join(refused, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		fmt.Fprintf(out, "%s: the API server would take its %d objects\n", m.name, bytes.Count(answer, []byte("\n")))
	}
	return refused
}

// rendering is the chart with some values.
type rendering struct {
	name   string
	values []string
}

// renderings are the chart's defaults, and all that can be turned on.
func renderings() []rendering {
	return []rendering{
		{name: "chart, default values"},
		{name: "chart, everything on", values: []string{
			"--set", "solver.networkPolicy.enabled=true,solver.alidns.qps=5,solver.dnspod.qps=5",
			"--set", "secrets.namespaces={cert-manager,team-a},secrets.resourceNames={alidns}",
			"--set", "solver.service.type=ClusterIP,solver.cloudCA.configMapName=roots,solver.priorityClassName=system-cluster-critical",
			"--set", "propagation.timeout=20s,propagation.strict=true,propagation.port=10053",
			"--set", "propagation.nameservers={10.20.0.2,dns.example.org:5353},propagation.allowNetworks={10.20.0.0/16}",
			"--set", "admission.failurePolicy=Fail,admission.networkPolicy.enabled=true,admission.clientCA.configMapName=roots",
			"--set", "admission.secretMetadata.namespaces={team-a},admission.policy.crossResource=warn",
		}},
		{name: "chart, Secrets of the whole cluster", values: []string{"--set", "secrets.clusterWide=true"}},
	}
}

func collect(ctx context.Context, plane *cluster.ControlPlane, root string) ([]manifest, error) {
	var manifests []manifest
	for _, r := range renderings() {
		args := append([]string{
			"template", "certyun", plane.Chart(), "--namespace", "certyun",
			"--set", "image.registry=registry.example.org,image.repository=certyun",
		}, r.values...)
		text, err := plane.Helm(ctx, args...)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, manifest{r.name, text})
	}
	files, err := filepath.Glob(filepath.Join(root, "deploy", "examples", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	for _, file := range append(files, filepath.Join(root, "deploy", "bundle.yaml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("dry run: %w", err)
		}
		manifests = append(manifests, manifest{filepath.Base(file), text})
	}
	return manifests, nil
}
