package state

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

func policyOf(app string, generation int64, jurisdiction string) *v1alpha1.PlacementPolicy {
	return &v1alpha1.PlacementPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: app, UID: types.UID(app), Generation: generation},
		Spec: v1alpha1.PolicySpec{
			WorkloadSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			Residency:        &v1alpha1.Residency{Jurisdictions: []string{jurisdiction}},
		},
	}
}

func metaOf(name string, generation int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, UID: types.UID(name), Generation: generation}
}

// TestNextSharesWhatDidNotChange: a changed policy made prices, round trips and the rules of all other workloads anew, and every
// node was priced again.
func TestNextSharesWhatDidNotChange(t *testing.T) {
	objects := Objects{
		PlacementPolicies: []*v1alpha1.PlacementPolicy{policyOf("web", 1, "EU"), policyOf("db", 1, "EU")},
		PriceLists:        []v1alpha1.PriceList{{ObjectMeta: metaOf("a", 1)}, {ObjectMeta: metaOf("b", 1)}},
		LatencyMaps:       []v1alpha1.LatencyMap{{ObjectMeta: metaOf("m", 1)}},
	}
	for _, tt := range []struct {
		name                   string
		change                 func(o *Objects)
		prices, trips, web, db bool // shared
	}{
		{"nothing", func(*Objects) {}, true, true, true, true},
		{"another order", func(o *Objects) { slices.Reverse(o.PriceLists) }, true, true, true, true},
		{"a policy", func(o *Objects) { o.PlacementPolicies[0] = policyOf("web", 2, "US") }, true, true, false, true},
		{"a policy made anew", func(o *Objects) { o.PlacementPolicies[1].UID = "other" }, true, true, true, false},
		{"a price", func(o *Objects) { o.PriceLists[0].Generation++ }, false, true, true, true},
		{"a price list gone", func(o *Objects) { o.PriceLists = o.PriceLists[:1] }, false, true, true, true},
		{"a round trip", func(o *Objects) { o.LatencyMaps[0].Generation++ }, true, false, false, false},
		{"objects of files", func(o *Objects) { o.PriceLists[0].UID, o.LatencyMaps[0].Generation = "", 0 }, false, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, err := NewWorld(objects, time.Unix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			rulesOf := func(w *World, app string) any { return w.Rules("shop", nil, labels.Set{"app": app}) }
			web, db := rulesOf(before, "web"), rulesOf(before, "db")
			changed := Objects{PriceLists: slices.Clone(objects.PriceLists), LatencyMaps: slices.Clone(objects.LatencyMaps)}
			for _, p := range objects.PlacementPolicies {
				changed.PlacementPolicies = append(changed.PlacementPolicies, p.DeepCopy())
			}
			tt.change(&changed)
			after, err := before.Next(changed, time.Unix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			for what, shared := range map[string][2]bool{
				"prices": {after.Prices == before.Prices, tt.prices}, "round trips": {after.RoundTrips == before.RoundTrips, tt.trips},
				"rules of web": {rulesOf(after, "web") == web, tt.web}, "rules of db": {rulesOf(after, "db") == db, tt.db},
			} {
				if shared[0] != shared[1] {
					t.Errorf("%s: shared %t, want %t", what, shared[0], shared[1])
				}
			}
			if found := (location.Node{Location: location.Location{Cloud: "aws"}}); after.Class(found) != before.Class(found) {
				t.Error("the worlds tell classes apart")
			}
			if after.Counts["PriceList"] != len(changed.PriceLists) || after.RoundTrips == nil || after.Prices == nil {
				t.Errorf("something is missing: %+v", after)
			}
		})
	}
}

// TestNextOfAgingSamples: round trips of a LatencyMap with a maxAge depend on the time, so that they are read anew.
func TestNextOfAgingSamples(t *testing.T) {
	aging := v1alpha1.LatencyMap{ObjectMeta: metaOf("m", 1)}
	aging.Spec.MaxAge = &metav1.Duration{Duration: time.Hour}
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Duration{0, 2 * time.Hour} {
		observed := metav1.NewTime(noon.Add(at))
		aging.Spec.Samples = append(aging.Spec.Samples, v1alpha1.LatencySample{
			From: "aws/eu-west-1", To: "aws/us-east-1", Milliseconds: resource.MustParse("70"), ObservedAt: &observed,
		})
	}
	objects := Objects{LatencyMaps: []v1alpha1.LatencyMap{aging}}
	world, err := NewWorld(objects, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at     time.Duration
		shared bool
		why    string
	}{
		{time.Minute, true, "no sample has got too old, and whoever waits is woken each minute"},
		{61 * time.Minute, false, "a sample never grows old"},
		{62 * time.Minute, true, "it has been too old for a minute"},
		{120 * time.Minute, false, "a sample is of the future for ever"},
		{170 * time.Minute, true, "the second sample holds yet"},
		{181 * time.Minute, false, "the second sample never grows old"},
	} {
		next, err := world.Next(objects, noon.Add(step.at))
		if err != nil {
			t.Fatal(err)
		}
		if (next.RoundTrips == world.RoundTrips) != step.shared {
			t.Errorf("after %s round trips are shared: %t; %s", step.at, !step.shared, step.why)
		}
		world = next
	}
}

// TestNextKnowsOfDrains: whether a policy drains is said by its label, and a label changes no generation.
func TestNextKnowsOfDrains(t *testing.T) {
	drain := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: metaOf("drain", 1)}
	before, err := NewWorld(Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{drain}}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	before.Rules("shop", nil, nil)
	labelled := drain.DeepCopy()
	labelled.Labels = map[string]string{v1alpha1.LabelDrain: "true"}
	after, err := before.Next(Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{labelled}}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !after.Rules("shop", nil, nil).Drained {
		t.Error("the drain is not known")
	}
}
