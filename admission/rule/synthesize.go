package rule

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
)

// applySetLabel is left out when labels are copied, so that kubectl apply --prune does not take the Certificate for one of its
// own (https://github.com/cert-manager/cert-manager/issues/7306).
const applySetLabel = "applyset.kubernetes.io/part-of"

// synthesized is a Certificate that cert-manager would make for an Ingress or a Gateway.
type synthesized struct {
	certificate *cmapi.Certificate
	// translate turns a finding about the Certificate into one about the field that it came from.
	translate func(Finding) Finding
}

// synthesize makes the Certificates that cert-manager's certificate-shim would make: none where it gives up.
func synthesize(r *AnnotatedReview) []synthesized {
	choice, ok := r.issuer()
	if !ok || r.Object.GetDeletionTimestamp() != nil || slices.Contains(r.Object.GetFinalizers(), metav1.FinalizerDeleteDependents) ||
		len(secretDuplicates(r.Object)) > 0 {
		return nil
	}
	entries, _ := tlsEntries(r.Object)
	list := make([]synthesized, 0, len(entries))
	for _, entry := range entries {
		s := synthesis{object: r.Object, choice: choice, entry: entry}
		if !s.fill() {
			return nil
		}
		list = append(list, synthesized{certificate: s.certificate, translate: s.translate})
	}
	return list
}

// synthesis is one Certificate in the making, and where its fields come from.
type synthesis struct {
	object      metav1.Object
	choice      issuerChoice
	entry       tlsEntry
	certificate *cmapi.Certificate
	// names and addresses are where each of the Certificate's comes from.
	names, addresses []string
}

// fill makes the Certificate. It returns false where cert-manager cannot read an annotation.
func (s *synthesis) fill() bool {
	labels := maps.Clone(s.object.GetLabels())
	delete(labels, applySetLabel)
	s.certificate = &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.object.GetNamespace(), Name: s.entry.secretName, Labels: labels,
			Annotations: solverAnnotations(s.object),
		},
		Spec: cmapi.CertificateSpec{
			SecretName: s.entry.secretName,
			IssuerRef:  cmmeta.IssuerReference{Name: s.choice.name, Kind: s.choice.kind, Group: s.choice.group},
			Usages:     cmapi.DefaultKeyUsages(),
		},
	}
	s.addHosts()
	annotations := s.object.GetAnnotations()
	for _, a := range shimAnnotations() {
		value, set := annotations[a.key]
		if !set {
			continue
		}
		if a.read(s.certificate, value) != "" {
			return false
		}
		path := annotationPath(a.key)
		for len(s.names) < len(s.certificate.Spec.DNSNames) {
			s.names = append(s.names, path)
		}
		for len(s.addresses) < len(s.certificate.Spec.IPAddresses) {
			s.addresses = append(s.addresses, path)
		}
	}
	return true
}

// addHosts sorts the hosts into names and addresses, each once.
func (s *synthesis) addHosts() {
	spec := &s.certificate.Spec
	seen := map[string]bool{}
	for _, host := range s.entry.hosts {
		if seen[host.name] {
			continue
		}
		seen[host.name] = true
		if net.ParseIP(host.name) != nil {
			s.addresses = append(s.addresses, host.path)
			spec.IPAddresses = append(spec.IPAddresses, host.name)
			continue
		}
		s.names = append(s.names, host.path)
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
	if kindOfAnnotated(object) == "Gateway" {
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

func (s *synthesis) translate(f Finding) Finding {
	f.Field = s.translatePath(f.Field)
	f.Message = indexedName.ReplaceAllStringFunc(f.Message, s.translatePath)
	f.Brief = indexedName.ReplaceAllStringFunc(f.Brief, s.translatePath)
	return f
}

// originOf is where one of the Certificate's names or addresses comes from, "" for any other path.
func (s *synthesis) originOf(path string) string {
	match := indexedName.FindStringSubmatch(path)
	if match == nil || match[0] != path {
		return ""
	}
	origins := s.names
	if match[1] == "ipAddresses" {
		origins = s.addresses
	}
	if i, err := strconv.Atoi(match[2]); err == nil && i < len(origins) {
		return origins[i]
	}
	return ""
}

// translatePath says where a field of the Certificate comes from.
func (s *synthesis) translatePath(path string) string {
	if origin := s.originOf(path); origin != "" {
		return origin
	}
	annotations := s.object.GetAnnotations()
	switch {
	case strings.HasPrefix(path, "metadata."):
		return path
	case path == "spec.secretName":
		return s.entry.secretPath
	case path == "spec.dnsNames", path == "spec.ipAddresses" && annotations[cmapi.IPSANAnnotationKey] == "":
		return s.entry.hostsPath
	case strings.HasPrefix(path, "spec.issuerRef"):
		for field, key := range map[string]string{"kind": cmapi.IssuerKindAnnotationKey, "group": cmapi.IssuerGroupAnnotationKey} {
			if _, set := annotations[key]; set && path == "spec.issuerRef."+field {
				return annotationPath(key)
			}
		}
		return annotationPath(s.choice.key)
	}
	for _, a := range shimAnnotations() {
		if rest, under := strings.CutPrefix(path, a.field); under && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			if a.key == cmapi.IngressSecretTemplate {
				return annotationPath(a.key) + rest
			}
			return annotationPath(a.key)
		}
	}
	return "metadata.annotations"
}
