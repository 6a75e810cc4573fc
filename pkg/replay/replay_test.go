package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// bench is a cluster of nodes a and b in zone eu-west-1a and c in eu-west-1b, with two CPUs and room for five pods each, which are pools
// of their own (by the label rack), and what a test adds.
type bench struct {
	*testing.T
	state.Lists
	result *planning.Result
	plan   *engine.Plan
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t}
	for name, zone := range map[string]string{"a": "eu-west-1a", "b": "eu-west-1a", "c": "eu-west-1b"} {
		allocatable := corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("5"),
		}
		b.Nodes = append(b.Nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: "m5.large",
				corev1.LabelHostname: name, "rack": name, "nodepool": name,
			}},
			Spec:   corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef" + name},
			Status: corev1.NodeStatus{Allocatable: allocatable, Capacity: allocatable},
		})
	}
	return b
}

// racks gives nodes a zone and a rack each, nodes like the first for those that there are not.
func (b *bench) racks(of map[string][2]string) {
	for name, domains := range of {
		if !slices.ContainsFunc(b.Nodes, func(n *corev1.Node) bool { return n.Name == name }) {
			node := b.Nodes[0].DeepCopy()
			node.Name, node.Labels[corev1.LabelHostname], node.Labels["nodepool"] = name, name, name
			b.Nodes = append(b.Nodes, node)
		}
		node := b.node(name)
		node.Labels[corev1.LabelTopologyZone], node.Labels["rack"] = domains[0], domains[1]
	}
}

// node is a node by its name.
func (b *bench) node(name string) *corev1.Node {
	for _, node := range b.Nodes {
		if node.Name == name {
			return node
		}
	}
	b.Fatalf("no node %s", name)
	return nil
}

// template asks for a tenth of a CPU; spec is the rest of the pods' spec in YAML.
func (b *bench) template(app, spec string) corev1.PodTemplateSpec {
	b.Helper()
	out := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}}}
	if err := yaml.UnmarshalStrict([]byte(spec), &out.Spec); err != nil {
		b.Fatal(err)
	}
	if len(out.Spec.Containers) == 0 {
		out.Spec.Containers = []corev1.Container{{Name: "main"}}
	}
	out.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	return out
}

func (b *bench) deploy(app, spec string, replicas int32) {
	b.Helper()
	b.Deployments = append(b.Deployments, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: app}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: b.template(app, spec)},
	})
}

// pod is a pod of a workload on a node.
func (b *bench) pod(name, app, node, spec string) {
	b.Helper()
	template := b.template(app, spec)
	template.Spec.NodeName = node
	b.Pods = append(b.Pods, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: template.Labels, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: workload.Deployment, Name: app, Controller: ptr.To(true)},
		}}, Spec: template.Spec,
	})
}

// places makes the plan: of each workload, by its name, how many replicas on which node; "+" is a node to be added to the pool grow.
func (b *bench) places(of map[string]map[string]int) {
	b.Helper()
	b.result = build(b.T, &b.Lists)
	b.plan = &engine.Plan{Pools: make([]engine.PoolUse, len(b.result.Pools))}
	for i := range b.result.Workloads {
		placement := &engine.Placement{}
		for node, n := range of[b.result.Workloads[i].Name] {
			_, added, isAdded := strings.Cut(node, "+")
			for p := range b.result.Pools {
				pool := &b.result.Pools[p]
				on := engine.NodeReplicas{Replicas: n, Node: slices.IndexFunc(pool.Nodes, func(of *corev1.Node) bool { return of.Name == node })}
				if isAdded && pool.Name == "grow" {
					on.Node = len(added)
					b.plan.Pools[p].Added = max(b.plan.Pools[p].Added, len(added)+1)
				}
				if on.Node < 0 {
					continue
				}
				placement.Decisions = append(placement.Decisions, engine.Decision{Pool: p, Replicas: n, Nodes: []engine.NodeReplicas{on}})
				b.plan.Replicas += n
			}
		}
		b.plan.Placements = append(b.plan.Placements, placement)
	}
}

// grow is a pool that may have nodes and has none.
func (b *bench) grow() {
	b.CloudPools = append(b.CloudPools, &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "grow"}, Spec: v1alpha1.CloudPoolSpec{
		Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1b", InstanceType: "c5.large", MaxNodes: ptr.To[int32](5),
	}})
}

func (b *bench) run() *Outcome {
	b.Helper()
	outcome, err := Run(&Input{Lists: &b.Lists, Result: b.result, Plan: b.plan})
	if err != nil {
		b.Fatal(err)
	}
	if outcome.Running+outcome.Bound+outcome.RefusedReplicas() != b.plan.Replicas {
		b.Errorf("%d running, %d bound, %d refused of %d", outcome.Running, outcome.Bound, outcome.RefusedReplicas(), b.plan.Replicas)
	}
	return outcome
}

const (
	apart = `affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}`
	port     = `containers: [{name: main, ports: [{containerPort: 80, hostPort: 8080}]}]`
	nearDB   = `affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: db}}, topologyKey: rack}]}}`
	overBoth = `topologySpreadConstraints:
- {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
- {maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}`
	overAll = `topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]`
)

// TestRun replays plans that somebody wrote down, and checks which replicas are refused where, and by what.
func TestRun(t *testing.T) {
	type places = map[string]map[string]int
	for _, c := range []struct {
		name    string
		make    func(*bench)
		places  places
		want    string // of each refusal: replicas, node, filters
		running int
		ordered bool
	}{
		{name: "fits", make: func(b *bench) { b.deploy("web", "", 3) }, places: places{"web": {"a": 2, "c": 1}}},
		{name: "too many on a node", make: func(b *bench) { b.deploy("web", "", 7) }, places: places{"web": {"a": 7}}, want: "2 a NodeResourcesFit"},
		{name: "apart on nodes that exist", make: func(b *bench) { b.deploy("web", apart, 3) }, places: places{"web": {"a": 2, "c": 1}}, want: "1 a InterPodAffinity"},
		{name: "apart on one node to be added", make: func(b *bench) { b.grow(); b.deploy("web", apart, 3) }, places: places{"web": {"+": 3}},
			want: "2  InterPodAffinity"},
		{name: "apart on nodes to be added", make: func(b *bench) { b.grow(); b.deploy("web", apart, 3) }, places: places{"web": {"+": 1, "++": 1, "+++": 1}}},
		{name: "apart from another that avoids it", make: func(b *bench) { b.deploy("web", "", 1); b.deploy("api", apart, 1) },
			places: places{"web": {"a": 1}, "api": {"a": 1}}, want: "1 a InterPodAffinity"},
		{name: "one port", make: func(b *bench) { b.deploy("web", port, 2) }, places: places{"web": {"b": 2}}, want: "1 b NodePorts"},
		{name: "a port that the network of the node makes", make: func(b *bench) {
			b.deploy("web", "{hostNetwork: true, containers: [{name: main, ports: [{containerPort: 80}]}]}", 2)
		}, places: places{"web": {"b": 2}}, want: "1 b NodePorts"},
		{name: "a port of a DaemonSet without pods", make: func(b *bench) {
			b.deploy("web", port, 2)
			b.node("a").Spec.Taints = []corev1.Taint{{Key: "team", Value: "x", Effect: corev1.TaintEffectNoSchedule}}
			b.Deployments[0].Spec.Template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
			b.DaemonSets = []*appsv1.DaemonSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "agent"},
				Spec: appsv1.DaemonSetSpec{Template: b.template("agent", port)}}}
		}, places: places{"web": {"a": 1, "b": 1}}, want: "1 b NodePorts"},
		{name: "what a DaemonSet takes of a node to be added", make: func(b *bench) {
			b.grow()
			b.deploy("web", "", 1)
			b.Deployments[0].Spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1500m")
			b.DaemonSets = []*appsv1.DaemonSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "agent"},
				Spec: appsv1.DaemonSetSpec{Template: b.template("agent", "")}}}
			b.DaemonSets[0].Spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1")
		}, places: places{"web": {"+": 1}}, want: "1  NodeResourcesFit"},
		{name: "near what comes later", make: func(b *bench) { b.deploy("api", nearDB, 2); b.deploy("db", "", 1) }, places: places{"api": {"b": 2}, "db": {"b": 1}}},
		{name: "near what is elsewhere", make: func(b *bench) { b.deploy("api", nearDB, 2); b.deploy("db", "", 1) }, places: places{"api": {"b": 2}, "db": {"c": 1}},
			want: "2 b InterPodAffinity"},
		{name: "evenly", make: func(b *bench) { b.deploy("web", overAll, 7) }, places: places{"web": {"a": 3, "b": 2, "c": 2}}},
		{name: "not evenly", make: func(b *bench) { b.deploy("web", overAll, 7) }, places: places{"web": {"a": 4, "b": 2, "c": 1}}, want: "2 a PodTopologySpread"},
		{name: "evenly by two keys, which one order allows", make: func(b *bench) {
			b.racks(map[string][2]string{"a": {"a", "0"}, "b": {"b", "1"}, "c": {"b", "2"}, "d": {"c", "0"}, "e": {"c", "1"}})
			b.deploy("web", overBoth, 5)
		}, places: places{"web": {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}}, ordered: true},
		{name: "evenly by two keys, which no order allows", make: func(b *bench) {
			b.racks(map[string][2]string{"a": {"a", "0"}, "b": {"b", "1"}, "c": {"b", "2"}, "d": {"c", "0"}, "e": {"c", "1"}})
			b.deploy("web", overBoth, 5)
		}, places: places{"web": {"a": 3, "b": 1, "d": 1}}, want: "2 a PodTopologySpread, 1 d PodTopologySpread"},
		{name: "a taint", make: func(b *bench) {
			b.deploy("web", "", 1)
			b.node("c").Spec.Taints = []corev1.Taint{{Key: "team", Value: "x", Effect: corev1.TaintEffectNoSchedule}}
		}, places: places{"web": {"c": 1}}, want: "1 c TaintToleration"},
		{name: "several filters", make: func(b *bench) { b.deploy("web", port+"\n"+apart, 2) }, places: places{"web": {"c": 2}}, want: "1 c NodePorts InterPodAffinity"},
		{name: "runs there", make: func(b *bench) {
			b.deploy("web", apart, 2)
			b.pod("web-x", "web", "a", apart)
			b.pod("web-y", "web", "a", apart) // from before it kept apart
		}, places: places{"web": {"a": 2}}, running: 2},
		{name: "beside what runs there and goes", make: func(b *bench) {
			b.deploy("web", apart, 2)
			b.pod("web-x", "web", "a", apart)
			b.pod("web-y", "web", "b", apart)
		}, places: places{"web": {"a": 1, "c": 1}}, running: 1},
		{name: "beside what stays", make: func(b *bench) {
			b.deploy("api", "", 1)
			b.pod("other", "gone", "a", strings.ReplaceAll(apart, "app: web", "app: api"))
		}, places: places{"api": {"a": 1}}, want: "1 a InterPodAffinity"},
		{name: "once another revision", make: func(b *bench) {
			b.deploy("web", strings.Replace(apart, "labelSelector:", "matchLabelKeys: [pod-template-hash], labelSelector:", 1), 1)
			b.pod("web-old", "old", "a", "")
			b.Pods[0].Labels = map[string]string{"app": "web", "pod-template-hash": "old"}
		}, places: places{"web": {"a": 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.make(b)
			b.places(c.places)
			outcome := b.run()
			if outcome.Running != c.running {
				t.Errorf("%d run there, want %d", outcome.Running, c.running)
			}
			if ordered := len(outcome.Ordered) > 0; ordered != c.ordered {
				t.Errorf("order matters: %t, want %t", ordered, c.ordered)
			}
			b.want(outcome, c.want)
		})
	}
}

func (b *bench) want(outcome *Outcome, want string) {
	b.Helper()
	var got []string
	for i := range outcome.Refused {
		r := &outcome.Refused[i]
		text := fmt.Sprintf("%d %s", r.Replicas, r.Node)
		for k := range r.Filters {
			text += " " + r.Filters[k].Plugin
		}
		got = append(got, text)
	}
	if text := strings.Join(got, ", "); text != want {
		b.Errorf("refused are %q, want %q\n%s", text, want, says(b.result, outcome))
	}
}

// TestVolumes gives each replica of a StatefulSet to a node that its volume can be attached to, whichever the plan counts first.
func TestVolumes(t *testing.T) {
	for _, c := range []struct {
		name   string
		hosts  []string // of the replicas' volumes; "" for one without, yet
		places map[string]int
		want   string
	}{
		{"each on its own", []string{"b", "c", "a"}, map[string]int{"a": 1, "b": 1, "c": 1}, ""},
		{"the one without goes anywhere", []string{"", "a", "b"}, map[string]int{"a": 1, "b": 1, "c": 1}, ""},
		{"two on one node", []string{"b", "b", ""}, map[string]int{"b": 2, "c": 1}, ""},
		{"the one that can be anywhere has no place", []string{"c", "", "b"}, map[string]int{"b": 1, "c": 1}, ""},
		{"the first has no place", []string{"a", "c", "b"}, map[string]int{"b": 1, "c": 1}, ""},
		{"one elsewhere", []string{"b", "b", "b"}, map[string]int{"b": 2, "c": 1}, "1 c VolumeBinding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: appsv1.StatefulSetSpec{
				Replicas: ptr.To(int32(len(c.hosts))), Template: b.template("db", ""), VolumeClaimTemplates: []corev1.PersistentVolumeClaim{
					{ObjectMeta: metav1.ObjectMeta{Name: "data"}},
				},
			}}}
			for i, host := range c.hosts {
				if host == "" {
					continue
				}
				name := fmt.Sprintf("data-db-%d", i)
				b.Claims = append(b.Claims, &corev1.PersistentVolumeClaim{
					ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: name},
				})
				b.Volumes = append(b.Volumes, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
					PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.example", VolumeHandle: name}},
					NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
						MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{host}}},
					}}}},
				}})
			}
			b.places(map[string]map[string]int{"db": c.places})
			b.want(b.run(), c.want)
		})
	}
}

// TestOneVolumeForOne gives the only volume of a node to one of the replicas that come there: the next has none.
func TestOneVolumeForOne(t *testing.T) {
	b := newBench(t)
	if err := yaml.UnmarshalStrict([]byte(`
- metadata: {name: local}
  provisioner: kubernetes.io/no-provisioner
  volumeBindingMode: WaitForFirstConsumer
`), &b.StorageClasses); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(`
- metadata: {name: disk}
  spec:
    storageClassName: local
    accessModes: [ReadWriteOnce]
    capacity: {storage: 10Gi}
    local: {path: /disk}
    nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [a]}]}]}}
`), &b.Volumes); err != nil {
		t.Fatal(err)
	}
	var claim corev1.PersistentVolumeClaim
	if err := yaml.UnmarshalStrict([]byte(`
metadata: {name: data}
spec: {storageClassName: local, accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}
`), &claim); err != nil {
		t.Fatal(err)
	}
	b.StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To[int32](2), Template: b.template("db", ""), VolumeClaimTemplates: []corev1.PersistentVolumeClaim{claim},
	}}}
	b.places(map[string]map[string]int{"db": {"a": 2}})
	b.want(b.run(), "1 a VolumeBinding")
}

// TestClusters replays each cluster by itself: nodes of one name in two of them are two nodes, and pods of one keep nobody from the other.
func TestClusters(t *testing.T) {
	b := newBench(t)
	for _, node := range b.Nodes {
		node.Labels[v1alpha1.LabelCluster] = "west"
		other := node.DeepCopy()
		other.Labels[v1alpha1.LabelCluster] = "east"
		b.Nodes = append(b.Nodes, other)
	}
	b.deploy("web", apart, 2)
	b.places(map[string]map[string]int{"web": {"a": 1}}) // in each
	outcome := b.run()
	b.want(outcome, "")
	if outcome.Bound != 2 {
		t.Errorf("%d are bound", outcome.Bound)
	}
}

// TestGone leaves out nodes that a simulation has lost, with all that runs there, and workloads that are held.
func TestGone(t *testing.T) {
	b := newBench(t)
	b.deploy("web", overAll, 2)
	b.deploy("api", nearDB, 1)
	b.deploy("db", "", 1)
	b.pod("db-x", "db", "c", "")
	b.places(map[string]map[string]int{"web": {"a": 1, "b": 1}, "api": {"c": 1}, "db": {"c": 1}})
	for i := range b.result.Workloads {
		if b.result.Workloads[i].Name == "db" {
			b.plan.Placements[i].Held = "no policy selects it"
			b.plan.Replicas--
		}
	}
	outcome := b.run() // api is near what is held
	b.want(outcome, "")
	if outcome.Bound != 3 {
		t.Errorf("%d are bound", outcome.Bound)
	}
	outcome, err := Run(&Input{Lists: &b.Lists, Result: b.result, Plan: b.plan, Gone: func(node *corev1.Node) bool { return node.Name == "b" }})
	if err == nil || !strings.Contains(err.Error(), "node b") {
		t.Errorf("a plan that has replicas on a node that is gone: %+v, %v", outcome, err)
	}
}
