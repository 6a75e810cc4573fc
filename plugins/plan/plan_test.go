package plan_test

import (
	"bytes"
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/plugins/plan"
	"tradewind.dev/tradewind/plugins/plugintest"
)

const strict = "workloadSelector: {matchLabels: {app: web}}\nenforcement: Strict"

// placement plans replicas of the Deployment web by region of AWS.
func placement(total int32, replicas map[string]int32) *v1alpha1.Placement {
	out := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"}}
	out.Spec.Workload.Kind, out.Spec.Workload.Name = "Deployment", "web"
	out.Status.Replicas = total
	for region, count := range replicas {
		out.Status.Decisions = append(out.Status.Decisions, v1alpha1.PlacementDecision{Cloud: "aws", Region: region, Replicas: count})
	}
	return out
}

func cluster(t *testing.T, policy string) *plugintest.Cluster {
	return plugintest.New(t).Policy("web", policy).Set(
		plugintest.AWS("frankfurt", "eu-central-1a", "m5.large"), plugintest.AWS("ireland", "eu-west-1a", "m5.large"),
		plugintest.AWS("virginia", "us-east-1a", "m5.large"),
		placement(3, map[string]int32{"eu-central-1": 1, "eu-west-1": 2}))
}

// three are a running replica in Frankfurt and two that wait.
func three(c *plugintest.Cluster) (*plugintest.Cluster, *plugintest.Cycle) {
	waiting := plugintest.Replica("web-9", "web", "")
	c.Set(plugintest.Revision("web", 3), plugintest.Replica("web-1", "web", "frankfurt"), plugintest.Replica("web-2", "web", ""), waiting)
	return c, c.Cycle(waiting)
}

func TestStrict(t *testing.T) {
	_, cycle := three(cluster(t, strict))
	want := map[string]string{
		"frankfurt": "with all the replicas that Placement shop/deployment-web plans there", "virginia": "outside the plan of Placement shop/deployment-web",
	}
	if got := cycle.Refused(); !maps.Equal(got, want) {
		t.Errorf("refused %v, want %v", got, want)
	}
	if code := cycle.Filter("frankfurt").Code(); code != fwk.UnschedulableAndUnresolvable {
		t.Errorf("%s: replicas of a workload do not preempt each other", code)
	}
	tried := cycle.Clone()
	if status := tried.Remove(plugintest.Replica("web-1", "web", "frankfurt"), "frankfurt"); !status.IsSuccess() || !tried.Filter("frankfurt").IsSuccess() {
		t.Errorf("without the replica: %v", tried.Filter("frankfurt").Reasons())
	}
	for _, name := range []string{"web-3", "web-4"} {
		if !tried.Filter("ireland").IsSuccess() {
			t.Errorf("before %s: %v", name, tried.Filter("ireland").Reasons())
		}
		if status := tried.Add(plugintest.Replica(name, "web", "ireland"), "ireland"); !status.IsSuccess() {
			t.Errorf("with a replica more: %v", status)
		}
	}
	if tried.Filter("ireland").IsSuccess() {
		t.Error("with both that are planned there, Ireland takes a third")
	}
	if cycle.Filter("frankfurt").IsSuccess() || !cycle.Filter("ireland").IsSuccess() {
		t.Error("what was tried changed the cycle")
	}
}

func TestPreferred(t *testing.T) {
	_, cycle := three(cluster(t, "workloadSelector: {matchLabels: {app: web}}"))
	if !cycle.State.GetSkipFilterPlugins().Has(plan.Name) || len(cycle.Refused()) != 0 {
		t.Errorf("a plan that is preferred refuses %v", cycle.Refused())
	}
	scores := cycle.Scores()
	for node, want := range map[string]int64{"ireland": fwk.MaxNodeScore, "frankfurt": 0, "virginia": 0} {
		if got := scores[node][plan.Name] / 100; got != want {
			t.Errorf("%s: %d points, want %d", node, got, want)
		}
	}
	for node, points := range scores {
		total := func(of map[string]int64) (sum int64) {
			for _, score := range of {
				sum += score
			}
			return sum
		}
		if node != "ireland" && total(points) >= total(scores["ireland"]) {
			t.Errorf("%s has %d points in all, where the plan has room %d", node, total(points), total(scores["ireland"]))
		}
	}
}

func TestWithoutPlan(t *testing.T) {
	c := cluster(t, strict)
	other := plugintest.Replica("db-9", "db", "")
	cycle := c.Set(other).Cycle(other)
	if !cycle.State.GetSkipFilterPlugins().Has(plan.Name) {
		t.Error("a pod without a plan is filtered")
	}
	cycle.Scores()
	if !cycle.State.GetSkipScorePlugins().Has(plan.Name) {
		t.Error("a pod without a plan is scored by it")
	}
}

// Pods of one signature are placed alike without being looked at, so it changes when the plan has room elsewhere.
func TestSignature(t *testing.T) {
	c, cycle := three(cluster(t, strict))
	sign := func() []byte { return c.Framework.SignPod(t.Context(), cycle.Pod, false) }
	before := sign()
	if len(before) == 0 {
		t.Fatal("the pod has no signature")
	}
	if !bytes.Equal(before, sign()) {
		t.Error("the signature changes by itself")
	}
	c.Set(plugintest.Replica("web-2", "web", "ireland"))
	if !bytes.Equal(before, sign()) {
		t.Error("the signature changes though the same places have room")
	}
	c.Set(plugintest.Replica("web-3", "web", "ireland"))
	if bytes.Equal(before, sign()) {
		t.Error("the signature stays though Ireland has all of its replicas")
	}
}

func TestWakesPods(t *testing.T) {
	c, cycle := three(cluster(t, strict))
	node, gone := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}, fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}
	for _, tt := range []struct {
		name          string
		event         fwk.ClusterEvent
		before, after any
		want          bool
	}{
		{"a node where the plan has room", node, nil, plugintest.AWS("new", "eu-west-1b", "m5.large"), true},
		{"a node of a place that is full", node, nil, plugintest.AWS("new", "eu-central-1b", "m5.large"), false},
		{"a node outside the plan", node, nil, plugintest.AWS("new", "us-east-1b", "m5.large"), false},
		{"a replica that goes", gone, plugintest.Replica("web-1", "web", "frankfurt"), nil, true},
		{"another workload's", gone, plugintest.Replica("db-1", "db", "frankfurt"), nil, false},
	} {
		if got := c.Hints(tt.event, cycle.Pod, tt.before, tt.after)[plan.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}
