package cluster

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

func policyFor(namespace, name string, labels map[string]string) *v1alpha1.PlacementPolicy {
	return &v1alpha1.PlacementPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: 1},
		Spec: v1alpha1.PolicySpec{
			WorkloadSelector: metav1.LabelSelector{MatchLabels: labels},
			Residency:        &v1alpha1.Residency{Jurisdictions: []string{"EU"}},
		},
	}
}

func newWorld(t testing.TB, policies ...*v1alpha1.PlacementPolicy) *state.World {
	t.Helper()
	world, err := state.NewWorld(state.Objects{PlacementPolicies: policies}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return world
}

// TestPodsCount compares the counts after random changes with a recount of the pods that are there at the end.
func TestPodsCount(t *testing.T) {
	world := newWorld(t, policyFor("shop", "web", map[string]string{"app": "web"}), policyFor("shop", "all", nil))
	store := state.NewStore(world, location.DefaultOptions())
	rapid.Check(t, func(t *rapid.T) {
		counted, there := newPods(), map[types.UID]*corev1.Pod{}
		for i := range rapid.IntRange(0, 60).Draw(t, "changes") {
			uid := types.UID(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "uid"))
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				_, existed := there[uid]
				if counted.remove(uid) != existed {
					t.Fatalf("change %d: removing %s did not say whether it was counted", i, uid)
				}
				delete(there, uid)
				continue
			}
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					UID: uid, Namespace: rapid.SampledFrom([]string{"shop", "other"}).Draw(t, "namespace"),
					Labels: map[string]string{"app": rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")},
				},
				Spec:   corev1.PodSpec{SchedulerName: rapid.SampledFrom([]string{"tradewind", "default-scheduler"}).Draw(t, "scheduler")},
				Status: corev1.PodStatus{Phase: rapid.SampledFrom([]corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded}).Draw(t, "phase")},
			}
			if rapid.IntRange(0, 5).Draw(t, "ending") == 0 {
				pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
			}
			counted.set(pod)
			if delete(there, uid); pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded {
				there[uid] = pod
			}
		}
		want := map[string]int{}
		for _, pod := range there {
			switch {
			case pod.Namespace != "shop":
			case pod.Labels["app"] == "web":
				want[fmt.Sprint("all+web ", pod.Spec.SchedulerName)]++
			default:
				want[fmt.Sprint("all ", pod.Spec.SchedulerName)]++
			}
		}
		got := map[string]int{}
		for _, group := range counted.underRules(store, world, 0) {
			name := "all"
			if len(group.Rules.Sources) == 2 {
				name = "all+web"
			}
			got[name+" "+group.Scheduler] += group.Count
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if len(counted.byUID) != len(there) || len(there) == 0 && len(counted.groups) != 0 {
			t.Fatalf("%d pods and %d groups are kept for %d pods", len(counted.byUID), len(counted.groups), len(there))
		}
	})
}

// TestPodsFollowTheWorld checks that rules that were looked up are not used in another world, or after a namespace got
// other labels.
func TestPodsFollowTheWorld(t *testing.T) {
	before := newWorld(t, policyFor("shop", "web", map[string]string{"app": "web"}))
	store := state.NewStore(before, location.DefaultOptions())
	counted := newPods()
	counted.set(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "a", Namespace: "shop", Labels: map[string]string{"app": "web"}}})
	if got := counted.underRules(store, before, 0); len(got) != 1 || got[0].Count != 1 {
		t.Fatalf("got %v, want one pod under the policy", got)
	}
	if got := counted.underRules(store, newWorld(t), 0); len(got) != 0 {
		t.Errorf("without the policy got %v", got)
	}
	guard := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: "eu", UID: "eu"}}
	guard.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}}
	world, err := state.NewWorld(state.Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{guard}}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got := counted.underRules(store, world, 1); len(got) != 0 {
		t.Errorf("with a namespace that is not known got %v", got)
	}
	store.SetNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}})
	if got := counted.underRules(store, world, 2); len(got) != 1 {
		t.Errorf("with the namespace's label got %v, want one pod", got)
	}
}

// BenchmarkUnderRules looks up the rules of 10,000 pods of 1,000 workloads under 5,000 policies of one namespace, as after
// a change of a policy.
func BenchmarkUnderRules(b *testing.B) {
	var policies []*v1alpha1.PlacementPolicy
	for i := range 5000 {
		policies = append(policies, policyFor("shop", fmt.Sprint("p", i), map[string]string{"app": fmt.Sprint("w", i)}))
	}
	counted := newPods()
	for i := range 10000 {
		counted.set(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			UID: types.UID(fmt.Sprint(i)), Namespace: "shop", Labels: map[string]string{"app": fmt.Sprint("w", i%1000)},
		}})
	}
	world := newWorld(b, policies...)
	store := state.NewStore(world, location.DefaultOptions())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		counted.underRules(store, world, uint64(i))
	}
}
