package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// liveShop is a cluster of two clouds. Policies with failover select web, which Tradewind's scheduler places, legacy, which another
// one does, and the Job batch, of whose nine completions one is missing; Tradewind's scheduler places free too. All run in AWS.
func liveShop(t *testing.T) *state.Snapshot {
	t.Helper()
	lists := state.Lists{Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}}
	size := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	for name, at := range map[string][3]string{
		"a": {"eu-west-1", "eu-west-1a", "aws:///eu-west-1a/i-0123456789abcdef0"},
		"g": {"europe-west1", "europe-west1-b", "gce://p/europe-west1-b/g"},
	} {
		lists.Nodes = append(lists.Nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyRegion: at[0], corev1.LabelTopologyZone: at[1]}},
			Spec:       corev1.NodeSpec{ProviderID: at[2]}, Status: corev1.NodeStatus{Allocatable: size, Capacity: size},
		})
	}
	meta := func(name, ownerKind, owner string) metav1.ObjectMeta {
		out := metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}
		if owner != "" {
			out.OwnerReferences = []metav1.OwnerReference{{Kind: ownerKind, Name: owner, Controller: ptr.To(true)}}
		}
		return out
	}
	template := func(app, scheduler string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}}, Spec: corev1.PodSpec{
			SchedulerName: scheduler, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
			}}}},
		}}
	}
	pod := func(meta metav1.ObjectMeta, from corev1.PodTemplateSpec) {
		meta.Labels = from.Labels
		spec := *from.Spec.DeepCopy()
		spec.NodeName = "a"
		lists.Pods = append(lists.Pods, &corev1.Pod{ObjectMeta: meta, Spec: spec, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
	}
	for app, scheduler := range map[string]string{"web": "tradewind", "legacy": "default-scheduler", "free": "tradewind"} {
		from := template(app, scheduler)
		lists.Deployments = append(lists.Deployments, &appsv1.Deployment{
			ObjectMeta: meta(app, "", ""), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Template: from},
		})
		lists.ReplicaSets = append(lists.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: meta(app+"-1", "Deployment", app)})
		for i := range 2 {
			pod(meta(fmt.Sprintf("%s-1-%d", app, i), "ReplicaSet", app+"-1"), from)
		}
	}
	batch := template("batch", "tradewind")
	lists.Jobs = append(lists.Jobs, &batchv1.Job{
		ObjectMeta: meta("batch", "", ""), Status: batchv1.JobStatus{Succeeded: 8},
		Spec: batchv1.JobSpec{Parallelism: ptr.To[int32](4), Completions: ptr.To[int32](9), Template: batch},
	})
	pod(meta("batch-x", "Job", "batch"), batch)
	for _, app := range []string{"web", "legacy", "batch"} {
		policy := &v1alpha1.PlacementPolicy{ObjectMeta: meta(app, "", "")}
		policy.Spec.WorkloadSelector.MatchLabels = map[string]string{"app": app}
		policy.Spec.Failover = &v1alpha1.Failover{}
		lists.PlacementPolicies = append(lists.PlacementPolicies, policy)
	}
	snapshot, err := state.NewSnapshot(lists, location.DefaultOptions(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// TestPlanLive: drain and drill once planned what a scheduler in --scheduler-names places, and a Job with its parallelism, where the
// controller plans what a policy selects and what is left of a Job.
func TestPlanLive(t *testing.T) {
	snapshot := liveShop(t)
	now, err := planLive(snapshot, snapshot.World(), location.DefaultOptions(), engine.ObjectiveInvoice)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range now.result.Workloads {
		got = append(got, fmt.Sprintf("%s: %d", now.result.Workloads[i].Key, now.result.Workloads[i].Replicas))
	}
	if want := []string{"Job shop/batch: 1", "Deployment shop/legacy: 2", "Deployment shop/web: 2"}; !slices.Equal(got, want) {
		t.Errorf("planned are %q, want %q", got, want)
	}
}

// TestDrainPreview: what is placed by Tradewind's schedulers is moved, whether or not a policy selected it before.
func TestDrainPreview(t *testing.T) {
	place, err := parsePlace("drain", "cloud=aws")
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{flags: newClusterFlags(), place: place, schedulers: defaultSchedulers, objective: string(engine.ObjectiveInvoice)}
	preview, err := d.preview(liveShop(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range preview.Workloads {
		w := &preview.Workloads[i]
		got = append(got, fmt.Sprintf("%s: %d to %v", w.key(), w.Replicas, w.To))
	}
	if want := []string{
		"Deployment shop/free: 2 to [{gcp-europe-west1-b 2}]", "Deployment shop/web: 2 to [{gcp-europe-west1-b 2}]",
	}; !slices.Equal(got, want) {
		t.Errorf("moved are %q, want %q", got, want)
	}
	if preview.OtherPods["of other schedulers"] != 2 || preview.OtherPods["of Jobs"] != 1 {
		t.Errorf("other pods are %v", preview.OtherPods)
	}
	if err := preview.refusal(); err != nil {
		t.Error(err)
	}
}

// TestDrainLeavesWhatIsKept: a pod that the controller never evicts was counted among those that move, and waited for without end.
func TestDrainLeavesWhatIsKept(t *testing.T) {
	d := &drain{schedulers: defaultSchedulers}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web-0", Annotations: map[string]string{"karpenter.sh/do-not-disrupt": "true"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Controller: ptr.To(true)}},
	}, Spec: corev1.PodSpec{SchedulerName: "tradewind"}}
	if got := d.stays(pod); got != "kept by the annotation karpenter.sh/do-not-disrupt" {
		t.Errorf("it stays because %q", got)
	}
	if pod.Annotations = nil; d.stays(pod) != "" {
		t.Errorf("without the annotation it stays because %q", d.stays(pod))
	}
}

// TestDrillRows says of each workload in the place whether its replicas are replaced, as the controller would.
func TestDrillRows(t *testing.T) {
	place, err := parsePlace("--lose", "cloud=aws")
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{flags: newClusterFlags(), place: place, lose: "cloud=aws", schedulers: defaultSchedulers, objective: string(engine.ObjectiveInvoice)}
	drilled, _, err := d.prepare(liveShop(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range drilled.Workloads {
		w := &drilled.Workloads[i]
		got = append(got, fmt.Sprintf("%s %s %d of %d: %t %s", w.Kind, w.Name, w.LostReplicas, w.Replicas, w.Failover, w.Reason))
	}
	if want := []string{
		"Job batch 1 of 1: false Jobs are left to Kubernetes", "Deployment free 2 of 2: false no policy of it sets failover",
		"Deployment legacy 2 of 2: false another scheduler places it", "Deployment web 2 of 2: true ",
	}; !slices.Equal(got, want) {
		t.Errorf("the drill's workloads are %q, want %q", got, want)
	}
}
