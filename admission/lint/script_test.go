package lint

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var update = flag.Bool("update", false, "write the golden output in scripts anew")

// TestGenerated_Scripts runs the command as people do. A script says what its files are, what is called, and what comes of it.
func TestGenerated_Scripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}

// TestGenerated_ScriptsWithACluster runs those that need an API server: the administrator's kubeconfig is in $ADMIN, and in $READER that of
// a user who may read only Issuers and Certificates, and only in the namespace default.
func TestGenerated_ScriptsWithACluster(t *testing.T) {
	t.Parallel()
	server := apiServer(t)
	admin, err := server.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := server.AddUser(envtest.User{Name: "reader"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	allowReader(t, admin)
	kubeconfigs := map[string][]byte{"ADMIN": kubeconfig(t, admin), "READER": kubeconfig(t, reader)}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "cluster"),
		UpdateScripts: *update,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Setup: func(env *testscript.Env) error {
			for name, config := range kubeconfigs {
				file := filepath.Join(env.WorkDir, name)
				if err := os.WriteFile(file, config, 0o600); err != nil {
					return err
				}
				env.Setenv(name, file)
			}
			env.Setenv("KUBECTL", filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"))
			return nil
		},
	})
}

// kubeconfig is a user's kubeconfig. The API server's package completes the user with the first one that it writes, and without a
// lock: it is written before scripts run beside each other.
func kubeconfig(t *testing.T, user *envtest.AuthenticatedUser) []byte {
	t.Helper()
	config, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func allowReader(t *testing.T, admin *envtest.AuthenticatedUser) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := rbacv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(admin.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []client.Object{
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: "default"}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"cert-manager.io"}, Resources: []string{"issuers", "certificates"}, Verbs: []string{"get", "list"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: "default"},
			Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "reader"}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		},
	} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// status runs a command and demands the code with which it ends: "status 3 certyun lint broken.yaml".
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND [ARG]…")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("%q is no code", args[0])
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("ended with %d, not %d", got, want)
	}
}
