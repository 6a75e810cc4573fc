// Package planning makes the engine's snapshot from Kubernetes objects, so that what `tradewind simulate` plans from files
// and what the placement controller plans from its caches is the same.
package planning

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Input is the objects that a plan is made from. Build changes none of them.
type Input struct {
	// World is the policies, prices and round-trip times in force.
	World *state.World
	// Location says which further node labels name the cloud.
	Location location.Options
	// Nodes of all clusters. The label tradewind.dev/cluster names a node's cluster; without it the cluster has no name.
	Nodes []*corev1.Node
	// Pools are declared or discovered. A node belongs to the first declared pool (by name) that it matches, and to a pool
	// found from the nodes alike otherwise.
	Pools []*v1alpha1.CloudPool
	// Workloads to plan for.
	Workloads []Workload
	// Pods that have a node and have not ended. Those of Workloads are where the plan finds them; all others, and all on
	// nodes that the plan may not use, take their room away.
	Pods []Pod
	// Namespaces are the labels of namespaces by name, for policies that select by them.
	Namespaces map[string]labels.Set
	// Ending are the namespaces that are being deleted: what runs there goes, and nothing can be made in its place.
	Ending  map[string]bool
	Claims  []*corev1.PersistentVolumeClaim
	Volumes []*corev1.PersistentVolume
	Classes []*storagev1.StorageClass
	// CSINodes say how many volumes nodes attach.
	CSINodes []*storagev1.CSINode
	// DaemonSets take room on every node that their pods tolerate and select, also on nodes to be added.
	DaemonSets []*appsv1.DaemonSet
	// ResourceClaims and what follows say which devices there are for pods that claim some.
	ResourceClaims         []*resourcev1.ResourceClaim
	ResourceClaimTemplates []*resourcev1.ResourceClaimTemplate
	ResourceSlices         []*resourcev1.ResourceSlice
	DeviceClasses          []*resourcev1.DeviceClass
	// RuntimeClasses add to what pods ask for, select and tolerate, as admission does.
	RuntimeClasses []*nodev1.RuntimeClass
	// PriorityClasses and Quotas say in whose favour room is shared out, and which replicas cannot run.
	PriorityClasses []*schedulingv1.PriorityClass
	Quotas          []*corev1.ResourceQuota
	// Placements are the last decisions: a plan is followed on unless another is clearly cheaper.
	Placements []*v1alpha1.Placement
	// Unavailable, if set, says why a node must not be used now, or "": it is not ready, lost, cordoned, or being drained.
	// Its replicas have no place; when all nodes of a pool are unavailable none can be added to it either.
	Unavailable func(node *corev1.Node) string
	// PoolUnavailable, if set, says why a whole pool must not be used now, or "".
	PoolUnavailable func(pool *PoolInfo) string

	shapes *Shapes // what is remembered from one input to the next, if anything
}

// Workload is a workload to plan for.
type Workload struct {
	workload.Workload
	// Hold, when not empty, says why its last decision must be kept.
	Hold string
	// RestartUSD is the cost of one restart of a replica; 0 means the engine's default.
	RestartUSD float64
}

// Pod is a running pod, as far as a plan looks at it.
type Pod struct {
	Namespace, Name, Node string
	// Cluster of the node; empty where the names of nodes tell them apart.
	Cluster string
	// Workload that it is a replica of; zero for a pod that is planned with no workload.
	Workload workload.Key
	// Request of the pod with overhead, as the scheduler counts it.
	Request engine.Resources
	// Stays says that its node is in use for it: it is not being deleted, and no pod that every node has.
	Stays bool
	// Claims are the names of its PersistentVolumeClaims.
	Claims []string
	// Labels, AntiAffinity (the required terms) and HostPorts are what rules of pods look at. A pod that is being deleted has none.
	Labels       labels.Set
	AntiAffinity []corev1.PodAffinityTerm
	HostPorts    []engine.HostPort
}

// PoolInfo is a pool of the snapshot with the objects that it was made from.
type PoolInfo struct {
	// Index in Snapshot.Pools.
	Index         int
	Cluster, Name string
	// Declared is the CloudPool that declares it; nil for a pool found from nodes.
	Declared *v1alpha1.CloudPool
	// Nodes are parallel to the engine's Pool.Nodes.
	Nodes []*corev1.Node
	// Location, instance type and capacity type of its nodes.
	At location.Node
	// ListPrice of a node in the public catalog. Negotiated says that the price in force is another, which a PriceList gives
	// and not everybody may see.
	ListPrice  pricing.Price
	Negotiated bool
	// Closed are the nodes that it has beside Nodes, and that must not be used now.
	Closed []*corev1.Node
	// Unavailable is why it must not be used now; empty when it may be.
	Unavailable string
	// driverLabels are those that storage drivers will give a node that is added, as far as volumes ask for them.
	driverLabels map[string]string
}

// ID names the pool among those of all clusters: "west/aws-eu-west-1a", and where the cluster has no name, the pool's alone.
func (p *PoolInfo) ID() string { return PoolID(p.Cluster, p.Name) }

// Object is the name of its CloudPool: a declaration over several zones is several pools.
func (p *PoolInfo) Object() string {
	if p.Declared != nil {
		return p.Declared.Name
	}
	return p.Name
}

// ObjectID names its CloudPool among those of all clusters.
func (p *PoolInfo) ObjectID() string { return PoolID(p.Cluster, p.Object()) }

// PoolID is the ID of the pool of a name in a cluster.
func PoolID(cluster, name string) string {
	if cluster == "" {
		return name
	}
	return cluster + "/" + name
}

// Result is a snapshot with the way back to the objects.
type Result struct {
	Snapshot *engine.Snapshot
	// Pools are parallel to Snapshot.Pools, Workloads to Snapshot.Workloads.
	Pools     []PoolInfo
	Workloads []Workload
	// PoolOf is the index of the pool that a node belongs to, by the node's name; also of nodes that are unavailable.
	PoolOf map[string]int
	// Unagreed are the calls to other namespaces that the called workloads' side has not agreed to.
	Unagreed []Unagreed
	// Problems are what was left out, and why; the rest is planned.
	Problems []Problem

	builder *builder
}

// Index finds a workload in Workloads; ok is false where it is not planned.
func (r *Result) Index(of workload.Key) (i int, ok bool) {
	i, ok = r.builder.index[of]
	return i, ok
}

// Unagreed is a call that moves the caller alone.
type Unagreed struct {
	// Source is the policy that declares it.
	Source policy.Source
	// Caller and Callee are workloads as "shop/web".
	Caller, Callee workload.Key
}

// Problem names what is wrong in an object, and the remedy.
type Problem struct {
	// Object is "Deployment shop/web"; Field its field, as "spec.template.spec.containers[0].resources".
	Object, Field, Message string
}

// String is object, field and message in one line.
func (p Problem) String() string { return p.Object + ": " + p.Field + ": " + p.Message }
