package rules

import (
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
			if got := SpotReason(rules.Effective, view, spot); got != tt.wantSpot {
				t.Errorf("on spot: got %q, want %q", got, tt.wantSpot)
			}
			if got := SpotReason(rules.Effective, view, onDemand); got != tt.wantOnDemand {
				t.Errorf("on demand: got %q, want %q", got, tt.wantOnDemand)
			}
		})
	}
}
