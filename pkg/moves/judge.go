package moves

import (
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
)

// Judge judges places of a workload's replicas, which it is given as numbers by the name of a pool. A nil Judge finds
// nothing wrong.
type Judge struct {
	appraiser *engine.Appraiser
	index     int
	workload  *engine.Workload
	pools     map[string]*engine.Pool
	callees   []*rules.View
	skew      [][]string
}

// NewJudge returns a judge of a workload of an appraiser's snapshot. pools are the snapshot's by name; callees are where the workloads run
// that the rules' TrafficLimits name, in their order, nil where one is not known.
func NewJudge(appraiser *engine.Appraiser, workload int, pools map[string]*engine.Pool, callees []*rules.View) *Judge {
	return &Judge{appraiser: appraiser, index: workload, workload: &appraiser.Snapshot().Workloads[workload], pools: pools, callees: callees}
}

// skewDomains are the domains that skews are counted over.
func (j *Judge) skewDomains() [][]string {
	if j.skew == nil && rules.LimitsSkew(j.workload.Rules) {
		var classes []*rules.Class
		for i := range j.appraiser.Snapshot().Pools {
			if pool := &j.appraiser.Snapshot().Pools[i]; len(pool.Nodes) > 0 && j.appraiser.Allows(j.index, i) {
				classes = append(classes, pool.Class)
			}
		}
		j.skew = rules.SkewDomains(j.workload.Rules, classes)
	}
	return j.skew
}

// Breaches are the rules over all replicas together that they break where they are. While some are missing there is none,
// since they may yet mend it. Losses that a plan was not asked to survive are left out: after a loss those that what remains
// cannot meet, and breaking them is no reason to move anything. So is a cost ceiling: what a move saves is weighed as money,
// and no move goes over the ceiling (Refuses). Nodes are not told apart.
func (j *Judge) Breaches(at map[string]int) []rules.Breach {
	if j == nil || j.workload.Rules == nil {
		return nil
	}
	layout := rules.Layout{Replicas: j.workload.Replicas, Survive: j.workload.Availability, Open: j.skewDomains(), Callees: j.callees}
	placed := 0
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if pool := j.pools[name]; pool != nil && at[name] > 0 {
			layout.Groups = append(layout.Groups, rules.Group{Class: pool.Class, Cluster: pool.Cluster, Replicas: at[name]})
			placed += at[name]
		}
	}
	if placed < layout.Replicas {
		return nil
	}
	return j.workload.Rules.Breaches(&layout)
}

// Refuses says which rule keeps the scheduler from placing one more replica in a pool besides others; empty when none does.
// Rules that tell nodes apart are left out.
func (j *Judge) Refuses(pool string, others map[string]int) string {
	if j == nil || j.workload.Rules == nil || j.pools[pool] == nil {
		return ""
	}
	ruled, target := j.workload.Rules, j.pools[pool]
	view := View(j.workload, j.pools, others)
	if reason := ruled.Static(target.Class).Reason(); reason != "" {
		return reason
	}
	if reason := rules.NewLocationLimits(ruled, view).Among(j.skewDomains()).Reason(target.Class); reason != "" {
		return reason
	}
	if reason := rules.NewLatencyLimits(ruled, view, j.callees).Reason(target.Class); reason != "" {
		return reason
	}
	usd, known := hourlyUSD(target, &j.workload.Request)
	return rules.CeilingReason(ruled.Effective, view, usd, known)
}

// View is where replicas of a workload are, given by the names of pools, as the rules of a scheduling cycle see them.
func View(w *engine.Workload, pools map[string]*engine.Pool, at map[string]int) *rules.View {
	out := &rules.View{Desired: w.Replicas}
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if pool, n := pools[name], at[name]; pool != nil && n > 0 {
			usd, _ := hourlyUSD(pool, &w.Request)
			out = out.With(pool.Class, n, usd*float64(n), 0)
		}
	}
	return out
}

// hourlyUSD is what a replica costs in a pool, in US dollars an hour.
func hourlyUSD(pool *engine.Pool, request *engine.Resources) (usd float64, known bool) {
	one := rules.Candidate{Price: pool.Price, Rates: pricing.NewRates(pool.Price.USD, pool.Allocatable.Priced())}
	return one.HourlyUSD(request.Priced())
}
