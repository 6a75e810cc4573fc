package report

import (
	"slices"
	"strings"
	"testing"
)

// TestMeasuredCalls: of a call whose limit demands measured figures the round trip is shown to the nearest replica of those with one, and
// the limit says so.
func TestMeasuredCalls(t *testing.T) {
	const spec = "workloadSelector: {matchLabels: {app: web}}\n"
	for _, c := range []struct {
		name, policy, guard string
		db                  []string
		basis, limit, none  string
	}{
		{"any figure", "maxMilliseconds: 60", "", []string{"pa-1", "be-1"}, "estimate", "60", ""},
		{"measured figures", "maxMilliseconds: 60, figures: Measured", "", []string{"pa-1", "be-1"}, "measured", "60 measured", ""},
		{"measured figures of another policy", "maxMilliseconds: 30", "maxMilliseconds: 60, figures: Measured", []string{"pa-1", "be-1"}, "estimate", "30, 60 measured", ""},
		{"none", "maxMilliseconds: 60, figures: Measured", "", []string{"pa-1"}, "", "60 measured", "nobody measured the round trip to its replicas; a LatencyMap can give it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCluster(t).nodes("pa", paris, 1).nodes("be", belgium, 1).nodes("ie", irelandOnDemand, 1).
				deployment("shop", "web", "100m", "64Mi", "ie-1").deployment("shop", "db", "100m", "64Mi", c.db...).
				policy("shop", "p", spec+"traffic: [{to: {name: db}, requestsPerSecond: 5, "+c.policy+"}]")
			if c.guard != "" {
				b.clusterPolicy("guard", spec+"traffic: [{to: {name: db, namespace: shop}, "+c.guard+"}]")
			}
			snapshot := b.snapshot()
			e, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles})
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Bill.Calls[0]; got.Basis != c.basis || got.Reason != c.none {
				t.Errorf("the call is %+v, want basis %q, reason %q", got, c.basis, c.none)
			}
			line, text := "", new(strings.Builder)
			if err := e.Text(text); err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(text.String(), "\n") {
				if strings.Contains(l, "calls to shop/db") {
					line = strings.Join(strings.Fields(l), " ")
				}
			}
			if !strings.Contains(line, " "+c.limit+" ") {
				t.Errorf("%q does not give the limit %s", line, c.limit)
			}
		})
	}
}

// TestMeasuredLimitsInTheReport: a limit that demands measured figures was called met where an estimate met it, of clients as of calls.
func TestMeasuredLimitsInTheReport(t *testing.T) {
	const spec = "workloadSelector: {matchLabels: {app: web}}\n"
	for _, c := range []struct{ name, policy, over string }{
		{"calls", "traffic: [{to: {name: db}, maxMilliseconds: 60}]", ""},
		{"measured calls", "traffic: [{to: {name: db}, maxMilliseconds: 60, figures: Measured}]", "calls to db: not measured, which is demanded, of at most 60.0 ms"},
		{"clients", "latency: {clients: [{location: scaleway/fr-par, sharePercent: 100}], maxMilliseconds: 60}", ""},
		{"measured clients", "latency: {clients: [{location: scaleway/fr-par, sharePercent: 100}], maxMilliseconds: 60, figures: Measured}",
			"clients: not measured, which is demanded, of at most 60.0 ms (PlacementPolicy shop/p)"},
	} {
		snapshot := newCluster(t).nodes("pa", paris, 1).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1").
			deployment("shop", "db", "100m", "64Mi", "pa-1").policy("shop", "p", spec+c.policy).snapshot()
		report, err := Latency(snapshot, ByWorkload, "")
		if err != nil {
			t.Fatal(err)
		}
		over := report.Groups[0].Over
		if c.over == "" && len(over) > 0 || c.over != "" && !slices.Contains(over, c.over) {
			t.Errorf("%s: over %q, want %q", c.name, over, c.over)
		}
	}
}

// TestUnmeasuredCallsExclude says which pair nobody measured, and what to do about it, where a pod waits for that.
func TestUnmeasuredCallsExclude(t *testing.T) {
	e := explained(t, newCluster(t).nodes("pa", paris, 1).deployment("shop", "db", "1900m", "64Mi", "pa-1").nodes("ie", irelandOnDemand, 1).
		deployment("shop", "web", "500m", "512Mi", "").
		policy("shop", "p", "workloadSelector: {matchLabels: {app: web}}\ntraffic: [{to: {name: db}, maxMilliseconds: 60, figures: Measured}]"))
	const want = "without a measured round trip from aws/eu-west-1 to db in scaleway/fr-par (a LatencyMap can give it)"
	if !slices.ContainsFunc(e.Excluded, func(g ExcludedGroup) bool { return g.Rule == RuleLatency && g.Message == want && g.Nodes == 1 }) {
		t.Errorf("excluded %+v, want %q", e.Excluded, want)
	}
	if !slices.Contains(e.Remedies, "give the missing round trips in a LatencyMap (opens 1 node)") {
		t.Errorf("remedies %q", e.Remedies)
	}
}
