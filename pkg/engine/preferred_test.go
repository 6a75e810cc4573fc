package engine_test

import (
	"math"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

// TestPreferredNodes follows a preferred node affinity as far as its weight pays for it.
func TestPreferredNodes(t *testing.T) {
	disk := func(weight int32, values ...string) corev1.PreferredSchedulingTerm {
		term := corev1.PreferredSchedulingTerm{Weight: weight}
		if len(values) > 0 {
			term.Preference.MatchExpressions = []corev1.NodeSelectorRequirement{{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: values}}
		}
		return term
	}
	for _, c := range []struct {
		name       string
		terms      []corev1.PreferredSchedulingTerm
		want       string
		preference float64
	}{
		{"none", nil, "cheap", 0},
		{"more than it is dearer", []corev1.PreferredSchedulingTerm{disk(60, "ssd")}, "dear", 0},
		{"less than it is dearer", []corev1.PreferredSchedulingTerm{disk(40, "ssd")}, "cheap", 0.4 * 2 * 0.05},
		{"several together", []corev1.PreferredSchedulingTerm{disk(30, "ssd"), disk(25, "ssd", "nvme")}, "dear", 0},
		{"what both have", []corev1.PreferredSchedulingTerm{disk(90, "hdd", "ssd")}, "cheap", 0},
		{"what nothing has", []corev1.PreferredSchedulingTerm{disk(10, "tape")}, "cheap", 0.1 * 2 * 0.05},
		{"nothing", []corev1.PreferredSchedulingTerm{disk(90)}, "cheap", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = nil
			b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2).Name = "cheap"
			b.machines("b", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.30, 2).Name = "dear"
			b.Pools[0].Labels = withLabel(b.Pools[0].Labels, "disk", "hdd")
			b.Pools[1].Labels = withLabel(b.Pools[1].Labels, "disk", "ssd")
			b.workload("db", 2, 1000, func(w *engine.Workload) { w.PreferredNodes = c.terms })
			plan := solve(t, b.Snapshot, engine.Options{})
			if got := onPools(plan, b.Snapshot); got[c.want] != 2 || math.Abs(plan.Bill.Preference-c.preference) > 1e-9 {
				t.Errorf("%v, unmet preferences $%g; want all on %s and $%g", got, plan.Bill.Preference, c.want, c.preference)
			}
		})
	}
}
