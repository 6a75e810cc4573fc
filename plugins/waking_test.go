package plugins_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/plugintest"
)

func selects(app, rest string) string {
	return "workloadSelector: {matchLabels: {app: " + app + "}}\n" + rest
}

// letGo is the first ReplicaSet of a Deployment when that no longer controls it.
func letGo(deployment string) *appsv1.ReplicaSet {
	out := plugintest.Revision(deployment, 1)
	out.OwnerReferences = nil
	return out
}

// Each change wakes the pods whose answer it may change, and no others. Any changed policy woke all that have a ceiling or a
// limit on round trips, a namespace's labels woke nobody.
func TestWhoIsWoken(t *testing.T) {
	placement := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-strict"}}
	placement.Spec.Workload.Kind, placement.Spec.Workload.Name, placement.Status.Replicas = "Deployment", "strict", 1
	placement.Status.Decisions = []v1alpha1.PlacementDecision{{Cloud: "aws", Region: "eu-west-1", Replicas: 1}}
	ours := selects("other", "residency: {jurisdictions: [EU]}")
	for _, tt := range []struct {
		name   string
		change func(*plugintest.Cluster)
		want   []string
	}{
		{"a policy of another workload", func(c *plugintest.Cluster) { c.Policy("other", ours) }, nil},
		{"a policy of its own", func(c *plugintest.Cluster) { c.Policy("plain", selects("plain", "residency: {jurisdictions: [EU]}")) }, []string{"plain"}},
		{"a price", func(c *plugintest.Cluster) {
			c.PriceList("ours", "instances: [{cloud: aws, instanceType: m5.large, hourlyUSD: \"0.05\"}]")
		}, []string{"ceiling"}},
		{"a round trip", func(c *plugintest.Cluster) {
			c.LatencyMap("ours", "samples: [{from: DE, to: aws/eu-west-1, milliseconds: \"4\"}]")
		}, []string{"near"}},
		{"a round trip to a workload that it calls", func(c *plugintest.Cluster) {
			c.LatencyMap("ours", "samples: [{from: aws/eu-west-1, to: aws/eu-central-1, milliseconds: \"4\"}]")
		}, []string{"caller"}},
		{"a round trip that an estimate had met", func(c *plugintest.Cluster) {
			c.LatencyMap("ours", "samples: [{from: aws/eu-west-1, to: scaleway/fr-par, milliseconds: \"25\"}]")
		}, []string{"measured"}},
		{"a round trip that is too long still", func(c *plugintest.Cluster) {
			c.LatencyMap("ours", "samples: [{from: DE, to: aws/eu-west-1, milliseconds: \"6\"}]")
		}, nil},
		{"a round trip that was short enough", func(c *plugintest.Cluster) {
			c.LatencyMap("theirs", "samples: [{from: DE, to: aws/eu-central-1, milliseconds: \"1\"}]")
		}, nil},
		{"a round trip to where no node is", func(c *plugintest.Cluster) {
			c.LatencyMap("ours", "samples: [{from: DE, to: aws/eu-west-2, milliseconds: \"4\"}]")
		}, nil},
		{"a cluster's policy for namespaces with a label", func(c *plugintest.Cluster) {
			c.ClusterPolicy("eu", "workloadSelector: {}\nnamespaceSelector: {matchLabels: {data: personal}}\nresidency: {jurisdictions: [EU]}")
		}, nil},
		{"the label of a namespace that nobody asks for", func(c *plugintest.Cluster) {
			c.Set(plugintest.Namespace("shop", map[string]string{"data": "personal"}))
		}, nil},
		{"the number of replicas", func(c *plugintest.Cluster) { c.Set(plugintest.Revision("spread", 5)) }, []string{"spread"}},
		{"that of replicas that no rule counts", func(c *plugintest.Cluster) { c.Set(plugintest.Revision("plain", 5)) }, nil},
		{"a ReplicaSet that its Deployment lets go", func(c *plugintest.Cluster) { c.Set(letGo("ceiling")) }, []string{"caller", "guessed", "measured"}},
		{"one with pods that go only where the plan has them", func(c *plugintest.Cluster) {
			c.Set(plugintest.Revision("strict", 1))
			c.Woken = nil
			c.Set(letGo("strict"))
		}, []string{"strict"}},
		{"one that nobody calls", func(c *plugintest.Cluster) { c.Set(letGo("plain")) }, nil},
		{"a plan", func(c *plugintest.Cluster) { c.Set(placement) }, []string{"strict"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := plugintest.New(t).Set(plugintest.Namespace("shop", nil), plugintest.AWS("ireland", "eu-west-1a", "m5.large"),
				plugintest.AWS("frankfurt", "eu-central-1a", "m5.large"),
				plugintest.Labelled(plugintest.Private("paris", "fr-par", "FR"), map[string]string{v1alpha1.LabelCloud: "scaleway"})).
				LatencyMap("theirs", "samples: [{from: DE, to: aws/eu-central-1, milliseconds: \"2\"}]").
				Policy("ceiling", selects("ceiling", "cost: {maxHourlyUSD: \"1\"}")).
				Policy("near", selects("near", "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 5}")).
				Policy("caller", selects("caller", "traffic: [{to: {name: ceiling}, maxMilliseconds: 5}]")).
				Policy("guessed", selects("guessed", "traffic: [{to: {name: ceiling}, maxMilliseconds: 40}]")).
				Policy("measured", selects("measured", "traffic: [{to: {name: ceiling}, maxMilliseconds: 40, figures: Measured}]")).
				Policy("spread", selects("spread", "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")).
				Policy("strict", selects("strict", "enforcement: Strict"))
			for _, app := range []string{"ceiling", "near", "caller", "guessed", "measured", "spread", "strict", "plain"} {
				c.Set(plugintest.Replica(app, app, ""))
			}
			placed := plugintest.Replica("placed", "ceiling", "ireland")
			others := plugintest.Replica("others", "ceiling", "")
			others.Spec.SchedulerName = "tradewind-cost"
			c.Set(placed, others)
			c.Woken = nil
			tt.change(c)
			var want []string
			for _, name := range tt.want {
				want = append(want, "shop/"+name)
			}
			if !slices.Equal(c.Woken, want) {
				t.Errorf("woken %v, want %v", c.Woken, want)
			}
		})
	}
}

func TestNamespacesLabelsWakePods(t *testing.T) {
	c := plugintest.New(t).Set(plugintest.Namespace("shop", map[string]string{"data": "personal"})).
		ClusterPolicy("eu", "workloadSelector: {matchLabels: {app: web}}\nnamespaceSelector: {matchLabels: {data: personal}}\nresidency: {jurisdictions: [EU]}").
		Set(plugintest.Replica("web-1", "web", ""), plugintest.Replica("db-1", "db", ""))
	for _, tt := range []struct {
		name   string
		labels map[string]string
		want   []string
	}{
		{"another label", map[string]string{"data": "personal", "team": "shop"}, nil},
		{"the label goes", map[string]string{"team": "shop"}, []string{"shop/web-1"}},
	} {
		c.Woken = nil
		if c.Set(plugintest.Namespace("shop", tt.labels)); !slices.Equal(c.Woken, tt.want) {
			t.Errorf("%s: woken %v, want %v", tt.name, c.Woken, tt.want)
		}
	}
}

// A waiting pod is tried again when it changes itself such that other rules select it, or it asks for less. It waited for minutes.
func TestOwnChangesWake(t *testing.T) {
	c := plugintest.New(t).Policy("web", selects("web", "residency: {jurisdictions: [EU]}\ncost: {maxHourlyUSD: \"0.04\"}"))
	pod := plugintest.Replica("web-1", "web", "")
	c.Set(pod)
	relabelled, smaller, annotated, other := pod.DeepCopy(), pod.DeepCopy(), pod.DeepCopy(), plugintest.Replica("web-2", "shop", "")
	relabelled.Labels["app"] = "free"
	smaller.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1m")
	annotated.Labels["anything"] = "else"
	for _, tt := range []struct {
		name  string
		after *corev1.Pod
		event fwk.ActionType
		want  bool
	}{
		{"no policy selects it any more", relabelled, fwk.UpdatePodLabel, true},
		{"it asks for less", smaller, fwk.UpdatePodScaleDown, true},
		{"a label that no policy selects by", annotated, fwk.UpdatePodLabel, false},
		{"another pod", other, fwk.UpdatePodLabel, false},
	} {
		hints := c.Hints(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: tt.event}, pod, pod, tt.after)
		for _, plugin := range []string{"TradewindResidency", "TradewindCloud", "TradewindLatency", "TradewindCost", "TradewindPlacement"} {
			if hints[plugin] != tt.want {
				t.Errorf("%s: %s wakes it: %t", tt.name, plugin, hints[plugin])
			}
		}
	}
}

// The scheduler's queue may hear of a pod's end before the state does. A pod that is tried at once then found the replica still
// counted, and waited for minutes, as nothing more was going to happen.
func TestAWokenPodDoesNotCountTheReplicaThatIsGone(t *testing.T) {
	gone, waiting := plugintest.Replica("web-1", "web", "aws"), plugintest.Replica("web-2", "web", "")
	c := plugintest.New(t).Policy("web", selects("web", "cost: {maxHourlyUSD: \"0.04\"}")).
		Set(plugintest.AWS("aws", "eu-west-1a", "m5.large"), gone, waiting)
	if c.Cycle(waiting).Filter("aws").IsSuccess() {
		t.Fatal("the ceiling has room")
	}
	if !c.Hints(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, waiting, gone, nil)["TradewindCost"] {
		t.Fatal("the pod is not woken")
	}
	if status := c.Cycle(waiting).Filter("aws"); !status.IsSuccess() {
		t.Errorf("it is still %v", status.Reasons())
	}
	if view := c.Live.Revision(workload.Revision(waiting)); view.Placed() != 0 {
		t.Errorf("%d replicas placed", view.Placed())
	}
}
