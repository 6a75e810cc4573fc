package files

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/state"
)

// File is a file of a snapshot.
type File struct {
	// Name of the file, without a folder.
	Name string
	// Objects is how many it holds.
	Objects int
	Data    []byte
}

// Snapshot turns the state of a cluster into files that Read reads: nodes, workloads, pods, policies, pools, prices, round
// trips, volumes, claims, storage and runtime classes, quotas, priority classes and namespaces, each reduced to what a plan looks at. Only
// what is named here is taken over: commands, arguments, environment, images, annotations, and volumes other than claims never are, nor is any
// Secret or ConfigMap. Ids of accounts with clouds are replaced unless asked for.
func Snapshot(lists *state.Lists, options SnapshotOptions) ([]File, error) {
	wanted := func(namespace string) bool {
		return len(options.Namespaces) == 0 || slices.Contains(options.Namespaces, namespace)
	}
	var names []string
	parts := map[string][]map[string]any{}
	var all []map[string]any
	add := func(name string, objects []client.Object) error {
		slices.SortStableFunc(objects, func(a, b client.Object) int {
			return cmp.Or(strings.Compare(kindName(a), kindName(b)), strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
		})
		for _, object := range objects {
			value, err := encode(object)
			if err != nil {
				return fmt.Errorf("%s %s/%s: %w", kindName(object), object.GetNamespace(), object.GetName(), err)
			}
			parts[name], all = append(parts[name], value), append(all, value)
		}
		names = append(names, name)
		return nil
	}
	scaled, err := reduceScaled(lists, wanted)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name    string
		objects []client.Object
	}{
		{"nodes.yaml", slices.Concat(reduceAll(lists.Nodes, nil, reduceNode), reduceAll(lists.CSINodes, nil, reduceCSINode),
			reduceAll(lists.RuntimeClasses, nil, reduceRuntimeClass))},
		{"namespaces.yaml", reduceAll(lists.Namespaces, nil, reduceNamespace)},
		{"workloads.yaml", slices.Concat(
			reduceAll(staying(lists.Deployments), wanted, reduceDeployment), reduceAll(staying(lists.StatefulSets), wanted, reduceStatefulSet),
			reduceAll(staying(lists.ReplicaSets), wanted, reduceReplicaSet),
			reduceAll(staying(lists.ReplicationControllers), wanted, reduceReplicationController),
			reduceAll(staying(lists.Jobs), wanted, reduceJob), reduceAll(lists.DaemonSets, nil, reduceDaemonSet), scaled)},
		{"pods.yaml", reduceAll(lists.Pods, nil, selected(lists).pod)},
		{"volumes.yaml", slices.Concat(reduceAll(lists.Volumes, nil, reduceVolume), reduceAll(lists.Claims, nil, reduceClaim),
			reduceAll(lists.StorageClasses, nil, reduceStorageClass))},
		{"devices.yaml", slices.Concat(reduceAll(lists.ResourceSlices, nil, reduceSlice), reduceAll(lists.DeviceClasses, nil, reduceDeviceClass),
			reduceAll(lists.ResourceClaims, nil, reduceResourceClaim), reduceAll(lists.ResourceClaimTemplates, wanted, reduceResourceClaimTemplate))},
		{"quotas.yaml", slices.Concat(reduceAll(lists.Quotas, nil, reduceQuota), reduceAll(lists.PriorityClasses, nil, reducePriorityClass))},
		{"policies.yaml", slices.Concat(reduceAll(lists.PlacementPolicies, wanted, reducePolicy), reduceAll(lists.ClusterPlacementPolicies, nil, reduceClusterPolicy))},
		{"pools.yaml", reduceAll(lists.CloudPools, nil, reducePool)},
		{"prices.yaml", reduceAll(pointers(lists.PriceLists), nil, reducePrices)},
		{"latency.yaml", reduceAll(pointers(lists.LatencyMaps), nil, reduceLatency)},
	} {
		if err := add(part.name, part.objects); err != nil {
			return nil, err
		}
	}
	if !options.AccountIDs {
		hideAccounts(all)
	}
	var out []File
	for _, name := range names {
		var data bytes.Buffer
		for i, object := range parts[name] {
			if i > 0 {
				data.WriteString("---\n")
			}
			text, err := yaml.Marshal(object)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			data.Write(text)
		}
		if data.Len() > 0 {
			out = append(out, File{Name: name, Objects: len(parts[name]), Data: data.Bytes()})
		}
	}
	return out, nil
}

// SnapshotOptions say what is written.
type SnapshotOptions struct {
	// Namespaces whose workloads and policies are written; all when empty. The pods and DaemonSets of others stay, as room that is
	// taken, and their claims, as volumes that are attached.
	Namespaces []string
	// AccountIDs leaves the ids of subscriptions, projects and accounts as they are.
	AccountIDs bool
}

// SnapshotFiles are the names that Snapshot gives its files.
func SnapshotFiles() []string {
	return []string{"nodes.yaml", "namespaces.yaml", "workloads.yaml", "pods.yaml", "volumes.yaml", "devices.yaml", "quotas.yaml", "policies.yaml", "pools.yaml", "prices.yaml", "latency.yaml"}
}

func kindName(object client.Object) string { return object.GetObjectKind().GroupVersionKind().Kind }

// reduceAll reduces the objects of wanted namespaces; those that reduce to nothing are left out.
func reduceAll[T client.Object](objects []T, wanted func(namespace string) bool, reduce func(T) client.Object) []client.Object {
	var out []client.Object
	for _, object := range objects {
		if wanted != nil && !wanted(object.GetNamespace()) {
			continue
		}
		if reduced := reduce(object); reduced != nil {
			out = append(out, reduced)
		}
	}
	return out
}

// staying are the objects that are not being deleted.
func staying[T client.Object](objects []T) []T {
	return slices.DeleteFunc(slices.Clone(objects), func(object T) bool { return object.GetDeletionTimestamp() != nil })
}

func pointers[T any](values []T) []*T {
	out := make([]*T, 0, len(values))
	for i := range values {
		out = append(out, &values[i])
	}
	return out
}

// encode is an object without fields that say nothing.
func encode(object client.Object) (map[string]any, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var value map[string]any
	if err := json.Unmarshal(encoded, &value); err != nil {
		return nil, err
	}
	prune(value)
	return value, nil
}

// meaningful fields say something even when they are empty: an empty selector selects everything.
var meaningful = map[string]bool{"workloadSelector": true, "namespaceSelector": true}

// prune removes nulls and empty objects and lists; it says whether anything is left.
func prune(value any) bool {
	switch typed := value.(type) {
	case nil:
		return false
	case map[string]any:
		for key, inner := range typed {
			if !prune(inner) && !meaningful[key] {
				delete(typed, key)
			}
		}
		return len(typed) > 0
	case []any:
		return len(typed) > 0
	}
	return true
}

// meta is the part of an object's metadata that a plan looks at.
func meta(from metav1.Object, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: from.GetName(), Namespace: from.GetNamespace(), Labels: labels}
}

func typeMeta(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

// template reduces the template of pods.
func template(from *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: from.Labels}, Spec: podSpec(&from.Spec)}
}

// podSpec is what the scheduler looks at, as far as a plan does.
func podSpec(from *corev1.PodSpec) corev1.PodSpec {
	out := corev1.PodSpec{
		PriorityClassName: from.PriorityClassName, NodeName: from.NodeName, NodeSelector: from.NodeSelector, Tolerations: from.Tolerations, Overhead: from.Overhead,
		Containers: containers(from.Containers), ActiveDeadlineSeconds: from.ActiveDeadlineSeconds, InitContainers: containers(from.InitContainers),
		RuntimeClassName: from.RuntimeClassName, ResourceClaims: from.ResourceClaims,
	}
	if from.Resources != nil {
		out.Resources = &corev1.ResourceRequirements{Requests: from.Resources.Requests, Limits: from.Resources.Limits}
	}
	out.HostNetwork, out.Affinity, out.TopologySpreadConstraints = from.HostNetwork, affinity(from.Affinity), spreads(from.TopologySpreadConstraints)
	for i := range from.Volumes {
		volume := &from.Volumes[i]
		if volume.PersistentVolumeClaim != nil {
			out.Volumes = append(out.Volumes, corev1.Volume{Name: volume.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: volume.PersistentVolumeClaim.ClaimName},
			}})
		}
		if volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			out.Volumes = append(out.Volumes, corev1.Volume{Name: volume.Name, VolumeSource: corev1.VolumeSource{
				Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
					Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: volume.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName},
				}},
			}})
		}
	}
	return out
}

func containers(from []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for i := range from {
		out = append(out, corev1.Container{
			Name: from[i].Name, Ports: ports(from[i].Ports), RestartPolicy: from[i].RestartPolicy,
			Resources: corev1.ResourceRequirements{Requests: from[i].Resources.Requests, Limits: from[i].Resources.Limits},
		})
	}
	return out
}
