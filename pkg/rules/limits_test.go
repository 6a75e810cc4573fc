package rules

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// many are policies that select all pods and forbid 32 zones each, the very same ones or each its own, and limit the latency of
// 60 populations of clients.
func many(policies int, same bool) *policy.Set {
	var objects []*v1alpha1.PlacementPolicy
	for i := range policies {
		name := fmt.Sprintf("p%d", i)
		object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
		object.Spec.Locations = &v1alpha1.Locations{}
		for k := range 32 {
			zone := fmt.Sprint("zone-", k)
			if !same {
				zone = fmt.Sprintf("zone-%d-%d", i, k)
			}
			object.Spec.Locations.Required = append(object.Spec.Locations.Required, metav1.LabelSelectorRequirement{
				Key: corev1.LabelTopologyZone, Operator: metav1.LabelSelectorOpNotIn, Values: []string{zone},
			})
		}
		object.Spec.Latency = &v1alpha1.Latency{MaxMilliseconds: ptr(int32(400))}
		for k := range 60 {
			share := int32(1)
			if k < 40 {
				share = 2
			}
			object.Spec.Latency.Clients = append(object.Spec.Latency.Clients, v1alpha1.Client{Location: "DE", SharePercent: share})
		}
		objects = append(objects, object)
	}
	return policy.NewSet(objects, nil)
}

// TestMoreThanMayCountAllowsNothing is about pods under more policies or rules than may count: they wait, and are told why.
func TestMoreThanMayCountAllowsNothing(t *testing.T) {
	for _, tt := range []struct {
		name     string
		policies int
		same     bool
		want     string // empty where the pod is allowed
	}{
		{"ten times the same rules", 10, true, ""},
		{"ten times 32 others", 10, false, "held back: PlacementPolicy shop/p0, PlacementPolicy shop/p1, PlacementPolicy shop/p2 and 7 more have 321 different hard rules together, and at most 256 "},
		{"a hundred policies", 100, true, "held back: 100 policies select the pod and at most 64 may: join some of them, or narrow their workloadSelector"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			class := w.class("aws", "eu-central-1", "eu-central-1a", v1alpha1.CapacityOnDemand)
			rules := NewRules(many(tt.policies, tt.same).For("shop", nil, nil), w.trips)
			if !HasLocationLimits(rules) {
				t.Fatal("the scheduler would not look at the rules")
			}
			got := NewLocationLimits(rules, &View{Desired: 1}).Reason(class)
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || rules.Static(class).Allowed() != (tt.want == "") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// BenchmarkPod is what the filters cost for one pod over 1,000 nodes of 50 classes, with rules that are known, by the number of
// policies of 32 requirements and a latency limit that select it.
func BenchmarkPod(b *testing.B) {
	for _, policies := range []int{1, 10, 64, 100} {
		b.Run(fmt.Sprint(policies), func(b *testing.B) {
			w := newWorld(b)
			for i := range 50 {
				w.class("aws", "eu-central-1", fmt.Sprint("zone-", i), v1alpha1.CapacityOnDemand)
			}
			set := many(policies, true)
			rules := NewRules(set.For("shop", nil, nil), w.trips)
			view := &View{Desired: 10}
			b.ReportAllocs()
			for b.Loop() {
				if set.For("shop", nil, nil) != rules.Effective {
					b.Fatal("merged anew")
				}
				locations, latencies := NewLocationLimits(rules, view), NewLatencyLimits(rules, view, nil)
				for i := range 1000 {
					class := w.classes[i%len(w.classes)]
					if locations.Reason(class) == "" {
						latencies.Reason(class)
					}
				}
			}
		})
	}
}
