package state

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
)

// TestSetsWithAnotherOwner: the replicas of a ReplicaSet that its Deployment let go, or that was heard of after its pods, stayed with the
// workload that they had seemed to be of, so that callers were kept near places that the other did not have.
func TestSetsWithAnotherOwner(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	s.SetPod(replica("1", "web", "old", "a"))
	s.SetPod(replica("2", "web", "old", "a"))
	s.SetPod(replica("3", "web", "old", ""))
	s.SetPod(replica("4", "web", "new", "a"))
	var told []OwnerChange
	s.OnOwner(func(change OwnerChange) { told = append(told, change) })
	set := func(owner string) *appsv1.ReplicaSet {
		out := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-old"}, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(3))}}
		if owner != "" {
			out.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: owner, Controller: ptr.To(true)}}
		}
		return out
	}
	key := func(name string) workload.Key { return workload.Key{Namespace: "shop", Name: name} }
	revision := workload.Key{Kind: workload.ReplicaSet, Namespace: "shop", Name: "web-old"}
	for _, step := range []struct {
		name string
		do   func()
		// placed by workload, and the others that changed; none where nothing did.
		placed  map[string]int
		changed []workload.Key
	}{
		{"heard of", func() { s.SetController(set("web")) }, map[string]int{"web": 3}, nil},
		{"let go", func() { s.SetController(set("")) }, map[string]int{"web": 1, "web-old": 2}, []workload.Key{key("web-old"), key("web")}},
		{"heard of again", func() { s.SetController(set("")) }, map[string]int{"web": 1, "web-old": 2}, nil},
		{"placed meanwhile", func() { s.Assume(replica("3", "web", "old", ""), "a") }, map[string]int{"web": 1, "web-old": 3}, nil},
		{"taken by another", func() { s.SetController(set("shop")) }, map[string]int{"web": 1, "shop": 3}, []workload.Key{key("shop"), key("web-old")}},
		{"taken back from", func() { s.Forget(replica("3", "web", "old", "")) }, map[string]int{"web": 1, "shop": 2}, nil},
		{"deleted, and its pods are there", func() { s.deleteController(set("shop")) }, map[string]int{"web": 1, "shop": 2}, nil},
		{"made anew", func() { s.SetController(set("web")) }, map[string]int{"web": 3}, []workload.Key{key("web"), key("shop")}},
		{"with fewer pods", func() { s.DeletePod("1") }, map[string]int{"web": 2}, nil},
		{"let go again", func() { s.SetController(set("")) }, map[string]int{"web": 1, "web-old": 1}, []workload.Key{key("web-old"), key("web")}},
	} {
		told = nil
		step.do()
		for _, name := range []string{"web", "web-old", "shop"} {
			got := 0
			if view := s.Workload(key(name)); view != nil {
				got = view.Placed()
			}
			if got != step.placed[name] {
				t.Errorf("%s: %d replicas of %s are placed, want %d", step.name, got, name, step.placed[name])
			}
		}
		switch {
		case step.changed == nil && len(told) > 0 || step.changed != nil && len(told) != 1:
			t.Errorf("%s: told %v, want %v", step.name, told, step.changed)
		case step.changed != nil && (told[0].Set != revision || !slices.Equal(told[0].Workloads, step.changed)):
			t.Errorf("%s: told %v, want %v of %v", step.name, told[0], step.changed, revision)
		}
	}
	if got := s.Revision(revision).Placed(); got != 1 {
		t.Errorf("of the revision %d are placed, want 1", got)
	}
}
