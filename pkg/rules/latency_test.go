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
