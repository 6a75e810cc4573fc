package plan_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/plugins/cycle"
	"tradewind.dev/tradewind/plugins/plan"
	"tradewind.dev/tradewind/plugins/plugintest"
)

const preferred = "workloadSelector: {matchLabels: {app: web}}"

// waits says whether a pod may not be tried yet.
func waits(c *plugintest.Cluster, pod *corev1.Pod) bool {
	return !c.Plugins[plan.Name].(fwk.PreEnqueuePlugin).PreEnqueue(context.Background(), pod).IsSuccess()
}

// planned is a cluster in which a controller plans by whole machines, for an hour.
func planned(t *testing.T) *plugintest.Cluster {
	c := plugintest.New(t).Policy("web", preferred).Set(plugintest.AWS("ireland", "eu-west-1a", "m5.large"))
	c.Live.ExpectPlans(plugintest.Now.Add(time.Hour))
	return c
}

// A pod whose workload has no plan yet was placed by shares before there was one, and stayed beside it. It waits for the first; when that
// is there all pods of the workload are tried, and no others.
func TestNewPodsAwaitTheirFirstPlan(t *testing.T) {
	for _, policy := range []string{preferred, strict} {
		c := planned(t).Policy("web", policy).Policy("db", "workloadSelector: {matchLabels: {app: db}}")
		first, second, other := plugintest.Replica("web-1", "web", ""), plugintest.Replica("web-2", "web", ""), plugintest.Replica("db-1", "db", "")
		c.Set(first, second, other)
		if !waits(c, first) || !waits(c, second) || !waits(c, other) {
			t.Fatal("they do not wait for a plan")
		}
		c.Woken = nil
		if c.Set(placement(0, nil)); len(c.Woken) > 0 || !waits(c, first) {
			t.Errorf("a Placement that says nothing yet wakes %v", c.Woken)
		}
		c.Clock.Pass(cycle.PlanPatience / 2)
		c.Set(placement(2, map[string]int32{"eu-west-1": 2}))
		if want := []string{"shop/web-1", "shop/web-2"}; !slices.Equal(slices.Compact(c.Woken), want) {
			t.Errorf("%s: the plan wakes %v, want %v", policy, c.Woken, want)
		}
		if waits(c, first) || waits(c, second) || !waits(c, other) {
			t.Error("with a plan they wait, or the other does not")
		}
		c.Woken = nil
		if c.Clock.Pass(cycle.PlanPatience); !slices.Equal(c.Woken, []string{"shop/db-1"}) {
			t.Errorf("after all patience %v are woken", c.Woken)
		}
	}
}

// A workload that wants more replicas than its plan is for, as when it is scaled up, waits for another plan, and one that wants fewer for none.
func TestMorePodsAwaitAnotherPlan(t *testing.T) {
	c := planned(t)
	pod := plugintest.Replica("web-1", "web", "")
	c.Set(plugintest.Revision("web", 3), pod, placement(3, map[string]int32{"eu-west-1": 3}))
	for _, replicas := range []int32{1, 3} {
		if c.Set(plugintest.Revision("web", replicas)); waits(c, pod) {
			t.Errorf("one of %d waits though the plan is for 3", replicas)
		}
	}
	c.Set(plugintest.Revision("web", 5))
	if !waits(c, pod) {
		t.Error("one of 5 does not wait though the plan is for 3")
	}
	c.Woken = nil
	if c.Set(placement(4, map[string]int32{"eu-west-1": 4})); len(c.Woken) > 0 || !waits(c, pod) {
		t.Errorf("a plan for 4 wakes %v", c.Woken)
	}
	if c.Set(placement(5, map[string]int32{"eu-west-1": 4})); !slices.Equal(c.Woken, []string{"shop/web-1"}) || waits(c, pod) {
		t.Errorf("a plan for 5, one of which has no place, wakes %v", c.Woken)
	}
}

// A plan that comes in the moment in which nobody would wait for it any longer ends that wait, and no other that begins then.
func TestAPlanInTheLastMoment(t *testing.T) {
	c := planned(t)
	pod := plugintest.Replica("web-1", "web", "")
	if c.Set(plugintest.Revision("web", 3), pod); !waits(c, pod) {
		t.Fatal("it does not wait")
	}
	c.Clock.Step(cycle.PlanPatience) // what is due then is done below
	c.Set(placement(3, map[string]int32{"eu-west-1": 3}), plugintest.Revision("web", 5))
	if !waits(c, pod) {
		t.Fatal("it does not wait for the next plan")
	}
	c.Woken = nil
	if c.Clock.Pass(0); len(c.Woken) > 0 || !waits(c, pod) {
		t.Errorf("the end of the first wait wakes %v", c.Woken)
	}
	if c.Clock.Pass(cycle.PlanPatience); !slices.Equal(c.Woken, []string{"shop/web-1"}) || waits(c, pod) {
		t.Errorf("at the end of the second %v are woken", c.Woken)
	}
}

// Of a kind that does not say how many replicas it wants its pods are counted, also one that the state has not heard of yet.
func TestPodsOfOtherKindsAwaitAPlan(t *testing.T) {
	c := planned(t)
	goose := func(name string) *corev1.Pod {
		pod := plugintest.Replica(name, "web", "")
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "birds.example.com/v1", Kind: "Flock", Name: "web", Controller: ptr.To(true)}}
		return pod
	}
	first, second := goose("web-1"), goose("web-2")
	second.ResourceVersion = "1"
	if c.Set(first); !waits(c, first) {
		t.Error("the first does not wait")
	}
	plan := placement(1, map[string]int32{"eu-west-1": 1})
	plan.Name, plan.Spec.Workload.Kind, plan.Spec.Workload.APIVersion = "flock.birds.example.com-web", "Flock", "birds.example.com/v1"
	if c.Set(plan); waits(c, first) {
		t.Error("the first waits though it is planned")
	}
	if c.Listed(second); !waits(c, second) {
		t.Error("the second does not wait though the plan is for one")
	}
}

// They wait so long and no longer, however many come later, say why in one event, and not again for a while.
func TestPodsAwaitNoPlanForLong(t *testing.T) {
	c := planned(t)
	first := plugintest.Replica("web-1", "web", "")
	if c.Set(first); !waits(c, first) {
		t.Fatal("it does not wait")
	}
	c.Clock.Pass(time.Second)
	select {
	case said := <-c.Events:
		if !strings.Contains(said, "AwaitingPlan") || !strings.Contains(said, "Deployment shop/web") || !strings.Contains(said, "5s at most") {
			t.Errorf("the event says %q", said)
		}
	default:
		t.Error("no event says why it waits")
	}
	later := plugintest.Replica("web-2", "web", "")
	c.Set(later)
	c.Woken = nil
	c.Clock.Pass(cycle.PlanPatience - time.Second - time.Millisecond)
	if !waits(c, first) || !waits(c, later) || len(c.Woken) > 0 {
		t.Errorf("just before the end of its patience it does not wait, or %v are woken", c.Woken)
	}
	if c.Clock.Pass(time.Millisecond); !slices.Equal(c.Woken, []string{"shop/web-1", "shop/web-2"}) {
		t.Errorf("woken %v, want both", c.Woken)
	}
	if waits(c, first) || waits(c, later) {
		t.Error("they wait though there is no plan in time")
	}
	c.Clock.Pass(9 * time.Minute)
	if waits(c, later) {
		t.Error("a workload that gets no plan is waited for again soon")
	}
	if c.Clock.Pass(2 * time.Minute); !waits(c, later) || len(c.Events) > 0 {
		t.Errorf("a workload that got no plan is never waited for again, or says more: %d events", len(c.Events))
	}
}

// Nobody waits where no plan is to be expected, and nobody longer than a controller plans.
func TestWhoAwaitsNoPlan(t *testing.T) {
	web := plugintest.Replica("web-1", "web", "")
	owned := func(kind string) *corev1.Pod {
		pod := web.DeepCopy()
		pod.OwnerReferences[0].Kind = kind
		return pod
	}
	bare := web.DeepCopy()
	bare.OwnerReferences = nil
	unplaced := placement(3, nil)
	unplaced.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPlanned, Status: metav1.ConditionFalse}}
	for _, tt := range []struct {
		name   string
		pod    *corev1.Pod
		change func(*plugintest.Cluster)
		want   bool
	}{
		{"a replica", web, func(*plugintest.Cluster) {}, true},
		{"a pod of a Job", owned("Job"), func(*plugintest.Cluster) {}, true},
		{"no policy", plugintest.Replica("db-1", "db", ""), func(*plugintest.Cluster) {}, false},
		{"nobody makes it anew", bare, func(*plugintest.Cluster) {}, false},
		{"a DaemonSet's", owned("DaemonSet"), func(*plugintest.Cluster) {}, false},
		{"no controller", web, func(c *plugintest.Cluster) { c.Live.ExpectPlans(time.Time{}) }, false},
		{"a controller that was not heard of for long", web, func(c *plugintest.Cluster) { c.Clock.Pass(time.Hour) }, false},
		{"no place for any", web, func(c *plugintest.Cluster) { c.Set(unplaced) }, false},
	} {
		c := planned(t)
		tt.change(c)
		if got := waits(c, tt.pod); got != tt.want {
			t.Errorf("%s: waits %t, want %t", tt.name, got, tt.want)
		}
	}
	unread := plugintest.Unread(t)
	unread.Live.ExpectPlans(plugintest.Now.Add(time.Hour))
	if waits(unread, web) {
		t.Error("it waits for a plan before policies and Placements were read")
	}
}

func TestNobodyAwaitsPlansOfAControllerThatStops(t *testing.T) {
	c := planned(t)
	pod := plugintest.Replica("web-1", "web", "")
	if c.Set(pod); !waits(c, pod) {
		t.Fatal("it does not wait")
	}
	c.Woken = nil
	c.Live.ExpectPlans(time.Time{})
	if !slices.Equal(c.Woken, []string{"shop/web-1"}) || waits(c, pod) {
		t.Errorf("woken %v; waits %t", c.Woken, waits(c, pod))
	}
	c.Live.ExpectPlans(plugintest.Now.Add(time.Hour))
	if !waits(c, pod) {
		t.Error("it does not wait for the controller that is back")
	}
}

// BenchmarkAwaitsPlan is what each pod costs that comes: without a policy, with one and a plan, and while it waits.
func BenchmarkAwaitsPlan(b *testing.B) {
	c := plugintest.New(b).Policy("web", preferred)
	c.Live.ExpectPlans(plugintest.Now.Add(time.Hour))
	with := plugintest.Replica("api-1", "web", "")
	with.OwnerReferences[0].Name, with.Labels["pod-template-hash"] = "api-1", "1"
	decided := placement(1, map[string]int32{"eu-west-1": 1})
	decided.Name, decided.Spec.Workload.Name = "deployment-api", "api"
	c.Set(decided)
	for _, tt := range []struct {
		name string
		pod  *corev1.Pod
	}{{"no policy", plugintest.Replica("db-1", "db", "")}, {"a plan", with}, {"none yet", plugintest.Replica("web-1", "web", "")}} {
		b.Run(tt.name, func(b *testing.B) {
			want := tt.name == "none yet"
			for b.Loop() {
				if waits(c, tt.pod) != want {
					b.Fatalf("waits %t", !want)
				}
			}
		})
	}
}
