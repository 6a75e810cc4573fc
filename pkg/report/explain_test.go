package report

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestExcluded checks that each rule excludes in the words of the scheduler and leads to a remedy.
func TestExcluded(t *testing.T) {
	base := func(t *testing.T) *cluster {
		return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "500m", "512Mi", "")
	}
	spec := func(rest string) string { return "workloadSelector: {matchLabels: {app: web}}\n" + rest }
	for _, c := range []struct {
		name   string
		build  func(t *testing.T) *cluster
		rule   Rule
		want   string
		remedy string
	}{
		{"residency", func(t *testing.T) *cluster {
			return base(t).policy("shop", "p", spec("residency: {jurisdictions: [DE]}"))
		}, RuleResidency, "outside residency DE", "widen spec.residency of PlacementPolicy shop/p (the nodes are in IE)"},
		{"operator", func(t *testing.T) *cluster {
			return base(t).policy("shop", "p", spec("residency: {operatorJurisdictions: [EU]}"))
		}, RuleResidency, "operated from outside EU", "(the nodes' operators are under the law of US)"},
		{"unknown place", func(t *testing.T) *cluster {
			return newCluster(t).nodes("lost", nowhere, 1).deployment("shop", "web", "1", "1Gi", "").
				policy("shop", "p", spec("residency: {jurisdictions: [EU]}"))
		}, RuleResidency, "without a known country (residency EU)", "say where node lost-1 is (labels tradewind.dev/cloud"},
		{"location", func(t *testing.T) *cluster {
			return base(t).policy("shop", "p", spec("locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws]}]}"))
		}, RuleLocation, "outside location cloud not aws", "widen spec.locations.required of PlacementPolicy shop/p"},
		{"spread over clouds", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "").
				policy("shop", "p", spec("spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]"))
		}, RuleSpread, "in a cloud that has a replica (policy wants 2)", "add nodes in other domains"},
		{"spread over hosts", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "").
				policy("shop", "p", spec("spread: [{topologyKey: kubernetes.io/hostname, maxSharePercent: 50}]"))
		}, RuleSpread, "with 1 of the workload's replicas already (at most 50% on one node)", "add nodes in other domains"},
		{"spot", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandSpot, 1).deployment("shop", "web", "100m", "64Mi", "").
				policy("shop", "p", spec("cost: {spot: {maxPercent: 0}}"))
		}, RuleSpot, "on spot capacity, which the policy forbids", "change spec.cost.spot"},
		{"spot pool", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandSpot, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "").
				policy("shop", "p", spec("cost: {spot: {maxPercent: 100, maxPoolSharePercent: 50}}"))
		}, RuleSpot, "in the spot pool m6i.large in aws/eu-west-1/eu-west-1b, which has its 50% of the replicas", "raise spec.cost.spot.maxPoolSharePercent"},
		{"latency", func(t *testing.T) *cluster {
			return base(t).policy("shop", "p", spec("latency: {clients: [{location: US, sharePercent: 100}], maxMilliseconds: 20}"))
		}, RuleLatency, "over 20 ms from US", "raise maxMilliseconds"},
		{"ceiling", func(t *testing.T) *cluster {
			return base(t).policy("shop", "p", spec(`cost: {maxHourlyUSD: "0.01"}`))
		}, RuleCeiling, "over the ceiling of $0.01/h", "raise spec.cost.maxHourlyUSD of PlacementPolicy shop/p (the other replicas cost $0.0000/h)"},
		{"no price", func(t *testing.T) *cluster {
			return newCluster(t).nodes("lu", luxembourg, 1).deployment("shop", "web", "1", "1Gi", "").
				policy("shop", "p", spec(`cost: {maxHourlyUSD: "10"}`))
		}, RuleCeiling, "without a known price (policy has a cost ceiling)", "in a PriceList"},
		{"cordoned", func(t *testing.T) *cluster {
			c := base(t)
			c.lists.Nodes[0].Spec.Unschedulable = true
			c.lists.Nodes[0].Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}}
			return c
		}, RuleUnschedulable, "node(s) were unschedulable", "kubectl uncordon ie-1"},
		{"tainted", func(t *testing.T) *cluster {
			c := base(t)
			c.lists.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "team", Value: "db", Effect: corev1.TaintEffectNoExecute}}
			return c
		}, RuleTaint, "node(s) had untolerated taint(s)", "add a toleration of the taint team=db:NoExecute"},
		{"node selector", func(t *testing.T) *cluster {
			c := base(t)
			c.pod("web-1").Spec.NodeSelector = map[string]string{"disk": "ssd"}
			return c
		}, RuleAffinity, "node(s) didn't match Pod's node affinity/selector", "change the pod's nodeSelector"},
		{"host port", func(t *testing.T) *cluster {
			c := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "")
			for _, pod := range c.lists.Pods {
				pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80}}
			}
			return c
		}, RulePorts, "node(s) didn't have free ports for the requested pod ports", "free the host ports"},
		{"full", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("ops", "other", "1", "6Gi", "ie-1").deployment("shop", "web", "1", "6Gi", "")
		}, RuleFull, "Insufficient cpu and Insufficient memory", "free cpu and memory"},
		{"too small", func(t *testing.T) *cluster {
			return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "8", "1Gi", "")
		}, RuleFull, "Insufficient cpu", "too small for it even when empty"},
		{"volume elsewhere", func(t *testing.T) *cluster {
			c := base(t)
			withVolume(c, "eu-west-1b")
			return c
		}, RuleVolume, "node(s) didn't match PersistentVolume's node affinity", "add nodes where the pod's volume is"},
		{"volume under another law", func(t *testing.T) *cluster {
			c := base(t).policy("shop", "p", spec("residency: {jurisdictions: [EU]}"))
			withVolume(c, "us-east-1a")
			return c
		}, RuleVolumeResidency, "the volume of claim data is outside residency EU", "move the pod's volume"},
	} {
		t.Run(c.name, func(t *testing.T) {
			built := c.build(t)
			snapshot := built.snapshot()
			pod := snapshot.Pods[len(snapshot.Pods)-1]
			e, err := Explain(snapshot, pod, ExplainOptions{Profiles: profiles})
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Excluded) != 1 || len(e.Feasible) != 0 {
				t.Fatalf("excluded %+v, feasible %+v; want one group excluded", e.Excluded, e.Feasible)
			}
			if got := e.Excluded[0]; got.Rule != c.rule || got.Message != c.want || got.Nodes != 1 {
				t.Errorf("excluded by %s %q (%d nodes), want %s %q", got.Rule, got.Message, got.Nodes, c.rule, c.want)
			}
			if !slices.ContainsFunc(e.Remedies, func(remedy string) bool { return strings.Contains(remedy, c.remedy) }) {
				t.Errorf("remedies %q do not say %q", e.Remedies, c.remedy)
			}
		})
	}
}

// withVolume gives web-1 a bound AWS volume in a zone.
func withVolume(c *cluster, zone string) {
	c.pod("web-1").Spec.Volumes = []corev1.Volume{{
		Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}},
	}}
	c.lists.Claims = []*corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "data", Annotations: map[string]string{"pv.kubernetes.io/bind-completed": "yes"},
		},
		Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "v"},
	}}
	c.lists.Volumes = []*corev1.PersistentVolume{{
		ObjectMeta: metav1.ObjectMeta{Name: "v"},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
	}}
}

// TestPlacedPodDoesNotCountAgainstItself checks that a pod is explained as if it had no node: neither its own resources
// nor its own replica keep it from where it is.
func TestPlacedPodDoesNotCountAgainstItself(t *testing.T) {
	snapshot := newCluster(t).nodes("ie", irelandOnDemand, 2).deployment("shop", "web", "1900m", "1Gi", "ie-1", "ie-2").
		policy("shop", "p", "workloadSelector: {}\nspread: [{topologyKey: kubernetes.io/hostname, maxSharePercent: 50}]").snapshot()
	before := *snapshot.Revision(revisionOf(snapshot.Pods[0]))
	e, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.NotToday) != 0 {
		t.Errorf("the pod's own node is excluded: %+v", e.NotToday)
	}
	if len(e.Excluded) != 1 || e.Excluded[0].Nodes != 1 {
		t.Errorf("excluded %+v, want the other node alone", e.Excluded)
	}
	if after := *snapshot.Revision(revisionOf(snapshot.Pods[0])); after.Placed() != before.Placed() || after.Hosts != before.Hosts || after.Desired != before.Desired {
		t.Errorf("explaining changed the counts from %+v to %+v", before, after)
	}
}

func TestExplainRefuses(t *testing.T) {
	snapshot := shop(t).snapshot()
	done := snapshot.Pods[0].DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	if _, err := Explain(snapshot, done, ExplainOptions{}); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a pod that has ended: %v", err)
	}
	lost := snapshot.Pods[0].DeepCopy()
	lost.Spec.NodeName = "gone"
	if _, err := Explain(snapshot, lost, ExplainOptions{}); err == nil || !strings.Contains(err.Error(), "its node gone is gone") {
		t.Errorf("a pod whose node is gone: %v", err)
	}
	without := shop(t)
	without.lists.Namespaces = nil
	snapshot = without.snapshot()
	if _, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{}); !errors.Is(err, errNamespaceUnknown) {
		t.Errorf("without namespaces: %v", err)
	}
	if _, err := Cost(snapshot, ByCloud, ""); !errors.Is(err, errNamespaceUnknown) {
		t.Errorf("cost without namespaces: %v", err)
	}
}

// TestOptimizeFor checks what a pod is optimized for: its policy's word, else the option, else the profile's.
func TestOptimizeFor(t *testing.T) {
	for _, c := range []struct {
		scheduler, policy string
		option, want      v1alpha1.OptimizeFor
		foreign           bool
	}{
		{"tradewind", "", "", v1alpha1.OptimizeForBalanced, false},
		{"tradewind-cost", "", "", v1alpha1.OptimizeForCost, false},
		{"tradewind-cost", "optimizeFor: Latency", "", v1alpha1.OptimizeForLatency, false},
		{"default-scheduler", "", "", v1alpha1.OptimizeForBalanced, true},
		{"mine", "", v1alpha1.OptimizeForLatency, v1alpha1.OptimizeForLatency, true},
	} {
		build := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "1", "1Gi", "ie-1").
			policy("shop", "p", "workloadSelector: {}\n"+c.policy)
		build.pod("web-1").Spec.SchedulerName = c.scheduler
		snapshot := build.snapshot()
		e, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles, OptimizeFor: c.option})
		if err != nil {
			t.Fatal(err)
		}
		if e.OptimizeFor != c.want {
			t.Errorf("%+v: optimizes for %s", c, e.OptimizeFor)
		}
		if said := slices.ContainsFunc(e.Notes, func(n string) bool { return strings.Contains(n, "none of Tradewind's profiles") }); said != c.foreign {
			t.Errorf("%+v: notes %q", c, e.Notes)
		}
	}
}

// TestCountedOver: of a pod that is its workload's only one it was said that limits count over "the 0 of 1 wanted replica" besides it.
func TestCountedOver(t *testing.T) {
	for replicas, want := range map[int]bool{1: false, 2: true} {
		c := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", slices.Repeat([]string{""}, replicas)...).
			policy("shop", "p", "workloadSelector: {}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")
		said := slices.ContainsFunc(explained(t, c).Notes, func(note string) bool { return strings.Contains(note, "are counted over the") })
		if said != want {
			t.Errorf("with %d wanted the note is there: %t", replicas, said)
		}
	}
}
