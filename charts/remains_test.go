package charts

import (
	"strings"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// cert-manager keeps the Secrets of Certificates that are gone. What uninstalling leaves is told with the command that removes it.
func TestWhatUninstallingLeavesIsTold(t *testing.T) {
	for name, set := range map[string]string{
		"default values": "groupName=acme.certyun.internal", "another name": "fullnameOverride=dns", "the solver alone": "admission.enabled=false",
	} {
		t.Run(name, func(t *testing.T) {
			command := removal(t, set)
			for left, args := range map[string]string{"uninstalling": set, "leaving the solver out": set + ",admission.enabled=true,solver.enabled=false"} {
				if text := notes(t, "--set", args); !strings.Contains(text, command) {
					t.Errorf("the notes do not say how to remove what %s leaves, %q:\n%s", left, command, text)
				}
			}
		})
	}
	for _, file := range []string{"../README.md", "../README.zh-CN.md", "../docs/operations.md"} {
		if command := removal(t, "admission.enabled=true"); !strings.Contains(read(t, file), command) {
			t.Errorf("%s does not say how to remove what uninstalling leaves: %s", file, command)
		}
	}
}

// removal is the command that removes the Secrets of the chart's Certificates.
func removal(t *testing.T, set string) string {
	t.Helper()
	command := "kubectl delete secret -n cert-manager"
	for _, object := range objects(t, render(t, "--set", set)) {
		if object.GetKind() == "Certificate" {
			command += " " + decode[certmanagerv1.Certificate](t, object).Spec.SecretName
		}
	}
	return command
}
