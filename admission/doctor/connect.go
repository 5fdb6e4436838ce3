package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/rule"
)

// New returns a Doctor for the cluster at the end of a configuration.
func New(config *rest.Config, namespace string, options Options, dns *DNS, accounts Accounts) (*Doctor, error) {
	heard := &heardWarnings{}
	config = rest.AddUserAgent(rest.CopyConfig(config), "certyun-doctor")
	config.QPS, config.WarningHandler = -1, heard
	reader, err := client.New(config, client.Options{Scheme: NewScheme(), Mapper: NewMapper()})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	rules := catalogue.Rules()
	return &Doctor{
		options: options, client: reader, discovery: served{discoverer.RESTClient()}, warnings: heard, handshake: TLS{Timeout: handshakeTimeout},
		dns: dns, accounts: accounts, ruleset: rules, engine: rule.NewOnlineEngine(rules), now: time.Now, namespace: namespace,
	}, nil
}

// served implements Discovery. The discovery client has the call for it, but takes no context, and so keeps a user waiting.
type served struct{ rest.Interface }

// Version implements Discovery.
func (s served) Version(ctx context.Context) (*version.Info, error) {
	text, err := s.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	info := &version.Info{}
	if err := json.Unmarshal(text, info); err != nil {
		return nil, fmt.Errorf("/version is not Kubernetes' own: %w", err)
	}
	return info, nil
}

// Resources implements Discovery.
func (s served) Resources(ctx context.Context, groupVersion string) ([]string, error) {
	list := &metav1.APIResourceList{}
	if err := s.Get().AbsPath("/apis/" + groupVersion).Do(ctx).Into(list); err != nil {
		return nil, err
	}
	names := []string{}
	for _, r := range list.APIResources {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names, nil
}

// heardWarnings implements Warnings, and rest.WarningHandler.
type heardWarnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (h *heardWarnings) HandleWarningHeader(_ int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, text)
}

// Take implements Warnings.
func (h *heardWarnings) Take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.texts
	h.texts = nil
	return taken
}

// NewScheme returns the types that are looked at.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		cmapi.AddToScheme, acmev1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, discoveryv1.AddToScheme,
		authorizationv1.AddToScheme, apiregistrationv1.AddToScheme, apiextensionsv1.AddToScheme, admissionregistrationv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
}

// NewMapper knows the resources of the types in the scheme. It asks nobody, so that what is wrong with the discovery of one API
// group keeps nobody from looking at the others.
func NewMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for gv, kinds := range map[schema.GroupVersion][]string{
		cmapi.SchemeGroupVersion:       {"Certificate", "CertificateRequest", "Issuer"},
		acmev1.SchemeGroupVersion:      {"Order", "Challenge"},
		corev1.SchemeGroupVersion:      {"Secret", "ConfigMap", "Event", "Service", "Pod", "ServiceAccount"},
		appsv1.SchemeGroupVersion:      {"Deployment"},
		discoveryv1.SchemeGroupVersion: {"EndpointSlice"},
	} {
		for _, kind := range kinds {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
		}
	}
	for gv, kinds := range map[schema.GroupVersion][]string{
		cmapi.SchemeGroupVersion:                   {"ClusterIssuer"},
		corev1.SchemeGroupVersion:                  {"Namespace"},
		authorizationv1.SchemeGroupVersion:         {"SubjectAccessReview"},
		apiregistrationv1.SchemeGroupVersion:       {"APIService"},
		apiextensionsv1.SchemeGroupVersion:         {"CustomResourceDefinition"},
		admissionregistrationv1.SchemeGroupVersion: {"ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
	} {
		for _, kind := range kinds {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeRoot)
		}
	}
	return mapper
}
