package planning

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

var testTime = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func world(t fataler, objects state.Objects) *state.World {
	w, err := state.NewWorld(objects, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// nodeOption changes a test node.
type nodeOption func(*corev1.Node)

func withLabels(pairs ...string) nodeOption {
	return func(n *corev1.Node) {
		for i := 0; i < len(pairs); i += 2 {
			n.Labels[pairs[i]] = pairs[i+1]
		}
	}
}

func withTaint(key string, effect corev1.TaintEffect) nodeOption {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

func quantities(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse("110")}
}

// awsNode is an m7i.large in a zone of Ireland.
func awsNode(name, zone string, options ...nodeOption) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: "m7i.large",
			corev1.LabelHostname: name,
		}},
		Spec:   corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{Allocatable: quantities("1930m", "7Gi"), Capacity: quantities("2", "8Gi")},
	}
	for _, option := range options {
		option(node)
	}
	return node
}

func deployment(name string, replicas int, cpu, memory string) Workload {
	template := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}}
	template.Spec.Containers = []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}}}}
	return Workload{Workload: workload.Workload{
		Key: workload.Key{Kind: "Deployment", Namespace: "shop", Name: name}, APIVersion: "apps/v1", Replicas: replicas, Template: template,
	}}
}

func podOf(w *Workload, name, node string) Pod {
	return Pod{Namespace: w.Namespace, Name: name, Node: node, Workload: w.Key, Request: Request(&w.Template.Spec)}
}

func build(t testing.TB, input *Input) *Result {
	t.Helper()
	result, err := Build(input)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func poolNames(r *Result) string {
	var names []string
	for i := range r.Pools {
		p := &r.Snapshot.Pools[i]
		names = append(names, fmt.Sprintf("%s:%d", p.Name, len(p.Nodes)))
	}
	return strings.Join(names, " ")
}

func TestPoolsAreNamedAndGrouped(t *testing.T) {
	selector := deployment("web", 1, "100m", "128Mi")
	selector.Template.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	byHost := deployment("pinned", 1, "100m", "128Mi")
	byHost.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "b"}
	prefers := func(term corev1.NodeSelectorTerm) Workload {
		out := deployment("rather", 1, "100m", "128Mi")
		out.Template.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: term}},
		}}
		return out
	}
	in := func(key, value string) []corev1.NodeSelectorRequirement {
		return []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{value}}}
	}
	four := int32(4)
	declared := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.CloudPoolSpec{
		Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", MaxNodes: &four,
	}}
	spot := withLabels("eks.amazonaws.com/capacityType", "SPOT")
	for _, c := range []struct {
		name  string
		input Input
		want  string
	}{
		{"alike", Input{Nodes: []*corev1.Node{awsNode("b", "eu-west-1a"), awsNode("a", "eu-west-1a")}}, "aws-eu-west-1a-m7i.large:2"},
		{"spot and zones", Input{Nodes: []*corev1.Node{awsNode("a", "eu-west-1a", spot), awsNode("b", "eu-west-1b")}},
			"aws-eu-west-1a-m7i.large-spot:1 aws-eu-west-1b-m7i.large:1"},
		{"provider's name", Input{Nodes: []*corev1.Node{
			awsNode("a", "eu-west-1a", withLabels("eks.amazonaws.com/nodegroup", "Blue_1")), awsNode("b", "eu-west-1b", withLabels("eks.amazonaws.com/nodegroup", "Blue_1")),
		}}, "blue-1-eu-west-1a:1 blue-1-eu-west-1b:1"},
		{"one node group of two types", Input{Nodes: []*corev1.Node{
			awsNode("a", "eu-west-1a", withLabels("eks.amazonaws.com/nodegroup", "mixed")),
			awsNode("b", "eu-west-1a", withLabels("eks.amazonaws.com/nodegroup", "mixed", corev1.LabelInstanceTypeStable, "m6i.large")),
		}}, "mixed-eu-west-1a-m6i.large:1 mixed-eu-west-1a-m7i.large:1"},
		{"state of a node is no pool", Input{Nodes: []*corev1.Node{
			awsNode("a", "eu-west-1a", withTaint(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)), awsNode("b", "eu-west-1a"),
		}}, "aws-eu-west-1a-m7i.large:2"},
		{"a label that nobody selects by", Input{Nodes: []*corev1.Node{awsNode("a", "eu-west-1a", withLabels("disk", "ssd")), awsNode("b", "eu-west-1a")}},
			"aws-eu-west-1a-m7i.large:2"},
		{"declared", Input{Nodes: []*corev1.Node{awsNode("a", "eu-west-1a")}, Pools: []*v1alpha1.CloudPool{declared}}, "general:1"},
		{"declared in two zones", Input{Nodes: []*corev1.Node{awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1b")}, Pools: []*v1alpha1.CloudPool{declared}},
			"general-eu-west-1a:1 general-eu-west-1b:1"},
		{"declared without nodes", Input{Pools: []*v1alpha1.CloudPool{declared}}, "general:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.input.World = world(t, state.Objects{})
			if got := poolNames(build(t, &c.input)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		name     string
		workload Workload
	}{{"a label that is selected by", selector}, {"a host that is asked for", byHost},
		{"a label that is preferred", prefers(corev1.NodeSelectorTerm{MatchExpressions: in("disk", "ssd")})},
		{"a name that is preferred", prefers(corev1.NodeSelectorTerm{MatchFields: in("metadata.name", "b")})},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := []*corev1.Node{awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1a", withLabels("disk", "ssd")), awsNode("c", "eu-west-1a")}
			result := build(t, &Input{World: world(t, state.Objects{}), Nodes: nodes, Workloads: []Workload{c.workload}})
			plan, err := engine.Solve(result.Snapshot, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Pools) != 2 || plan.Unplaced != 0 || result.Pools[plan.Placements[0].Decisions[0].Pool].Nodes[0].Name != "b" {
				t.Errorf("pools %s, placement %+v", poolNames(result), plan.Placements[0])
			}
		})
	}
}

// A node of each size that the test clusters make is what a new node of a pool is planned to be.
func TestNewNodesAreWhatTheCloudsMake(t *testing.T) {
	one := int32(1)
	for _, c := range []struct {
		cloud, region, instanceType string
		milliCPU, memoryMiB, pods   int64
	}{
		// Amazon's and Google's published examples, and AKS' documented one, computed by hand from the formulas.
		{"aws", "eu-west-1", "m7i.large", 1930, 8192 - 128 - 255 - 11*29 - 100, 29},
		{"gcp", "europe-west1", "e2-standard-2", 1930, 8064 - 1024 - 794 - 100, 110},
		{"azure", "westeurope", "Standard_D2s_v5", 1900, 8064 - 2016 - 100, 250},
	} {
		pool := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "new"}, Spec: v1alpha1.CloudPoolSpec{
			Cloud: c.cloud, Region: c.region, InstanceType: c.instanceType, MaxNodes: &one,
		}}
		result := build(t, &Input{World: world(t, state.Objects{}), Pools: []*v1alpha1.CloudPool{pool}})
		if len(result.Pools) != 1 {
			t.Fatalf("%s: problems %v", c.instanceType, result.Problems)
		}
		got := result.Snapshot.Pools[0].Allocatable
		if got.MilliCPU != c.milliCPU || got.MemoryBytes>>20 != c.memoryMiB || got.Extended["pods"] != c.pods || !result.Snapshot.Pools[0].Price.Known {
			t.Errorf("%s: %d m, %d MiB, %d pods; want %d m, %d MiB, %d", c.instanceType, got.MilliCPU, got.MemoryBytes>>20, got.Extended["pods"], c.milliCPU, c.memoryMiB, c.pods)
		}
	}
}

func TestLimitsOfDeclaredPools(t *testing.T) {
	limits := func(low, high int32) *v1alpha1.CloudPool {
		return &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.CloudPoolSpec{
			Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", MinNodes: &low, MaxNodes: &high,
		}}
	}
	nodes := []*corev1.Node{awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1b"), awsNode("c", "eu-west-1b")}
	for _, c := range []struct {
		name     string
		pool     *v1alpha1.CloudPool
		down     string
		want     string // nodes/min/max of each pool
		unusable int
	}{
		{name: "shared", pool: limits(1, 6), want: "1/1/3 2/1/3"},
		{name: "missing nodes are paid for", pool: limits(5, 5), want: "1/2/2 2/3/3"},
		{name: "full", pool: limits(0, 3), want: "1/0/0 2/0/0"},
		{name: "a node that is down counts", pool: limits(0, 6), down: "c", want: "1/0/3 1/0/2"},
		{name: "nothing is added to a pool that is down", pool: limits(0, 6), down: "a", want: "0/0/0 2/0/3", unusable: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := build(t, &Input{World: world(t, state.Objects{}), Nodes: nodes, Pools: []*v1alpha1.CloudPool{c.pool},
				Unavailable: func(n *corev1.Node) string {
					if n.Name == c.down {
						return "is down"
					}
					return ""
				}})
			var got []string
			unusable := 0
			for i := range result.Pools {
				p := &result.Snapshot.Pools[i]
				got = append(got, fmt.Sprintf("%d/%d/%d", len(p.Nodes), p.MinNodes, p.MaxNodes))
				if result.Pools[i].Unavailable != "" {
					unusable++
				}
				if len(p.Nodes) != len(result.Pools[i].Nodes) {
					t.Errorf("pool %s: %d nodes, %d objects", p.Name, len(p.Nodes), len(result.Pools[i].Nodes))
				}
			}
			if strings.Join(got, " ") != c.want || unusable != c.unusable {
				t.Errorf("got %s with %d unusable, want %s with %d", got, unusable, c.want, c.unusable)
			}
		})
	}
}

func TestVolumesPinReplicas(t *testing.T) {
	set := deployment("db", 3, "100m", "128Mi")
	set.Kind, set.ClaimTemplates = "StatefulSet", []workload.ClaimTemplate{{Name: "data"}}
	claim := func(name, volume string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}}
	}
	disk := func(name, zone string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "topology.ebs.csi.aws.com/zone", Operator: corev1.NodeSelectorOpIn, Values: []string{zone}},
					{Key: corev1.LabelTopologyRegion, Operator: corev1.NodeSelectorOpIn, Values: []string{"eu-west-1"}},
				},
			}}}},
		}}
	}
	shared := deployment("files", 2, "100m", "128Mi")
	shared.Template.Spec.Volumes = []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "files"}}}}
	result := build(t, &Input{
		World: world(t, state.Objects{}), Location: location.DefaultOptions(),
		Nodes:     []*corev1.Node{awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1b")},
		Workloads: []Workload{set, shared},
		Claims:    []*corev1.PersistentVolumeClaim{claim("data-db-0", "v0"), claim("data-db-1", "v1"), claim("data-db-2", "v2"), claim("files", "v3")},
		Volumes:   []*corev1.PersistentVolume{disk("v0", "eu-west-1a"), disk("v1", "eu-west-1b"), disk("v2", "eu-west-1b"), disk("v3", "eu-west-1a")},
	})
	want := []engine.Pin{
		{Replicas: 1, Pools: []int{0}, Made: true, Volumes: []string{"volume v0 of claim data-db-0"}},
		{Replicas: 2, Pools: []int{1}, Made: true, Volumes: []string{"volume v1 of claim data-db-1", "volume v2 of claim data-db-2"}},
	}
	if got := result.Snapshot.Workloads[0].Pins; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if files := result.Snapshot.Workloads[1]; len(files.Pins) > 0 || !slices.Equal(files.Attachable, []int{0}) ||
		!slices.Equal(files.Volumes, []string{"volume v3 of claim files"}) {
		t.Errorf("what holds all replicas alike: pins %+v, pools %v for %v", files.Pins, files.Attachable, files.Volumes)
	}
}

func TestHoldWithoutNamespaceLabels(t *testing.T) {
	w := world(t, state.Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{{
		ObjectMeta: metav1.ObjectMeta{Name: "eu"},
		Spec: v1alpha1.ClusterPolicySpec{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}},
			PolicySpec:        v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"US"}}},
		},
	}}})
	input := &Input{World: w, Nodes: []*corev1.Node{awsNode("a", "eu-west-1a")}, Workloads: []Workload{deployment("web", 1, "100m", "128Mi")}}
	if hold := build(t, input).Snapshot.Workloads[0].Hold; !strings.Contains(hold, "namespace shop") {
		t.Errorf("hold %q", hold)
	}
	input.Namespaces = map[string]labels.Set{"shop": {"team": "shop"}}
	if got := build(t, input).Snapshot.Workloads[0]; got.Hold != "" || got.Rules == nil {
		t.Errorf("hold %q, rules %v", got.Hold, got.Rules)
	}
}

// TestEverythingIsCountedOnce builds random clusters: every pod and replica counts once, free never exceeds allocatable,
// names are unique and valid, and the order of the input does not matter.
func TestEverythingIsCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		input, cpuTaken, planned := randomInput(t)
		input.World = world(t, state.Objects{})
		result, err := Build(input)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		free, all := int64(0), int64(0)
		for i := range result.Snapshot.Pools {
			p := &result.Snapshot.Pools[i]
			if names[p.Cluster+"/"+p.Name] || len(validation.NameIsDNSSubdomain(p.Name, false)) > 0 {
				t.Fatalf("pool name %q is not valid, or taken", p.Name)
			}
			names[p.Cluster+"/"+p.Name] = true
			for j := range p.Nodes {
				n := &p.Nodes[j]
				if n.Free.MilliCPU > p.Allocatable.MilliCPU || n.Free.MilliCPU < 0 || n.Free.Extended["pods"] > p.Allocatable.Extended["pods"] {
					t.Fatalf("node %s: free %+v of %+v", n.Name, n.Free, p.Allocatable)
				}
				free += n.Free.MilliCPU
				all += p.Allocatable.MilliCPU
			}
		}
		if all-free != cpuTaken {
			t.Fatalf("%d m are taken, want %d", all-free, cpuTaken)
		}
		current := 0
		for i := range result.Snapshot.Workloads {
			for _, c := range result.Snapshot.Workloads[i].Current {
				current += c.Replicas
			}
		}
		if current != planned {
			t.Fatalf("%d replicas run, want %d", current, planned)
		}

		seed := rapid.Uint64().Draw(t, "seed")
		shuffled := *input
		shuffled.World = world(t, state.Objects{})
		shuffled.Nodes, shuffled.Pods, shuffled.Workloads = slices.Clone(input.Nodes), slices.Clone(input.Pods), slices.Clone(input.Workloads)
		random := rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(shuffled.Nodes), func(i, j int) {
			shuffled.Nodes[i], shuffled.Nodes[j] = shuffled.Nodes[j], shuffled.Nodes[i]
		})
		random.Shuffle(len(shuffled.Pods), func(i, j int) { shuffled.Pods[i], shuffled.Pods[j] = shuffled.Pods[j], shuffled.Pods[i] })
		random.Shuffle(len(shuffled.Workloads), func(i, j int) {
			shuffled.Workloads[i], shuffled.Workloads[j] = shuffled.Workloads[j], shuffled.Workloads[i]
		})
		other, err := Build(&shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(result.Snapshot.Pools, other.Snapshot.Pools) || !reflect.DeepEqual(result.PoolOf, other.PoolOf) ||
			!reflect.DeepEqual(result.Snapshot.Workloads, other.Snapshot.Workloads) {
			t.Fatal("the order of the input matters")
		}
	})
}

// fataler is a test or a property.
type fataler interface{ Fatal(...any) }

func randomInput(t *rapid.T) (input *Input, cpuTaken int64, planned int) {
	input = &Input{}
	zones := []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	nodes := rapid.IntRange(1, 12).Draw(t, "nodes")
	for i := range nodes {
		node := awsNode(fmt.Sprintf("node-%d", i), rapid.SampledFrom(zones).Draw(t, "zone"))
		if group := rapid.SampledFrom([]string{"", "blue", "Green_1", "gr\u00fcn"}).Draw(t, "group"); group != "" {
			node.Labels["eks.amazonaws.com/nodegroup"] = group
		}
		if rapid.Bool().Draw(t, "spot") {
			node.Labels["eks.amazonaws.com/capacityType"] = "SPOT"
		}
		node.Labels[v1alpha1.LabelCluster] = rapid.SampledFrom([]string{"", "one"}).Draw(t, "cluster")
		if rapid.Bool().Draw(t, "tainted") {
			node.Spec.Taints = []corev1.Taint{{Key: "team", Value: "a", Effect: corev1.TaintEffectNoSchedule}}
		}
		input.Nodes = append(input.Nodes, node)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "workloads") {
		w := deployment(fmt.Sprintf("w%d", i), rapid.IntRange(0, 5).Draw(t, "replicas"), "100m", "64Mi")
		if rapid.Bool().Draw(t, "selects") {
			w.Template.Spec.NodeSelector = map[string]string{"eks.amazonaws.com/nodegroup": "blue"}
		}
		input.Workloads = append(input.Workloads, w)
		for j := range rapid.IntRange(0, 4).Draw(t, "pods") {
			node := fmt.Sprintf("node-%d", rapid.IntRange(0, nodes).Draw(t, "node")) // one of them does not exist
			input.Pods = append(input.Pods, podOf(&w, fmt.Sprintf("w%d-%d", i, j), node))
			if node != fmt.Sprintf("node-%d", nodes) {
				planned++
			}
		}
	}
	daemon := deployment("daemon", 0, "10m", "16Mi")
	for i := range rapid.IntRange(0, 10).Draw(t, "daemons") {
		pod := podOf(&daemon, fmt.Sprintf("d%d", i), fmt.Sprintf("node-%d", rapid.IntRange(0, nodes-1).Draw(t, "node")))
		pod.Workload.Kind = "DaemonSet"
		input.Pods = append(input.Pods, pod)
		cpuTaken += 10
	}
	return input, cpuTaken, planned
}

func BenchmarkBuild(b *testing.B) {
	input := &Input{World: world(b, state.Objects{})}
	for i := range 1000 {
		input.Nodes = append(input.Nodes, awsNode(fmt.Sprintf("node-%d", i), []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}[i%3]))
	}
	for i := range 1000 {
		w := deployment(fmt.Sprintf("w%d", i), 10, "100m", "64Mi")
		input.Workloads = append(input.Workloads, w)
		for j := range 10 {
			input.Pods = append(input.Pods, podOf(&w, fmt.Sprintf("w%d-%d", i, j), fmt.Sprintf("node-%d", (i*10+j)%1000)))
		}
	}
	for _, c := range []struct {
		name  string
		known *Shapes
	}{{"new nodes", nil}, {"known nodes", &Shapes{}}} {
		b.Run(c.name, func(b *testing.B) {
			input.shapes = c.known
			b.ReportAllocs()
			for b.Loop() {
				build(b, input)
			}
		})
	}
}
