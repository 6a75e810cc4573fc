package rules

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// world makes classes of real regions.
type world struct {
	t       testing.TB
	classes []*Class
	places  map[latency.Place]int
	trips   *RoundTrips
}

func newWorld(t testing.TB) *world {
	matrix, err := latency.Open()
	if err != nil {
		t.Fatal(err)
	}
	times, _ := latency.New(matrix, nil, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	return &world{t: t, places: map[latency.Place]int{}, trips: NewRoundTrips(times)}
}

// class of a region of a cloud; an unknown region leaves the country unknown.
func (w *world) class(cloud, region, zone string, capacity v1alpha1.CapacityType) *Class {
	found := location.Node{CapacityType: capacity, InstanceType: "test.large"}
	found.Location = location.Location{Cloud: cloud, Region: region, Zone: zone}
	if known, ok := location.LookupRegion(cloud, region); ok {
		found.Country = known.Country
		found.Coordinates = location.Coordinates{Latitude: known.Latitude, Longitude: known.Longitude, Known: true}
	}
	if known, ok := location.LookupCloud(cloud); ok {
		found.OperatorCountry = known.OperatorCountry
	}
	place := latency.PlaceOf(found.Location)
	if _, ok := w.places[place]; !ok {
		w.places[place] = len(w.places)
	}
	class := &Class{ID: len(w.classes), Node: found, Labels: location.LabelsOf(found), Place: place, PlaceID: w.places[place]}
	w.classes = append(w.classes, class)
	return class
}

func (w *world) rules(spec v1alpha1.PolicySpec) *Rules {
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: spec}
	return NewRules(policy.NewSet([]*v1alpha1.PlacementPolicy{object}, nil).For("shop", nil, nil), w.trips)
}

func ptr[T any](value T) *T { return &value }

func TestResidencyFailsClosed(t *testing.T) {
	w := newWorld(t)
	eu := v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}}}
	operator := v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{OperatorJurisdictions: []string{"EU"}}}
	broken := v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"Atlantis"}}}
	for _, tt := range []struct {
		name          string
		spec          v1alpha1.PolicySpec
		cloud, region string
		want          string
	}{
		{"in", eu, "aws", "eu-west-1", ""},
		{"out", eu, "aws", "us-east-1", "outside residency EU"},
		{"left the EU", eu, "aws", "eu-west-2", "outside residency EU"},
		{"unknown region", eu, "aws", "eu-nowhere-1", "without a known country (residency EU)"},
		{"unknown cloud", eu, "", "", "without a known country (residency EU)"},
		{"operator in", operator, "ovh", "GRA", ""},
		{"operator out", operator, "aws", "eu-west-1", "operated from outside EU"},
		{"operator unknown", operator, "acme", "lux", "without a known operator (operator jurisdiction EU)"},
		{"broken denies", broken, "aws", "eu-west-1", "held back: PlacementPolicy shop/p names an unknown jurisdiction"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			class := w.class(tt.cloud, tt.region, "", v1alpha1.CapacityOnDemand)
			if got := w.rules(tt.spec).Static(class).Residency; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRequiredLocationsFailClosed(t *testing.T) {
	w := newWorld(t)
	aws := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	unknown := w.class("", "", "", "")
	spec := func(operator metav1.LabelSelectorOperator, values ...string) v1alpha1.PolicySpec {
		return v1alpha1.PolicySpec{Locations: &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{
			{Key: v1alpha1.LabelCloud, Operator: operator, Values: values},
		}}}
	}
	for _, tt := range []struct {
		name  string
		spec  v1alpha1.PolicySpec
		class *Class
		want  string
	}{
		{"in", spec("In", "aws", "gcp"), aws, ""},
		{"not in", spec("NotIn", "aws"), aws, "outside location cloud not aws"},
		{"another", spec("In", "gcp"), aws, "outside location cloud gcp"},
		{"not in, unknown", spec("NotIn", "azure"), unknown, "without a known cloud (policy wants cloud not azure)"},
		{"exists, unknown", spec("Exists"), unknown, "without a known cloud (policy wants a known cloud)"},
		{"does not exist", spec("DoesNotExist"), unknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.rules(tt.spec).Static(tt.class).Location; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCoverageAsksForTheRestOfTheClients(t *testing.T) {
	w := newWorld(t)
	ireland := w.class("aws", "eu-west-1", "", v1alpha1.CapacityOnDemand)
	virginia := w.class("aws", "us-east-1", "", v1alpha1.CapacityOnDemand)
	sydney := w.class("aws", "ap-southeast-2", "", v1alpha1.CapacityOnDemand)
	rules := w.rules(v1alpha1.PolicySpec{Latency: &v1alpha1.Latency{
		Clients:         []v1alpha1.Client{{Location: "IE", SharePercent: 60}, {Location: "US", SharePercent: 40}},
		MaxMilliseconds: ptr(int32(60)),
	}})
	in := func(classes ...*Class) []ClassReplicas {
		var out []ClassReplicas
		for _, class := range classes {
			out = append(out, ClassReplicas{Class: class, Replicas: 1})
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		view  View
		class *Class
		want  string
	}{
		{"first of two", View{Desired: 2}, ireland, ""},
		{"first of one leaves the US", View{Desired: 1}, ireland, "over 60 ms from US"},
		{"last must cover the US", View{Desired: 2, Classes: in(ireland)}, ireland, "over 60 ms from US"},
		{"last covers the US", View{Desired: 2, Classes: in(ireland)}, virginia, ""},
		{"all covered, anywhere useful", View{Desired: 3, Classes: in(ireland, virginia)}, virginia, ""},
		{"useless to everybody", View{Desired: 3, Classes: in(ireland, virginia)}, sydney, "over 60 ms from IE, US"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewLatencyLimits(rules, &tt.view, nil).Reason(tt.class); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCallsStayNearTheirCallee(t *testing.T) {
	w := newWorld(t)
	ireland := w.class("aws", "eu-west-1", "", v1alpha1.CapacityOnDemand)
	belgium := w.class("gcp", "europe-west1", "", v1alpha1.CapacityOnDemand)
	oregon := w.class("aws", "us-west-2", "", v1alpha1.CapacityOnDemand)
	rules := w.rules(v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{
		{To: v1alpha1.WorkloadReference{Name: "cart"}, RequestsPerSecond: 100, MaxMilliseconds: ptr(int32(40))},
	}})
	cart := &View{Desired: 1, Classes: []ClassReplicas{{Class: ireland, Replicas: 1}}}
	if got := NewLatencyLimits(rules, &View{Desired: 1}, []*View{cart}).Reason(oregon); got != "over 40 ms from cart" {
		t.Errorf("far from the callee: got %q", got)
	}
	if got := NewLatencyLimits(rules, &View{Desired: 1}, []*View{cart}).Reason(belgium); got != "" {
		t.Errorf("near the callee: got %q", got)
	}
	if got := NewLatencyLimits(rules, &View{Desired: 1}, []*View{nil}).Reason(oregon); got != "" {
		t.Errorf("a callee that does not run limits nothing: got %q", got)
	}
	near := rules.Trips(belgium, &View{Desired: 2}, []*View{cart}, "", nil)
	trip := w.trips.Between(belgium, ireland)
	want := trip.Milliseconds * 50 * 3600 / 1e6 * 0.1 // 100 requests a second over 2 replicas, Balanced
	if diff := near.USD - want; !near.Known || diff > 1e-12 || diff < -1e-12 {
		t.Errorf("price of the calls: got $%g/h (known %v), want $%g/h", near.USD, near.Known, want)
	}
}

func TestCeiling(t *testing.T) {
	rules := &policy.Effective{MaxHourlyUSD: 0.30, HasMaxHourlyUSD: true}
	view := &View{Classes: []ClassReplicas{{Class: &Class{}, Replicas: 2, HourlyUSD: 0.20}}}
	for _, tt := range []struct {
		usd   float64
		known bool
		want  string
	}{
		{0.1, true, ""},
		{0.1001, true, "over the ceiling of $0.3/h"},
		{0, false, "without a known price (policy has a cost ceiling)"},
	} {
		if got := CeilingReason(rules, view, tt.usd, tt.known); got != tt.want {
			t.Errorf("$%g: got %q, want %q", tt.usd, got, tt.want)
		}
	}
}

func TestCandidatePricesTheDominantShare(t *testing.T) {
	candidate := Candidate{
		Price: pricing.Price{USD: 0.4, Known: true},
		Rates: pricing.NewRates(0.4, pricing.Resources{MilliCPU: 4000, MemoryBytes: 16 << 30}),
	}
	usd, known := candidate.HourlyUSD(pricing.Resources{MilliCPU: 500, MemoryBytes: 8 << 30})
	if !known || usd < 0.2-1e-12 || usd > 0.2+1e-12 {
		t.Errorf("half the memory of a $0.40 node: got $%g/h, want $0.20/h", usd)
	}
	unpriced := Candidate{}
	if _, known := unpriced.HourlyUSD(pricing.Resources{MilliCPU: 1}); known {
		t.Error("a node without a price gave one")
	}
}

func TestReasonsReadBehindANumber(t *testing.T) {
	w := newWorld(t)
	class := w.class("aws", "us-east-1", "us-east-1a", v1alpha1.CapacitySpot)
	rules := w.rules(v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 50}}})
	view := &View{Desired: 2, Classes: []ClassReplicas{{Class: class, Replicas: 1}}}
	if got := spotReason(rules.Effective, view, class); !strings.HasPrefix(got, "on spot capacity, which has its 50%") {
		t.Errorf("got %q", got)
	}
}
