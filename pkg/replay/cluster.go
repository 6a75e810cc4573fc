package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/workload"
)

// at is a workload, by its index, on a node.
type at struct {
	workload int
	node     string
}

// cluster is one cluster as it is when the plan is followed, but for the replicas that are to bind.
type cluster struct {
	*Input
	name  string
	nodes []*corev1.Node
	// added are the nodes that the plan adds, by pool and number.
	added map[[2]int]*corev1.Node
	// running are the pods of planned workloads where they are; others are all that stay whatever the plan says.
	running map[at][]*corev1.Pod
	others  []*corev1.Pod
	claims  map[[2]string]*corev1.PersistentVolumeClaim
	owners  workload.Owners
}

func (in *Input) cluster(name string) *cluster {
	c := &cluster{
		Input: in, name: name, added: map[[2]int]*corev1.Node{}, running: map[at][]*corev1.Pod{},
		claims: make(map[[2]string]*corev1.PersistentVolumeClaim, len(in.Lists.Claims)), owners: workload.OwnersOf(in.Lists.ReplicaSets),
	}
	for _, claim := range in.Lists.Claims {
		c.claims[[2]string{claim.Namespace, claim.Name}] = claim
	}
	there := map[string]bool{}
	for _, node := range in.Lists.Nodes {
		if node.Labels[v1alpha1.LabelCluster] != name || there[node.Name] || in.Gone != nil && in.Gone(node) {
			continue
		}
		there[node.Name] = true
		c.nodes = append(c.nodes, tainted(c.labelled(node)))
	}
	for _, of := range in.added() {
		if in.Result.Pools[of[0]].Cluster == name {
			node := in.Result.NewNode(of[0], of[1])
			c.added[of] = node
			c.nodes = append(c.nodes, node)
		}
	}
	c.sort(there)
	return c
}

// added are the nodes that the plan adds and uses, by pool and number, in order. Numbers may be left out.
func (in *Input) added() [][2]int {
	var out [][2]int
	for _, placement := range in.Plan.Placements {
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			for _, on := range d.Nodes {
				if number := on.Node - len(in.Result.Pools[d.Pool].Nodes); number >= 0 {
					out = append(out, [2]int{d.Pool, number})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return slices.Compact(out)
}

// labelled is a node with the labels that tradewind-controller gives it.
func (c *cluster) labelled(node *corev1.Node) *corev1.Node {
	pool, ok := c.Result.PoolOf[node.Name]
	if !ok || c.Result.Pools[pool].Cluster != c.name {
		return node
	}
	out := node
	set := location.LabelsOf(c.Result.Pools[pool].At)
	for _, key := range [...]string{v1alpha1.LabelCloud, v1alpha1.LabelCountry} {
		if value, given := node.Labels[key]; given || set[key] == "" || value == set[key] {
			continue
		}
		if out == node {
			out = node.DeepCopy()
		}
		metav1.SetMetaDataLabel(&out.ObjectMeta, key, set[key])
	}
	return out
}

// tainted is a node with the taints that Kubernetes gives one that is cordoned or not ready; files may lack them.
// Source: Kubernetes, pkg/controller/nodelifecycle/node_lifecycle_controller.go.
func tainted(node *corev1.Node) *corev1.Node {
	var missing []corev1.Taint
	need := func(key string) {
		taint := corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule}
		if !slices.ContainsFunc(node.Spec.Taints, func(has corev1.Taint) bool { return has.MatchTaint(&taint) }) {
			missing = append(missing, taint)
		}
	}
	if node.Spec.Unschedulable {
		need(corev1.TaintNodeUnschedulable)
	}
	for i := range node.Status.Conditions {
		switch condition := &node.Status.Conditions[i]; {
		case condition.Type != corev1.NodeReady || condition.Status == corev1.ConditionTrue:
		case condition.Status == corev1.ConditionUnknown:
			need(corev1.TaintNodeUnreachable)
		default:
			need(corev1.TaintNodeNotReady)
		}
	}
	if len(missing) == 0 {
		return node
	}
	out := *node
	out.Spec.Taints = slices.Concat(node.Spec.Taints, missing)
	return &out
}

// sort sorts the pods that take room on nodes that are there. Pods that are being deleted take theirs yet, and are replicas of
// nothing.
func (c *cluster) sort(there map[string]bool) {
	for _, pod := range c.Lists.Pods {
		node, of := pod.Spec.NodeName, pod.Labels[v1alpha1.LabelCluster]
		if workload.Ended(pod) || !there[node] || of != "" && of != c.name {
			continue
		}
		counted := *pod // which says where it runs, and may lack a UID
		counted.UID = types.UID("running/" + pod.Namespace + "/" + pod.Name)
		if i, planned := c.Result.Index(workload.Of(pod, c.owners)); planned && workload.Live(pod) && c.planned(i) {
			key := at{i, node}
			c.running[key] = append(c.running[key], &counted)
			continue
		}
		c.others = append(c.others, &counted)
	}
	for _, pods := range c.running {
		slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	}
}

// filters are kube-scheduler's over the cluster, without the replicas that the tasks bring.
func (c *cluster) filters(tasks []*task) (*kubefilters.Filters, error) {
	l := c.Lists
	objects := kubefilters.Objects{
		Nodes: c.nodes, Pods: c.others, Namespaces: c.namespaces(), CSIDrivers: l.CSIDrivers, CSINodes: c.csiNodes(), Capacities: l.Capacities,
		ResourceClaims: c.deviceClaims(tasks), ResourceSlices: l.ResourceSlices, DeviceClasses: l.DeviceClasses,
	}
	claims := slices.Concat(l.Claims, c.made(tasks))
	claims, objects.StorageClasses = classes(claims, l.StorageClasses)
	objects.Claims, objects.Volumes = kubefilters.Settled(claims, l.Volumes)
	filters, err := kubefilters.New(objects)
	if err != nil {
		return nil, err
	}
	if err := c.daemons(filters); err != nil {
		filters.Close()
		return nil, err
	}
	return filters, nil
}

// namespaces are those that are known, and those that workloads and pods are in: these have but their name.
func (c *cluster) namespaces() []*corev1.Namespace {
	out := slices.Clone(c.Lists.Namespaces)
	known := map[string]bool{}
	for _, namespace := range out {
		known[namespace.Name] = true
	}
	add := func(name string) {
		if !known[name] {
			known[name] = true
			out = append(out, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: name, Labels: map[string]string{corev1.LabelMetadataName: name},
			}})
		}
	}
	for i := range c.Result.Workloads {
		add(c.Result.Workloads[i].Namespace)
	}
	for _, pod := range c.others {
		add(pod.Namespace)
	}
	return out
}

// csiNodes are those that are known; a node that is added can attach what a node of its pool can.
func (c *cluster) csiNodes() []*storagev1.CSINode {
	out := slices.Clone(c.Lists.CSINodes)
	known := make(map[string]*storagev1.CSINode, len(out))
	for _, node := range out {
		known[node.Name] = node
	}
	for key, node := range c.added {
		for _, like := range c.Result.Pools[key[0]].Nodes {
			if found := known[like.Name]; found != nil {
				one := found.DeepCopy()
				one.Name = node.Name
				out = append(out, one)
				break
			}
		}
	}
	return out
}

// daemons puts a pod of each DaemonSet on the nodes that it would run on and has none on: its controller asks for the node's name, and
// tolerates what nodes are tainted with for their state.
func (c *cluster) daemons(filters *kubefilters.Filters) error {
	type daemon struct {
		of   workload.Key
		node string
	}
	there := map[daemon]bool{}
	for _, pod := range c.others {
		there[daemon{workload.Of(pod, c.owners), pod.Spec.NodeName}] = true
	}
	for _, set := range c.Lists.DaemonSets {
		if set.DeletionTimestamp != nil {
			continue
		}
		of := workload.Key{Kind: workload.DaemonSet, Namespace: set.Namespace, Name: set.Name}
		result, err := filters.Check(daemonPod(set, ""))
		if err != nil {
			return err
		}
		for _, node := range c.nodes {
			keeps := func(v kubefilters.Verdict) bool {
				return v.Plugin == names.NodeAffinity || v.Plugin == names.TaintToleration || v.Plugin == names.NodeResourcesFit
			}
			if there[daemon{of, node.Name}] || slices.ContainsFunc(result.On(node.Name), keeps) {
				continue
			}
			if err := filters.Assume(daemonPod(set, node.Name), node.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// stateTaints are the taints that pods of DaemonSets tolerate.
// Source: Kubernetes, pkg/controller/daemon/util/daemonset_util.go, AddOrUpdateDaemonPodTolerations.
var stateTaints = []string{
	corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeDiskPressure, corev1.TaintNodeMemoryPressure,
	corev1.TaintNodePIDPressure, corev1.TaintNodeUnschedulable, corev1.TaintNodeNetworkUnavailable,
}

// daemonPod is the pod of a DaemonSet for a node.
func daemonPod(set *appsv1.DaemonSet, node string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: set.Name + "-" + node, UID: types.UID("daemon/" + set.Namespace + "/" + set.Name + "/" + node),
			Labels: maps.Clone(set.Spec.Template.Labels),
		},
		Spec: set.Spec.Template.Spec,
	}
	pod.Spec.Volumes = nil // where its claims are decides nothing
	pod.Spec.Tolerations = slices.Clone(pod.Spec.Tolerations)
	for _, key := range stateTaints {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists})
	}
	workload.Admit(pod)
	return pod
}
