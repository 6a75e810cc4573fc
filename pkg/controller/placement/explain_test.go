package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// team is a namespace with Deployments of two replicas, and policies that select all of them and require zones that no node is
// in: each forbids some, of which only the first three are the nodes'.
func (b *bench) team(namespace string, policies, requirements int, deployments ...string) {
	b.Helper()
	b.setNamespace(namespace)
	for i := range policies {
		object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("p%d", i), UID: types.UID(fmt.Sprint(namespace, i))}}
		object.Spec.Locations = &v1alpha1.Locations{}
		for k := range requirements {
			zone := fmt.Sprintf("zone-%d-%d", i, k)
			if i == 0 && k < 3 {
				zone = []string{"eu-west-1a", "europe-west1-b", "us-east-1a"}[k]
			}
			object.Spec.Locations.Required = append(object.Spec.Locations.Required, metav1.LabelSelectorRequirement{
				Key: corev1.LabelTopologyZone, Operator: metav1.LabelSelectorOpNotIn, Values: []string{zone},
			})
		}
		b.world.PlacementPolicies = append(b.world.PlacementPolicies, object)
	}
	b.inForce()
	for _, name := range deployments {
		two := int32(2)
		b.objects.Deployments.Set(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name)},
			Spec:       appsv1.DeploymentSpec{Replicas: &two, Template: templateOf(name, "100m")},
		})
	}
}

// planned is what the Placement of a Deployment says of its plan.
func (b *bench) planned(namespace, deployment string) string {
	b.Helper()
	var found v1alpha1.Placement
	if err := b.api.Get(b.Context(), client.ObjectKey{Namespace: namespace, Name: "deployment-" + deployment}, &found); err != nil {
		b.Fatal(err)
	}
	return conditionText(&found, v1alpha1.ConditionPlanned)
}

// asked notes which workloads it is asked why they have no place, in order, and calls first.
func (b *bench) asked(first func(name string)) *[]string {
	var names []string
	find := b.explanations.conflict
	b.explanations.conflict = func(s *engine.Solver, i int, expired func() bool) *engine.Conflict {
		w := &s.Snapshot().Workloads[i]
		names = append(names, w.Namespace+"/"+w.Name)
		first(w.Namespace + "/" + w.Name)
		return find(s, i, expired)
	}
	return &names
}

const bothZones = "False Unplaced: 2 of 2 replicas have no place: no place meets all of these, but without any one of them there would be one: " +
	"zone not eu-west-1a (PlacementPolicy attack/p0); zone not europe-west1-b (PlacementPolicy attack/p0)"

// TestPlansComeBeforeExplanations is about an editor whose policies exclude each other: what others plan is written, and listeners
// are told, before anybody works out why.
func TestPlansComeBeforeExplanations(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.team("attack", 8, 32, "web")
	b.policy("web", onlyAWS)
	b.deployment("web", 2, "100m")
	asked := b.asked(func(string) {
		if p := b.get("web"); p == nil || len(p.Status.Decisions) != 1 || len(b.rounds) != 1 {
			t.Errorf("%d rounds told, the other team's Placement is %+v", len(b.rounds), p)
		}
	})
	b.mustPlan()
	if len(*asked) != 1 || b.planned("attack", "web") != bothZones {
		t.Errorf("asked of %v, it says %q", *asked, b.planned("attack", "web"))
	}
	if said := b.said(); len(said) != 2 || !slices.ContainsFunc(said, func(text string) bool {
		return strings.Contains(text, "Warning Unplaced 2 of 2 replicas have no place: no place meets")
	}) {
		t.Errorf("events: %q", said)
	}
}

// TestMoreRulesThanMayCount is about a workload under more rules than may count: it is not planned, and says why.
func TestMoreRulesThanMayCount(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.team("attack", 10, 32, "web")
	asked := b.asked(func(string) {})
	b.mustPlan()
	if got := b.planned("attack", "web"); !strings.HasPrefix(got, "False Invalid: PlacementPolicy attack/p0, PlacementPolicy attack/p1, PlacementPolicy attack/p2 and 7 more "+
		"have 320 different hard rules together, and at most 256 may count for one workload: ") || !strings.HasSuffix(got, "the last plan stays until it is corrected") {
		t.Errorf("it says %q", got)
	}
	if len(*asked) > 0 {
		t.Errorf("asked of %v", *asked)
	}
}

// TestNamespacesShareExplaining is about explanations that take long: none uses up another namespace's part, and what is left
// over comes in the rounds after.
func TestNamespacesShareExplaining(t *testing.T) {
	const share = maxExplaining / 2 // of two namespaces
	for _, tt := range []struct {
		name          string
		before, after time.Duration // that an explanation takes, before and after it looks at the clock
		first         []string      // explained in the first round
		asked         int
		why           string
	}{
		{"two in a part", 0, share/2 + 1, []string{"w0", "w1"}, 5, bothZones},
		{"what was cut off has a part of its own", share/2 + 1, 0, []string{"w0"}, 7, bothZones},
		{"longer than a part", maxExplaining, 0, []string{"w0"}, 5, "False Unplaced: 2 of 2 replicas have no place: some among these 3 rules exclude each other, and which was not found in the " +
			"time there is: the room that other workloads take; zone not eu-west-1a (PlacementPolicy attack/p0); zone not europe-west1-b (PlacementPolicy attack/p0)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
			all := []string{"w0", "w1", "w2", "w3", "w4"}
			b.team("attack", 1, 3, all...)
			b.team("other", 1, 3, "web")
			clock := b.clock.(*testingclock.FakeClock)
			asked := b.asked(func(string) { clock.Step(tt.before) })
			find := b.explanations.conflict
			b.explanations.conflict = func(s *engine.Solver, i int, expired func() bool) *engine.Conflict {
				defer clock.Step(tt.after)
				return find(s, i, expired)
			}
			explained := func() (names []string) {
				for _, name := range all {
					if text := b.planned("attack", name); text == tt.why {
						names = append(names, name)
					} else if text != "False Unplaced: 2 of 2 replicas have no place: why is being worked out" {
						t.Errorf("%s: %s", name, text)
					}
				}
				return names
			}
			more := b.asks(b.mustPlan)
			if took := b.explanations.took; took < share || took > 2*maxExplaining+4*(tt.before+tt.after) {
				t.Errorf("the explanations took %v", took)
			}
			if got := explained(); !slices.Equal(got, tt.first) {
				t.Errorf("explained in the first round: %v", got)
			}
			if text := b.planned("other", "web"); strings.Contains(text, "worked out") {
				t.Errorf("the other namespace waits: %s", text)
			}
			rounds := 1
			for ; more; rounds++ {
				more = b.asks(b.mustPlan)
			}
			if got := explained(); len(got) != len(all) || rounds > len(all) {
				t.Errorf("explained in the end, after %d rounds: %v", rounds, got)
			}
			if len(*asked) != tt.asked+1 {
				t.Errorf("asked of %v", *asked)
			}
			b.mustPlan()
			writes := b.writes
			if b.asks(b.mustPlan) || b.writes != writes {
				t.Errorf("%d writes while nothing changed", b.writes-writes)
			}
			said := b.said()
			if len(said) != len(all)+1 || slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, "worked out") }) {
				t.Errorf("events: %q", said)
			}
		})
	}
}

// TestPressingChangesDelayOnce is about an editor who changes policies all the time: a round leaves what can wait to the next,
// and that one finishes it.
func TestPressingChangesDelayOnce(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.team("attack", 1, 3, "w0", "w1")
	asked := b.asked(func(string) {})
	b.options.Listeners = []rounds.Listener{listener(func() { b.Replan() })}
	for round, want := range []int{0, 2, 2, 4} {
		b.nodes(aws(fmt.Sprint("more", round), "eu-west-1"))
		b.explanations.of = map[client.ObjectKey]*explanation{}
		b.mustPlan()
		if len(*asked) != want {
			t.Errorf("round %d: asked of %v", round, *asked)
		}
	}
}

// TestExplanationsFollowTheirInputs finds an explanation anew when the nodes change, and writes nothing when it is the same.
func TestExplanationsFollowTheirInputs(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.team("attack", 1, 3, "web")
	asked := b.asked(func(string) {})
	b.mustPlan()
	b.Replan()
	b.mustPlan()
	writes := b.writes
	b.nodes(aws("a2", "eu-west-1"))
	b.mustPlan()
	if len(*asked) != 2 || b.writes != writes {
		t.Errorf("asked %d times, %d writes", len(*asked), b.writes-writes)
	}
	b.nodes(aws("far", "eu-west-2")) // in a zone that nothing forbids
	b.mustPlan()
	if got := b.planned("attack", "web"); !strings.HasPrefix(got, "True Planned") || len(*asked) != 2 || len(b.explanations.of) != 0 {
		t.Errorf("asked %d times, it says %q", len(*asked), got)
	}
}

// BenchmarkRoundWithConflicts is a round in which policies of 32 requirements each leave a namespace's workloads no place: until
// the Placements of the 200 others are written, and in all. Ten such policies are more than may count.
func BenchmarkRoundWithConflicts(b *testing.B) {
	for _, size := range []struct{ policies, workloads int }{{8, 1}, {8, 10}, {8, 100}, {10, 1}} {
		b.Run(fmt.Sprintf("%dx32 policies of %d workloads", size.policies, size.workloads), func(b *testing.B) {
			full := fullBench(b, engine.ObjectiveInvoice)
			names := make([]string, size.workloads)
			for i := range names {
				names[i] = fmt.Sprintf("w%d", i)
			}
			full.team("attack", size.policies, 32, names...)
			var began time.Time
			var others time.Duration
			full.options.Listeners = []rounds.Listener{listener(func() { others += time.Since(began) })}
			for b.Loop() {
				full.explanations = newExplanations()
				began = time.Now()
				if err := full.round(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(others.Milliseconds())/float64(b.N), "others-ms")
		})
	}
}
