package state

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

func planFor(kind, name string, replicas int32, decisions ...v1alpha1.PlacementDecision) *v1alpha1.Placement {
	return &v1alpha1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: PlacementName(kind, name)},
		Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: kind, Name: name}},
		Status:     v1alpha1.PlacementStatus{Replicas: replicas, Decisions: decisions},
	}
}

func on(cloud, region string, capacityType v1alpha1.CapacityType, replicas int32) v1alpha1.PlacementDecision {
	return v1alpha1.PlacementDecision{Pool: cloud + "-" + region, Cloud: cloud, Region: region, CapacityType: capacityType, Replicas: replicas}
}

func classAt(id int, cloud, region, zone string, capacityType v1alpha1.CapacityType) *rules.Class {
	return &rules.Class{ID: id, Node: location.Node{
		Location: location.Location{Cloud: cloud, Region: region, Zone: zone}, InstanceType: "m7i.large", CapacityType: capacityType,
	}}
}

func podOf(kind, name, hash string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "pod", Labels: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: name, Controller: ptr.To(true)}},
	}}
	if hash != "" {
		pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	}
	return pod
}

// TestTargetsOf is about which plan is a pod's.
func TestTargetsOf(t *testing.T) {
	store := NewStore(emptyWorld(t), location.DefaultOptions())
	onAWS := on("aws", "eu-west-1", v1alpha1.CapacityOnDemand, 2)
	for _, object := range []*v1alpha1.Placement{
		planFor("Deployment", "web", 2, onAWS), planFor("StatefulSet", "db", 2, onAWS), planFor("ReplicaSet", "bare-1", 2, onAWS),
		planFor("Deployment", "undecided", 2),
	} {
		store.SetPlacement(object)
	}
	foreign := planFor("Deployment", "other", 2, onAWS)
	foreign.Name = "by-hand"
	store.SetPlacement(foreign)
	if store.Planned() != 3 {
		t.Errorf("there are %d plans", store.Planned())
	}
	for _, c := range []struct {
		kind, name, hash, want string
	}{
		{"ReplicaSet", "web-5d9", "5d9", "Placement shop/deployment-web"},
		{"ReplicaSet", "web-5d9", "", ""},
		{"ReplicaSet", "bare-1", "", "Placement shop/replicaset-bare-1"},
		{"StatefulSet", "db", "", "Placement shop/statefulset-db"},
		{"Deployment", "db", "", ""},
		{"ReplicaSet", "undecided-1", "1", ""},
		{"ReplicaSet", "other-1", "1", ""},
	} {
		got := ""
		if targets := store.Targets(podOf(c.kind, c.name, c.hash)); targets != nil {
			got = targets.Placement
		}
		if got != c.want {
			t.Errorf("%s %s with hash %q: %q, want %q", c.kind, c.name, c.hash, got, c.want)
		}
	}
	if store.Targets(&corev1.Pod{}) != nil {
		t.Error("a pod of no workload has a plan")
	}
	store.deletePlacement(foreign) // it never counted
	store.deletePlacement(planFor("StatefulSet", "db", 0))
	if store.Targets(podOf("StatefulSet", "db", "")) != nil || store.Planned() != 2 {
		t.Error("a deleted plan is followed")
	}
}

// TestOnPlacement is about which changes retry pods: those of decisions.
func TestOnPlacement(t *testing.T) {
	store := NewStore(emptyWorld(t), location.DefaultOptions())
	told := 0
	store.OnPlacement(func(workload.Key) { told++ })
	for _, step := range []struct {
		name string
		plan *v1alpha1.Placement
		want int
	}{
		{"new", planFor("Deployment", "web", 2, on("aws", "eu-west-1", "spot", 2)), 1},
		{"the same", planFor("Deployment", "web", 2, on("aws", "eu-west-1", "spot", 2)), 0},
		{"elsewhere", planFor("Deployment", "web", 2, on("gcp", "europe-west1", "spot", 2)), 1},
		{"fewer", planFor("Deployment", "web", 1, on("gcp", "europe-west1", "spot", 1)), 1},
		{"none", planFor("Deployment", "web", 1), 1},
		{"still none", planFor("Deployment", "web", 1), 0},
	} {
		told = 0
		if store.SetPlacement(step.plan); told != step.want {
			t.Errorf("%s: told %d times, want %d", step.name, told, step.want)
		}
	}
}

// TestTargets is about where the plan has room.
func TestTargets(t *testing.T) {
	aws := classAt(0, "aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	awsB := classAt(1, "aws", "eu-west-1", "eu-west-1b", v1alpha1.CapacityOnDemand)
	spot := classAt(2, "aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacitySpot)
	gcp := classAt(3, "gcp", "europe-west1", "", v1alpha1.CapacityOnDemand)
	azure := classAt(4, "azure", "westeurope", "", v1alpha1.CapacityOnDemand)
	unknown := classAt(5, "", "", "", "")
	inZone := on("aws", "eu-west-1", v1alpha1.CapacityOnDemand, 1)
	inZone.Zone = "eu-west-1a"
	plan := newTargets(planFor("Deployment", "web", 4, on("aws", "eu-west-1", v1alpha1.CapacityOnDemand, 2), inZone, on("gcp", "europe-west1", "", 1)))
	const outsideText, filledText = "outside the plan of Placement shop/deployment-web", "with all the replicas that Placement shop/deployment-web plans there"
	for _, c := range []struct {
		name    string
		running *rules.View
		want    []string // for aws, awsB, spot, gcp, azure, unknown
	}{
		{"nothing runs", &rules.View{Desired: 4}, []string{"", "", outsideText, "", outsideText, outsideText}},
		{"the zone is full", &rules.View{Desired: 4, Classes: []rules.ClassReplicas{{Class: aws, Replicas: 1}}},
			[]string{filledText, "", outsideText, "", outsideText, outsideText}},
		{"replicas elsewhere fill nothing", &rules.View{Desired: 4, Classes: []rules.ClassReplicas{{Class: azure, Replicas: 4}}},
			[]string{"", "", outsideText, "", outsideText, outsideText}},
		{"all full", &rules.View{Desired: 4, Classes: []rules.ClassReplicas{{Class: aws, Replicas: 1}, {Class: awsB, Replicas: 2}, {Class: gcp, Replicas: 1}}},
			[]string{filledText, filledText, outsideText, filledText, outsideText, outsideText}},
		{"twice as many wanted", &rules.View{Desired: 8, Classes: []rules.ClassReplicas{{Class: aws, Replicas: 1}, {Class: awsB, Replicas: 4}, {Class: gcp, Replicas: 2}}},
			[]string{"", filledText, outsideText, filledText, outsideText, outsideText}},
	} {
		room := plan.Room(c.running)
		var got []string
		for _, class := range []*rules.Class{aws, awsB, spot, gcp, azure, unknown} {
			got = append(got, plan.Reason(class, room))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	full := &rules.View{Desired: 4, Classes: []rules.ClassReplicas{{Class: aws, Replicas: 1}}}
	if got := plan.Open(full); len(got) != 3 || !strings.HasPrefix(got[1], "aws/eu-west-1//") {
		t.Errorf("open are %q", got)
	}
}

// TestTargetsHoldAll checks against counting one by one that a workload that goes only where the plan has room fills every
// place, and none beyond its share.
func TestTargetsHoldAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clouds := []string{"aws", "azure", "gcp", "ovh"}
		var classes []*rules.Class
		for i, cloud := range clouds {
			classes = append(classes, classAt(i, cloud, "r", "", v1alpha1.CapacityOnDemand))
		}
		planned := int32(0)
		var decisions []v1alpha1.PlacementDecision
		for _, cloud := range clouds[:rapid.IntRange(1, 4).Draw(t, "places")] {
			replicas := rapid.Int32Range(1, 5).Draw(t, cloud)
			decisions, planned = append(decisions, on(cloud, "r", v1alpha1.CapacityOnDemand, replicas)), planned+replicas
		}
		targets := newTargets(planFor("Deployment", "web", planned, decisions...))
		wanted := rapid.IntRange(1, 30).Draw(t, "wanted")
		view := &rules.View{Desired: wanted}
		placed := map[string]int{}
		for range wanted {
			room := targets.Room(view)
			var open []*rules.Class
			for _, class := range classes {
				if targets.Reason(class, room) == "" {
					open = append(open, class)
				}
			}
			if len(open) == 0 {
				t.Fatalf("no place for one more of %d with %v placed by %+v", wanted, placed, decisions)
			}
			chosen := rapid.SampledFrom(open).Draw(t, "chosen")
			placed[chosen.Cloud]++
			view = view.With(chosen, 1, 0, 0)
		}
		for _, d := range decisions {
			if share := float64(d.Replicas) * float64(wanted) / float64(planned); float64(placed[d.Cloud]) >= share+1 {
				t.Fatalf("%d on %s, whose share is %g", placed[d.Cloud], d.Cloud, share)
			}
			delete(placed, d.Cloud)
		}
		if len(placed) > 0 {
			t.Fatalf("outside the plan: %v", placed)
		}
	})
}

func TestPlacementName(t *testing.T) {
	if got := PlacementName("StatefulSet", "db"); got != "statefulset-db" {
		t.Errorf("got %s", got)
	}
	long := strings.Repeat("a", 250)
	one, other := PlacementName("Deployment", long+"1"), PlacementName("Deployment", long+"2")
	if one == other || len(one) > 253 || !strings.HasPrefix(one, "deployment-aaa") {
		t.Errorf("got %s and %s", one, other)
	}
}

func emptyWorld(t *testing.T) *World {
	t.Helper()
	world, err := NewWorld(Objects{}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return world
}
