package kubefilters

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// storage is a random cluster in which volumes, limits on them and a RuntimeClass say where pods may be.
type storage struct {
	t       *rapid.T
	objects Objects
	class   *nodev1.RuntimeClass
	plans   []planning.Workload
}

const (
	ebsZone = "topology.ebs.csi.aws.com/zone"
	shelf   = "storage.example/shelf"
)

func (s *storage) one(what string, of int) bool { return rapid.IntRange(1, of).Draw(s.t, what) == 1 }

func (s *storage) node(i int) {
	zone := rapid.SampledFrom([]string{"eu-west-1a", "eu-west-1b"}).Draw(s.t, "zone")
	out := node(fmt.Sprintf("n%d", i), zone, func(n *corev1.Node) {
		n.Labels[corev1.LabelTopologyRegion], n.Labels[ebsZone] = "eu-west-1", zone
		n.Labels[corev1.LabelInstanceTypeStable], n.Labels[shelf] = "m7i.large", rapid.SampledFrom([]string{"a", "b"}).Draw(s.t, "shelf")
		n.Spec.ProviderID = "aws:///" + zone + "/i-0123456789abcdef0"
		if s.one("kata", 3) {
			n.Labels["kata"] = "yes"
			n.Spec.Taints = []corev1.Taint{{Key: "kata", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
		}
	})
	s.objects.Nodes = append(s.objects.Nodes, out)
	if s.one("limits", 2) {
		s.objects.CSINodes = append(s.objects.CSINodes, &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: out.Name}, Spec: storagev1.CSINodeSpec{
			Drivers: []storagev1.CSINodeDriver{{Name: "ebs.csi.aws.com", NodeID: "i", Allocatable: &storagev1.VolumeNodeResources{
				Count: ptr(int32(rapid.IntRange(0, 3).Draw(s.t, "limit"))),
			}}},
		}})
	}
}

// claim is of an existing volume, or of one that is still to be made.
func (s *storage) claim(name string) {
	out := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
	out.Spec.StorageClassName = ptr(rapid.SampledFrom([]string{"any", "zonal"}).Draw(s.t, "class"))
	out.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{rapid.SampledFrom([]corev1.PersistentVolumeAccessMode{
		corev1.ReadWriteOnce, corev1.ReadWriteOncePod,
	}).Draw(s.t, "mode")}
	if s.one("bound", 2) {
		out.Spec.VolumeName = "pv-" + name
		out.Annotations = map[string]string{"pv.kubernetes.io/bind-completed": "yes"}
		s.volume(out)
	}
	s.objects.Claims = append(s.objects.Claims, out)
}

func (s *storage) volume(of *corev1.PersistentVolumeClaim) {
	requirement := rapid.SampledFrom([]corev1.NodeSelectorRequirement{
		{Key: ebsZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"eu-west-1a"}},
		{Key: ebsZone, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"eu-west-1a"}},
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"n0", "n9"}},
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"n1"}},
		{Key: shelf, Operator: corev1.NodeSelectorOpIn, Values: []string{"b"}},
		{Key: "nobody", Operator: corev1.NodeSelectorOpDoesNotExist},
	}).Draw(s.t, "where")
	out := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: of.Spec.VolumeName}, Spec: corev1.PersistentVolumeSpec{
		AccessModes: of.Spec.AccessModes, StorageClassName: *of.Spec.StorageClassName,
		Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		ClaimRef:               &corev1.ObjectReference{Namespace: of.Namespace, Name: of.Name, UID: of.UID},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: of.Name}},
		NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{requirement},
		}}}},
	}}
	if s.one("labelled", 4) {
		out.Labels = map[string]string{corev1.LabelTopologyZone: "eu-west-1a__eu-west-1b"}
	}
	s.objects.Volumes = append(s.objects.Volumes, out)
}

func (s *storage) workload(i int) {
	name := fmt.Sprintf("w%d", i)
	w := planning.Workload{Workload: workload.Workload{
		Key: workload.Key{Kind: workload.Deployment, Namespace: "shop", Name: name}, Replicas: rapid.IntRange(1, 3).Draw(s.t, "replicas"),
		Template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}},
	}}
	w.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(rapid.SampledFrom([]string{"100m", "700m"}).Draw(s.t, "cpu")),
	}
	if s.one("sandboxed", 4) {
		w.Template.Spec.RuntimeClassName = &s.class.Name
	}
	if shared := rapid.SampledFrom([]string{"", "", "one", "two"}).Draw(s.t, "shares"); shared != "" {
		w.Template.Spec.Volumes = []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: shared},
		}}}
	}
	if s.one("set", 2) {
		w.Kind, w.ClaimTemplates = workload.StatefulSet, []workload.ClaimTemplate{{Name: "disk", Class: ptr("any")}}
		for k := range w.Replicas {
			if s.one("there", 2) {
				s.claim(w.OwnClaims(k)[0])
			}
		}
	}
	s.plans = append(s.plans, w)
}

// replica is the pod that the controller of a workload makes, as admission leaves it, with the claims that come with it.
func (s *storage) replica(w *planning.Workload, i int) *corev1.Pod {
	template, err := workload.RuntimeClassesOf([]*nodev1.RuntimeClass{s.class}).Admit(w.Template)
	if err != nil {
		s.t.Fatal(err)
	}
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: w.Replica(i), UID: types.UID(w.Replica(i))}, Spec: *template.Spec.DeepCopy()}
	for k, name := range w.OwnClaims(i) {
		out.Spec.Volumes = append(out.Spec.Volumes, corev1.Volume{Name: w.ClaimTemplates[k].Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
		if !slices.ContainsFunc(s.objects.Claims, func(c *corev1.PersistentVolumeClaim) bool { return c.Name == name }) {
			s.objects.Claims = append(s.objects.Claims, &corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)},
				Spec: corev1.PersistentVolumeClaimSpec{
					StorageClassName: w.ClaimTemplates[k].Class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				},
			})
		}
	}
	return out
}

// TestPlansHeedVolumes plans random clusters and asks kube-scheduler's own filters about each replica on a node where the plan has one of
// its workload: some of the replicas can be given the nodes of the plan such that none is refused.
func TestPlansHeedVolumes(t *testing.T) {
	waits := storagev1.VolumeBindingWaitForFirstConsumer
	rapid.Check(t, func(rt *rapid.T) {
		s := &storage{t: rt, class: &nodev1.RuntimeClass{
			ObjectMeta: metav1.ObjectMeta{Name: "kata"}, Overhead: &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("400m")}},
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"kata": "yes"}, Tolerations: []corev1.Toleration{{Key: "kata", Operator: corev1.TolerationOpExists}}},
		}}
		s.objects.StorageClasses = []*storagev1.StorageClass{
			{ObjectMeta: metav1.ObjectMeta{Name: "any"}, Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &waits},
			{ObjectMeta: metav1.ObjectMeta{Name: "zonal"}, Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &waits, AllowedTopologies: []corev1.TopologySelectorTerm{{
				MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: ebsZone, Values: []string{"eu-west-1b"}}},
			}}},
		}
		for i := range rapid.IntRange(1, 4).Draw(rt, "nodes") {
			s.node(i)
		}
		s.claim("one")
		s.claim("two")
		for i := range rapid.IntRange(1, 4).Draw(rt, "workloads") {
			s.workload(i)
		}
		world, err := state.NewWorld(state.Objects{}, time.Unix(0, 0))
		if err != nil {
			rt.Fatal(err)
		}
		result, err := planning.Build(&planning.Input{
			World: world, Location: location.DefaultOptions(), Nodes: s.objects.Nodes, Workloads: s.plans, Claims: s.objects.Claims, Volumes: s.objects.Volumes,
			Classes: s.objects.StorageClasses, CSINodes: s.objects.CSINodes, RuntimeClasses: []*nodev1.RuntimeClass{s.class},
		})
		if err != nil {
			rt.Fatal(err)
		}
		plan, err := engine.Solve(result.Snapshot, engine.Options{Rounds: 30})
		if err != nil {
			rt.Fatal(err)
		}
		s.replay(result, plan)
	})
}

// replay gives the replicas of each workload in turn the nodes of the plan.
func (s *storage) replay(result *planning.Result, plan *engine.Plan) {
	pods := make([][]*corev1.Pod, len(result.Workloads))
	for i := range result.Workloads {
		for k := range result.Workloads[i].Replicas {
			pods[i] = append(pods[i], s.replica(&result.Workloads[i], k))
		}
	}
	f, err := New(s.objects)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for i, placement := range plan.Placements {
		var nodes []string
		for _, d := range placement.Decisions {
			for _, n := range d.Nodes {
				for range n.Replicas {
					nodes = append(nodes, result.Snapshot.Pools[d.Pool].Nodes[n.Node].Name)
				}
			}
		}
		if !s.give(f, pods[i], nodes) {
			s.t.Fatalf("%s: no %d of %d replicas fit on %v together; pins %+v, pools %v", result.Workloads[i].Key, len(nodes), len(pods[i]), nodes,
				result.Snapshot.Workloads[i].Pins, result.Snapshot.Workloads[i].Attachable)
		}
	}
}

// give finds a pod for each node, and counts it there.
func (s *storage) give(f *Filters, pods []*corev1.Pod, nodes []string) bool {
	if len(nodes) == 0 {
		return true
	}
	for i, pod := range pods {
		verdicts, err := f.Check(pod)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(verdicts.Pod)+len(verdicts.Nodes[nodes[0]]) > 0 {
			continue
		}
		if err := f.Assume(pod, nodes[0]); err != nil {
			s.t.Fatal(err)
		}
		if s.give(f, slices.Delete(slices.Clone(pods), i, i+1), nodes[1:]) {
			return true
		}
		if err := f.Forget(pod); err != nil {
			s.t.Fatal(err)
		}
	}
	return false
}
