package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

var epoch = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

// build makes a policy of a namespace; age is in hours, the oldest first.
func build(name string, age int, matchLabels map[string]string, change ...func(*v1alpha1.PolicySpec)) *v1alpha1.PlacementPolicy {
	p := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "shop", CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(age) * time.Hour)),
	}}
	p.Spec.WorkloadSelector.MatchLabels = matchLabels
	for _, c := range change {
		c(&p.Spec)
	}
	return p
}

func clusterWide(p *v1alpha1.PlacementPolicy, namespaces *metav1.LabelSelector) *v1alpha1.ClusterPlacementPolicy {
	out := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: p.ObjectMeta}
	out.Namespace = ""
	out.Spec.PolicySpec, out.Spec.NamespaceSelector = p.Spec, namespaces
	return out
}

func optimize(o v1alpha1.OptimizeFor) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) { s.OptimizeFor = o }
}

func ceiling(usd string) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		quantity := resource.MustParse(usd)
		if s.Cost == nil {
			s.Cost = &v1alpha1.Cost{}
		}
		s.Cost.MaxHourlyUSD = &quantity
	}
}

func ofSpotPool(percent int32) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) { s.Cost.Spot.MaxPoolSharePercent = &percent }
}

func spot(percent int32, fallback v1alpha1.SpotFallback) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		if s.Cost == nil {
			s.Cost = &v1alpha1.Cost{}
		}
		s.Cost.Spot = &v1alpha1.Spot{MaxPercent: percent, Fallback: fallback}
	}
}

func residency(jurisdictions ...string) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) { s.Residency = &v1alpha1.Residency{Jurisdictions: jurisdictions} }
}

func spread(key string, minDomains, maxShare int32) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		s.Spread = append(s.Spread, v1alpha1.Spread{TopologyKey: key, MinDomains: &minDomains, MaxSharePercent: &maxShare})
	}
}

func clients(maxMilliseconds int32, shares ...any) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		s.Latency = &v1alpha1.Latency{MaxMilliseconds: &maxMilliseconds}
		for i := 0; i < len(shares); i += 2 {
			s.Latency.Clients = append(s.Latency.Clients,
				v1alpha1.Client{Location: shares[i].(string), SharePercent: int32(shares[i+1].(int))})
		}
	}
}

func require(key string, operator metav1.LabelSelectorOperator, values ...string) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		if s.Locations == nil {
			s.Locations = &v1alpha1.Locations{}
		}
		s.Locations.Required = append(s.Locations.Required, metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values})
	}
}

var web = map[string]string{"app": "web"}

func TestHardRulesAddUpAndSoftFieldsHaveOneWinner(t *testing.T) {
	guard := clusterWide(build("guard", 0, nil, residency("EU"), ceiling("40"), spot(60, "Wait"), ofSpotPool(40),
		spread(v1alpha1.LabelCloud, 2, 80), optimize("Cost"), clients(80, "DE", 100)), nil)
	old := build("old", 1, web, residency("EEA"), ceiling("50"), optimize("Latency"), spread(v1alpha1.LabelCloud, 1, 60))
	young := build("young", 2, web, ceiling("30"), spot(80, "OnDemand"), ofSpotPool(30), optimize("Balanced"), clients(50, "FR", 100))
	set := NewSet([]*v1alpha1.PlacementPolicy{young, old}, []*v1alpha1.ClusterPlacementPolicy{guard})
	got := set.For("shop", nil, labels.Set{"app": "web"})
	if got == nil {
		t.Fatal("no rules for a selected pod")
	}
	if names := fmt.Sprint(got.Sources); names != "[PlacementPolicy shop/old PlacementPolicy shop/young ClusterPlacementPolicy guard]" {
		t.Errorf("sources in order of precedence: %s", names)
	}
	if len(got.Residency) != 2 || len(got.Latency) != 2 {
		t.Errorf("residency and latency limits add up: got %d and %d, want 2 and 2", len(got.Residency), len(got.Latency))
	}
	if got.MaxHourlyUSD != 30 || got.SpotMaxPercent != 60 {
		t.Errorf("strictest ceiling and spot limit: got $%g and %d%%, want $30 and 60%%", got.MaxHourlyUSD, got.SpotMaxPercent)
	}
	if got.SpotPoolMaxPercent != 30 {
		t.Errorf("strictest share of a spot pool: got %d%%, want 30%%", got.SpotPoolMaxPercent)
	}
	if len(got.Spread) != 1 || got.Spread[0].MinDomains != 2 || got.Spread[0].MaxSharePercent != 60 {
		t.Errorf("strictest spread: %+v", got.Spread)
	}
	if got.OptimizeFor != v1alpha1.OptimizeForLatency {
		t.Errorf("the older namespaced policy wins optimizeFor: got %s", got.OptimizeFor)
	}
	if got.SpotFallback != v1alpha1.SpotFallbackOnDemand {
		t.Errorf("the namespaced policy wins the fallback over the cluster's: got %s", got.SpotFallback)
	}
	if len(got.Clients) != 1 || got.Clients[0].Client.String() != "FR" {
		t.Errorf("scored clients: %v", got.Clients)
	}
	var lost []string
	for _, o := range got.Overrides {
		lost = append(lost, fmt.Sprintf("%s: %s to %s", o.Loser, o.Field, o.Winner))
	}
	for _, want := range []string{
		"PlacementPolicy shop/young: spec.optimizeFor to PlacementPolicy shop/old",
		"ClusterPlacementPolicy guard: spec.optimizeFor to PlacementPolicy shop/old",
		"ClusterPlacementPolicy guard: spec.cost.spot.fallback to PlacementPolicy shop/young",
		"ClusterPlacementPolicy guard: spec.latency.clients to PlacementPolicy shop/young",
	} {
		if !strings.Contains(strings.Join(lost, "\n"), want) {
			t.Errorf("missing override %q in:\n%s", want, strings.Join(lost, "\n"))
		}
	}
}

func TestSelection(t *testing.T) {
	payments := &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}}
	set := NewSet(
		[]*v1alpha1.PlacementPolicy{build("web", 0, web), build("all", 1, nil)},
		[]*v1alpha1.ClusterPlacementPolicy{clusterWide(build("payments", 0, nil), payments)})
	for _, tt := range []struct {
		name            string
		namespace       string
		namespaceLabels labels.Set
		podLabels       labels.Set
		want            string
	}{
		{"both of the namespace", "shop", nil, labels.Set{"app": "web"}, "PlacementPolicy shop/web, PlacementPolicy shop/all"},
		{"another app", "shop", nil, labels.Set{"app": "cart"}, "PlacementPolicy shop/all"},
		{"another namespace", "other", nil, labels.Set{"app": "web"}, ""},
		{"by namespace label", "other", labels.Set{"team": "payments"}, nil, "ClusterPlacementPolicy payments"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			if got := set.For(tt.namespace, tt.namespaceLabels, tt.podLabels); got != nil {
				for _, source := range got.Sources {
					names = append(names, source.String())
				}
			}
			if got := strings.Join(names, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if !set.SelectsNamespaces() {
		t.Error("SelectsNamespaces is false with a namespaceSelector")
	}
}

func TestProblemsNameFieldAndRemedy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*v1alpha1.PolicySpec)
		want   string
	}{
		{"unknown jurisdiction", residency("EU", "EUU"), "spec.residency.jurisdictions"},
		{"empty residency", residency(), "spec.residency: names no jurisdiction"},
		{"shares", clients(50, "DE", 60, "FR", 30), "shares add up to 90; they must add up to 100"},
		{"unknown client", clients(50, "XX", 100), "spec.latency.clients[0].location"},
		{"unknown region", clients(50, "aws/eu-west-9", 100), "spec.latency.clients[0].location"},
		{"negative ceiling", ceiling("-1"), "spec.cost.maxHourlyUSD: -1 is not above zero"},
		{"no location label", require("app", "In", "x"), `"app" is no location label`},
		{"operator without values", require(v1alpha1.LabelCloud, "In"), "spec.locations.required[0]"},
		{"contradiction", func(s *v1alpha1.PolicySpec) {
			require(v1alpha1.LabelCloud, "In", "aws")(s)
			require(v1alpha1.LabelCloud, "NotIn", "aws")(s)
		}, "exclude each other"},
		{"spread over nothing", spread("app", 2, 50), `spec.spread[0].topologyKey: "app" is no location label`},
		{"selector", func(s *v1alpha1.PolicySpec) {
			s.WorkloadSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
		}, "spec.workloadSelector"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := NewSet([]*v1alpha1.PlacementPolicy{build("p", 0, nil, tt.change)}, nil)
			problems := set.Problems(Source{Namespace: "shop", Name: "p"})
			if len(problems) == 0 {
				t.Fatal("no problem reported")
			}
			if !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("problem %q does not contain %q", problems[0], tt.want)
			}
		})
	}
}

func TestBrokenRulesDenyRatherThanWiden(t *testing.T) {
	set := NewSet([]*v1alpha1.PlacementPolicy{
		build("p", 0, nil, residency("EUU"), clients(50, "XX", 100), require("app", "In", "x")),
	}, nil)
	got := set.For("shop", nil, nil)
	if len(got.Residency) != 1 || !got.Residency[0].Broken {
		t.Errorf("residency with an unknown jurisdiction must deny: %+v", got.Residency)
	}
	if len(got.Latency) != 1 || !got.Latency[0].Broken {
		t.Errorf("a latency limit with an unknown client must deny: %+v", got.Latency)
	}
	if len(got.Required) != 1 || !got.Required[0].Broken {
		t.Errorf("a location requirement that cannot be read must deny: %+v", got.Required)
	}
}

// TestIndexSelectsAsAPlainScan checks the index against looking at every policy.
func TestIndexSelectsAsAPlainScan(t *testing.T) {
	keys, values := []string{"app", "tier", "team"}, []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) map[string]string {
			out := map[string]string{}
			for _, key := range keys {
				if rapid.Bool().Draw(t, label+key) {
					out[key] = rapid.SampledFrom(values).Draw(t, label+key+"value")
				}
			}
			return out
		}
		var policies []*v1alpha1.PlacementPolicy
		for i := range rapid.IntRange(0, 20).Draw(t, "policies") {
			p := build(fmt.Sprintf("p%d", i), i, draw(fmt.Sprint("selector", i)))
			if rapid.Bool().Draw(t, "expression") {
				p.Spec.WorkloadSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{
					Key: rapid.SampledFrom(keys).Draw(t, "key"), Operator: metav1.LabelSelectorOpIn,
					Values: rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 2, rapid.ID).Draw(t, "values"),
				}}
			}
			policies = append(policies, p)
		}
		set := NewSet(policies, nil)
		pod := labels.Set(draw("pod"))
		want := map[string]bool{}
		for _, p := range policies {
			selector, err := metav1.LabelSelectorAsSelector(&p.Spec.WorkloadSelector)
			if err != nil {
				t.Fatal(err)
			}
			if selector.Matches(pod) {
				want[p.Name] = true
			}
		}
		got := map[string]bool{}
		if rules := set.For("shop", nil, pod); rules != nil {
			for _, source := range rules.Sources {
				got[source.Name] = true
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("pod %v: got %v, want %v", pod, got, want)
		}
		if first, again := set.For("shop", nil, pod), set.For("shop", nil, pod); first != again {
			t.Fatal("one combination of policies was merged twice")
		}
	})
}

func BenchmarkForAmongThousands(b *testing.B) {
	var policies []*v1alpha1.PlacementPolicy
	for i := range 5000 {
		policies = append(policies, build(fmt.Sprintf("p%d", i), i, map[string]string{"app": fmt.Sprintf("app-%d", i)}))
	}
	set := NewSet(policies, nil)
	pod := labels.Set{"app": "app-4321", "pod-template-hash": "abc", "tier": "backend"}
	b.ReportAllocs()
	for b.Loop() {
		if set.For("shop", nil, pod) == nil {
			b.Fatal("not selected")
		}
	}
}
