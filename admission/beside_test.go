// What cert-manager offers to start its webhook with in a test has a data race of its own.

//go:build !race

package admission

import (
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmwebhook "github.com/cert-manager/cert-manager/test/webhook"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const certManagerName = "webhook.cert-manager.io"

// TestBesideCertManagersWebhook has cert-manager's own webhook judge the same objects. Both are asked at once, and the API server
// shows whichever refusal came first.
func TestBesideCertManagersWebhook(t *testing.T) {
	api := startAPIServer(t)
	s := startServer(t, api.kubeconfig(t, "certyun-admission"), func(*Options) {})
	shown := &shownWarnings{}
	c := api.client(t, shown)
	s.register(t, c)

	theirs, stop := cmwebhook.StartWebhookServer(t, []string{"--kubeconfig=" + api.kubeconfig(t, "cert-manager-webhook")})
	defer stop()
	url := theirs.URL + "/validate"
	registration := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "cert-manager-webhook"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:         certManagerName,
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: theirs.CAPEM},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE"},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"cert-manager.io"}, APIVersions: []string{"v1"}, Resources: []string{"*/*"}},
			}},
			FailurePolicy: new(admissionregistrationv1.Fail), SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	create(t, c, registration)
	defer func() {
		if err := c.Delete(t.Context(), registration); err != nil {
			t.Error(err)
		}
	}()

	brief := newCertificate("brief", "brief.certyun.dev")
	brief.Spec.Duration = &metav1.Duration{Duration: time.Minute}
	eventually(t, "the API server asks cert-manager's webhook", func() bool {
		return refusedBy(c.Create(t.Context(), brief.DeepCopy(), client.DryRunAll), certManagerName)
	})
	create(t, c, acmeIssuer("beside", http01Solver()))
	shown.take()

	good := newCertificate("beside", "beside.certyun.dev")
	good.Spec.IssuerRef.Name = "beside"
	create(t, c, good)
	if got := shown.take(); len(got) > 0 {
		t.Errorf("warnings about what both accept: %q", got)
	}
	wildcard := newCertificate("wildcard", "*.beside.certyun.dev")
	wildcard.Spec.IssuerRef.Name = "beside"
	if err := c.Create(t.Context(), wildcard); !refusedBy(err, webhookName) {
		t.Errorf("what only this webhook refuses: %v", err)
	}
	for range 5 {
		err := c.Create(t.Context(), badKey("both"))
		if !refusedBy(err, webhookName) && !refusedBy(err, certManagerName) || !strings.Contains(err.Error(), "spec.privateKey.size") {
			t.Errorf("what both refuse: %v", err)
		}
	}
	good.Spec.PrivateKey = &cmapi.CertificatePrivateKey{RotationPolicy: cmapi.RotationPolicyAlways}
	if err := c.Update(t.Context(), good); err != nil {
		t.Errorf("an update that both accept: %v", err)
	}
}

func refusedBy(err error, webhook string) bool {
	return err != nil && strings.Contains(err.Error(), `admission webhook "`+webhook+`" denied the request`)
}
