package planning

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Machines of one type differ by some pages of memory; they are one pool, whose smallest node stands for it.
func TestNodesThatDifferByPagesAreOnePool(t *testing.T) {
	memory := func(text string) nodeOption {
		return func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceMemory] = resource.MustParse(text) }
	}
	result := build(t, &Input{World: world(t, state.Objects{}), Nodes: []*corev1.Node{
		awsNode("a", "eu-west-1a", memory("7168Mi")), awsNode("b", "eu-west-1a", memory("7160Mi")), awsNode("c", "eu-west-1a", memory("6Gi")),
	}})
	if len(result.Pools) != 2 {
		t.Fatalf("pools %s, want one of two nodes and one of one", poolNames(result))
	}
	for i := range result.Snapshot.Pools {
		p := &result.Snapshot.Pools[i]
		if len(p.Nodes) == 2 && (p.Allocatable.MemoryBytes != 7160<<20 || p.Nodes[0].Free.MemoryBytes != 7168<<20) {
			t.Errorf("pool of %d MiB, first node %d MiB", p.Allocatable.MemoryBytes>>20, p.Nodes[0].Free.MemoryBytes>>20)
		}
	}
}

// A CloudPool that the controller found is no declaration: it has its name from the nodes. What somebody wrote into its
// limits counts, also when its last node is gone.
func TestDiscoveredPools(t *testing.T) {
	five := int32(5)
	found := &v1alpha1.CloudPool{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-eu-west-1a-m7i.large", Labels: map[string]string{v1alpha1.LabelDiscovered: "true"}},
		Spec:       v1alpha1.CloudPoolSpec{Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a", InstanceType: "m7i.large", MaxNodes: &five},
	}
	for _, nodes := range [][]*corev1.Node{{awsNode("a", "eu-west-1a")}, nil} {
		result := build(t, &Input{World: world(t, state.Objects{}), Nodes: nodes, Pools: []*v1alpha1.CloudPool{found}})
		if len(result.Pools) != 1 || result.Pools[0].Name != found.Name || result.Snapshot.Pools[0].MaxNodes != 5 || len(result.Snapshot.Pools[0].Nodes) != len(nodes) {
			t.Errorf("%d nodes: pools %s, %+v", len(nodes), poolNames(result), result.Snapshot.Pools)
		}
	}
	found.Spec.MaxNodes = nil
	if result := build(t, &Input{World: world(t, state.Objects{}), Pools: []*v1alpha1.CloudPool{found}}); len(result.Pools) != 0 {
		t.Errorf("a pool without nodes that can have none: %s", poolNames(result))
	}
}

// Two clusters may have nodes of one name.
func TestNodesOfOneNameInTwoClusters(t *testing.T) {
	in := func(cluster string) nodeOption { return withLabels(v1alpha1.LabelCluster, cluster) }
	web := deployment("web", 2, "100m", "64Mi")
	daemon := deployment("daemon", 0, "10m", "16Mi")
	pods := []Pod{podOf(&web, "w0", "node"), podOf(&web, "w1", "node"), podOf(&daemon, "d", "node")}
	pods[0].Cluster, pods[1].Cluster, pods[2].Cluster = "one", "two", "two"
	result := build(t, &Input{
		World: world(t, state.Objects{}), Nodes: []*corev1.Node{awsNode("node", "eu-west-1a", in("two")), awsNode("node", "eu-west-1b", in("one"))},
		Workloads: []Workload{web}, Pods: pods,
	})
	if len(result.Problems) > 0 || len(result.Pools) != 2 || result.Pools[0].Cluster != "one" {
		t.Fatalf("problems %v, pools %s", result.Problems, poolNames(result))
	}
	current := result.Snapshot.Workloads[0].Current
	if len(current) != 2 || current[0].Replicas != 1 || current[1].Replicas != 1 {
		t.Errorf("replicas run at %v", current)
	}
	if free := result.Snapshot.Pools[1].Nodes[0].Free.MilliCPU; free != 1920 {
		t.Errorf("%d m are free beside the daemon, want 1920", free)
	}
}

func TestProblems(t *testing.T) {
	one := int32(1)
	pool := func(name string, spec v1alpha1.CloudPoolSpec) *v1alpha1.CloudPool {
		return &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	}
	empty := awsNode("empty", "eu-west-1a")
	empty.Status = corev1.NodeStatus{}
	web := deployment("web", 1, "100m", "64Mi")
	result := build(t, &Input{
		World: world(t, state.Objects{}), Nodes: []*corev1.Node{empty, awsNode("a", "eu-west-1a"), awsNode("a", "eu-west-1a")},
		Workloads: []Workload{web, web, {Workload: workload.Workload{Key: workload.Key{Kind: "Job", Namespace: "shop", Name: "none"}}}},
		Pools: []*v1alpha1.CloudPool{
			pool("p", v1alpha1.CloudPoolSpec{Cloud: "gcp", Region: "europe-west1", InstanceType: "no-such-type", MaxNodes: &one}),
			pool("q", v1alpha1.CloudPoolSpec{Cloud: "lux-dc", Country: "LU", MaxNodes: &one, Allocatable: quantities("8", "32Gi")}),
		},
	})
	var got []string
	for _, problem := range result.Problems {
		got = append(got, problem.Object+": "+problem.Field)
	}
	want := []string{"CloudPool p: spec.allocatable", "Deployment shop/web: metadata.name", "Job shop/none: spec.template", "Node a: metadata.name", "Node empty: status.allocatable"}
	if len(got) != len(want) {
		t.Fatalf("problems %v, want %v", result.Problems, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("problem %q, want %q", got[i], want[i])
		}
	}
	if len(result.Workloads) != 1 || len(result.Pools) != 3 {
		t.Errorf("%d workloads, pools %s", len(result.Workloads), poolNames(result))
	}
}

func TestPod(t *testing.T) {
	controller := true
	key := func(kind, name string) workload.Key { return workload.Key{Kind: kind, Namespace: "shop", Name: name} }
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-abc-x", Labels: map[string]string{"pod-template-hash": "abc"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-abc", Controller: &controller}},
		}, Spec: corev1.PodSpec{NodeName: "a"}}
		change(p)
		return p
	}
	for _, c := range []struct {
		name   string
		change func(*corev1.Pod)
		want   workload.Key
		ok     bool
	}{
		{"of a Deployment", func(*corev1.Pod) {}, key("Deployment", "web"), true},
		{"of a ReplicaSet", func(p *corev1.Pod) { p.Labels = nil }, key("ReplicaSet", "web-abc"), true},
		{"of a Rollout", func(p *corev1.Pod) { p.Labels = map[string]string{workload.RolloutHashLabel: "abc"} }, key("Rollout", "web"), true},
		{"of a StatefulSet", func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "StatefulSet" }, key("StatefulSet", "web-abc"), true},
		{"of nobody", func(p *corev1.Pod) { p.OwnerReferences = nil }, key("Pod", "web-abc-x"), true},
		{"ended", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, workload.Key{}, false},
		{"waiting", func(p *corev1.Pod) { p.Spec.NodeName = "" }, workload.Key{}, false},
		{"going, and takes its room yet", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }, workload.Key{}, true},
	} {
		if got, ok := (*Shapes)(nil).Pod(pod(c.change), nil); ok != c.ok || got.Workload != c.want {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, got.Workload, ok, c.want, c.ok)
		}
	}
}

// A limit without a request is the request, as the API server has it.
func TestRequest(t *testing.T) {
	spec := &corev1.PodSpec{Containers: []corev1.Container{
		{Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("2"), "nvidia.com/gpu": resource.MustParse("1")}, Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}}},
		{Resources: corev1.ResourceRequirements{Limits: quantities("500m", "1Gi")}},
	}}
	got := Request(spec)
	if got.MilliCPU != 1500 || got.MemoryBytes != 1<<30 || got.GPUs != 1 || got.Extended["nvidia.com/gpu"] != 1 || got.Extended["pods"] != 1 {
		t.Errorf("request %+v", got)
	}
	slices := Request(&corev1.PodSpec{Containers: []corev1.Container{
		{Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"nvidia.com/mig-3g.20gb": resource.MustParse("2"), "nvidia.com/mig-1g.5gb": resource.MustParse("1")}}},
	}})
	if slices.GPUs != 0 || slices.GPUSlices != 7 || slices.Extended["nvidia.com/mig-3g.20gb"] != 2 {
		t.Errorf("request %+v", slices)
	}
	if len(spec.Containers[1].Resources.Requests) != 0 || len(spec.Containers[0].Resources.Requests) != 1 {
		t.Error("the spec was changed")
	}
}
