package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnderAParentChart renders a chart that has this one as a dependency, and switches it with a condition as is usual.
func TestUnderAParentChart(t *testing.T) {
	const image = "image: {registry: registry.example.org, repository: certyun}"
	for name, test := range map[string]struct {
		dependency, values string
		want               []string
	}{
		"without a condition": {
			values: "certyun: {" + image + "}",
			want:   []string{"app-certyun-admission", "app-certyun-solver"},
		},
		"switched on": {
			dependency: "condition: certyun.enabled",
			values:     "certyun: {enabled: true, " + image + "}",
			want:       []string{"app-certyun-admission", "app-certyun-solver"},
		},
		"switched off": {
			dependency: "condition: certyun.enabled",
			values:     "certyun: {enabled: false, " + image + "}",
		},
		"switched off, with no image": {
			dependency: "condition: certyun.enabled",
			values:     "certyun: {enabled: false}",
		},
		"switched on under another name": {
			dependency: "alias: dns, condition: dns.enabled",
			values:     "dns: {enabled: true, " + image + "}",
			want:       []string{"app-dns-admission", "app-dns-solver"},
		},
		"switched off under another name": {
			dependency: "alias: dns, condition: dns.enabled",
			values:     "dns: {enabled: false, " + image + "}",
		},
		"beside values for all charts": {
			dependency: "condition: certyun.enabled",
			values:     "global: {team: platform}\ncertyun: {enabled: true, admission: {enabled: false}, " + image + "}",
			want:       []string{"app-certyun-solver"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := helm(t, "template", "app", parentChart(t, test.dependency, test.values))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, object := range objects(t, out) {
				if object.GetKind() == "Deployment" {
					got = append(got, object.GetName())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Deployments (-want +got):\n%s", diff)
			}
		})
	}
}

// What is missing is named as it is to be written in the values of the parent.
func TestUnderAParentChartAnImageIsNeeded(t *testing.T) {
	out, err := helm(t, "template", "app", parentChart(t, "alias: dns", "{}"))
	if err == nil {
		t.Fatalf("rendered:\n%s", out)
	}
	for _, want := range []string{
		"dns.image.registry and dns.image.repository must both be set",
		"helm install app … --set dns.image.registry=registry.example.org --set dns.image.repository=certyun",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("helm says %q, want %q in it", err, want)
		}
	}
}

// parentChart writes a chart with this one in it. What is said of the dependency is in YAML's flow style.
func parentChart(t *testing.T, dependency, values string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "charts", chart), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"Chart.yaml":  fmt.Sprintf("apiVersion: v2\nname: parent\nversion: 0.1.0\ndependencies: [{name: %s, version: \">=0\", %s}]\n", chart, dependency),
		"values.yaml": values,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
