package residency_test

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/plugins/plugintest"
	"tradewind.dev/tradewind/plugins/residency"
)

const europe = "workloadSelector: {matchLabels: {app: web}}\nresidency: {jurisdictions: [EU]}"

func TestFilter(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe).Set(
		plugintest.AWS("ireland", "eu-west-1a", "m5.large"), plugintest.AWS("virginia", "us-east-1a", "m5.large"),
		plugintest.Private("luxembourg", "lux-1", "LU"), plugintest.Unknown("somewhere"),
	)
	cycle := c.Cycle(plugintest.Replica("web-1", "web", ""))
	want := map[string]string{"virginia": "outside residency EU", "somewhere": "without a known country (residency EU)"}
	if got := cycle.Refused(); !maps.Equal(got, want) {
		t.Errorf("refused %v, want %v", got, want)
	}
	if code := cycle.Filter("virginia").Code(); code != fwk.UnschedulableAndUnresolvable {
		t.Errorf("code %s: preemption would look for victims where the pod may not run", code)
	}
	if status := cycle.Filter("virginia"); status.Plugin() != residency.Name {
		t.Errorf("refused by %s", status.Plugin())
	}
}

// The rules are about what a node says of itself in the scheduler's own snapshot, not in a newer or older version.
func TestFilterLooksAtTheSnapshotsNode(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe).Set(plugintest.Private("node", "lux-1", "LU"))
	cycle := c.Cycle(plugintest.Replica("web-1", "web", ""))
	c.Live.SetNode(plugintest.Private("node", "us-1", "US"))
	if status := cycle.Filter("node"); !status.IsSuccess() {
		t.Errorf("the snapshot's node is in Luxembourg: %v", status.Reasons())
	}
	c.Set(plugintest.Private("node", "us-1", "US"))
	if status := c.Cycle(plugintest.Replica("web-1", "web", "")).Filter("node"); status.IsSuccess() {
		t.Error("the next snapshot's node is in the United States")
	}
}

func TestSkipsPodsWithoutRules(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe).Set(plugintest.AWS("virginia", "us-east-1a", "m5.large"))
	cycle := c.Cycle(plugintest.Replica("db-1", "db", ""))
	if !cycle.Status.IsSuccess() || !cycle.State.GetSkipFilterPlugins().Has(residency.Name) {
		t.Errorf("status %v, skipped %v", cycle.Status, cycle.State.GetSkipFilterPlugins())
	}
}

// What preemption tries with other pods changes nothing of the law.
func TestOtherPodsChangeNothing(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe).Set(plugintest.AWS("virginia", "us-east-1a", "m5.large"))
	other := plugintest.Replica("web-1", "web", "virginia")
	cycle := c.Set(other).Cycle(plugintest.Replica("web-2", "web", ""))
	if status := cycle.Remove(other, "virginia"); !status.IsSuccess() {
		t.Errorf("without another pod: %v", status)
	}
	if status := cycle.Filter("virginia"); status.Code() != fwk.UnschedulableAndUnresolvable {
		t.Errorf("a node in Virginia: %v", status)
	}
}

func withClaim(pod *corev1.Pod, claim string) *corev1.Pod {
	pod.Spec.Volumes = []corev1.Volume{{Name: claim, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}}}
	return pod
}

func claim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: volume, StorageClassName: ptr.To("fast")},
	}
}

// volume is a volume in a zone of AWS.
func volume(name, zone string) *corev1.PersistentVolume {
	in := func(key, value string) corev1.NodeSelectorRequirement {
		return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{value}}
	}
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}},
		NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{
				in(corev1.LabelTopologyZone, zone), in(corev1.LabelTopologyRegion, zone[:len(zone)-1]),
			},
		}}}},
	}}
}

func TestVolumesHoldPodsBack(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe).Set(plugintest.AWS("ireland", "eu-west-1a", "m5.large"),
		claim("home", "pv-home"), volume("pv-home", "eu-west-1a"), claim("abroad", "pv-abroad"), volume("pv-abroad", "us-east-1a"))
	if cycle := c.Cycle(withClaim(plugintest.Replica("web-1", "web", ""), "home")); !cycle.Status.IsSuccess() {
		t.Errorf("a volume in Ireland: %v", cycle.Status)
	}
	cycle := c.Cycle(withClaim(plugintest.Replica("web-2", "web", ""), "abroad"))
	if cycle.Status.Code() != fwk.UnschedulableAndUnresolvable || cycle.Status.Message() != "the volume of claim abroad is outside residency EU" {
		t.Errorf("a volume in Virginia: %s %q", cycle.Status.Code(), cycle.Status.Message())
	}
	if cycle := c.Cycle(withClaim(plugintest.Replica("db-1", "db", ""), "abroad")); !cycle.Status.IsSuccess() {
		t.Errorf("a pod without rules: %v", cycle.Status)
	}
}

func TestNodesWakePods(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe)
	waiting := plugintest.Replica("web-1", "web", "")
	ireland, virginia := plugintest.AWS("node", "eu-west-1a", "m5.large"), plugintest.AWS("node", "us-east-1a", "m5.large")
	for _, tt := range []struct {
		name          string
		before, after any
		want          bool
	}{
		{"an allowed node comes", nil, ireland, true},
		{"another node comes", nil, virginia, false},
		{"a node becomes allowed", virginia, ireland, true},
		{"a node stays allowed", ireland, plugintest.Labelled(ireland, map[string]string{"a": "b"}), false},
		{"a node goes", ireland, nil, false},
	} {
		event := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel | fwk.Delete}
		if got := c.Hints(event, waiting, tt.before, tt.after)[residency.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestVolumesWakePods(t *testing.T) {
	c := plugintest.New(t).Policy("web", europe)
	without, with := plugintest.Replica("web-1", "web", ""), withClaim(plugintest.Replica("web-2", "web", ""), "home")
	ephemeral := plugintest.Replica("web-3", "web", "")
	ephemeral.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}}}
	elsewhere := claim("home", "")
	elsewhere.Namespace = "other"
	for _, tt := range []struct {
		name     string
		resource fwk.EventResource
		pod      *corev1.Pod
		after    any
		want     bool
	}{
		{"its claim", fwk.PersistentVolumeClaim, with, claim("home", ""), true},
		{"the claim of its ephemeral volume", fwk.PersistentVolumeClaim, ephemeral, claim("web-3-scratch", ""), true},
		{"another claim", fwk.PersistentVolumeClaim, with, claim("abroad", ""), false},
		{"a claim of its name in another namespace", fwk.PersistentVolumeClaim, with, elsewhere, false},
		{"a claim, without volumes", fwk.PersistentVolumeClaim, without, claim("home", ""), false},
		{"any volume", fwk.PersistentVolume, with, volume("pv", "eu-west-1a"), true},
		{"any volume, without volumes", fwk.PersistentVolume, without, volume("pv", "eu-west-1a"), false},
		{"any class", fwk.StorageClass, with, &storagev1.StorageClass{}, true},
	} {
		event := fwk.ClusterEvent{Resource: tt.resource, ActionType: fwk.Add | fwk.Update}
		if got := c.Hints(event, tt.pod, nil, tt.after)[residency.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}

// A hint is told of a volume by the scheduler, and may be before the state is told by its informers: the pod that it retries sees
// the volume all the same, and never an older one than the state has.
func TestVolumesAreHeardOfByHints(t *testing.T) {
	version := func(of *corev1.PersistentVolume, version string) *corev1.PersistentVolume {
		of.ResourceVersion = version
		return of
	}
	ireland, virginia := version(volume("pv-home", "eu-west-1a"), "2"), version(volume("pv-home", "us-east-1a"), "1")
	waiting := withClaim(plugintest.Replica("web-1", "web", ""), "home")
	const unseen = "the volume of claim home is without a known country (residency EU)"
	for _, tt := range []struct {
		name string
		// listed is what the scheduler's informers have, and seen what the state was told.
		listed, seen, hinted *corev1.PersistentVolume
		want                 string
	}{
		{"the state has not heard of it", ireland, nil, ireland, ""},
		{"the state has an older one", ireland, virginia, ireland, ""},
		{"the state has a newer one", ireland, ireland, virginia, ""},
		{"it is gone meanwhile", nil, nil, ireland, unseen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := plugintest.New(t).Policy("web", europe).Set(plugintest.AWS("ireland", "eu-west-1a", "m5.large"), claim("home", "pv-home"), waiting)
			if tt.seen != nil {
				c.Set(tt.seen)
			}
			if tt.listed != nil {
				c.Listed(tt.listed)
			}
			event := fwk.ClusterEvent{Resource: fwk.PersistentVolume, ActionType: fwk.Update}
			if !c.Hints(event, waiting, nil, tt.hinted)[residency.Name] {
				t.Error("the pod is not retried")
			}
			if status := c.Cycle(waiting).Status; status.Message() != tt.want {
				t.Errorf("the retried pod: %q, want %q", status.Message(), tt.want)
			}
		})
	}
}
