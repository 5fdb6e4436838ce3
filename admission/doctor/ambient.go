package doctor

import (
	"cmp"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
)

// judgeAmbient checks the ambient credentials of a solver that names no Secret: whether it may use them, and what they are. They are
// those of the solver's own Pod or node, so that they can be seen, and not be used from here.
func (i *issuer) judgeAmbient(w webhookSolver, role config.Role) {
	group := i.solvers.of(w.GroupName)
	if group.deployed == nil {
		if group.Served || !group.Known {
			i.skipf("whether %s may use ambient credentials, and which (the solver's Deployment cannot be seen)", i.object)
		}
		return
	}
	if !i.mayBeAmbient(group, role.ARN) {
		return
	}
	around := group.surroundings()
	origin := originOf(w.SolverName, around.getenv)
	if i.judgeOrigin(around, origin) {
		i.checkf(OK, "%s: %s acts with %s", i.object, w.SolverName, around.identity(origin, role))
	}
}

// originOf is where the ambient credentials of a solver come from.
func originOf(solver string, getenv credential.Getenv) credential.Origin {
	if solver == dnspodName {
		return dnspod.Origin(getenv)
	}
	return alidns.Origin(getenv)
}

// mayBeAmbient tells whether cert-manager and the operator of the solver let an Issuer use ambient credentials. It says what the solver
// would say where they do not.
func (i *issuer) mayBeAmbient(group *solver, role string) bool {
	policy, err := ambientPolicy(group.deployed)
	if err != nil {
		i.skipf("whether %s may use ambient credentials (%v)", i.object, err)
		return false
	}
	isCluster := i.object.Namespace == ""
	asked, known := i.controller.letsAmbient(i.reader, isCluster)
	if !known {
		i.skipf("whether cert-manager lets %s use ambient credentials (its Deployment, or its file of settings, cannot be seen)", i.object)
		asked = true
	}
	ofCluster := i.secretNamespace() == cmp.Or(argument(group.deployed, "--cluster-resource-namespace"), defaultNamespace)
	reason, remedy := policy.Refuses(ofCluster, asked, role)
	if reason == "" {
		return true
	}
	i.complaint(i.object, reason+"; "+remedy, nil)
	return false
}

// ambientPolicy is whom a solver lets use ambient credentials.
func ambientPolicy(d *appsv1.Deployment) (config.Ambient, error) {
	var roles []string
	for _, value := range arguments(d, "--"+config.AmbientRolesFlag) {
		if value == "" {
			continue
		}
		listed, err := csv.NewReader(strings.NewReader(value)).Read() // as the flag is read
		if err != nil {
			return config.Ambient{}, err
		}
		roles = append(roles, listed...)
	}
	return config.NewAmbient(cmp.Or(argument(d, "--"+config.AmbientFlag), config.AmbientClusterIssuers), roles)
}

// letsAmbient tells whether cert-manager lets Issuers, or ClusterIssuers, use ambient credentials, by its flags, else by its file of
// settings, else by what it does by itself (https://cert-manager.io/docs/configuration/acme/dns01/#ambient-credentials).
func (c *controller) letsAmbient(r *reader, isCluster bool) (lets, known bool) {
	if c.deployment == nil {
		return false, false
	}
	flag, setting := "--issuer-ambient-credentials", "issuerAmbientCredentials"
	if isCluster {
		flag, setting = "--cluster-issuer-ambient-credentials", "clusterIssuerAmbientCredentials"
	}
	if value := arguments(c.deployment, flag); len(value) > 0 {
		lets, err := strconv.ParseBool(cmp.Or(value[len(value)-1], "true"))
		return lets, err == nil
	}
	if argument(c.deployment, "--config") == "" {
		return isCluster, true
	}
	settings, known := c.settings(r)
	if value, isThere := settings[setting].(bool); isThere {
		return value, known
	}
	return isCluster, known
}

// settings are those in the ConfigMap that is cert-manager's file of settings.
func (c *controller) settings(r *reader) (settings map[string]any, known bool) {
	name, key := configMapOf(c.deployment, "--config")
	file := &corev1.ConfigMap{}
	if name == "" {
		return nil, false
	}
	if found, _ := r.get(c.deployment.Namespace, name, file); !found {
		return nil, false
	}
	err := yaml.Unmarshal([]byte(file.Data[key]), &settings)
	return settings, err == nil
}

// judgeOrigin checks that ambient credentials are as complete as can be seen.
func (i *issuer) judgeOrigin(around *surroundings, origin credential.Origin) bool {
	level := Problem
	if !around.certain() {
		level = Warning
	}
	err := origin.Err
	if err == nil {
		_, err = origin.Needs.Read(around.getenv)
	}
	if err != nil {
		i.checkf(level, "%s: %v", around.object, err)
		i.sign(Sign{Level: level, Object: around.object, Text: err.Error()})
		return false
	}
	file := around.getenv(origin.TokenFile)
	if volume, _ := mounted(around.pod, around.container, file); strings.HasPrefix(file, "/") && volume == nil {
		i.bad(level, "token-not-mounted", around.object, "no volume is mounted at "+file+", where its environment says that the token is", map[string]string{"token-file": file})
		return false
	}
	return true
}

// identity says in words what a solver acts with there.
func (s *surroundings) identity(origin credential.Origin, role config.Role) string {
	own := s.getenv(origin.Role)
	if origin.Place == credential.Token && role.ARN != "" && !role.Chain {
		own, role = role.ARN, config.Role{}
	}
	var details []string
	detail := func(what, value string) {
		if value != "" {
			details = append(details, what+value)
		}
	}
	for _, name := range origin.Needs {
		if from := s.elsewhere(name); from != "" && origin.Place == credential.Environment {
			detail(name+" ", from)
		}
	}
	if origin.Place == credential.Token {
		detail("", accountUser(s.account))
		detail("for the audience ", s.audience(s.getenv(origin.TokenFile)))
		detail("by the OIDC provider ", s.getenv(origin.Provider))
	}
	detail("as the role ", own)
	text := origin.Name
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	if role.ARN != "" {
		text += ", then the role " + role.ARN
	}
	return text + ", as seen in " + s.object.String()
}

// audience is that of the token that the kubelet writes to a file, "" where none can be seen.
func (s *surroundings) audience(file string) string {
	volume, inside := mounted(s.pod, s.container, file)
	if volume == nil || volume.Projected == nil {
		return ""
	}
	at := slices.IndexFunc(volume.Projected.Sources, func(source corev1.VolumeProjection) bool {
		return source.ServiceAccountToken != nil && source.ServiceAccountToken.Path == inside
	})
	if at < 0 {
		return ""
	}
	return cmp.Or(volume.Projected.Sources[at].ServiceAccountToken.Audience, "of the API server")
}
