package planning

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

func rather(selector *metav1.LabelSelector, change ...func(*corev1.PodAffinityTerm)) func(*Workload) {
	term := corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: selector}
	for _, c := range change {
		c(&term)
	}
	return func(w *Workload) {
		affinityOf(w).PodAntiAffinity = &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 30, PodAffinityTerm: term}},
		}
	}
}

func anyway(selector *metav1.LabelSelector, maxSkew int32) func(*Workload) {
	return func(w *Workload) {
		w.Template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
			{TopologyKey: "rack", MaxSkew: maxSkew, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector},
			{TopologyKey: zone, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: selector},
		}
	}
}

// TestPreferredSpread says by which labels replicas prefer to be apart, and with which weight.
func TestPreferredSpread(t *testing.T) {
	wish := func(key string, weight int32, maxSkew int) []engine.PreferredSpread {
		return []engine.PreferredSpread{{TopologyKey: key, Weight: weight, MaxSkew: maxSkew}}
	}
	tier := func(value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"tier": value}}
	}
	revision := []string{"pod-template-hash"}
	for _, tt := range []struct {
		name   string
		change func(*Workload)
		want   []engine.PreferredSpread
	}{
		{"none", func(*Workload) {}, nil},
		{"its own", rather(apps("a", "b")), wish(zone, 30, 1)},
		{"others", rather(apps("b")), nil},
		{"everybody", rather(&metav1.LabelSelector{}), wish(zone, 30, 1)},
		{"nobody", rather(nil), nil},
		{"what cannot be read", rather(&metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}},
		}), nil},
		{"of its namespace", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.Namespaces = []string{"team", "shop"} }), wish(zone, 30, 1)},
		{"of another namespace", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.Namespaces = []string{"team"} }), nil},
		{"of namespaces like its own", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.NamespaceSelector = tier("two") }), wish(zone, 30, 1)},
		{"of namespaces unlike it", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.NamespaceSelector = tier("one") }), nil},
		{"of its revision", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.MatchLabelKeys = revision }), wish(zone, 30, 1)},
		{"of other revisions", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.MismatchLabelKeys = revision }), nil},
		{"of other values of a label", rather(apps("a"), func(t *corev1.PodAffinityTerm) { t.MismatchLabelKeys = []string{"app"} }), nil},
		{"an even spread", anyway(apps("a"), 2), wish("rack", 100, 2)},
		{"an even spread of others", anyway(apps("b"), 2), nil},
		{"an even spread of nobody", anyway(&metav1.LabelSelector{}, 2), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := deployment("a", 2, "100m", "64Mi"), deployment("b", 1, "100m", "64Mi")
			tt.change(&a)
			result := build(t, &Input{
				World: world(t, state.Objects{}), Workloads: []Workload{a, b},
				Namespaces: map[string]labels.Set{"shop": {"tier": "two"}, "team": {"tier": "one"}},
				Nodes:      []*corev1.Node{awsNode("n1", "eu-west-1a", withLabels("rack", "r1")), awsNode("n2", "eu-west-1a", withLabels("rack", "r2"))},
			})
			if got := result.Snapshot.Workloads[0].PreferredSpread; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			pools := 1
			if len(tt.want) > 0 && tt.want[0].TopologyKey == "rack" {
				pools = 2
			}
			if len(result.Snapshot.Pools) != pools {
				t.Errorf("pools %s, want %d: what replicas prefer to be apart by parts them", poolNames(result), pools)
			}
		})
	}
}

// TestRebuildOfAPreferredSpread: pools may be others where a workload prefers something else, so that everything is built anew.
func TestRebuildOfAPreferredSpread(t *testing.T) {
	input := func(change func(*Workload)) *Input {
		a := deployment("a", 2, "100m", "64Mi")
		change(&a)
		return &Input{World: world(t, state.Objects{}), Workloads: []Workload{a}, Nodes: []*corev1.Node{awsNode("n1", "eu-west-1a")}}
	}
	before := build(t, input(anyway(apps("a"), 1)))
	concerned := map[workload.Key]bool{before.Workloads[0].Key: true}
	if next, _, ok := before.Rebuild(input(anyway(apps("a"), 1)), concerned); !ok || len(next.Snapshot.Workloads[0].PreferredSpread) != 1 {
		t.Errorf("what has not changed is not rebuilt, or has lost what it prefers: %v", ok)
	}
	for _, change := range []func(*Workload){anyway(apps("a"), 2), rather(apps("a"))} {
		if _, _, ok := before.Rebuild(input(change), concerned); ok {
			t.Errorf("a workload that prefers something else is rebuilt around pools that may be others")
		}
	}
}
