// Package replaytest makes random clusters and manifests, by the kinds of rules that their pods have, for tests and benchmarks of
// plans that kube-scheduler is to keep.
package replaytest

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
)

// Choose draws a number from 0 to n-1.
type Choose func(n int) int

// Size of a cluster, each at most but for Exact, which takes all of them.
type Size struct {
	Groups, Nodes, Workloads, Replicas int
	// Grow says that groups may have nodes more, and some have none yet.
	Grow  bool
	Exact bool
}

// draw is a cluster while it is drawn.
type draw struct {
	choose Choose
	size   Size
	lists  state.Lists
	apps   []string
	agent  *appsv1.DaemonSet
}

// upTo draws a number from 1 to n, or is n in clusters of an exact size.
func (d *draw) upTo(n int) int {
	if d.size.Exact || n < 2 {
		return n
	}
	return 1 + d.choose(n)
}

// one draws whether a thing is that happens once in n times.
func (d *draw) one(n int) bool { return d.choose(n) == 0 }

func pick[T any](d *draw, from []T) T { return from[d.choose(len(from))] }

// places are where groups of nodes are: two clouds, two regions, five zones.
var places = []struct{ cloud, region, zone, instance, provider string }{
	{"aws", "eu-west-1", "eu-west-1a", "m5.xlarge", "aws:///eu-west-1a/i-%017x"},
	{"aws", "eu-west-1", "eu-west-1b", "m5.xlarge", "aws:///eu-west-1b/i-%017x"},
	{"aws", "eu-west-1", "eu-west-1c", "m5.2xlarge", "aws:///eu-west-1c/i-%017x"},
	{"gcp", "europe-west1", "europe-west1-b", "n2-standard-4", "gce://acme/europe-west1-b/n-%x"},
	{"gcp", "europe-west1", "europe-west1-c", "n2-standard-4", "gce://acme/europe-west1-c/n-%x"},
}

// Labels and taints that some groups have and some pods ask for.
const (
	labelDisk = "example.com/disk"
	labelRack = "example.com/rack"
	taintTeam = "example.com/team"
)

// Cluster draws a cluster with workloads that have rules of these kinds, and nothing running of them.
func Cluster(choose Choose, size Size, kinds []Kind) *state.Lists {
	d := &draw{choose: choose, size: size}
	d.lists.Namespaces = []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{corev1.LabelMetadataName: "shop", "team": "shop"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "bank", Labels: map[string]string{corev1.LabelMetadataName: "bank", "team": "bank"}}},
	}
	for g := range d.upTo(size.Groups) {
		d.group(g)
	}
	for i := range d.upTo(size.Workloads) {
		d.apps = append(d.apps, fmt.Sprintf("app%d", i))
	}
	for _, kind := range kinds {
		if kind.cluster != nil {
			kind.cluster(d)
		}
	}
	for i := range d.apps {
		d.workload(i, kinds)
	}
	return &d.lists
}

// group draws nodes that are alike, some with a taint, which may become more.
func (d *draw) group(g int) {
	at := places[g%len(places)]
	name := fmt.Sprintf("group%d", g)
	set := map[string]string{
		corev1.LabelTopologyRegion: at.region, corev1.LabelTopologyZone: at.zone, corev1.LabelInstanceTypeStable: at.instance,
		corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", labelDisk: pick(d, []string{"ssd", "hdd"}), "nodepool": name,
		v1alpha1.LabelCloud: at.cloud,
	}
	var taints []corev1.Taint
	if g > 0 && d.one(4) {
		taints = []corev1.Taint{{Key: taintTeam, Value: "db", Effect: corev1.TaintEffectNoSchedule}}
	}
	allocatable := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(pick(d, []string{"2", "3900m", "7900m"})), corev1.ResourceMemory: resource.MustParse(pick(d, []string{"6Gi", "14Gi", "29Gi"})),
		corev1.ResourcePods: resource.MustParse(pick(d, []string{"8", "58", "110"})), corev1.ResourceEphemeralStorage: resource.MustParse("40Gi"),
	}
	nodes := d.upTo(max(1, d.size.Nodes/max(1, d.size.Groups)))
	if d.size.Grow && d.one(4) {
		nodes = 0
	}
	for range nodes {
		d.node(set, at.provider, taints, allocatable)
	}
	if d.size.Grow && (nodes == 0 || d.one(2)) {
		pool := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("pool-" + name)}}
		pool.Spec = v1alpha1.CloudPoolSpec{
			Cloud: at.cloud, Region: at.region, Zone: at.zone, InstanceType: at.instance, MaxNodes: ptr.To(int32(nodes + d.upTo(4))),
			Labels: map[string]string{"nodepool": name, labelDisk: set[labelDisk]}, Taints: taints, Allocatable: allocatable,
		}
		d.lists.CloudPools = append(d.lists.CloudPools, pool)
	}
}

func (d *draw) node(set map[string]string, provider string, taints []corev1.Taint, allocatable corev1.ResourceList) {
	n := len(d.lists.Nodes)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node%d", n), UID: types.UID(fmt.Sprintf("node%d", n)), Labels: map[string]string{}},
		Spec:       corev1.NodeSpec{ProviderID: fmt.Sprintf(provider, n+1), Taints: taints},
		Status:     corev1.NodeStatus{Allocatable: allocatable, Capacity: allocatable},
	}
	for key, value := range set {
		node.Labels[key] = value
	}
	node.Labels[corev1.LabelHostname] = node.Name
	d.lists.Nodes = append(d.lists.Nodes, node)
}

// workload draws a Deployment or StatefulSet with some of the kinds.
func (d *draw) workload(i int, kinds []Kind) {
	w := &drawn{app: d.apps[i], namespace: pick(d, []string{"shop", "shop", "bank"}), replicas: d.upTo(d.size.Replicas), stateful: d.one(3)}
	if d.size.Exact {
		w.replicas = 1 + d.choose(2*d.size.Replicas-1)
	}
	w.template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": w.app, "tier": pick(d, []string{"front", "back"})}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/" + w.app + ":1", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse(pick(d, []string{"50m", "100m", "250m", "900m"})),
				corev1.ResourceMemory: resource.MustParse(pick(d, []string{"64Mi", "256Mi", "1Gi"})),
			},
		}}}},
	}
	for _, kind := range kinds {
		if kind.workload != nil && d.one(max(1, kind.Rarity)) {
			kind.workload(d, w)
		}
	}
	meta := metav1.ObjectMeta{Namespace: w.namespace, Name: w.app, UID: types.UID(w.app)}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": w.app}}
	if !w.stateful {
		d.lists.Deployments = append(d.lists.Deployments, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(w.replicas)), Selector: selector, Template: w.template,
		}})
		return
	}
	d.lists.StatefulSets = append(d.lists.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To(int32(w.replicas)), Selector: selector, Template: w.template, VolumeClaimTemplates: w.claims,
	}})
}

// drawn is a workload while it is drawn.
type drawn struct {
	app, namespace string
	replicas       int
	stateful       bool
	template       corev1.PodTemplateSpec
	claims         []corev1.PersistentVolumeClaim
}

func (w *drawn) affinity() *corev1.Affinity {
	if w.template.Spec.Affinity == nil {
		w.template.Spec.Affinity = &corev1.Affinity{}
	}
	return w.template.Spec.Affinity
}

func (w *drawn) avoid(terms ...corev1.PodAffinityTerm) {
	affinity := w.affinity()
	if affinity.PodAntiAffinity == nil {
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
	}
	required := &affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	*required = slices.Concat(*required, terms)
}

// Change changes a cluster in which something runs: a taint comes to a node or goes, a node is cordoned, a workload wants more replicas
// or fewer, or is there no more.
func Change(choose Choose, lists *state.Lists) {
	d := &draw{choose: choose}
	for range 1 + choose(3) {
		switch choose(4) {
		case 0:
			if len(lists.Nodes) > 0 {
				node := pick(d, lists.Nodes)
				if node.Spec.Taints = nil; d.one(2) {
					node.Spec.Taints = []corev1.Taint{{Key: taintTeam, Value: "db", Effect: corev1.TaintEffectNoSchedule}}
				}
			}
		case 1:
			if len(lists.Nodes) > 0 {
				node := pick(d, lists.Nodes)
				node.Spec.Unschedulable = true
				node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
			}
		case 2:
			if len(lists.Deployments) > 0 {
				pick(d, lists.Deployments).Spec.Replicas = ptr.To(int32(choose(8)))
			}
		default:
			if len(lists.Deployments) > 0 { // its pods stay
				k := choose(len(lists.Deployments))
				lists.Deployments = slices.Delete(lists.Deployments, k, k+1)
			}
		}
	}
}

// Relabel puts nodes in other racks, and some in none, so that rules of pods stop to hold over racks.
func Relabel(choose Choose, lists *state.Lists) {
	for _, node := range lists.Nodes {
		switch rack := choose(5); rack {
		case 4:
		case 3:
			delete(node.Labels, labelRack)
		default:
			node.Labels[labelRack] = fmt.Sprintf("rack%d", rack)
		}
	}
}
