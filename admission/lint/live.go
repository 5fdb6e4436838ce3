package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/cluster"
)

// live is what a cluster has. It is only read.
type live struct {
	reader  client.Reader
	objects []metav1.Object
	// old are the judged objects by their keys: what an applied object would change.
	old map[string]metav1.Object

	knowsAPIServices, knowsKinds bool
	// issuersUnknown are the namespaces whose Issuers may not be read: "" for ClusterIssuers, elsewhere for all namespaces that
	// are not in it.
	issuersUnknown map[string]bool

	mu      sync.Mutex
	secrets map[client.ObjectKey]secretAnswer
	notes   []string
}

type secretAnswer struct {
	metadata *metav1.PartialObjectMetadata
	known    bool
}

// page is how many objects are asked for at a time.
const page = 500

// elsewhere is no namespace's name.
const elsewhere = "/"

// answerTimeout bounds a question to the cluster where --request-timeout does not.
const answerTimeout = 30 * time.Second

// look reads what the rules need to know of a cluster. Namespaces are those of which more is read where not all of the cluster
// may be. An error means that the cluster does not answer.
func look(ctx context.Context, config *rest.Config, namespaces []string) (*live, error) {
	config = rest.AddUserAgent(rest.CopyConfig(config), "certyun-lint")
	config.QPS = -1
	if config.Timeout == 0 {
		config.Timeout = answerTimeout
	}
	reader, err := client.New(config, client.Options{Scheme: cluster.NewScheme()})
	if err != nil {
		return nil, err
	}
	l := &live{
		reader: reader, old: map[string]metav1.Object{}, issuersUnknown: map[string]bool{}, secrets: map[client.ObjectKey]secretAnswer{},
	}
	if l.knowsAPIServices, err = l.list(ctx, &apiregistrationv1.APIServiceList{}, "APIServices", ""); err != nil {
		return nil, err
	}
	if l.knowsKinds, err = l.list(ctx, &apiextensionsv1.CustomResourceDefinitionList{}, "CustomResourceDefinitions", ""); err != nil {
		return nil, err
	}
	known, err := l.list(ctx, &cmapi.ClusterIssuerList{}, "ClusterIssuers", "")
	if err != nil {
		return nil, err
	}
	l.issuersUnknown[""] = !known
	if err := l.namespaced(ctx, func() client.ObjectList { return &cmapi.IssuerList{} }, "Issuers", namespaces, l.issuersUnknown); err != nil {
		return nil, err
	}
	return l, l.namespaced(ctx, func() client.ObjectList { return &cmapi.CertificateList{} }, "Certificates", namespaces, map[string]bool{})
}

// namespaced reads the objects of all namespaces, or of these where that is forbidden.
func (l *live) namespaced(ctx context.Context, list func() client.ObjectList, title string, namespaces []string, unknown map[string]bool) error {
	notes := len(l.notes)
	known, err := l.list(ctx, list(), title, "")
	if err != nil || known {
		return err
	}
	l.notes = l.notes[:notes]
	unknown[elsewhere] = true
	for _, namespace := range namespaces {
		if known, err = l.list(ctx, list(), title, namespace); err != nil {
			return err
		}
		unknown[namespace] = !known
	}
	l.notef("the %s of namespaces other than %s may not be read", title, strings.Join(namespaces, ", "))
	return nil
}

// list reads all objects of a kind. Where that is forbidden, or nobody serves the kind, they are not known, or not there.
func (l *live) list(ctx context.Context, list client.ObjectList, title, namespace string) (known bool, err error) {
	options := &client.ListOptions{Namespace: namespace, Limit: page}
	for {
		err := l.reader.List(ctx, list, options)
		switch {
		case apierrors.IsForbidden(err):
			in := ""
			if namespace != "" {
				in = " of namespace " + namespace
			}
			l.notef("the %s%s may not be read", title, in)
			return false, nil
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
			l.notef("the cluster has no %s: is cert-manager installed?", title)
			return true, nil
		case err != nil:
			return false, fmt.Errorf("read the %s of the cluster: %w", title, err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return false, fmt.Errorf("read the %s of the cluster: %w", title, err)
		}
		for _, item := range items {
			object, ok := item.(metav1.Object)
			if !ok {
				continue
			}
			l.objects = append(l.objects, object)
			if isJudged(object) {
				l.old[keyOf(object)] = object
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return true, nil
		}
	}
}

// keyOf tells objects apart.
func keyOf(object metav1.Object) string {
	return fmt.Sprintf("%T %s/%s", object, object.GetNamespace(), object.GetName())
}

func (l *live) notef(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

// knowsIssuer tells whether an Issuer that was not read is not there.
func (l *live) knowsIssuer(key evidence.IssuerKey) bool {
	if unknown, asked := l.issuersUnknown[key.Namespace]; asked {
		return !unknown
	}
	return !l.issuersUnknown[elsewhere]
}

// secret asks for the metadata of a Secret.
func (l *live) secret(ctx context.Context, namespace, name string) (secret *metav1.PartialObjectMetadata, known bool) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	l.mu.Lock()
	answer, asked := l.secrets[key]
	l.mu.Unlock()
	if asked {
		return answer.metadata, answer.known
	}
	secret = &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := l.reader.Get(ctx, key, secret)
	switch {
	case err == nil:
		answer = secretAnswer{metadata: secret, known: true}
	case apierrors.IsNotFound(err):
		answer.known = true
	default:
		l.notef("the Secrets of namespace %s may not be read", namespace)
	}
	l.mu.Lock()
	l.secrets[key] = answer
	l.mu.Unlock()
	return answer.metadata, answer.known
}
