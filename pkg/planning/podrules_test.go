package planning

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

const zone = corev1.LabelTopologyZone

// apps selects pods by the label app.
func apps(names ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: names}}}
}

func keepAway(terms ...corev1.PodAffinityTerm) func(*Workload) {
	return func(w *Workload) {
		affinityOf(w).PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}
	}
}

func joins(terms ...corev1.PodAffinityTerm) func(*Workload) {
	return func(w *Workload) {
		affinityOf(w).PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}
	}
}

func affinityOf(w *Workload) *corev1.Affinity {
	if w.Template.Spec.Affinity == nil {
		w.Template.Spec.Affinity = &corev1.Affinity{}
	}
	return w.Template.Spec.Affinity
}

// TestSelectorsOfPodRules says which workloads and which pods that stay the rules of the first workload select.
func TestSelectorsOfPodRules(t *testing.T) {
	onNode := []engine.PodsAt{{Pool: 0, Node: 1, Pods: 1}}
	for _, tt := range []struct {
		name   string
		change func(*Workload)
		want   *engine.PodRules
	}{
		{"none", func(*Workload) {}, nil},
		{"its own", keepAway(corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: apps("a")}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "app in (a)", PodSet: engine.PodSet{Workloads: []int{0}}}},
		}},
		{"others of its namespace, and pods that stay", keepAway(corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: apps("a", "b", "lone")}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "app in (a,b,lone)", PodSet: engine.PodSet{Workloads: []int{0, 1}, Others: onNode}}},
		}},
		{"everybody", keepAway(corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: &metav1.LabelSelector{}, NamespaceSelector: &metav1.LabelSelector{}}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "<none>", PodSet: engine.PodSet{Workloads: []int{0, 1, 2}, Others: onNode}}},
		}},
		{"of namespaces by name", keepAway(corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: apps("b"), Namespaces: []string{"team"}}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "app in (b)", PodSet: engine.PodSet{Workloads: []int{2}}}},
		}},
		{"of namespaces by label", keepAway(corev1.PodAffinityTerm{
			TopologyKey: zone, LabelSelector: apps("b"), NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "one"}},
		}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "app in (b)", PodSet: engine.PodSet{Workloads: []int{2}}}},
		}},
		{"nobody", keepAway(corev1.PodAffinityTerm{TopologyKey: zone}), &engine.PodRules{Apart: []engine.PodTerm{{TopologyKey: zone}}}},
		{"its own revision alone", keepAway(corev1.PodAffinityTerm{
			TopologyKey: zone, LabelSelector: apps("a", "b", "lone"), MatchLabelKeys: []string{"pod-template-hash"},
		}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "app in (a,b,lone)", PodSet: engine.PodSet{Workloads: []int{0}}}},
		}},
		{"those of the same value", keepAway(corev1.PodAffinityTerm{
			TopologyKey: zone, LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"app", "unknown"},
		}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "<none>", PodSet: engine.PodSet{Workloads: []int{0}}}},
		}},
		{"those of other values", keepAway(corev1.PodAffinityTerm{
			TopologyKey: zone, LabelSelector: &metav1.LabelSelector{}, MismatchLabelKeys: []string{"app"},
		}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone, Selector: "<none>", PodSet: engine.PodSet{Workloads: []int{1}, Others: onNode}}},
		}},
		{"affinity counts what all its terms select", joins(
			corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: apps("a", "b")},
			corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: apps("b", "lone")},
		), &engine.PodRules{Together: &engine.PodAffinity{
			TopologyKeys: []string{zone, corev1.LabelHostname}, Selector: "app in (a,b) and app in (b,lone)", PodSet: engine.PodSet{Workloads: []int{1}},
		}}},
		{"nobody before everybody", keepAway(corev1.PodAffinityTerm{TopologyKey: zone}, corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: &metav1.LabelSelector{}}), &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: zone}, {TopologyKey: zone, Selector: "<none>", PodSet: engine.PodSet{Workloads: []int{0, 1}, Others: onNode}}},
		}},
		{"spread", func(w *Workload) {
			w.Template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
				{TopologyKey: zone, MaxSkew: 2, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: apps("a"), MinDomains: ptr.To(int32(3)),
					NodeAffinityPolicy: ptr.To(corev1.NodeInclusionPolicyIgnore), NodeTaintsPolicy: ptr.To(corev1.NodeInclusionPolicyHonor)},
				{TopologyKey: zone, MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: apps("a")},
				{TopologyKey: zone, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{}},
			}
		}, &engine.PodRules{Spread: []engine.PodSpread{
			{TopologyKey: zone, MaxSkew: 2, MinDomains: 3, IgnoreNodeAffinity: true, HonorTaints: true, Selector: "app in (a)", PodSet: engine.PodSet{Workloads: []int{0}}},
			{TopologyKey: zone, MaxSkew: 1, Selector: "<none>"},
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b, other := deployment("a", 2, "100m", "64Mi"), deployment("b", 1, "100m", "64Mi"), deployment("b", 1, "100m", "64Mi")
			other.Namespace = "team"
			tt.change(&a)
			lone := Pod{Namespace: "shop", Name: "lone", Node: "n2", Labels: labels.Set{"app": "lone"}, Workload: workload.Key{Kind: "Pod", Namespace: "shop", Name: "lone"}}
			going := Pod{Namespace: "shop", Name: "going", Node: "n1"} // it is being deleted
			result := build(t, &Input{
				World: world(t, state.Objects{}), Nodes: []*corev1.Node{awsNode("n1", "eu-west-1a"), awsNode("n2", "eu-west-1a")},
				Workloads: []Workload{a, b, other}, Pods: []Pod{lone, going},
				Namespaces: map[string]labels.Set{"shop": {"tier": "two"}, "team": {"tier": "one"}},
			})
			if got := result.Snapshot.Workloads[0].PodRules; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestPodsThatStayKeepOthersAway: the anti-affinity and the ports of pods that the plan does not decide on bind the workloads.
func TestPodsThatStayKeepOthersAway(t *testing.T) {
	web := deployment("web", 2, "100m", "64Mi")
	web.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	web.Template.Spec.InitContainers = []corev1.Container{{Name: "once", Ports: []corev1.ContainerPort{{HostPort: 99}}}}
	shy := Pod{
		Namespace: "shop", Name: "shy", Node: "n1", Labels: labels.Set{"app": "shy"},
		AntiAffinity: []corev1.PodAffinityTerm{{TopologyKey: "rack", LabelSelector: apps("web")}},
		HostPorts:    []engine.HostPort{{Protocol: "TCP", Number: 8080}}, Workload: workload.Key{Kind: "Pod", Namespace: "shop", Name: "shy"},
	}
	result := build(t, &Input{
		World: world(t, state.Objects{}), Workloads: []Workload{web}, Pods: []Pod{shy},
		Nodes: []*corev1.Node{awsNode("n1", "eu-west-1a", withLabels("rack", "r1")), awsNode("n2", "eu-west-1a", withLabels("rack", "r2"))},
	})
	if len(result.Snapshot.Pools) != 2 {
		t.Fatalf("pools %s: a rack is a domain", poolNames(result))
	}
	at := result.PoolOf["n1"]
	w := &result.Snapshot.Workloads[0]
	want := &engine.PodRules{Apart: []engine.PodTerm{{
		TopologyKey: "rack", Owner: "Pod shop/shy", PodSet: engine.PodSet{Others: []engine.PodsAt{{Pool: at, Node: 0, Pods: 1}}},
	}}}
	if !reflect.DeepEqual(w.PodRules, want) {
		t.Errorf("rules %+v, want %+v", w.PodRules, want)
	}
	if port := (engine.HostPort{Protocol: "TCP", Number: 8080}); !slices.Equal(w.HostPorts, []engine.HostPort{port}) ||
		!slices.Equal(result.Snapshot.Pools[at].Nodes[0].HostPorts, []engine.HostPort{port}) {
		t.Errorf("ports %v of the workload, %v of the node", w.HostPorts, result.Snapshot.Pools[at].Nodes[0].HostPorts)
	}
}
