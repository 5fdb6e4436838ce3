// Package shim makes the Certificates that cert-manager's certificate-shim makes for an annotated Ingress or Gateway, and knows
// which field of the object each of theirs comes from.
package shim

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// applySetLabel is left out when labels are copied, so that kubectl apply --prune does not take the Certificate for one of its
// own (https://github.com/cert-manager/cert-manager/issues/7306).
const applySetLabel = "applyset.kubernetes.io/part-of"

// Certificate is one that cert-manager would make, and where its fields come from.
type Certificate struct {
	*cmapi.Certificate
	object metav1.Object
	issuer issuer
	entry  Entry
	// names and addresses are where each of the Certificate's comes from.
	names, addresses []string
}

// Certificates are those that cert-manager would make for an object: none where it gives up.
func Certificates(object metav1.Object) []*Certificate {
	named, ok := issuerOf(object.GetAnnotations())
	if !ok || object.GetDeletionTimestamp() != nil || slices.Contains(object.GetFinalizers(), metav1.FinalizerDeleteDependents) ||
		len(SecretDuplicates(object)) > 0 {
		return nil
	}
	entries, _ := Entries(object)
	list := make([]*Certificate, 0, len(entries))
	for _, entry := range entries {
		c := &Certificate{object: object, issuer: named, entry: entry}
		if !c.fill() {
			return nil
		}
		list = append(list, c)
	}
	return list
}

// Owned is the Certificate as it is in a cluster: with what owns it.
func (c *Certificate) Owned() *cmapi.Certificate {
	owned, controller := c.DeepCopy(), true
	owned.OwnerReferences = []metav1.OwnerReference{{Kind: Kind(c.object), Name: c.object.GetName(), Controller: &controller}}
	return owned
}

// Uses are the Secrets of its own namespace with which an object serves TLS, and for which hosts.
func Uses(object metav1.Object) map[string][]string {
	entries, _ := Entries(object)
	uses := map[string][]string{}
	for _, entry := range entries {
		for _, host := range entry.hosts {
			uses[entry.SecretName] = append(uses[entry.SecretName], host.name)
		}
	}
	return uses
}

// fill makes the Certificate. It returns false where cert-manager cannot read an annotation.
func (c *Certificate) fill() bool {
	labels := maps.Clone(c.object.GetLabels())
	delete(labels, applySetLabel)
	c.Certificate = &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.object.GetNamespace(), Name: c.entry.SecretName, Labels: labels,
			Annotations: solverAnnotations(c.object),
		},
		Spec: cmapi.CertificateSpec{
			SecretName: c.entry.SecretName,
			IssuerRef:  cmmeta.IssuerReference{Name: c.issuer.name, Kind: c.issuer.kind, Group: c.issuer.group},
			Usages:     cmapi.DefaultKeyUsages(),
		},
	}
	c.addHosts()
	annotations := c.object.GetAnnotations()
	for _, a := range Annotations() {
		value, set := annotations[a.Key]
		if !set {
			continue
		}
		if a.Read(c.Certificate, value) != "" {
			return false
		}
		path := fieldpath.Annotation(a.Key)
		for len(c.names) < len(c.Spec.DNSNames) {
			c.names = append(c.names, path)
		}
		for len(c.addresses) < len(c.Spec.IPAddresses) {
			c.addresses = append(c.addresses, path)
		}
	}
	return true
}

// addHosts sorts the hosts into names and addresses, each once.
func (c *Certificate) addHosts() {
	spec := &c.Spec
	seen := map[string]bool{}
	for _, host := range c.entry.hosts {
		if seen[host.name] {
			continue
		}
		seen[host.name] = true
		if net.ParseIP(host.name) != nil {
			c.addresses = append(c.addresses, host.path)
			spec.IPAddresses = append(spec.IPAddresses, host.name)
			continue
		}
		c.names = append(c.names, host.path)
		spec.DNSNames = append(spec.DNSNames, host.name)
	}
}

// solverAnnotations are those by which the object tells HTTP-01 solvers where to answer.
func solverAnnotations(object metav1.Object) map[string]string {
	given := object.GetAnnotations()
	set := map[string]string{}
	if given[cmacme.IngressEditInPlaceAnnotationKey] == "true" {
		set[cmacme.ACMECertificateHTTP01IngressNameOverride] = object.GetName()
		set[cmapi.IssueTemporaryCertificateAnnotation] = "true"
	}
	if class := given[cmapi.IngressACMEIssuerHTTP01IngressClassAnnotationKey]; class != "" {
		set[cmacme.ACMECertificateHTTP01IngressClassOverride] = class
	}
	if class := given[cmapi.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey]; class != "" {
		set[cmacme.ACMECertificateHTTP01IngressClassNameOverride] = class
	}
	if Kind(object) == "Gateway" {
		set[cmacme.ACMECertificateHTTP01ParentRefKind] = "Gateway"
		set[cmacme.ACMECertificateHTTP01ParentRefName] = object.GetName()
	}
	if len(set) == 0 {
		return nil
	}
	return set
}

// indexedName is how messages of rules point at another name of the same Certificate.
var indexedName = regexp.MustCompile(`spec\.(dnsNames|ipAddresses)\[(\d+)\]`)

// Text is a message about the Certificate that points at the object's own names.
func (c *Certificate) Text(message string) string {
	return indexedName.ReplaceAllStringFunc(message, c.Origin)
}

// originOf is where one of the Certificate's names or addresses comes from, "" for any other path.
func (c *Certificate) originOf(path string) string {
	match := indexedName.FindStringSubmatch(path)
	if match == nil || match[0] != path {
		return ""
	}
	origins := c.names
	if match[1] == "ipAddresses" {
		origins = c.addresses
	}
	if i, err := strconv.Atoi(match[2]); err == nil && i < len(origins) {
		return origins[i]
	}
	return ""
}

// Origin says where a field of the Certificate comes from.
func (c *Certificate) Origin(path string) string {
	if origin := c.originOf(path); origin != "" {
		return origin
	}
	annotations := c.object.GetAnnotations()
	switch {
	case strings.HasPrefix(path, "metadata."):
		return path
	case path == "spec.secretName":
		return c.entry.SecretPath
	case path == "spec.dnsNames", path == "spec.ipAddresses" && annotations[cmapi.IPSANAnnotationKey] == "":
		return c.entry.hostsPath
	case strings.HasPrefix(path, "spec.issuerRef"):
		for field, key := range map[string]string{"kind": cmapi.IssuerKindAnnotationKey, "group": cmapi.IssuerGroupAnnotationKey} {
			if _, set := annotations[key]; set && path == "spec.issuerRef."+field {
				return fieldpath.Annotation(key)
			}
		}
		return fieldpath.Annotation(c.issuer.key)
	}
	for _, a := range Annotations() {
		if rest, under := strings.CutPrefix(path, a.Field); under && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			if a.Key == cmapi.IngressSecretTemplate {
				return fieldpath.Annotation(a.Key) + rest
			}
			return fieldpath.Annotation(a.Key)
		}
	}
	return "metadata.annotations"
}
