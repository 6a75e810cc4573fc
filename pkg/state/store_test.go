package state

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

func newStore(t testing.TB, objects Objects) *Store {
	t.Helper()
	world, err := NewWorld(objects, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(world, location.DefaultOptions())
}

// awsNode is a node as EKS makes them.
func awsNode(name, region, instanceType string) *corev1.Node {
	zone := region + "a"
	allocatable := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("29"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelTopologyRegion: region, corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType,
			"eks.amazonaws.com/capacityType": "ON_DEMAND",
		}},
		Spec:   corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{Capacity: allocatable, Allocatable: allocatable},
	}
}

// replica is a pod of a Deployment's ReplicaSet that asks for half a core.
func replica(uid, deployment, hash, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: uid, UID: types.UID(uid), Labels: map[string]string{"app": deployment, "pod-template-hash": hash},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: deployment + "-" + hash, Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
		}}}},
	}
}

// TestPodsLetGo: a pod whose labels no longer match is let go by its controller, which makes another in its place. It counted as a replica
// as long as it lived, so that limits kept the other from where it was to be. Of a pod that is resized the old size counted.
func TestPodsLetGo(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	s.SetPod(replica("1", "web", "new", "a"))
	pod := replica("2", "web", "new", "a")
	s.SetPod(pod)
	revision := workload.Revision(pod)
	resized := pod.DeepCopy()
	resized.Generation = 2
	resized.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1500m")
	before := s.Revision(revision).HourlyUSD()
	s.SetPod(resized)
	if after := s.Revision(revision).HourlyUSD(); math.Abs(after-2*before) > 1e-9 {
		t.Errorf("with one of three times the size the replicas cost $%g, before $%g", after, before)
	}
	alone := resized.DeepCopy()
	alone.OwnerReferences = nil
	s.SetPod(alone)
	if view := s.Revision(revision); view.Placed() != 1 || view.Desired != 1 {
		t.Errorf("without the one that is let go %d are placed, %d wanted", view.Placed(), view.Desired)
	}
	s.SetPod(resized) // its labels match again
	if view := s.Revision(revision); view.Placed() != 2 {
		t.Errorf("with the one that is taken back %d are placed", view.Placed())
	}
}

func TestRevisionsAndWorkloads(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	s.SetNode(awsNode("b", "eu-west-1", "m5.large"))
	s.SetPod(replica("1", "web", "old", "a"))
	s.SetPod(replica("2", "web", "new", "a"))
	s.SetPod(replica("3", "web", "new", "b"))
	s.SetPod(replica("4", "web", "new", ""))
	revision := workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-new"}
	view := s.Revision(revision)
	if view.Placed() != 2 || view.Hosts != 2 || len(view.Classes) != 1 {
		t.Errorf("new revision: %d placed on %d hosts of %d classes, want 2 on 2 of 1", view.Placed(), view.Hosts, len(view.Classes))
	}
	if view.Desired != 3 {
		t.Errorf("without a controller its pods are counted: got %d, want 3", view.Desired)
	}
	s.SetController(&appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-new", Annotations: map[string]string{"deployment.kubernetes.io/desired-replicas": "5"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "web", Controller: ptr.To(true)}},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(3))},
	})
	if got := s.Revision(revision).Desired; got != 5 {
		t.Errorf("in a rollout the Deployment's replicas count: got %d, want 5", got)
	}
	if got := s.Workload(workload.Key{Namespace: "shop", Name: "web"}).Placed(); got != 3 {
		t.Errorf("workload over both revisions: got %d placed, want 3", got)
	}
	// m5.large on demand in eu-west-1 is $0.107/h in the catalog of 2025-05; half a core of two is a quarter.
	if got, want := view.HourlyUSD(), 2*0.107/4; math.Abs(got-want) > 1e-9 {
		t.Errorf("two replicas cost $%g/h, want $%g/h", got, want)
	}
	terminating := replica("3", "web", "new", "b")
	terminating.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	s.SetPod(terminating)
	if got := s.Revision(revision).Placed(); got != 1 {
		t.Errorf("a terminating replica does not count: got %d placed, want 1", got)
	}
}

func TestPodsSeenBeforeTheirNode(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetPod(replica("1", "web", "x", "late"))
	revision := workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-x"}
	if got := s.Revision(revision).Placed(); got != 0 {
		t.Fatalf("placed on an unknown node: %d", got)
	}
	s.SetNode(awsNode("late", "eu-west-1", "m5.large"))
	if got := s.Revision(revision).Placed(); got != 1 {
		t.Errorf("after the node appeared: got %d placed, want 1", got)
	}
	s.SetNode(awsNode("late", "us-east-1", "m5.large"))
	view := s.Revision(revision)
	if len(view.Classes) != 1 || view.Classes[0].Class.Region != "us-east-1" {
		t.Errorf("after the node's location changed: %+v", view.Classes)
	}
}

// TestNodeOfTheSameName: of a node that was made anew under its name the pods that it kept counted where the old one was.
func TestNodeOfTheSameName(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	s.SetPod(replica("1", "web", "x", "a"))
	s.DeleteNode("a")
	s.SetNode(awsNode("a", "us-east-1", "m5.xlarge"))
	view := s.Revision(workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-x"})
	if len(view.Classes) != 1 || view.Classes[0].Class.Region != "us-east-1" || view.Placed() != 1 {
		t.Errorf("the replica counts in %+v", view.Classes)
	}
}

// BenchmarkPricesOfFullNodes changes the price of 1,000 nodes with 20,000 pods.
func BenchmarkPricesOfFullNodes(b *testing.B) {
	s := newStore(b, Objects{})
	const nodes, pods = 1000, 20_000
	for i := range nodes {
		s.SetNode(awsNode(fmt.Sprintf("n%d", i), "eu-west-1", "m5.large"))
	}
	for i := range pods {
		s.SetPod(replica(fmt.Sprint(i), "web", "x", fmt.Sprintf("n%d", i%nodes)))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for k := range nodes {
			s.SetNode(awsNode(fmt.Sprintf("n%d", k), "eu-west-1", []string{"m5.xlarge", "m5.large"}[i%2]))
		}
	}
}

func TestAssumeAndForget(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	revision := workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-x"}
	pending := replica("1", "web", "x", "")
	s.SetPod(pending)
	s.Assume(pending, "a")
	s.SetPod(pending) // an update that does not know of the node yet
	if got := s.Revision(revision).Placed(); got != 1 {
		t.Errorf("assumed: got %d placed, want 1", got)
	}
	s.Forget(pending)
	if got := s.Revision(revision); got.Placed() != 0 || got.Desired != 1 {
		t.Errorf("forgotten: got %d placed of %d, want 0 of 1", got.Placed(), got.Desired)
	}
	unseen := replica("2", "web", "x", "")
	s.Assume(unseen, "a")
	s.Forget(unseen)
	if got := s.Revision(revision).Desired; got != 1 {
		t.Errorf("a pod that was only assumed is gone: got %d desired, want 1", got)
	}
	s.DeletePod("1")
	if known, ok := s.workloads.revisions[revision]; ok {
		t.Errorf("a revision without pods and controller is kept: %v", known)
	}
}

// TestNodeIsTheCallersVersion: a decision is never made from another version of a node than the scheduler's.
func TestNodeIsTheCallersVersion(t *testing.T) {
	s := newStore(t, Objects{})
	before, after := awsNode("a", "eu-west-1", "m5.large"), awsNode("a", "us-east-1", "m5.large")
	s.SetNode(before)
	if got := s.Node(after).Class.Country; got != "US" {
		t.Errorf("a version that the store has not seen: country %q, want US", got)
	}
	s.SetNode(after)
	if got := s.Node(before).Class.Country; got != "IE" {
		t.Errorf("a version that the store has replaced: country %q, want IE", got)
	}
}

func TestNamespacesThatAreNotKnownDecideNothing(t *testing.T) {
	policy := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	policy.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}}
	policy.Spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	s := newStore(t, Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{policy}})
	pod := replica("1", "web", "x", "")
	if _, ok := s.Rules(pod); ok {
		t.Error("rules were given for a pod of a namespace whose labels are not known")
	}
	s.SetNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "payments"}}})
	if rules, ok := s.Rules(pod); !ok || len(rules.Residency) != 1 {
		t.Error("the policy does not select by the namespace's labels")
	}
}

func TestVolumesAreUnderTheLawToo(t *testing.T) {
	policy := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}}
	policy.Spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	volume := func(zone string) *corev1.PersistentVolume {
		pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}}
		pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}
		if zone != "" {
			pv.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "topology.ebs.csi.aws.com/zone", Operator: "In", Values: []string{zone}}},
			}}}}
		}
		return pv
	}
	network := volume("")
	network.Spec.CSI.Driver = "nfs.csi.k8s.io"
	class := func(mode storagev1.VolumeBindingMode, zones ...string) *storagev1.StorageClass {
		sc := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &mode}
		if len(zones) > 0 {
			sc.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{
				{Key: "topology.ebs.csi.aws.com/zone", Values: zones},
			}}}
		}
		return sc
	}
	const waits, immediate = storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	for _, tt := range []struct {
		name    string
		bound   *corev1.PersistentVolume
		class   *storagev1.StorageClass
		allowed bool
	}{
		{"bound in the EU", volume("eu-west-1a"), nil, true},
		{"bound in the US", volume("us-east-1a"), nil, false},
		{"bound, a network volume somewhere", network, nil, false},
		{"bound, a disk that attaches in its own region only", volume(""), nil, true},
		{"waits for the node", nil, class(waits), true},
		{"waits, allowed in the US only", nil, class(waits, "us-east-1a"), false},
		{"waits, allowed in both", nil, class(waits, "us-east-1a", "eu-west-1a"), true},
		{"immediate, allowed in both", nil, class(immediate, "us-east-1a", "eu-west-1a"), false},
		{"immediate, in the EU", nil, class(immediate, "eu-west-1a"), true},
		{"immediate, nobody knows where", nil, class(immediate), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t, Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{policy}})
			claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}}
			if tt.bound != nil {
				claim.Spec.VolumeName = tt.bound.Name
				s.SetVolume(tt.bound)
			} else {
				claim.Spec.StorageClassName = ptr.To(tt.class.Name)
				s.SetStorageClass(tt.class)
			}
			s.SetClaim(claim)
			pod := replica("1", "web", "x", "")
			pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}}
			rules, _ := s.Rules(pod)
			if reason := s.VolumeReason(rules.Effective, pod); (reason == "") != tt.allowed {
				t.Errorf("allowed is %v, want %v (reason %q)", reason == "", tt.allowed, reason)
			}
		})
	}
}

// TestVolumesAgainst: the policies named are those whose residency the volume breaks; where each could be met but not all at one
// place, all of them.
func TestVolumesAgainst(t *testing.T) {
	var policies []*v1alpha1.PlacementPolicy
	for _, law := range []string{"EU", "IE", "US"} {
		policy := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: law}}
		policy.Spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{law}}
		policies = append(policies, policy)
	}
	for _, tt := range []struct {
		zones []string
		want  string
	}{
		{[]string{"eu-west-1a"}, "US"},
		{[]string{"eu-central-1a"}, "IE US"},
		{[]string{"us-east-1a"}, "EU IE"},
		{[]string{"us-east-1a", "eu-west-1a"}, "EU IE US"},
	} {
		s := newStore(t, Objects{PlacementPolicies: policies})
		mode := storagev1.VolumeBindingWaitForFirstConsumer
		s.SetStorageClass(&storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &mode,
			AllowedTopologies: []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{
				{Key: "topology.ebs.csi.aws.com/zone", Values: tt.zones},
			}}},
		})
		s.SetClaim(&corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("fast")},
		})
		pod := replica("1", "web", "x", "")
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}
		rules, _ := s.Rules(pod)
		against := s.VolumeAgainst(rules.Effective, pod)
		var got []string
		for _, source := range against.Sources {
			got = append(got, source.Name)
		}
		slices.Sort(got)
		if against.Reason == "" || strings.Join(got, " ") != tt.want {
			t.Errorf("in %v: %q by %v, want by %s", tt.zones, against.Reason, got, tt.want)
		}
	}
}

// TestCountsAreThoseOfARecount applies random changes, some of them at once, and compares with counting the outcome.
func TestCountsAreThoseOfARecount(t *testing.T) {
	regions := []string{"eu-west-1", "us-east-1"}
	rapid.Check(t, func(t *rapid.T) {
		world, err := NewWorld(Objects{}, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		s := NewStore(world, location.DefaultOptions())
		nodes, pods, assumed := map[string]string{}, map[string]string{}, map[string]bool{}
		var concurrent sync.WaitGroup
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			uid := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "pod"))
			node := fmt.Sprint("n", rapid.IntRange(0, 3).Draw(t, "node"))
			revision := "r" + string(uid[0]%2+'0')
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				region := rapid.SampledFrom(regions).Draw(t, "region")
				nodes[node] = region
				s.SetNode(awsNode(node, region, "m5.large"))
			case 1:
				pods[uid] = node
				delete(assumed, uid)
				s.SetPod(replica(uid, "web", revision, node))
			case 2:
				delete(pods, uid)
				delete(assumed, uid)
				s.DeletePod(types.UID(uid))
			case 3:
				if _, placed := pods[uid]; placed {
					continue
				}
				pods[uid], assumed[uid] = node, true
				s.Assume(replica(uid, "web", revision, ""), node)
			default:
				pod := replica(uid, "web", revision, "")
				if assumed[uid] {
					delete(pods, uid)
					delete(assumed, uid)
				}
				s.Forget(pod)
			}
			concurrent.Add(1)
			go func() { // recounts of the same pods race with the changes above
				defer concurrent.Done()
				if known, ok := s.NodeNamed(node); ok {
					s.workloads.nodeChanged(known)
				}
			}()
		}
		concurrent.Wait()
		want := map[string]int{}
		hosts := map[string]map[string]bool{}
		for uid, node := range pods {
			if region, known := nodes[node]; known {
				key := "web-r" + string(uid[0]%2+'0')
				want[key+" "+region]++
				if hosts[key] == nil {
					hosts[key] = map[string]bool{}
				}
				hosts[key][node] = true
			}
		}
		got := map[string]int{}
		for _, name := range []string{"web-r0", "web-r1"} {
			view := s.Revision(workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: name})
			for _, entry := range view.Classes {
				got[name+" "+entry.Class.Region] += entry.Replicas
			}
			if view.Hosts != len(hosts[name]) {
				t.Fatalf("%s is on %d hosts, want %d", name, view.Hosts, len(hosts[name]))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// A replica that was chosen while the last other one of its revision went was counted in a group that was just forgotten, and so not
// at all: the next replicas were placed as if it were not there.
func TestReplicasThatComeAndGoAtOnceAreCounted(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	last, next := replica("1", "web", "x", "a"), replica("2", "web", "x", "")
	for range 5000 {
		s.SetPod(last)
		var both sync.WaitGroup
		both.Go(func() { s.Assume(next, "a") })
		both.Go(func() { s.DeletePod(last.UID) })
		both.Wait()
		if view := s.Revision(workload.Revision(next)); view.Placed() != 1 || view.Hosts != 1 || view.Desired != 1 {
			t.Fatalf("%d of %d placed on %d hosts, want 1 of 1 on 1", view.Placed(), view.Desired, view.Hosts)
		}
		s.Forget(next)
	}
}

var sink *rules.View

func BenchmarkRevision(b *testing.B) {
	s := newStore(b, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	for i := range 1000 {
		s.SetPod(replica(fmt.Sprint(i), "web", "x", "a"))
	}
	b.ReportAllocs()
	for b.Loop() {
		sink = s.Revision(workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-x"})
	}
}

// BenchmarkRevisionWhilePodsCome is what a cycle pays to ask where replicas are while others are counted all the time.
func BenchmarkRevisionWhilePodsCome(b *testing.B) {
	s := newStore(b, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	for i := range 1000 {
		s.SetPod(replica(fmt.Sprint(i), "web", "x", "a"))
	}
	done, counting := make(chan struct{}), sync.WaitGroup{}
	counting.Go(func() {
		pod := replica("one more", "web", "x", "")
		for {
			select {
			case <-done:
				return
			default:
				s.Assume(pod, "a")
				s.Forget(pod)
			}
		}
	})
	for b.Loop() {
		sink = s.Revision(workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web-x"})
	}
	close(done)
	counting.Wait()
}

// BenchmarkAssume is what a cycle pays to count the replica that it has placed.
func BenchmarkAssume(b *testing.B) {
	s := newStore(b, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	pod := replica("one more", "web", "x", "")
	b.ReportAllocs()
	for b.Loop() {
		s.Assume(pod, "a")
		s.Forget(pod)
	}
}
