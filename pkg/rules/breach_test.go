package rules

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestBreaches is about the rules over all replicas together that the mover did not know, or leaves out.
func TestBreaches(t *testing.T) {
	w := newWorld(t)
	dublin := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	virginia := w.class("aws", "us-east-1", "us-east-1a", v1alpha1.CapacityOnDemand)
	spot := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacitySpot)
	half := []v1alpha1.Client{{Location: "IE", SharePercent: 50}, {Location: "US", SharePercent: 50}}
	near := v1alpha1.PolicySpec{Latency: &v1alpha1.Latency{Clients: half, MaxMilliseconds: ptr(int32(60))}}
	calls := v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db"}, RequestsPerSecond: 1, MaxMilliseconds: ptr(int32(20))}}}
	measured := v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{
		{To: v1alpha1.WorkloadReference{Name: "db"}, MaxMilliseconds: ptr(int32(200)), Figures: v1alpha1.LatencyFiguresMeasured},
	}}
	estimated := w.class("scaleway", "fr-par", "fr-par-1", v1alpha1.CapacityOnDemand)
	nodes := v1alpha1.PolicySpec{Spread: []v1alpha1.Spread{{TopologyKey: corev1.LabelHostname, MaxSkew: ptr(int32(1))}}}
	waits := v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 50, Fallback: v1alpha1.SpotFallbackWait}}}
	pools := v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 100, MaxPoolSharePercent: ptr(int32(50))}}}
	elsewhere := w.class("aws", "eu-west-1", "eu-west-1b", v1alpha1.CapacitySpot)
	db := (&View{}).With(virginia, 1, 0, 0)
	on := func(class *Class, replicas int, hosts ...int) Group {
		return Group{Class: class, Replicas: replicas, Hosts: hosts, HourlyUSD: 0.5}
	}
	for _, c := range []struct {
		name    string
		spec    v1alpha1.PolicySpec
		desired int
		groups  []Group
		want    []string
	}{
		{"clients on both sides reached", near, 2, []Group{on(dublin, 1), on(virginia, 1)}, nil},
		{"half of the clients too far", near, 2, []Group{on(dublin, 2)}, []string{"latency 1"}},
		{"half too far, but one replica may still come", near, 3, []Group{on(dublin, 2)}, nil},
		{"near what they call", calls, 2, []Group{on(virginia, 2)}, nil},
		{"two far from what they call", calls, 3, []Group{on(virginia, 1), on(dublin, 2)}, []string{"call 2"}},
		{"measured from what they call", measured, 2, []Group{on(dublin, 2)}, nil},
		{"two only estimated from what they call", measured, 3, []Group{on(dublin, 1), on(estimated, 2)}, []string{"call 2"}},
		{"one on each node", nodes, 2, []Group{on(dublin, 2, 1, 1)}, nil},
		{"three on a node", nodes, 4, []Group{on(dublin, 4, 3, 1)}, []string{"spread 2"}},
		{"nodes not told apart", nodes, 4, []Group{on(dublin, 4)}, nil},
		{"half on spot capacity", waits, 4, []Group{on(dublin, 2), on(spot, 2)}, nil},
		{"one that should wait for spot capacity", waits, 4, []Group{on(dublin, 3), on(spot, 1)}, []string{"spot 1"}},
		{"half in each of two spot pools", pools, 4, []Group{on(elsewhere, 2), on(spot, 2)}, nil},
		{"two spot pools, one with too many", pools, 4, []Group{on(elsewhere, 1), on(spot, 3)}, []string{"spot 1"}},
		{"machines on demand are in no spot pool", pools, 4, []Group{on(dublin, 4)}, nil},
		{"one too many on spot capacity", waits, 4, []Group{on(dublin, 1), on(spot, 3)}, []string{"spot 1"}},
	} {
		layout := Layout{Replicas: c.desired, Groups: c.groups, Callees: []*View{db}}
		var got []string
		for _, b := range w.rules(c.spec).Breaches(&layout) {
			got = append(got, fmt.Sprintf("%s %d", b.Kind, b.Replicas))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
