package state

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// Gap is a kind of object that could not be read.
type Gap struct {
	// Resource as in an RBAC rule: "placementpolicies.tradewind.dev".
	Resource string `json:"resource"`
	// Missing is set when the cluster does not know the kind: its CustomResourceDefinition is not installed.
	Missing bool `json:"missing,omitempty"`
	// Message says what was refused, what is therefore less exact, and the remedy.
	Message string `json:"message"`
}

// CollectOptions say how a cluster is read.
type CollectOptions struct {
	// Location says which further node labels name the cloud.
	Location location.Options
	// Workloads says that Deployments, DaemonSets, CloudPools, PriorityClasses, ResourceQuotas, RuntimeClasses and CSINodes are read
	// too, and Placements, which reports have no use for.
	Workloads bool
	// Scheduling says that what explanations alone need is read too: what kube-scheduler's filters look at, and Placements too.
	Scheduling bool
	// Scales reads how many replicas the owners of pods want whose kinds are not read; where it is nil they are no workloads. It is
	// asked for Workloads only.
	Scales ScaleReader
	// PageSize is how many objects are asked for at a time; 500 when 0.
	PageSize int64
	// Progress, if set, is called before each kind of object and after each page of it.
	Progress func(resource string, objects int)
}

const defaultPageSize = 500

// kind is one kind of object that a snapshot is made from.
type kind struct {
	resource string
	list     func() client.ObjectList
	add      func(runtime.Object)
	reset    func()
	// without says what is less exact when the kind cannot be read; empty when nothing can be said without it.
	without string
	// newer says that clusters of older versions do not know the kind, and that nothing is missing there.
	newer bool
}

func kindOf[T any](resource string, list func() client.ObjectList, into *[]T, without string) kind {
	return kind{
		resource: resource, list: list, without: without,
		add: func(object runtime.Object) {
			if typed, ok := object.(T); ok {
				*into = append(*into, typed)
			}
		},
		reset: func() { *into = nil },
	}
}

// Collect reads a cluster. It needs to list nodes and pods; of what else it may not read, or the cluster does not know,
// it goes on without and says so in the snapshot's Gaps. Errors name the missing permission.
func Collect(ctx context.Context, reader client.Reader, options CollectOptions, now time.Time) (*Snapshot, error) {
	var (
		lists  Lists
		prices []*v1alpha1.PriceList
		maps   []*v1alpha1.LatencyMap
		gaps   []Gap
	)
	const counted = "how many replicas its workloads want is counted from their pods"
	const volumes = "where volumes are is not known"
	const policies = "its rules are left out"
	kinds := []kind{
		kindOf("nodes", func() client.ObjectList { return &corev1.NodeList{} }, &lists.Nodes, ""),
		kindOf("pods", func() client.ObjectList { return &corev1.PodList{} }, &lists.Pods, ""),
		kindOf("namespaces", func() client.ObjectList { return &corev1.NamespaceList{} }, &lists.Namespaces,
			"pods under policies that select namespaces by label are left out"),
		kindOf("replicasets.apps", func() client.ObjectList { return &appsv1.ReplicaSetList{} }, &lists.ReplicaSets, counted),
		kindOf("statefulsets.apps", func() client.ObjectList { return &appsv1.StatefulSetList{} }, &lists.StatefulSets, counted),
		kindOf("replicationcontrollers", func() client.ObjectList { return &corev1.ReplicationControllerList{} },
			&lists.ReplicationControllers, counted),
		kindOf("jobs.batch", func() client.ObjectList { return &batchv1.JobList{} }, &lists.Jobs, counted),
		kindOf("persistentvolumeclaims", func() client.ObjectList { return &corev1.PersistentVolumeClaimList{} }, &lists.Claims, volumes),
		kindOf("persistentvolumes", func() client.ObjectList { return &corev1.PersistentVolumeList{} }, &lists.Volumes, volumes),
		kindOf("storageclasses.storage.k8s.io", func() client.ObjectList { return &storagev1.StorageClassList{} }, &lists.StorageClasses, volumes),
		kindOf("placementpolicies.tradewind.dev", func() client.ObjectList { return &v1alpha1.PlacementPolicyList{} },
			&lists.PlacementPolicies, policies),
		kindOf("clusterplacementpolicies.tradewind.dev", func() client.ObjectList { return &v1alpha1.ClusterPlacementPolicyList{} },
			&lists.ClusterPlacementPolicies, policies),
		kindOf("pricelists.tradewind.dev", func() client.ObjectList { return &v1alpha1.PriceListList{} }, &prices, "prices are the built-in catalog's"),
		kindOf("latencymaps.tradewind.dev", func() client.ObjectList { return &v1alpha1.LatencyMapList{} }, &maps,
			"round-trip times are the built-in ones"),
	}
	if options.Workloads {
		kinds = append(kinds,
			kindOf("deployments.apps", func() client.ObjectList { return &appsv1.DeploymentList{} }, &lists.Deployments, "they are left out"),
			kindOf("daemonsets.apps", func() client.ObjectList { return &appsv1.DaemonSetList{} }, &lists.DaemonSets, "they are left out"),
			kindOf("cloudpools.tradewind.dev", func() client.ObjectList { return &v1alpha1.CloudPoolList{} }, &lists.CloudPools,
				"no capacity that an autoscaler could add is known"),
			kindOf("priorityclasses.scheduling.k8s.io", func() client.ObjectList { return &schedulingv1.PriorityClassList{} },
				&lists.PriorityClasses, "all pods count as equals"),
			kindOf("resourcequotas", func() client.ObjectList { return &corev1.ResourceQuotaList{} }, &lists.Quotas,
				"replicas that a quota does not admit are planned too"),
			kindOf("runtimeclasses.node.k8s.io", func() client.ObjectList { return &nodev1.RuntimeClassList{} }, &lists.RuntimeClasses,
				"what RuntimeClasses add to pods is left out"),
		)
	}
	if options.Workloads || options.Scheduling {
		kinds = append(kinds, lists.attaching()...)
		kinds = append(kinds, kindOf("placements.tradewind.dev", func() client.ObjectList { return &v1alpha1.PlacementList{} }, &lists.Placements,
			"where the plan wants replicas is not known"))
	}
	if options.Workloads {
		templates := kindOf("resourceclaimtemplates.resource.k8s.io", func() client.ObjectList { return &resourcev1.ResourceClaimTemplateList{} },
			&lists.ResourceClaimTemplates, claimed)
		templates.newer = true
		kinds = append(kinds, templates)
	}
	if options.Scheduling {
		kinds = append(kinds, lists.Scheduling.kinds()...)
	}
	for _, k := range kinds {
		gap, err := k.read(ctx, reader, &options)
		if err != nil {
			return nil, err
		}
		if gap != nil {
			gaps = append(gaps, *gap)
		}
	}
	if options.Workloads && options.Scales != nil {
		gaps = append(gaps, lists.scale(ctx, options.Scales)...)
	}
	for _, list := range prices {
		lists.PriceLists = append(lists.PriceLists, *list)
	}
	for _, list := range maps {
		lists.LatencyMaps = append(lists.LatencyMaps, *list)
	}
	snapshot, err := NewSnapshot(lists, options.Location, now)
	if err != nil {
		return nil, err
	}
	snapshot.Gaps = gaps
	return snapshot, nil
}

// What is less exact where it is not known how many volumes nodes attach, or which devices they have.
const (
	attached = "whether nodes can attach volumes is not known"
	claimed  = "whether nodes have the devices that pods claim is not known"
)

// attaching are the kinds that say what nodes have for the claims of pods.
func (l *Lists) attaching() []kind {
	out := []kind{
		kindOf("csinodes.storage.k8s.io", func() client.ObjectList { return &storagev1.CSINodeList{} }, &l.CSINodes, attached),
		kindOf("resourceclaims.resource.k8s.io", func() client.ObjectList { return &resourcev1.ResourceClaimList{} }, &l.ResourceClaims, claimed),
		kindOf("resourceslices.resource.k8s.io", func() client.ObjectList { return &resourcev1.ResourceSliceList{} }, &l.ResourceSlices, claimed),
		kindOf("deviceclasses.resource.k8s.io", func() client.ObjectList { return &resourcev1.DeviceClassList{} }, &l.DeviceClasses, claimed),
	}
	for i := range out {
		out[i].newer = true
	}
	return out
}

func (s *Scheduling) kinds() []kind {
	out := []kind{
		kindOf("csidrivers.storage.k8s.io", func() client.ObjectList { return &storagev1.CSIDriverList{} }, &s.CSIDrivers, attached),
		kindOf("csistoragecapacities.storage.k8s.io", func() client.ObjectList { return &storagev1.CSIStorageCapacityList{} }, &s.Capacities, attached),
	}
	for i := range out {
		out[i].newer = true
	}
	return out
}

// read lists all objects of the kind, or returns why it went on without them.
func (k *kind) read(ctx context.Context, reader client.Reader, options *CollectOptions) (*Gap, error) {
	err := k.pages(ctx, reader, options)
	switch {
	case err == nil:
		return nil, nil
	case k.newer && isUnknownKind(err):
		k.reset()
		return nil, nil
	case k.without != "" && isUnknownKind(err):
		k.reset()
		message := fmt.Sprintf("the cluster does not know %s, so %s", k.resource, k.without)
		if strings.HasSuffix(k.resource, "."+v1alpha1.GroupVersion.Group) {
			message += "; install Tradewind's CustomResourceDefinitions (kubectl apply -f deploy/crds)"
		}
		return &Gap{Resource: k.resource, Missing: true, Message: message}, nil
	case apierrors.IsForbidden(err):
		k.reset()
		remedy := "grant the verb list on " + k.resource + " in all namespaces (a ClusterRole)"
		if k.without == "" {
			return nil, fmt.Errorf("list %s: %w; %s", k.resource, err, remedy)
		}
		return &Gap{Resource: k.resource, Message: fmt.Sprintf("%s may not be listed, so %s; %s", k.resource, k.without, remedy)}, nil
	}
	return nil, fmt.Errorf("list %s: %w", k.resource, err)
}

func isUnknownKind(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// pages lists page by page. When a page has expired meanwhile, it begins anew and asks for everything at once.
func (k *kind) pages(ctx context.Context, reader client.Reader, options *CollectOptions) error {
	size := options.PageSize
	if size <= 0 {
		size = defaultPageSize
	}
	total, token := 0, ""
	k.report(options, total)
	for {
		list := k.list()
		err := reader.List(ctx, list, client.Limit(size), client.Continue(token))
		if apierrors.IsResourceExpired(err) && token != "" {
			k.reset()
			total, token, size = 0, "", 0
			continue
		}
		if err != nil {
			return err
		}
		err = meta.EachListItem(list, func(object runtime.Object) error {
			k.add(object)
			total++
			return nil
		})
		if err != nil {
			return err
		}
		k.report(options, total)
		if token = list.GetContinue(); token == "" {
			return nil
		}
	}
}

func (k *kind) report(options *CollectOptions, total int) {
	if options.Progress != nil {
		options.Progress(k.resource, total)
	}
}
