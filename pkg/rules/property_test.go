package rules

import (
	"math"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// region is what the independent checker knows, written down apart from the product's tables.
type region struct {
	cloud, name string
	inEU        bool
}

var regions = []region{
	{"aws", "eu-west-1", true}, {"aws", "eu-central-1", true}, {"aws", "us-east-1", false}, {"aws", "eu-west-2", false},
	{"gcp", "europe-west1", true}, {"gcp", "us-central1", false}, {"gcp", "europe-west6", false},
	{"azure", "westeurope", true}, {"azure", "uksouth", false}, {"azure", "eastus", false},
	{"acme", "nowhere", false},
}

type candidate struct {
	region
	class *Class
	usd   float64
}

// TestPlacingOneByOneKeepsEveryRule places replicas one by one on random allowed candidates and checks the outcome with
// arithmetic of its own.
func TestPlacingOneByOneKeepsEveryRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(testing.TB(nil))
		var candidates []candidate
		for i := range rapid.IntRange(1, 12).Draw(t, "candidates") {
			r := rapid.SampledFrom(regions).Draw(t, "region")
			capacity := rapid.SampledFrom([]v1alpha1.CapacityType{"on-demand", "spot", ""}).Draw(t, "capacity")
			zone := r.name + string(rune('a'+i%3))
			candidates = append(candidates, candidate{
				region: r, class: w.class(r.cloud, r.name, zone, capacity),
				usd: float64(rapid.IntRange(1, 100).Draw(t, "cents")) / 100,
			})
		}
		replicas := rapid.IntRange(1, 12).Draw(t, "replicas")
		spec := drawSpec(t)
		rules := w.rules(spec)
		view := &View{Desired: replicas}
		classes := make([]*Class, 0, len(candidates))
		for _, c := range candidates {
			classes = append(classes, c.class)
		}
		domains := SkewDomains(rules, classes)
		var placed []candidate
		for range replicas {
			location, latency := NewLocationLimits(rules, view).Among(domains), NewLatencyLimits(rules, view, nil)
			var allowed []candidate
			for _, c := range candidates {
				checkAgainst(t, rules, c.class, location, latency)
				if rules.Static(c.class).Allowed() && location.Reason(c.class) == "" && latency.Reason(c.class) == "" &&
					CeilingReason(rules.Effective, view, c.usd, true) == "" {
					allowed = append(allowed, c)
				}
			}
			if len(allowed) == 0 {
				break
			}
			chosen := rapid.SampledFrom(allowed).Draw(t, "chosen")
			placed = append(placed, chosen)
			view = view.With(chosen.class, 1, chosen.usd, 0)
		}
		check(t, w, spec, replicas, placed)
		checkSkew(t, rules, spec, candidates, placed)
	})
}

// checkAgainst compares the first of all reasons against a class with the one that filters give.
func checkAgainst(t *rapid.T, rules *Rules, class *Class, location *LocationLimits, latency *LatencyLimits) {
	same := func(what, reason string, all ...[]Against) {
		against := slices.Concat(all...)
		if first := slices.Concat(against, []Against{{}})[0].Reason; first != reason {
			t.Fatalf("%s: filters say %q, and first of all is %q", what, reason, first)
		}
		for i := range against {
			if against[i].Reason == "" || slices.ContainsFunc(against[:i], func(a Against) bool { return a.Reason == against[i].Reason }) {
				t.Fatalf("%s: reasons %+v are empty or named twice", what, against)
			}
		}
	}
	locations, spread, spot := location.Against(class)
	same("locations", location.Reason(class), locations, spread, spot)
	same("latency", latency.Reason(class), latency.Against(class))
	same("residency", ResidencyReason(rules.Effective, class.Location), ResidencyAgainst(rules.Effective, class.Location))
}

// checkSkew compares the fullest domain with the emptiest of those that a candidate alone could be in.
func checkSkew(t *rapid.T, rules *Rules, spec v1alpha1.PolicySpec, candidates, placed []candidate) {
	if spec.Spread == nil || spec.Spread[0].MaxSkew == nil {
		return
	}
	domain := func(c candidate) string {
		if spec.Spread[0].TopologyKey == v1alpha1.LabelCloud {
			return c.cloud
		}
		return c.name
	}
	counts := map[string]int{}
	for _, c := range candidates {
		forbidden := spec.Residency != nil && !c.inEU || spec.Locations != nil && c.cloud == "azure" || c.cloud == "acme" ||
			spec.Cost != nil && spec.Cost.Spot.MaxPercent == 0 && c.class.CapacityType != "on-demand"
		if !forbidden && (spec.Latency == nil || rules.Static(c.class).Latency == "") {
			counts[domain(c)] += 0
		}
	}
	for _, c := range placed {
		counts[domain(c)]++
	}
	fullest, emptiest := 0, math.MaxInt
	for _, n := range counts {
		fullest, emptiest = max(fullest, n), min(emptiest, n)
	}
	if len(placed) > 0 && fullest-emptiest > int(*spec.Spread[0].MaxSkew) {
		t.Fatalf("replicas by domain %v, at most %d more in one than in another", counts, *spec.Spread[0].MaxSkew)
	}
}

func drawSpec(t *rapid.T) v1alpha1.PolicySpec {
	var spec v1alpha1.PolicySpec
	if rapid.Bool().Draw(t, "residency") {
		spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	}
	if rapid.Bool().Draw(t, "location") {
		spec.Locations = &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{
			{Key: v1alpha1.LabelCloud, Operator: "NotIn", Values: []string{"azure"}},
		}}
	}
	if rapid.Bool().Draw(t, "spread") {
		spec.Spread = []v1alpha1.Spread{{
			TopologyKey:     rapid.SampledFrom([]string{v1alpha1.LabelCloud, corev1.LabelTopologyRegion}).Draw(t, "key"),
			MinDomains:      ptr(int32(rapid.IntRange(1, 4).Draw(t, "minDomains"))),
			MaxSharePercent: ptr(int32(rapid.IntRange(20, 100).Draw(t, "share"))),
		}}
		if skew := rapid.IntRange(0, 3).Draw(t, "skew"); skew > 0 {
			spec.Spread[0].MaxSkew = ptr(int32(skew))
		}
	}
	if rapid.Bool().Draw(t, "latency") {
		spec.Latency = &v1alpha1.Latency{
			Clients:         []v1alpha1.Client{{Location: "DE", SharePercent: 70}, {Location: "US", SharePercent: 30}},
			MaxMilliseconds: ptr(int32(rapid.IntRange(20, 150).Draw(t, "limit"))),
		}
	}
	if rapid.Bool().Draw(t, "cost") {
		spec.Cost = &v1alpha1.Cost{
			MaxHourlyUSD: ptr(resource.MustParse("2")),
			Spot:         &v1alpha1.Spot{MaxPercent: int32(rapid.IntRange(0, 100).Draw(t, "spot")), Fallback: "OnDemand"},
		}
	}
	return spec
}

// check re-computes every rule over the final placement.
func check(t *rapid.T, w *world, spec v1alpha1.PolicySpec, replicas int, placed []candidate) {
	spot, usd := 0, 0.0
	for _, c := range placed {
		if spec.Residency != nil && !c.inEU {
			t.Fatalf("%s/%s is outside the EU", c.cloud, c.name)
		}
		if spec.Locations != nil && c.cloud == "azure" {
			t.Fatal("azure is forbidden")
		}
		if c.class.CapacityType != "on-demand" {
			spot++
		}
		usd += c.usd
	}
	if spec.Cost != nil {
		if limit := replicas * int(spec.Cost.Spot.MaxPercent) / 100; spot > limit {
			t.Fatalf("%d of %d replicas on spot, at most %d", spot, replicas, limit)
		}
		if usd > 2.000001 {
			t.Fatalf("$%g/h is over the ceiling of $2/h", usd)
		}
	}
	if spec.Spread != nil {
		domains := map[string]int{}
		for _, c := range placed {
			if spec.Spread[0].TopologyKey == v1alpha1.LabelCloud {
				domains[c.cloud]++
			} else {
				domains[c.name]++
			}
		}
		limit := max(1, int(math.Floor(float64(replicas)*float64(*spec.Spread[0].MaxSharePercent)/100)))
		for name, count := range domains {
			if count > limit {
				t.Fatalf("%d of %d replicas in %s, at most %d", count, replicas, name, limit)
			}
		}
		if want := min(replicas, int(*spec.Spread[0].MinDomains)); len(placed) == replicas && len(domains) < want {
			t.Fatalf("%d domains, want %d", len(domains), want)
		}
	}
	if spec.Latency != nil && len(placed) == replicas {
		reached := int32(0)
		for _, client := range spec.Latency.Clients {
			best := math.Inf(1)
			for _, c := range placed {
				population := w.rules(v1alpha1.PolicySpec{Latency: &v1alpha1.Latency{Clients: []v1alpha1.Client{{Location: client.Location, SharePercent: 100}}}})
				best = min(best, population.Static(c.class).Clients.OrInfinite())
			}
			if best <= float64(*spec.Latency.MaxMilliseconds) {
				reached += client.SharePercent
			}
		}
		if reached < 95 {
			t.Fatalf("only %d%% of the clients have a replica within %d ms", reached, *spec.Latency.MaxMilliseconds)
		}
	}
}
