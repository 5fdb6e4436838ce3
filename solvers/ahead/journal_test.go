package ahead

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func testEntry(value string) entry {
	return entry{
		Challenge: "uid-" + "x", Solver: "alidns", Namespace: "team-a", DNSName: "example.com", Config: []byte(`{"a":1}`),
		Name: name, Value: value,
	}
}

func values(j *journal) []string {
	entries, _ := j.all()
	var all []string
	for _, e := range entries {
		text := e.Value
		if e.Written {
			text += " written"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func TestJournal_ReplicasSeeEachOthersEntries(t *testing.T) {
	kube := kubefake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "group"}})
	a, b := newJournal(kube.CoreV1().ConfigMaps("certyun"), "group"), newJournal(kube.CoreV1().ConfigMaps("certyun"), "group")
	ctx := t.Context()
	a.note(testEntry("1"))
	b.note(testEntry("2"))
	if err := errors.Join(a.save(ctx), b.save(ctx)); err != nil {
		t.Fatal(err)
	}
	want := []string{"1", "2"}
	if diff := cmp.Diff(want, values(b)); diff != "" {
		t.Errorf("what a replica learns when it saves (-want +got):\n%s", diff)
	}
	written := testEntry("1").wrote(Record{Zone: "example.com", ID: "17", Account: "f"}, "a")
	a.note(written)
	b.forget(testEntry("2").key())
	if err := errors.Join(a.save(ctx), b.save(ctx), a.refresh(ctx)); err != nil {
		t.Fatal(err)
	}
	for which, j := range map[string]*journal{"a": a, "b": b} {
		if diff := cmp.Diff([]string{"1 written"}, values(j)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", which, diff)
		}
	}
	e, _ := b.get(testEntry("1").key())
	if diff := cmp.Diff(written, e); diff != "" {
		t.Errorf("the entry (-want +got):\n%s", diff)
	}
}

func TestJournal_WhatCannotBeSavedIsKept(t *testing.T) {
	kube := kubefake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "group"}})
	refuse := true
	kube.PrependReactor("patch", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		return refuse, nil, errors.New("no such right")
	})
	j := newJournal(kube.CoreV1().ConfigMaps("certyun"), "group")
	j.note(testEntry("1"))
	if err := j.save(t.Context()); err == nil || !strings.Contains(err.Error(), "group") {
		t.Fatalf("got %v", err)
	}
	if err := j.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1"}, values(j)); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	refuse = false
	if err := j.save(t.Context()); err != nil || j.dirty() {
		t.Fatalf("saved later: %v, unsaved %t", err, j.dirty())
	}
	object, err := kube.CoreV1().ConfigMaps("certyun").Get(t.Context(), "group", metav1.GetOptions{})
	if err != nil || len(object.Data) != 1 {
		t.Errorf("the ConfigMap has %v, %v", object.Data, err)
	}
}

func TestJournal_AConfigMapThatIsGoneIsMadeAnew(t *testing.T) {
	kube := kubefake.NewClientset()
	j := newJournal(kube.CoreV1().ConfigMaps("certyun"), "group")
	j.note(testEntry("1"))
	if err := j.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := kube.CoreV1().ConfigMaps("certyun").Delete(t.Context(), "group", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.refresh(t.Context()), j.save(t.Context())); err != nil {
		t.Fatal(err)
	}
	object, err := kube.CoreV1().ConfigMaps("certyun").Get(t.Context(), "group", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{testEntry("1").key()}, slices.Collect(maps.Keys(object.Data))); diff != "" {
		t.Errorf("what is in the new ConfigMap (-want +got):\n%s", diff)
	}
}

func TestJournal_WhatSomebodyEditedIsLeftOut(t *testing.T) {
	kube := kubefake.NewClientset(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "group"},
		Data: map[string]string{
			"nonsense":           "not JSON",
			testEntry("1").key(): `{"solver":"alidns","namespace":"team-a","name":"www.example.com","value":"1"}`, // another name than the key says
		},
	})
	j := newJournal(kube.CoreV1().ConfigMaps("certyun"), "group")
	if err := j.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := values(j); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestTurns(t *testing.T) {
	turns := newTurns()
	working, release, ok := turns.try(t.Context(), "record")
	if !ok {
		t.Fatal("a free turn is not given")
	}
	if _, _, ok := turns.try(t.Context(), "record"); ok {
		t.Error("work ahead takes the turn of another")
	}
	if _, other, ok := turns.try(t.Context(), "another record"); !ok {
		t.Error("a turn for one record is one for all")
	} else {
		other()
	}
	taken := make(chan func())
	go func() {
		release, err := turns.take(context.Background(), "record")
		if err != nil {
			t.Error(err)
		}
		taken <- release
	}()
	<-working.Done() // it is asked to give up
	release()
	end := <-taken
	if _, _, ok := turns.try(t.Context(), "record"); ok {
		t.Error("work ahead takes the turn of Present")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.take(ended, "record"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain ends with %v", err)
	}
	end()
	if _, release, ok := turns.try(t.Context(), "record"); !ok {
		t.Error("a turn that has ended is not free")
	} else {
		release()
	}
}
