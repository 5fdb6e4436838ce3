package doctor

import (
	"context"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// completions completes names from the cluster, and values from their lists.
func (o *flags) completions(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		switch sub.Name() {
		case "certificate":
			sub.ValidArgsFunction = o.name(func(r *reader) []string { return namesOf(r, &cmapi.CertificateList{}, r.namespace) })
		case "issuer":
			sub.ValidArgsFunction = o.name(func(r *reader) []string {
				return append(namesOf(r, &cmapi.IssuerList{}, r.namespace), namesOf(r, &cmapi.ClusterIssuerList{}, "")...)
			})
			complete(sub, "kind", kinds())
		}
	}
	complete(cmd, "output", outputs())
	// It fails only for a flag that is not there, or is completed already.
	_ = cmd.RegisterFlagCompletionFunc("namespace", o.names(func(r *reader) []string { return namesOf(r, &corev1.NamespaceList{}, "") }))
}

// complete lets a flag be completed from a list.
func complete(cmd *cobra.Command, flag string, values []string) {
	if cmd.Flag(flag) == nil {
		return
	}
	// It fails only for a flag that is not there, or is completed already.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completionTimeout is how long a user waits for a shell.
const completionTimeout = 3 * time.Second

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// name completes the one argument of a command.
func (o *flags) name(list func(*reader) []string) completion {
	names := o.names(list)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(cmd, args, typed)
	}
}

func (o *flags) names(list func(*reader) []string) completion {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		d, err := o.doctor(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := contextFor(cmd, completionTimeout)
		defer cancel()
		var fitting []string
		for _, name := range list(d.reader(ctx)) {
			if strings.HasPrefix(name, typed) {
				fitting = append(fitting, name)
			}
		}
		return fitting, cobra.ShellCompDirectiveNoFileComp
	}
}

// contextFor is the command's context with an end. While a shell completes, a command has none.
func contextFor(cmd *cobra.Command, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, timeout)
}

// namesOf lists the names of the objects of a kind.
func namesOf(r *reader, list client.ObjectList, namespace string) []string {
	r.list(namespace, list)
	var names []string
	// It fails only for what is not a list.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if object, err := meta.Accessor(item); err == nil {
			names = append(names, object.GetName())
		}
		return nil
	})
	return names
}
