package doctor

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// timeOf is when an event happened last. The older and the newer API of events put it into different fields.
func timeOf(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.UTC()
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.UTC()
	case !e.EventTime.IsZero():
		return e.EventTime.UTC()
	}
	return e.CreationTimestamp.UTC()
}

// beganAt is when an event happened for the first time.
func beganAt(e *corev1.Event) time.Time {
	return cmp.Or(e.FirstTimestamp.UTC(), e.EventTime.UTC(), timeOf(e))
}

func countOf(e *corev1.Event) int {
	if e.Series != nil {
		return int(e.Series.Count)
	}
	return max(1, int(e.Count))
}

// maxEvents is how many events of an object are shown.
const maxEvents = 3

// recent are the last events of an object, the newest last.
func (r *reader) recent(kind string, object client.Object) []Event {
	events := r.events(kind, object)
	return events[max(0, len(events)-maxEvents):]
}

// events are those of an object that the API server still has, in order. They are kept for an hour by default.
func (r *reader) events(kind string, object client.Object) []Event {
	namespace := object.GetNamespace()
	all, looked := r.happened[namespace]
	if !looked {
		list := &corev1.EventList{}
		r.list(namespace, list)
		all = list.Items
		r.happened[namespace] = all
	}
	var events []Event
	for i := range all {
		e := &all[i]
		if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == object.GetName() && (e.InvolvedObject.UID == "" || e.InvolvedObject.UID == object.GetUID()) {
			events = append(events, Event{Time: timeOf(e), Type: e.Type, Reason: e.Reason, Message: e.Message, Count: countOf(e), began: beganAt(e)})
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return events
}

// lastWarning is the newest warning about an object.
func (r *reader) lastWarning(kind string, object client.Object) string {
	for _, e := range slices.Backward(r.events(kind, object)) {
		if e.Type == corev1.EventTypeWarning {
			return e.Message
		}
	}
	return ""
}
