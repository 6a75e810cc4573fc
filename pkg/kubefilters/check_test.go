package kubefilters

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	antiAffinity = `affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}`
	claimed = `volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]`
)

// TestEveryFilter checks that each of kube-scheduler's filters is asked, about the objects that it needs, and answers in
// Kubernetes' words.
func TestEveryFilter(t *testing.T) {
	two := []*corev1.Node{node("a", "z1"), node("b", "z2")}
	volume := func(zone string) *corev1.PersistentVolume {
		return read[corev1.PersistentVolume](t, `
metadata: {name: v}
spec:
  capacity: {storage: 1Gi}
  csi: {driver: csi.example, volumeHandle: v}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [`+zone+`]}]}]}}`)
	}
	bound := read[corev1.PersistentVolumeClaim](t, `
metadata: {namespace: shop, name: data, annotations: {pv.kubernetes.io/bind-completed: "yes"}}
spec: {volumeName: v, accessModes: [ReadWriteOncePod]}`)
	for _, c := range []struct {
		name    string
		objects Objects
		pod     *corev1.Pod
		want    []string
	}{
		{"fits", Objects{Nodes: two}, pod(t, "p", "web", "1", "", ""), nil},
		{"gates", Objects{Nodes: two}, pod(t, "p", "web", "1", "", "schedulingGates: [{name: example.com/quota}]"),
			[]string{"queue: SchedulingGates: waiting for scheduling gates: [example.com/quota]"}},
		{"cordon", Objects{Nodes: []*corev1.Node{node("a", "z1", func(n *corev1.Node) { n.Spec.Unschedulable = true })}},
			pod(t, "p", "web", "1", "", ""), []string{"a: NodeUnschedulable: node(s) were unschedulable"}},
		{"taint", Objects{Nodes: []*corev1.Node{node("a", "z1", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "team", Value: "db", Effect: corev1.TaintEffectNoExecute}}
		})}}, pod(t, "p", "web", "1", "", ""), []string{"a: TaintToleration: node(s) had untolerated taint(s)"}},
		{"selector", Objects{Nodes: two}, pod(t, "p", "web", "1", "", "nodeSelector: {topology.kubernetes.io/zone: z2}"),
			[]string{"a: NodeAffinity: node(s) didn't match Pod's node affinity/selector"}},
		{"one node by its name", Objects{Nodes: two}, pod(t, "p", "web", "1", "", `
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
  {matchFields: [{key: metadata.name, operator: In, values: [b]}]}]}}}`),
			[]string{
				"a: NodeAffinity: node(s) didn't satisfy plugin(s) [NodeAffinity]",
				"a: NodeAffinity: node(s) didn't match Pod's node affinity/selector",
			}},
		{"host port", Objects{Nodes: two, Pods: []*corev1.Pod{
			pod(t, "other", "db", "", "a", "containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]"),
		}}, pod(t, "p", "web", "1", "", "containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]"),
			[]string{"a: NodePorts: node(s) didn't have free ports for the requested pod ports"}},
		{"full and too small", Objects{Nodes: two, Pods: []*corev1.Pod{pod(t, "other", "db", "1500m", "a", "")}},
			pod(t, "p", "web", "1", "", "overhead: {memory: 9Gi}"),
			[]string{
				"a: NodeResourcesFit: Insufficient cpu and Insufficient memory",
				"b: NodeResourcesFit: Insufficient memory",
			}},
		{"anti-affinity, and no room besides", Objects{Nodes: two, Pods: []*corev1.Pod{pod(t, "other", "web", "1500m", "a", "")}},
			pod(t, "p", "web", "1", "", antiAffinity),
			[]string{"a: NodeResourcesFit: Insufficient cpu", "a: InterPodAffinity: node(s) didn't match pod anti-affinity rules"}},
		{"anti-affinity of another", Objects{Nodes: two, Pods: []*corev1.Pod{pod(t, "other", "db", "", "b", antiAffinity)}},
			pod(t, "p", "web", "1", "", ""), []string{"b: InterPodAffinity: node(s) didn't satisfy existing pods anti-affinity rules"}},
		{"affinity in namespaces by label", Objects{
			Nodes:      two,
			Namespaces: []*corev1.Namespace{read[corev1.Namespace](t, "metadata: {name: shop, labels: {team: a}}")},
			Pods:       []*corev1.Pod{pod(t, "other", "db", "", "b", "")},
		}, pod(t, "p", "web", "1", "", `
affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: db}},
  namespaceSelector: {matchLabels: {team: a}}, topologyKey: topology.kubernetes.io/zone}]}}`),
			[]string{"a: InterPodAffinity: node(s) didn't match pod affinity rules"}},
		{"spread", Objects{Nodes: two, Pods: []*corev1.Pod{pod(t, "other", "web", "", "b", "")}}, pod(t, "p", "web", "1", "", `
topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule,
  labelSelector: {matchLabels: {app: web}}}]`),
			[]string{"b: PodTopologySpread: node(s) didn't match pod topology spread constraints"}},
		{"no such claim", Objects{Nodes: two}, pod(t, "p", "web", "", "", claimed), []string{
			`pod: VolumeRestrictions: persistentvolumeclaim "data" not found`,
			`pod: VolumeBinding: persistentvolumeclaim "data" not found`, `pod: VolumeZone: persistentvolumeclaim "data" not found`,
			`a: NodeVolumeLimits: looking up PVC shop/data: persistentvolumeclaim "data" not found`,
			`b: NodeVolumeLimits: looking up PVC shop/data: persistentvolumeclaim "data" not found`,
		}},
		{"volume elsewhere", Objects{
			Nodes: two, Claims: []*corev1.PersistentVolumeClaim{bound}, Volumes: []*corev1.PersistentVolume{volume("z2")},
		}, pod(t, "p", "web", "", "", claimed), []string{"a: VolumeBinding: node(s) didn't match PersistentVolume's node affinity"}},
		{"volume in use", Objects{
			Nodes: two, Claims: []*corev1.PersistentVolumeClaim{bound}, Volumes: []*corev1.PersistentVolume{volume("z1")},
			Pods: []*corev1.Pod{pod(t, "other", "db", "", "a", claimed)},
		}, pod(t, "p", "web", "", "", claimed), []string{
			"a: VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
			"b: VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
			"b: VolumeBinding: node(s) didn't match PersistentVolume's node affinity",
		}},
		{"no more volumes", Objects{
			Nodes: two, Claims: []*corev1.PersistentVolumeClaim{bound}, Volumes: []*corev1.PersistentVolume{volume("z1, z2")},
			CSINodes: []*storagev1.CSINode{read[storagev1.CSINode](t, `
metadata: {name: a}
spec: {drivers: [{name: csi.example, nodeID: a, topologyKeys: [], allocatable: {count: 0}}]}`)},
		}, pod(t, "p", "web", "", "", claimed), []string{"a: NodeVolumeLimits: node(s) exceed max volume count"}},
		{"no storage to provision", Objects{
			Nodes: two,
			Claims: []*corev1.PersistentVolumeClaim{read[corev1.PersistentVolumeClaim](t, `
metadata: {namespace: shop, name: data}
spec: {storageClassName: local, accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}`)},
			StorageClasses: []*storagev1.StorageClass{read[storagev1.StorageClass](t, `
metadata: {name: local}
provisioner: csi.example
volumeBindingMode: WaitForFirstConsumer`)},
			CSIDrivers: []*storagev1.CSIDriver{read[storagev1.CSIDriver](t, "metadata: {name: csi.example}\nspec: {storageCapacity: true}")},
			Capacities: []*storagev1.CSIStorageCapacity{read[storagev1.CSIStorageCapacity](t, `
metadata: {namespace: kube-system, name: c}
storageClassName: local
capacity: 10Gi
nodeTopology: {matchLabels: {topology.kubernetes.io/zone: z1}}`)},
		}, pod(t, "p", "web", "", "", claimed), []string{"b: VolumeBinding: node(s) did not have enough free storage"}},
		{"devices", Objects{
			Nodes: two,
			ResourceClaims: []*resourcev1.ResourceClaim{read[resourcev1.ResourceClaim](t, `
metadata: {namespace: shop, name: gpu, uid: gpu}
spec: {devices: {requests: [{name: one, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 1}}]}}`)},
			DeviceClasses: []*resourcev1.DeviceClass{read[resourcev1.DeviceClass](t, "metadata: {name: gpu}\nspec: {}")},
			ResourceSlices: []*resourcev1.ResourceSlice{read[resourcev1.ResourceSlice](t, `
metadata: {name: s}
spec: {driver: gpu.example, nodeName: b, pool: {name: b, generation: 1, resourceSliceCount: 1}, devices: [{name: gpu-0}]}`)},
		}, pod(t, "p", "web", "", "", `
containers: [{name: c, resources: {claims: [{name: gpu}]}}]
resourceClaims: [{name: gpu, resourceClaimName: gpu}]`), []string{"a: DynamicResources: cannot allocate all claims"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := check(t, filters(t, c.objects), c.pod)
			if got := lines(result, c.objects.Nodes); !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// TestTooSmall checks that what nobody's leaving would help is told from what it would.
func TestTooSmall(t *testing.T) {
	f := filters(t, Objects{
		Nodes: []*corev1.Node{node("full", "z1"), node("small", "z1", func(n *corev1.Node) {
			n.Status.Allocatable = corev1.ResourceList{corev1.ResourcePods: n.Status.Allocatable[corev1.ResourcePods]}
		})},
		Pods: []*corev1.Pod{pod(t, "other", "db", "2", "full", "")},
	})
	result := check(t, f, pod(t, "p", "web", "1", "", ""))
	for name, final := range map[string]bool{"full": false, "small": true} {
		if got := result.Nodes[name]; len(got) != 1 || got[0].Final != final {
			t.Errorf("node %s: %+v, want one verdict with Final %t", name, got, final)
		}
	}
}

// TestNominated checks that room which preemption has made for a pod is not given to another one of no more priority.
func TestNominated(t *testing.T) {
	high, low := int32(10), int32(0)
	nominated := pod(t, "nominated", "db", "2", "", "")
	nominated.Spec.Priority, nominated.Status.NominatedNodeName = &high, "a"
	f := filters(t, Objects{Nodes: []*corev1.Node{node("a", "z1")}, Pods: []*corev1.Pod{nominated}})
	for _, c := range []struct {
		priority *int32
		want     int
	}{{&low, 1}, {&high, 1}, {ptr(int32(11)), 0}} {
		p := pod(t, "p", "web", "1", "", "")
		p.Spec.Priority = c.priority
		if got := check(t, f, p).Nodes["a"]; len(got) != c.want {
			t.Errorf("priority %d: %v, want %d verdicts", *c.priority, got, c.want)
		}
	}
	if got := check(t, f, nominated).Nodes["a"]; len(got) != 0 {
		t.Errorf("the nominated pod itself: %v", got)
	}
}

func ptr[T any](value T) *T { return &value }

// TestNewRefuses checks that pods that cannot be told apart are refused by name.
func TestNewRefuses(t *testing.T) {
	nodes := []*corev1.Node{node("a", "z1")}
	for _, c := range []struct{ name, uid string }{{"without a UID", ""}, {"with that of another", "uid-one"}} {
		other := pod(t, "other", "web", "1", "a", "")
		other.ObjectMeta = metav1.ObjectMeta{Namespace: "shop", Name: "other"}
		other.UID = "uid-one"
		if c.uid == "" {
			other.UID = ""
		}
		if _, err := New(Objects{Nodes: nodes, Pods: []*corev1.Pod{pod(t, "one", "web", "1", "a", ""), other}}); err == nil ||
			!strings.Contains(err.Error(), "pod shop/other") {
			t.Errorf("a pod %s: %v", c.name, err)
		}
	}
}
