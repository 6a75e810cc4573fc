package moves

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// half lets no cloud have more than half of the replicas.
var half = policy.Spread{TopologyKey: v1alpha1.LabelCloud, MaxSharePercent: 50}

// survives says that half of the replicas must be left without any one cloud.
var survives = []policy.Availability{{Survive: location.DomainCloud, MinReplicasPercent: 50}}

// ruled puts a workload of one-core replicas under rules, on pools aws, gcp and azure with these prices, and returns its judge.
func ruled(t testing.TB, replicas int, ruled *policy.Effective, availability []policy.Availability, prices ...float64) *Judge {
	t.Helper()
	snapshot := clouds(t, prices...)
	w := on("web", 0, replicas)
	w.Availability = availability
	if ruled != nil {
		w.Rules = rules.NewRules(ruled, snapshot.RoundTrips)
	}
	snapshot.Workloads = []engine.Workload{w}
	pools := map[string]*engine.Pool{}
	for i := range snapshot.Pools {
		pools[snapshot.Pools[i].Name] = &snapshot.Pools[i]
	}
	return NewJudge(appraise(t, snapshot), 0, pools, nil)
}

// at is so many replicas on aws, gcp and azure.
func at(aws, gcp, azure int) map[string]int {
	return map[string]int{"aws": aws, "gcp": gcp, "azure": azure}
}

// says joins breaches for a table.
func says(breaches []rules.Breach) string {
	var out []string
	for i := range breaches {
		out = append(out, fmt.Sprintf("%d: %s", breaches[i].Replicas, breaches[i].Message))
	}
	return strings.Join(out, "; ")
}

func TestBreaches(t *testing.T) {
	even := policy.Spread{TopologyKey: v1alpha1.LabelCloud, MaxSharePercent: 100, MaxSkew: 1}
	three := policy.Spread{TopologyKey: v1alpha1.LabelCloud, MinDomains: 3, MaxSharePercent: 100}
	for _, c := range []struct {
		name         string
		rules        *policy.Effective
		availability []policy.Availability
		at           map[string]int
		want         string
	}{
		{"no policy", nil, nil, at(4, 0, 0), ""},
		{"half", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}, nil, at(2, 2, 0), ""},
		{"more than half", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}, nil, at(3, 1, 0), "1: 3 replicas in cloud aws, at most 2"},
		{"one is missing", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}, nil, at(3, 0, 0), ""},
		{"three clouds", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{three}}, nil, at(2, 1, 1), ""},
		{"two clouds", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{three}}, nil, at(2, 2, 0), "1: replicas in 2 of at least 3 places by cloud"},
		{"survives", &policy.Effective{SpotMaxPercent: 100}, survives, at(2, 2, 0), ""},
		{"does not survive", &policy.Effective{SpotMaxPercent: 100}, survives, at(3, 1, 0), "1: without cloud aws 1 of 4 replicas would be left, at least 2 must be"},
		{"need not survive a second loss", &policy.Effective{
			SpotMaxPercent: 100, Availability: []policy.Availability{{Survive: "cloud", MinReplicasPercent: 50}},
		}, nil, at(4, 0, 0), ""},
		{"several", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half, three}}, survives, at(4, 0, 0), "2: 4 replicas in cloud aws, at most 2; " +
			"2: replicas in 1 of at least 3 places by cloud; 2: without cloud aws 0 of 4 replicas would be left, at least 2 must be"},
		{"no cloud with over one more", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{even}}, nil, at(2, 1, 1), ""},
		// A running violation of maxSkew never counted as broken: the mover had spread rules of its own, without it.
		{"a cloud with two more than another", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{even}}, nil, at(2, 2, 0),
			"3: 2 replicas in cloud aws, at most 1 more than in the emptiest, which has 0"},
		{"skew with one missing", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{even}}, nil, at(2, 1, 0), ""},
		{"over the ceiling", &policy.Effective{SpotMaxPercent: 100, HasMaxHourlyUSD: true, MaxHourlyUSD: 1}, nil, at(4, 0, 0), ""},
	} {
		if got := says(ruled(t, 4, c.rules, c.availability, 4, 2, 3).Breaches(c.at)); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestMeasuredCallsAreBroken: replicas that call over a pair of places that nobody measured break a limit that demands measured figures, and
// none is let go to another such place.
func TestMeasuredCallsAreBroken(t *testing.T) {
	to := location.Location{Cloud: "scaleway", Region: "fr-par"}
	paris := &rules.Class{ID: 3, Node: location.Node{Location: to}, Place: latency.PlaceOf(to), PlaceID: 3}
	for _, c := range []struct {
		name            string
		measured        bool
		at              map[string]int
		breaks, refuses string // the second of gcp
	}{
		{"any figure", false, at(2, 0, 0), "", ""},
		{"measured figures", true, at(2, 0, 0), "2: 2 replicas without a measured round trip from aws/eu-west-1 to db in scaleway/fr-par (a LatencyMap can give it)",
			"without a measured round trip from gcp/europe-west1 to db in scaleway/fr-par (a LatencyMap can give it)"},
	} {
		judge := ruled(t, 2, &policy.Effective{SpotMaxPercent: 100, TrafficLimits: []policy.Traffic{{Name: "db", MaxMilliseconds: 60, Measured: c.measured}}}, nil, 4, 2, 3)
		judge.callees = []*rules.View{(&rules.View{}).With(paris, 1, 0, 0)}
		if got := says(judge.Breaches(c.at)); got != c.breaks {
			t.Errorf("%s: breaks %q, want %q", c.name, got, c.breaks)
		}
		if got := judge.Refuses("gcp", c.at); got != c.refuses {
			t.Errorf("%s: gcp is refused for %q, want %q", c.name, got, c.refuses)
		}
	}
}

// TestMended checks what counts as mending: some rule is broken less, and none more.
func TestMended(t *testing.T) {
	breach := func(kind rules.Kind, replicas int) rules.Breach {
		return rules.Breach{Kind: kind, Replicas: replicas, Message: string(kind)}
	}
	spread, spot := rules.KindSpread, rules.KindSpot
	for _, c := range []struct {
		name          string
		before, after []rules.Breach
		want          rules.Kind
	}{
		{"nothing broken", nil, nil, ""},
		{"the same", []rules.Breach{breach(spread, 2)}, []rules.Breach{breach(spread, 2)}, ""},
		{"less", []rules.Breach{breach(spread, 2)}, []rules.Breach{breach(spread, 1)}, spread},
		{"mended", []rules.Breach{breach(spread, 1)}, nil, spread},
		{"more", []rules.Breach{breach(spread, 1)}, []rules.Breach{breach(spread, 2)}, ""},
		{"another is broken", []rules.Breach{breach(spread, 2)}, []rules.Breach{breach(spot, 1)}, ""},
		{"another stays broken", []rules.Breach{breach(spread, 2), breach(spot, 1)}, []rules.Breach{breach(spot, 1)}, spread},
		{"another is mended", []rules.Breach{breach(spread, 2), breach(spot, 1)}, []rules.Breach{breach(spread, 2)}, spot},
	} {
		got := rules.Kind("")
		if rule := mended(c.before, c.after); rule != nil {
			got = rule.Kind
		}
		if got != c.want {
			t.Errorf("%s: mends %q, not %q", c.name, got, c.want)
		}
	}
}

// TestRefuses checks that a judge refuses what the scheduler's rules refuse.
func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  *policy.Effective
		prices []float64
		others map[string]int
		want   string
	}{
		{"no policy", nil, []float64{4, 2, 3}, at(3, 0, 0), ""},
		{"half", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}, []float64{4, 2, 3}, at(2, 1, 0), ""},
		{"more than half", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}, []float64{4, 2, 3}, at(1, 2, 0),
			"in cloud gcp, which has its 50% of the replicas"},
		{"under the ceiling", &policy.Effective{SpotMaxPercent: 100, HasMaxHourlyUSD: true, MaxHourlyUSD: 4}, []float64{4, 2, 3}, at(3, 0, 0), ""},
		{"over the ceiling, though cheaper", &policy.Effective{SpotMaxPercent: 100, HasMaxHourlyUSD: true, MaxHourlyUSD: 3}, []float64{4, 2, 3}, at(3, 0, 0),
			"over the ceiling of $3/h"},
		{"no price", &policy.Effective{SpotMaxPercent: 100, HasMaxHourlyUSD: true, MaxHourlyUSD: 3}, []float64{4, 0, 3}, at(0, 0, 3),
			"without a known price (policy has a cost ceiling)"},
		{"skew", &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSharePercent: 100, MaxSkew: 1}}},
			[]float64{4, 2, 3}, at(1, 1, 0), "in cloud gcp, which would have over 1 replica more than the emptiest cloud"},
	} {
		if got := ruled(t, 4, c.rules, nil, c.prices...).Refuses("gcp", c.others); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestEveryMoveMends checks that from any places, moves one by one that each break less lead to places that break nothing,
// where a plan that breaks nothing exists: no rule needs a step back.
func TestEveryMoveMends(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(rt, "replicas")
		rules := &policy.Effective{SpotMaxPercent: 100}
		if rapid.Bool().Draw(rt, "shares") {
			rules.Spread = append(rules.Spread, policy.Spread{
				TopologyKey: v1alpha1.LabelCloud, MaxSharePercent: rapid.IntRange(34, 100).Draw(rt, "share"), MinDomains: rapid.IntRange(0, 3).Draw(rt, "domains"),
				MaxSkew: rapid.IntRange(0, 3).Draw(rt, "skew"),
			})
		}
		var availability []policy.Availability
		if rapid.Bool().Draw(rt, "survives") {
			availability = []policy.Availability{{Survive: location.DomainCloud, MinReplicasPercent: rapid.IntRange(1, 66).Draw(rt, "left")}}
		}
		judge := ruled(t, n, rules, availability, 1, 1, 1)
		draw := func(what string) map[string]int {
			out := at(0, 0, 0)
			for range n {
				out[rapid.SampledFrom([]string{"aws", "gcp", "azure"}).Draw(rt, what)]++
			}
			return out
		}
		now, plan := draw("now"), draw("plan")
		if len(judge.Breaches(plan)) > 0 {
			return
		}
		for step := 0; len(judge.Breaches(now)) > 0; step++ {
			var next map[string]int
			for from := range now {
				for to := range now {
					if now[from] <= plan[from] || now[to] >= plan[to] {
						continue
					}
					after := maps.Clone(now)
					after[from]--
					after[to]++
					if next == nil && mended(judge.Breaches(now), judge.Breaches(after)) != nil {
						next = after
					}
				}
			}
			if next == nil || step > n {
				rt.Fatalf("%v breaks %s, and no move towards %v mends it", now, says(judge.Breaches(now)), plan)
			}
			now = next
		}
	})
}
