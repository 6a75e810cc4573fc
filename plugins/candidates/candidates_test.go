package candidates_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// A node that is five times cheaper, among 390 others, has room for all: every pod belongs there. kube-scheduler looks at 47 %
// of so many nodes, and missed it for some of twelve pods.
func TestTheCheapestOf391NodesGetsEveryPod(t *testing.T) {
	for _, profile := range []string{shipped, sampled} {
		t.Run(profile, func(t *testing.T) {
			c := newCluster(t)
			for i := range 390 {
				c.node(awsNode(fmt.Sprintf("dear-%d", i), "eu-west-1"+string(rune('a'+i%3)), "m5.8xlarge"))
			}
			c.node(awsNode("cheap", "eu-west-1a", "m5.xlarge"))
			c.policy("optimizeFor: Cost")
			elsewhere, evaluated := 0, 0
			for range 12 {
				node, looked, err := c.schedule(c.pod("100m"), profile)
				if err != nil {
					t.Fatal(err)
				}
				if node != "cheap" {
					elsewhere++
				}
				evaluated = max(evaluated, looked)
			}
			if profile == sampled {
				if elsewhere == 0 {
					t.Error("looking at a sample, the scheduler missed no pod's cheapest node: this test shows nothing")
				}
				return
			}
			if elsewhere > 0 || evaluated > 1 {
				t.Errorf("%d of 12 pods went to a dearer node; %d nodes were looked at for one of them", elsewhere, evaluated)
			}
		})
	}
}

// What only another plugin knows of the best nodes does not keep a pod waiting, nor does it hide better places than the last.
func TestPodsGoToTheBestNodeThatEveryPluginAccepts(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*corev1.Pod, *corev1.Node) // of the pod, and of the cheapest node
		want string
	}{
		{"nothing in the way", func(*corev1.Pod, *corev1.Node) {}, "cheapest"},
		{"a taint", func(_ *corev1.Pod, node *corev1.Node) {
			node.Spec.Taints = []corev1.Taint{{Key: "team", Value: "other", Effect: corev1.TaintEffectNoSchedule}}
		}, "second"},
		{"a cordon", func(_ *corev1.Pod, node *corev1.Node) { node.Spec.Unschedulable = true }, "second"},
		{"a host port", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80, Protocol: corev1.ProtocolTCP}}
		}, "second"},
		{"anti-affinity to what runs there", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
					TopologyKey:   corev1.LabelHostname,
					LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
				}},
			}}
		}, "second"},
		{"a node selector", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Spec.NodeSelector = map[string]string{corev1.LabelInstanceTypeStable: "m5.4xlarge"}
		}, "dear-0"},
		{"the name of a node", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
					MatchFields: []corev1.NodeSelectorRequirement{
						{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{"dear-1"}},
					},
				}}},
			}}
		}, "dear-1"},
		{"a node that preemption has cleared", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Status.NominatedNodeName = "dear-2"
		}, "dear-2"},
		{"more extended resources than it has", func(pod *corev1.Pod, _ *corev1.Node) {
			pod.Spec.Containers[0].Resources.Requests["acme.com/card"] = *ptr.To(pod.Spec.Containers[0].Resources.Requests["cpu"])
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			cheapest, pod := awsNode("cheapest", "eu-west-1a", "m5.large"), c.pod("100m")
			tt.edit(pod, cheapest)
			c.node(cheapest, awsNode("second", "eu-west-1a", "m5.xlarge"), awsNode("dear-0", "eu-west-1a", "m5.4xlarge"))
			for i := 1; i < 150; i++ {
				c.node(awsNode(fmt.Sprintf("dear-%d", i), "eu-west-1a", "m5.8xlarge"))
			}
			running := c.pod("100m")
			running.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80, Protocol: corev1.ProtocolTCP}}
			c.running(running, "cheapest")
			c.policy("optimizeFor: Cost")
			if got, _, err := c.schedule(pod, shipped); got != tt.want {
				t.Errorf("placed on %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

// What is kept of nodes from one cycle to the next is what is true of them: each of these steps changes where the next pod belongs.
func TestTheNextPodSeesWhatHasChanged(t *testing.T) {
	c := newCluster(t)
	c.node(awsNode("cheap", "eu-west-1a", "m5.large"), awsNode("middle", "eu-west-1a", "m5.xlarge"), awsNode("dear", "eu-west-1a", "m5.8xlarge"))
	c.policy("optimizeFor: Cost")
	ordered := c.pod("4")
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"at first", func() {}, "cheap"},
		{"cordoned", func() { c.change("cheap", func(node *corev1.Node) { node.Spec.Unschedulable = true }) }, "middle"},
		{"open again", func() { c.change("cheap", func(node *corev1.Node) { node.Spec.Unschedulable = false }) }, "cheap"},
		{"tainted", func() {
			c.change("cheap", func(node *corev1.Node) {
				node.Spec.Taints = []corev1.Taint{{Key: "team", Effect: corev1.TaintEffectNoExecute}}
			})
		}, "middle"},
		{"no taint any more", func() { c.change("cheap", func(node *corev1.Node) { node.Spec.Taints = nil }) }, "cheap"},
		{"another machine", func() {
			c.change("cheap", func(node *corev1.Node) { node.Labels[corev1.LabelInstanceTypeStable] = "m5.4xlarge" })
		}, "middle"},
		{"full", func() { c.running(ordered, "middle") }, "cheap"},
		{"another price", func() {
			c.objects.PriceLists = []v1alpha1.PriceList{{ObjectMeta: metav1.ObjectMeta{Name: "contract"}, Spec: v1alpha1.PriceListSpec{
				Source: "contract", Date: "2026-01-01",
				Instances: []v1alpha1.InstancePrice{{Cloud: "aws", Region: "eu-west-1", InstanceType: "m5.8xlarge", HourlyUSD: resource.MustParse("0.01")}},
			}}}
			c.policy("optimizeFor: Cost")
		}, "dear"},
		{"a node more", func() { c.node(awsNode("small", "eu-west-1a", "t3.nano")); c.change("dear", func(*corev1.Node) {}) }, "small"},
	} {
		step.do()
		if got, _, err := c.schedule(c.pod("10m"), shipped); got != step.want {
			t.Errorf("%s: placed on %q (%v), want %q", step.name, got, err, step.want)
		}
	}
}
