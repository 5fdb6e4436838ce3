package doctor

import (
	"cmp"
	"slices"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	appsv1 "k8s.io/api/apps/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/solvers/config"
)

// solvers are those that are looked at, each once.
type solvers struct {
	*reader
	controller *controller
	// served are the groups of certyun's APIServices. Known tells whether somebody was allowed to list them.
	served []string
	known  bool
	// deployments are certyun's solvers by their labels, where nobody may list those.
	deployments []appsv1.Deployment
	looked      []*solver
	// accounts are those that were asked.
	accounts map[string]account
}

// newSolvers finds out which groups certyun serves. Nothing is said about how these are.
func newSolvers(r *reader, c *controller) *solvers {
	s := &solvers{reader: r, controller: c, accounts: map[string]account{}}
	services := &apiregistrationv1.APIServiceList{}
	s.known = r.list("", services, client.MatchingLabels{partOf: ours})
	for _, service := range services.Items {
		s.served = append(s.served, service.Spec.Group)
	}
	slices.Sort(s.served)
	s.served = slices.Compact(s.served)
	if !s.known {
		s.deployments = r.ours("solver")
	}
	return s
}

// of looks, once, at what serves a group.
func (s *solvers) of(group string) *solver {
	i := slices.IndexFunc(s.looked, func(one *solver) bool { return one.name == group })
	if i >= 0 {
		return s.looked[i]
	}
	one := &solver{reader: s.reader, sight: sight{area: "certyun's solvers"}, name: group, controller: s.controller, deployments: s.deployments}
	s.looked = append(s.looked, one)
	one.look()
	return one
}

// judgeCall checks what a challenge calls, where that is a webhook.
func (s *solvers) judgeCall(challenge *acmev1.Challenge) {
	if groupOf(challenge) == "" {
		return
	}
	webhook := challenge.Spec.Solver.DNS01.Webhook
	if group := s.of(webhook.GroupName); slices.Contains(group.Resources, webhook.SolverName) {
		group.callerMay(webhook.SolverName)
	}
}

// groups are those that certyun serves here; without any, the one that it would.
func (s *solvers) groups() []string {
	switch {
	case s.options.Group != "":
		return []string{s.options.Group}
	case len(s.served) > 0:
		return s.served
	}
	var groups []string
	for i := range s.deployments {
		groups = append(groups, cmp.Or(argument(&s.deployments[i], "--group-name"), config.DefaultGroup))
	}
	if len(groups) == 0 {
		return []string{config.DefaultGroup}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// first is the first group that certyun serves here, "" where there is none.
func (s *solvers) first() string {
	if len(s.served) == 0 {
		return ""
	}
	return s.served[0]
}

// wait tells whether those of the first group wait until records are visible, as far as is known.
func (s *solvers) wait() bool {
	return !slices.ContainsFunc(s.looked, func(one *solver) bool { return one.name == s.first() && one.idle })
}

// ambient is whom those of the first group let use ambient credentials, nil where that is not known.
func (s *solvers) ambient() *config.Ambient {
	i := slices.IndexFunc(s.looked, func(one *solver) bool { return one.name == s.first() && one.deployed != nil })
	if i < 0 {
		return nil
	}
	policy, err := ambientPolicy(s.looked[i].deployed)
	if err != nil {
		return nil // with such flags it does not start, which is another sign
	}
	return &policy
}

// installed tells whether certyun serves anything here. Where nobody may look, it may.
func (s *solvers) installed() bool { return len(s.served) > 0 || !s.known }

// sights are what was seen of each.
func (s *solvers) sights() []*sight {
	sights := make([]*sight, len(s.looked))
	for i, one := range s.looked {
		sights[i] = &one.sight
	}
	return sights
}
