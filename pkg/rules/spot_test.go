package rules

import (
	"fmt"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestSpotThatIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	onDemand := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	spot := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacitySpot)
	const waits = "not on spot capacity, which the policy waits for"
	for _, tt := range []struct {
		name                            string
		percent                         int32
		desired, onSpot, placedOnDemand int
		wantSpot, wantOnDemand          string
	}{
		{"the replicas outside the spot share do not wait", 50, 4, 0, 1, "", ""},
		{"those within it do", 50, 4, 0, 2, "", waits},
		{"the spot share is used up", 50, 4, 2, 1, "on spot capacity, which has its 50% of the replicas", ""},
		{"the share is rounded down", 60, 4, 0, 1, "", ""},
		{"spot only", 100, 3, 1, 0, "", waits},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := w.rules(v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{
				Spot: &v1alpha1.Spot{MaxPercent: tt.percent, Fallback: v1alpha1.SpotFallbackWait},
			}})
			view := &View{Desired: tt.desired}
			view = view.With(spot, tt.onSpot, 0, 0).With(onDemand, tt.placedOnDemand, 0, 0)
			if got := spotReason(rules.Effective, view, spot); got != tt.wantSpot {
				t.Errorf("on spot: got %q, want %q", got, tt.wantSpot)
			}
			if got := spotReason(rules.Effective, view, onDemand); got != tt.wantOnDemand {
				t.Errorf("on demand: got %q, want %q", got, tt.wantOnDemand)
			}
		})
	}
}

// spotOf is a class of spot capacity of a type.
func (w *world) spotOf(zone, instanceType string) *Class {
	class := w.class("aws", "eu-west-1", zone, v1alpha1.CapacitySpot)
	class.InstanceType = instanceType
	return class
}

func TestShareOfASpotPool(t *testing.T) {
	w := newWorld(t)
	large, other, zoneB := w.spotOf("eu-west-1a", "m5.large"), w.spotOf("eu-west-1a", "m5.xlarge"), w.spotOf("eu-west-1b", "m5.large")
	twin := w.spotOf("eu-west-1a", "m5.large")
	unmarked := w.class("aws", "eu-west-1", "eu-west-1a", "")
	unmarked.InstanceType = "m5.large"
	unknown, nowhere := w.spotOf("", ""), w.spotOf("", "")
	onDemand := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	onDemand.InstanceType = "m5.large"
	full := "in the spot pool m5.large in aws/eu-west-1/eu-west-1a, which has its 50% of the replicas"
	for _, tt := range []struct {
		name    string
		desired int
		placed  map[*Class]int
		to      *Class
		want    string
	}{
		{"there is room", 4, map[*Class]int{large: 1}, large, ""},
		{"it has its share", 4, map[*Class]int{large: 2}, large, full},
		{"rounded down", 3, map[*Class]int{large: 1}, large, full},
		{"but at least one", 1, nil, large, ""},
		{"another type is another pool", 4, map[*Class]int{large: 2}, other, ""},
		{"another zone is another pool", 4, map[*Class]int{large: 2}, zoneB, ""},
		{"other nodes of the same pool", 4, map[*Class]int{large: 1, twin: 1}, large, full},
		{"nobody vouches for a capacity type that is not known", 4, map[*Class]int{large: 1, unmarked: 1}, large, full},
		{"machines on demand are in no pool", 4, map[*Class]int{onDemand: 2, large: 1}, large, ""},
		{"and none keeps off them", 4, map[*Class]int{large: 2}, onDemand, ""},
		{"where little is known it is one pool", 4, map[*Class]int{unknown: 2}, nowhere,
			"in the spot pool unknown type in aws/eu-west-1, which has its 50% of the replicas"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := w.rules(v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 100, MaxPoolSharePercent: ptr(int32(50))}}})
			view := &View{Desired: tt.desired}
			for class, n := range tt.placed {
				view = view.With(class, n, 0, 0)
			}
			if !HasLocationLimits(rules) {
				t.Error("the rules limit nothing")
			}
			if got := NewLocationLimits(rules, view).Reason(tt.to); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTakenTogether(t *testing.T) {
	w := newWorld(t)
	large, twin, other := w.spotOf("eu-west-1a", "m5.large"), w.spotOf("eu-west-1a", "m5.large"), w.spotOf("eu-west-1b", "m5.large")
	onDemand := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	limited := w.rules(v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 100, MaxPoolSharePercent: ptr(int32(100))}}})
	for _, tt := range []struct {
		name     string
		rules    *Rules
		replicas int
		at       []ClassReplicas
		want     string
	}{
		{"most of them", NewRules(nil, nil), 400, []ClassReplicas{{Class: other, Replicas: 2}, {Class: large, Replicas: 398}}, "398 m5.large in aws/eu-west-1/eu-west-1a"},
		{"in nodes of several kinds", NewRules(nil, nil), 4, []ClassReplicas{{Class: large, Replicas: 2}, {Class: twin, Replicas: 1}, {Class: other, Replicas: 1}},
			"3 m5.large in aws/eu-west-1/eu-west-1a"},
		{"half of them", NewRules(nil, nil), 4, []ClassReplicas{{Class: other, Replicas: 2}, {Class: large, Replicas: 2}}, ""},
		{"the only one", NewRules(nil, nil), 1, []ClassReplicas{{Class: large, Replicas: 1}}, ""},
		{"on demand", NewRules(nil, nil), 4, []ClassReplicas{{Class: onDemand, Replicas: 4}}, ""},
		{"a policy says how many may be", limited, 4, []ClassReplicas{{Class: large, Replicas: 4}}, ""},
	} {
		got := ""
		if pool, replicas := TakenTogether(tt.rules.Effective, tt.replicas, tt.at); replicas > 0 {
			got = fmt.Sprint(replicas, " ", pool)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
