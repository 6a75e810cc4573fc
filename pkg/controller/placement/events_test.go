package placement

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// told is a recorder that keeps what events are about.
type told struct{ regarding, related []*corev1.ObjectReference }

func (e *told) Eventf(regarding, related runtime.Object, _, _, _, _ string, _ ...any) {
	e.regarding = append(e.regarding, regarding.(*corev1.ObjectReference))
	e.related = append(e.related, related.(*corev1.ObjectReference))
}

// TestEventsAreAboutObjects: an event of a plan is found at its workload by the workload's UID, and is related to the version of the
// Placement that says so, by which the next one is told from it.
func TestEventsAreAboutObjects(t *testing.T) {
	b := newBench(t)
	b.versions = true
	recorder := &told{}
	b.Planner.recorder = recorder
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 1, "200m")
	b.mustPlan()
	first := b.get("web")
	b.policy("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
	b.mustPlan()
	second := b.get("web")
	if len(recorder.regarding) != 2 {
		t.Fatalf("there are %d events", len(recorder.regarding))
	}
	for i, version := range []string{first.ResourceVersion, second.ResourceVersion} {
		want := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "uid-web"}
		if *recorder.regarding[i] != want {
			t.Errorf("event %d is about %+v, want %+v", i, recorder.regarding[i], want)
		}
		want = corev1.ObjectReference{
			APIVersion: "tradewind.dev/v1alpha1", Kind: "Placement", Namespace: "shop", Name: "deployment-web", UID: second.UID, ResourceVersion: version,
		}
		if *recorder.related[i] != want {
			t.Errorf("event %d is related to %+v, want %+v", i, recorder.related[i], want)
		}
	}
}
