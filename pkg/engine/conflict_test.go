package engine_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// underRules is a snapshot of pools in a zone each and one workload, of which each rule forbids some of the pools.
func underRules(t fataler, pools int, forbidden [][]int) *engine.Snapshot {
	b := newBuild(t)
	b.Pools = nil
	for i := range pools {
		b.pool("aws", "eu-west-1", zoneOf(i), 0.1)
	}
	effective := &policy.Effective{SpotMaxPercent: 100}
	for i, pools := range forbidden {
		zones := []string{"nowhere"}
		for _, pool := range pools {
			zones = append(zones, zoneOf(pool))
		}
		rule := forbidZone(t, "p", zones...)
		rule.Text = fmt.Sprintf("rule %d", i)
		effective.Required = append(effective.Required, rule)
	}
	b.workload("web", 1, 100, func(w *engine.Workload) { w.Rules = rules.NewRules(effective, b.World.RoundTrips) })
	return b.Snapshot
}

func zoneOf(pool int) string { return fmt.Sprintf("zone-%d", pool) }

// leavesAPool says, by trying each pool, whether some pool is forbidden by none of the rules.
func leavesAPool(pools int, forbidden [][]int, kept []int) bool {
	for pool := range pools {
		if !slices.ContainsFunc(kept, func(rule int) bool { return slices.Contains(forbidden[rule], pool) }) {
			return true
		}
	}
	return false
}

// rulesOf are the numbers of the location rules in a conflict.
func rulesOf(t fataler, conflict *engine.Conflict) []int {
	var out []int
	for _, rule := range conflict.Rules {
		if rule.Rule != engine.RuleLocation {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(rule.Message, "rule %d (", &i); err != nil {
			t.Fatal(rule.Message, err)
		}
		out = append(out, i)
	}
	return out
}

// TestConflictsAreSmallest compares with trying everything: the rules of a conflict leave no pool, and do without any of them.
func TestConflictsAreSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pools := rapid.IntRange(1, 70).Draw(t, "pools")
		var forbidden [][]int
		for range rapid.IntRange(1, 40).Draw(t, "rules") {
			forbidden = append(forbidden, rapid.SliceOfNDistinct(rapid.IntRange(0, pools-1), 0, pools-1, rapid.ID).Draw(t, "forbidden"))
		}
		var all []int
		for i := range forbidden {
			all = append(all, i)
		}
		plan, err := engine.Solve(underRules(t, pools, forbidden), engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		conflict := plan.Placements[0].Conflict
		if possible := leavesAPool(pools, forbidden, all); possible != (conflict == nil) {
			t.Fatalf("there is a place: %t, conflict %+v", possible, conflict)
		}
		if conflict == nil {
			return
		}
		found := rulesOf(t, conflict)
		if leavesAPool(pools, forbidden, found) || conflict.Among != 0 || len(found) != len(conflict.Rules) {
			t.Fatalf("%v leave a pool, among %d", found, conflict.Among)
		}
		for i := range found {
			if less := slices.Delete(slices.Clone(found), i, i+1); !leavesAPool(pools, forbidden, less) {
				t.Fatalf("%v need not %d", found, found[i])
			}
		}
	})
}

// few is a number of rules of which the three last, and no others, leave none of the pools.
func few(rules, pools int) [][]int {
	out := make([][]int, rules)
	for i := range rules - 3 {
		for bit := range 10 { // each another set of the first twenty pools, so that none stands for another
			out[i] = append(out[i], 2*bit+i>>bit&1)
		}
	}
	for pool := range pools {
		for part := range 3 {
			if pool%3 == part || pool < 20 && part == 0 {
				out[rules-3+part] = append(out[rules-3+part], pool)
			}
		}
	}
	return out
}

// TestConflictTakesFewChecks bounds how many sets of rules are tried for a conflict of three among many, whatever the rules:
// 2k·log₂(n/k) + 2k for k among n (Junker 2004), and one a rule at the end.
func TestConflictTakesFewChecks(t *testing.T) {
	const k, pools = 3, 60
	for _, n := range []int{50, 100, 200, 400, 800} {
		solver, err := engine.NewSolver(underRules(t, pools, few(n, pools)), engine.Options{LateConflicts: true})
		if err != nil {
			t.Fatal(err)
		}
		if solver.Checks() != 0 {
			t.Fatalf("%d checks for a conflict that nobody asked for", solver.Checks())
		}
		conflict := solver.Conflict(0, nil)
		if got := rulesOf(t, conflict); !slices.Equal(got, []int{n - 3, n - 2, n - 1}) || len(conflict.Rules) != k || conflict.Among != 0 {
			t.Errorf("%d rules: the conflict is %v", n, got)
		}
		most := 2*k*math.Ceil(math.Log2(float64(n)/k)) + 2*k + k + 2
		if got := solver.Checks(); float64(got) > most {
			t.Errorf("%d rules took %d checks, at most %g", n, got, most)
		}
	}
}

// TestManyRulesTogether is about a conflict that every one of very many rules has a part in: it ends, and says so.
func TestManyRulesTogether(t *testing.T) {
	const n = 1500
	forbidden := make([][]int, n)
	for i := range forbidden {
		forbidden[i] = []int{i}
	}
	solver, err := engine.NewSolver(underRules(t, n, forbidden), engine.Options{LateConflicts: true})
	if err != nil {
		t.Fatal(err)
	}
	conflict := solver.Conflict(0, nil)
	if solver.Checks() > engine.MaxChecks+2 {
		t.Errorf("%d checks", solver.Checks())
	}
	if conflict.Among != n || len(rulesOf(t, conflict)) != n {
		t.Errorf("among %d, %d rules", conflict.Among, len(conflict.Rules))
	}
	if !strings.HasPrefix(conflict.Message, "some among these 1500 rules exclude each other") || !strings.HasSuffix(conflict.Message, "; and 1492 more") || len(conflict.Message) > 1000 {
		t.Errorf("it says %q", conflict.Message)
	}
}

// TestConflictEndsWhenToldTo stops the search at every step: what it says leaves no pool, and that it is not a smallest set.
func TestConflictEndsWhenToldTo(t *testing.T) {
	const n, pools = 100, 60
	forbidden := few(n, pools)
	for steps, done := 0, false; !done; steps++ {
		solver, err := engine.NewSolver(underRules(t, pools, forbidden), engine.Options{LateConflicts: true})
		if err != nil {
			t.Fatal(err)
		}
		left := steps
		conflict := solver.Conflict(0, func() bool { left--; return left < 0 })
		found := rulesOf(t, conflict)
		if leavesAPool(pools, forbidden, found) {
			t.Fatalf("after %d steps %v is no conflict", steps, found)
		}
		if done = conflict.Among == 0; done && len(found) != 3 {
			t.Errorf("%v is no smallest set", found)
		} else if !done && conflict.Among != len(conflict.Rules) {
			t.Errorf("among %d of %d rules", conflict.Among, len(conflict.Rules))
		}
		if steps > 200 {
			t.Fatal("it never finds a smallest set")
		}
	}
}

// TestLateConflicts says of a plan that nobody has asked why.
func TestLateConflicts(t *testing.T) {
	b := newBuild(t)
	b.workload("web", 1, 5000).workload("ok", 1, 100)
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{LateConflicts: true})
	if err != nil {
		t.Fatal(err)
	}
	if c := solver.Plan().Placements[0].Conflict; c == nil || c.Message != engine.Unexplained || len(c.Rules) != 0 {
		t.Errorf("the plan says %+v", c)
	}
	if c := solver.Conflict(0, nil); c.Rules[0].Rule != engine.RuleSize {
		t.Errorf("asked for, it is %+v", c)
	}
	if c := solver.Conflict(1, nil); c != nil {
		t.Errorf("what is placed has a conflict: %+v", c)
	}
}

// TestConflictsOfShares is about rules on how replicas are shared out among many that are not in conflict.
func TestConflictsOfShares(t *testing.T) {
	b := newBuild(t)
	spec := v1alpha1.PolicySpec{
		Residency: eu.Residency,
		Spread: []v1alpha1.Spread{
			{TopologyKey: v1alpha1.LabelCloud, MinDomains: ptr(int32(3))}, {TopologyKey: corev1.LabelHostname, MinDomains: ptr(int32(2))},
		},
		Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 50}},
	}
	b.workload("web", 3, 100, b.policy(spec))
	conflict := solve(t, b.Snapshot, engine.Options{}).Placements[0].Conflict
	var got []engine.Rule
	for _, rule := range conflict.Rules {
		got = append(got, rule.Rule)
	}
	if !slices.Equal(got, []engine.Rule{engine.RuleResidency, engine.RuleSpread}) {
		t.Errorf("got %v: %s", got, conflict.Message)
	}
}
