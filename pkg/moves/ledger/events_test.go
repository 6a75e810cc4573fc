package ledger

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/workload"
)

// about is a recorder that keeps what the last event was about.
type about struct {
	regarding *corev1.ObjectReference
	related   runtime.Object
}

func (e *about) Eventf(regarding, related runtime.Object, _, _, _, _ string, _ ...any) {
	e.regarding, e.related = regarding.(*corev1.ObjectReference), related
}

// TestEvent: an event of a move is found at its workload by UID, and is related to the pod that is moved, or to nothing: the recorder would
// take a pointer to nothing for an object.
func TestEvent(t *testing.T) {
	kruise := workload.Key{Kind: "StatefulSet.apps.kruise.io", Namespace: "shop", Name: "db"}
	round := &rounds.Round{Result: &planning.Result{Workloads: []planning.Workload{
		{Workload: workload.Workload{Key: web, APIVersion: "apps/v1", UID: "uid-web"}},
		{Workload: workload.Workload{Key: kruise, APIVersion: "apps.kruise.io/v1beta1", UID: "uid-db"}},
	}}}
	pod := &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web-1", UID: "uid-pod"}
	gone := workload.Key{Kind: "Deployment", Namespace: "shop", Name: "gone"}
	for _, tt := range []struct {
		key     workload.Key
		related *corev1.ObjectReference
		want    corev1.ObjectReference
	}{
		{web, pod, corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "uid-web"}},
		{web, nil, corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "uid-web"}},
		{kruise, pod, corev1.ObjectReference{APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Namespace: "shop", Name: "db", UID: "uid-db"}},
		{gone, nil, corev1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: "gone"}},
	} {
		recorder := &about{}
		Event(recorder, round, tt.key, tt.related, corev1.EventTypeNormal, "Moved", "it moves")
		if *recorder.regarding != tt.want {
			t.Errorf("of %s: it is about %+v, want %+v", tt.key, recorder.regarding, tt.want)
		}
		if tt.related == nil && recorder.related != nil || tt.related != nil && recorder.related != runtime.Object(tt.related) {
			t.Errorf("of %s: it is related to %v, want %v", tt.key, recorder.related, tt.related)
		}
	}
}
