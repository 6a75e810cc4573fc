package placement

import "testing"

// TestObservedGeneration: conditions say which generation of their Placement they speak of. Without, tools that wait for a status took
// one of an older generation for the present one's.
func TestObservedGeneration(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 2, "500m")
	for _, generation := range []int64{1, 3} {
		b.mustPlan()
		conditions := b.get("web").Status.Conditions
		for _, c := range conditions {
			if c.ObservedGeneration != generation {
				t.Errorf("condition %s is of generation %d, not %d", c.Type, c.ObservedGeneration, generation)
			}
		}
		if len(conditions) != 2 {
			t.Errorf("there are conditions %v", conditions)
		}
		edited := b.get("web")
		edited.Generation = 3
		if err := b.api.Update(t.Context(), edited); err != nil {
			t.Fatal(err)
		}
		b.refresh()
	}
}
