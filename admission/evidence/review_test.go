package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// counting counts the questions of each sort.
type counting struct {
	evidence.World
	asked map[string]int
}

func newCounting(objects ...*cmapi.Issuer) *counting {
	w := worldOf(objects...)
	return &counting{World: w, asked: map[string]int{}}
}

func worldOf(issuers ...*cmapi.Issuer) *objects.World {
	w := objects.New(rule.IndexKeys)
	w.APIServicesKnown, w.KindsKnown, w.SecretsKnown = true, true, true
	for _, issuer := range issuers {
		w.AddIssuer(issuer)
	}
	w.AddAPIService(&evidence.APIService{Name: "v1alpha1.there"})
	return w
}

func (w *counting) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	w.asked["Issuer"]++
	return w.World.Issuer(ctx, key)
}

func (w *counting) Certificate(ctx context.Context, namespace, name string) (*cmapi.Certificate, error) {
	w.asked["Certificate"]++
	return w.World.Certificate(ctx, namespace, name)
}

func (w *counting) APIService(ctx context.Context, name string) (*evidence.APIService, bool, error) {
	w.asked["APIService"]++
	return w.World.APIService(ctx, name)
}

func (w *counting) KindServed(ctx context.Context, group, kind string) (served, known bool, err error) {
	w.asked["kind"]++
	return w.World.KindServed(ctx, group, kind)
}

func (w *counting) Secret(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, bool, error) {
	w.asked["Secret"]++
	return w.World.Secret(ctx, namespace, name)
}

// everything asks about an object of each sort under this name, and says what is not answered.
func everything(ctx context.Context, w evidence.World, name string) (unanswered []string) {
	_, issuer := w.Issuer(ctx, evidence.IssuerKey{Namespace: "shop", Name: name})
	_, certificate := w.Certificate(ctx, "shop", name)
	_, _, service := w.APIService(ctx, name)
	_, _, kind := w.KindServed(ctx, name, "Issuer")
	_, _, secret := w.Secret(ctx, "shop", name)
	for sort, err := range map[string]error{"Issuer": issuer, "Certificate": certificate, "APIService": service, "kind": kind, "Secret": secret} {
		if err != nil {
			unanswered = append(unanswered, sort)
		}
	}
	return unanswered
}

func TestAReviewAsksTheSameOnce(t *testing.T) {
	t.Parallel()
	world, fresh := newCounting(), newCounting()
	w, f := evidence.ForReview(world, fresh)
	for range 10 {
		for _, one := range []evidence.World{w, f} {
			if got := everything(t.Context(), one, "web"); len(got) > 0 {
				t.Errorf("not answered: %q", got)
			}
		}
	}
	want := map[string]int{"Issuer": 1, "Certificate": 1, "APIService": 1, "kind": 1, "Secret": 1}
	if diff := cmp.Diff(want, world.asked); diff != "" {
		t.Errorf("questions to the world (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"Issuer": 1}, fresh.asked); diff != "" {
		t.Errorf("questions to the fresh world (-want +got):\n%s", diff)
	}
}

func TestAReviewAsksNoMoreThanSixtyTimes(t *testing.T) {
	t.Parallel()
	there := &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "there"}}
	world, fresh := newCounting(there), newCounting(there)
	w, f := evidence.ForReview(world, fresh)
	if issuer, err := w.Issuer(t.Context(), evidence.IssuerKey{Namespace: "shop", Name: "there"}); issuer == nil || err != nil {
		t.Errorf("an Issuer: %v, %v", issuer, err)
	}
	if service, known, err := w.APIService(t.Context(), "v1alpha1.there"); service == nil || !known || err != nil {
		t.Errorf("an APIService: %v, %t, %v", service, known, err)
	}
	for i := range 1000 {
		_ = everything(t.Context(), w, fmt.Sprint("none-", i))
		_ = everything(t.Context(), f, fmt.Sprint("none-", i))
	}
	looks := fresh.asked["Issuer"] - 1 // a fresh issuer may take two looks, and the APIService took none
	for _, asked := range []map[string]int{world.asked, fresh.asked} {
		for _, n := range asked {
			looks += n
		}
	}
	if looks > 60 {
		t.Errorf("it looks %d times: %v, %v", looks, world.asked, fresh.asked)
	}
	if issuer, err := w.Issuer(t.Context(), evidence.IssuerKey{Namespace: "shop", Name: "there"}); issuer == nil || err != nil {
		t.Errorf("an Issuer that was found before: %v, %v", issuer, err)
	}
	if got := len(everything(t.Context(), w, "one-more")); got != 5 {
		t.Errorf("%d questions are not answered in the end", got)
	}
}

func TestAReviewHearsOfErrors(t *testing.T) {
	t.Parallel()
	world := worldOf()
	world.IssuersHidden = func(evidence.IssuerKey) bool { return true }
	w, f := evidence.ForReview(world, nil)
	if f != nil {
		t.Errorf("a fresh world of nothing: %v", f)
	}
	for range 2 {
		if _, err := w.Issuer(t.Context(), evidence.IssuerKey{Name: "le"}); !errors.Is(err, objects.ErrHidden) {
			t.Errorf("an error: %v", err)
		}
	}
}
