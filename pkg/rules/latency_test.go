package rules

import (
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestCallsThatEstimatesMeet(t *testing.T) {
	w := newWorld(t)
	london := w.class("gcp", "europe-west2", "europe-west2-a", v1alpha1.CapacityOnDemand)
	ireland := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	japan := w.class("azure", "japanwest", "", v1alpha1.CapacityOnDemand)
	for _, tt := range []struct {
		name     string
		most     float64
		from, to []*Class
		said     bool
	}{
		{"an estimate from the distance", 200, []*Class{london}, []*Class{japan}, true},
		{"which does not meet it", 50, []*Class{london}, []*Class{japan}, false},
		{"measured", 200, []*Class{london}, []*Class{ireland}, false},
		{"what is documented of one region", 200, []*Class{japan}, []*Class{japan}, false},
		{"one of two is measured", 200, []*Class{london}, []*Class{japan, ireland}, false},
		{"one of two callers", 200, []*Class{ireland, london}, []*Class{japan}, true},
		{"a workload that is nowhere", 200, []*Class{london}, nil, false},
	} {
		text := w.trips.EstimatedCall(tt.most, "shop/db", tt.from, tt.to)
		if said := text != ""; said != tt.said || said && !strings.HasPrefix(text, "the limit of 200 ms to shop/db is met by an estimate only: nobody measured the ") {
			t.Errorf("%s: %q", tt.name, text)
		}
	}
}

// TestCallsWithMeasuredFigures: a limit that demands measured figures is met by the nearest replica of those whose round trip somebody
// measured, and where none is, the reason names the pair and the remedy.
func TestCallsWithMeasuredFigures(t *testing.T) {
	w := newWorld(t)
	london := w.class("gcp", "europe-west2", "europe-west2-a", v1alpha1.CapacityOnDemand)
	ireland := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	paris := w.class("scaleway", "fr-par", "fr-par-1", v1alpha1.CapacityOnDemand)
	virginia, nowhere := w.class("aws", "us-east-1", "us-east-1a", v1alpha1.CapacityOnDemand), w.class("", "", "", "")
	const unmeasured = "without a measured round trip from gcp/europe-west2 to db in scaleway/fr-par (a LatencyMap can give it)"
	for _, tt := range []struct {
		name    string
		most    int32
		from    *Class
		to      []*Class
		any     string // the reason where figures are not demanded
		want    string // and where they are
		unknown bool
	}{
		{"an estimate", 30, london, []*Class{paris}, "", unmeasured, true},
		{"a measurement", 30, london, []*Class{ireland}, "", "", false},
		{"a measurement beside a nearer estimate", 30, london, []*Class{paris, ireland}, "", "", false},
		{"a measurement that is too long beside an estimate", 30, london, []*Class{paris, virginia}, "", unmeasured, true},
		{"an estimate that is too long", 1, london, []*Class{paris}, "over 1 ms from db", "over 1 ms from db", false},
		{"what is documented of one region", 5, paris, []*Class{paris}, "", "", false},
		{"an unknown place", 30, nowhere, []*Class{paris}, "without a known round trip to db (a LatencyMap can give it)",
			"without a known round trip to db (a LatencyMap can give it)", true},
		{"nothing runs", 30, london, nil, "", "", false},
	} {
		spec := v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db"}, MaxMilliseconds: &tt.most}}}
		db := &View{}
		for _, class := range tt.to {
			db = db.With(class, 1, 0, 0)
		}
		for _, figures := range []v1alpha1.LatencyFigures{"", v1alpha1.LatencyFiguresAny, v1alpha1.LatencyFiguresMeasured} {
			spec.Traffic[0].Figures = figures
			want, rules := tt.any, w.rules(spec)
			if figures == v1alpha1.LatencyFiguresMeasured {
				want = tt.want
			}
			got := NewLatencyLimits(rules, &View{Desired: 1}, []*View{db}).Against(tt.from)
			switch {
			case want == "" && len(got) > 0, want != "" && (len(got) != 1 || got[0].Reason != want):
				t.Errorf("%s, figures %q: %+v, want %q", tt.name, figures, got, want)
			case want == tt.want && want != "" && got[0].Unknown != tt.unknown:
				t.Errorf("%s, figures %q: something is unknown: %t", tt.name, figures, got[0].Unknown)
			}
		}
	}
}

// TestMeasuredCallsArePricedAsTheyGo: the round trip that is priced is that of the replica to which the limit lets the call go.
func TestMeasuredCallsArePricedAsTheyGo(t *testing.T) {
	w := newWorld(t)
	london := w.class("gcp", "europe-west2", "europe-west2-a", v1alpha1.CapacityOnDemand)
	ireland := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	paris := w.class("scaleway", "fr-par", "fr-par-1", v1alpha1.CapacityOnDemand)
	db := (&View{}).With(ireland, 1, 0, 0).With(paris, 1, 0, 0)
	most := int32(50)
	spec := v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db"}, RequestsPerSecond: 9, MaxMilliseconds: &most}}}
	if got, want := w.rules(spec).Trips(london, &View{}, []*View{db}, "", nil).Calls[0], w.trips.Between(london, paris); got != want {
		t.Errorf("without the demand %v, want %v", got, want)
	}
	spec.Traffic[0].Figures = v1alpha1.LatencyFiguresMeasured
	if got, want := w.rules(spec).Trips(london, &View{}, []*View{db}, "", nil).Calls[0], w.trips.Between(london, ireland); got != want {
		t.Errorf("with the demand %v, want %v", got, want)
	}
}
