package candidates_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// next schedules a pod as kube-scheduler does one after the other, in cycles that it counts, so that it may give the
// pod the next node of those that it scored for the pod before. A benchmark times the cycle alone.
func (c *cluster) next(pod *corev1.Pod, profile string) (node string, evaluated int) {
	c.t.Helper()
	pod = pod.DeepCopy()
	pod.Spec.SchedulerName = profile
	of, state := c.scheduler.Profiles[profile], framework.NewCycleState()
	c.scheduler.SchedulingQueue.Add(klog.Background(), pod)
	if queued, err := c.scheduler.NextPod(klog.Background()); err != nil || queued.Pod.UID != pod.UID {
		c.t.Fatalf("the next pod is %v: %v", queued, err)
	}
	defer c.scheduler.SchedulingQueue.Done(pod.UID)
	b, timed := c.t.(*testing.B)
	if timed {
		b.StartTimer()
	}
	result, err := c.scheduler.SchedulePod(c.t.Context(), of, state, pod)
	if timed {
		b.StopTimer()
	}
	if err != nil {
		return "", 0
	}
	if status := of.RunReservePluginsReserve(c.t.Context(), state, pod, result.SuggestedHost); !status.IsSuccess() {
		c.t.Fatal(status.AsError())
	}
	c.running(pod, result.SuggestedHost)
	return result.SuggestedHost, result.EvaluatedNodes
}

// batched is how many pods of a profile were given the next node.
func (c *cluster) batched(profile string) int {
	return int(c.scheduler.Profiles[profile].(interface{ TotalBatchedPods() int64 }).TotalBatchedPods())
}

// batching are the profiles, and kube-scheduler's own, without default topology spread constraints: with them it
// batches no pods.
func batching(t testing.TB) scheduler.Option {
	t.Helper()
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(
		[]byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := append(profiles(t), object.(*config.KubeSchedulerConfiguration).Profiles...)
	for _, profile := range all {
		for _, plugin := range profile.PluginConfig {
			if args, ok := plugin.Args.(*config.PodTopologySpreadArgs); ok {
				args.DefaultingType = config.ListDefaulting
			}
		}
	}
	return scheduler.WithProfiles(all...)
}

func batchOf(t testing.TB) *cluster {
	c := newCluster(t, batching(t))
	for i := range 200 {
		c.node(awsNode(fmt.Sprintf("cheap-%d", i), "eu-west-1a", "m5.large"))
		c.node(awsNode(fmt.Sprintf("dear-%d", i), "eu-west-1a", "m5.8xlarge"))
	}
	c.policy("optimizeFor: Cost")
	return c
}

// choices is for how many pods nodes were chosen, or could not be.
func choices(t *testing.T) int {
	_, count := metric(t, "tradewind_candidate_nodes", map[string]string{"profile": shipped})
	return int(count)
}

// Of pods that are alike and of which one fills a node kube-scheduler scores the nodes for one in a hundred. Nodes were
// chosen for each, of which it made no use.
func TestNoNodesAreChosenForPodsThatAreGivenTheNextOfABatch(t *testing.T) {
	c := batchOf(t)
	before := choices(t)
	const pods = 180
	for i := range pods {
		if node, _ := c.next(c.pod("3"), shipped); !strings.HasPrefix(node, "cheap-") {
			t.Fatalf("pod %d: placed on %q", i, node)
		}
	}
	// The first that is given one is not foreseen, nor is any shortly before an order of nodes is too old.
	batched, foreseen := c.batched(shipped), pods-(choices(t)-before)
	if batched == 0 || foreseen < batched*2/3 {
		t.Errorf("for %d of %d pods that were given the next node none were chosen", foreseen, batched)
	}
}

// Each of these keeps kube-scheduler from giving a pod the next node. Whether that is foreseen or not, the pod gets one
// of the best.
func TestPodsThatAreNotGivenTheNextOfABatchGetTheBestNode(t *testing.T) {
	alike := func(c *cluster) *corev1.Pod { return c.pod("3") }
	for _, tt := range []struct {
		name string
		pod  func(*cluster) *corev1.Pod
		do   func(*cluster)
	}{
		{"another pod in between", alike, func(c *cluster) { c.next(c.pod("100m"), allNodes) }},
		{"one that fits nowhere", alike, func(c *cluster) { c.next(c.pod("100"), shipped) }},
		{"a pod that asks for more", func(c *cluster) *corev1.Pod { return c.pod("3500m") }, func(*cluster) {}},
		{"one that the last has room for", func(c *cluster) *corev1.Pod { return c.pod("10m") }, func(*cluster) {}},
		{"a pod of another workload", func(c *cluster) *corev1.Pod {
			pod := c.pod("3")
			pod.OwnerReferences[0].Name = "other-1"
			return pod
		}, func(*cluster) {}},
		{"the next nodes are full", alike, func(c *cluster) {
			for i := range 200 {
				c.running(c.pod("4"), fmt.Sprintf("cheap-%d", i))
			}
			for i := range 10 { // which no order has yet
				c.node(awsNode(fmt.Sprintf("cheap-new-%d", i), "eu-west-1a", "m5.large"))
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := batchOf(t)
			for range 5 {
				c.next(c.pod("3"), shipped)
			}
			tt.do(c)
			pod, batched := tt.pod(c), c.batched(shipped)
			scores := c.scores(pod)
			if node, _ := c.next(pod, shipped); !slices.Contains(best(scores), node) {
				t.Errorf("placed on %q, which has %d points and others more", node, scores[node])
			}
			if c.batched(shipped) > batched {
				t.Error("the pod was given the next node: this test shows nothing")
			}
			for range 3 {
				if node, _ := c.next(c.pod("3"), shipped); !strings.HasPrefix(node, "cheap-") {
					t.Errorf("then one is placed on %q", node)
				}
			}
		})
	}
}

// BenchmarkBatch is what a cycle takes for a pod that kube-scheduler gives the next of 5,000 nodes: by the profile that
// is shipped, the same without TradewindCandidates, and kube-scheduler's own.
func BenchmarkBatch(b *testing.B) {
	for _, profile := range []string{shipped, allNodes, corev1.DefaultSchedulerName} {
		b.Run(profile, func(b *testing.B) {
			c := newCluster(b, batching(b))
			for i := range 5000 {
				c.node(awsNode(fmt.Sprintf("node-%d", i), zones[i%4], instanceTypes[i/4%6]))
			}
			c.policy("optimizeFor: Cost\nresidency: {jurisdictions: [EU]}")
			b.ReportAllocs()
			b.ResetTimer()
			b.StopTimer()
			for range b.N {
				if node, _ := c.next(c.pod("3"), profile); node == "" {
					b.Fatal("all nodes are full: give fewer pods by -benchtime 1000x")
				}
			}
			b.ReportMetric(float64(c.batched(profile))/float64(b.N), "batched/op")
		})
	}
}
