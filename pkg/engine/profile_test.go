package engine

import (
	"fmt"
	"runtime"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules"
)

// What tells workloads apart takes memory, and time, in proportion to the terms of their node affinity.
func TestProfileKeyIsLinear(t *testing.T) {
	allocated := func(terms int) uint64 {
		w := &Workload{NodeAffinity: &corev1.NodeSelector{}}
		for i := range terms {
			w.NodeAffinity.NodeSelectorTerms = append(w.NodeAffinity.NodeSelectorTerms, corev1.NodeSelectorTerm{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: fmt.Sprint("k", i), Operator: corev1.NodeSelectorOpIn, Values: []string{"v"}}},
			})
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		key := profileKey(w, &rules.Rules{})
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(key)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(10)
	if one, two := allocated(4000), allocated(8000); two > 3*one+1<<20 {
		t.Errorf("4000 terms allocate %d bytes, 8000 terms %d", one, two)
	}
}

// Workloads whose affinities differ are told apart, the same affinity is not.
func TestProfileKeyTellsAffinitiesApart(t *testing.T) {
	ruled := new(rules.Rules)
	key := func(terms ...corev1.NodeSelectorTerm) string {
		return profileKey(&Workload{NodeAffinity: &corev1.NodeSelector{NodeSelectorTerms: terms}}, ruled)
	}
	in := func(key string, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}}
	}
	seen := map[string]int{}
	for i, terms := range [][]corev1.NodeSelectorTerm{{in("a", "b")}, {in("a", "b", "c")}, {in("a", "b c")}, {in("a", "b"), in("a", "b")}, {{MatchFields: in("a", "b").MatchExpressions}}} {
		text := key(terms...)
		if other, taken := seen[text]; taken {
			t.Errorf("affinities %d and %d are taken for one: %s", other, i, text)
		}
		seen[text] = i
		if key(terms...) != text {
			t.Errorf("affinity %d is not taken for itself", i)
		}
	}
}
