package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// LatencyReport says how fast the workloads of a cluster answer, and how far they are from the ones that they call. Only
// workloads whose policies name clients or traffic are in it.
type LatencyReport struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	// GroupedBy is cloud, region, node, namespace, workload or policy. Namespace is empty for all.
	GroupedBy Grouping       `json:"groupedBy"`
	Namespace string         `json:"namespace,omitempty"`
	Groups    []LatencyGroup `json:"groups"`
	Total     LatencyGroup   `json:"total"`
	// PendingPods have no node and are in no figure.
	PendingPods int `json:"pendingPods"`
	// OtherReplicas have neither clients nor traffic in their policies.
	OtherReplicas int `json:"otherReplicas"`
	// OldestDate is the date of the oldest figure that went in.
	OldestDate string   `json:"oldestDate,omitempty"`
	Notes      []string `json:"notes,omitempty"`
}

// LatencyGroup is one line of a LatencyReport.
type LatencyGroup struct {
	Name     string `json:"name"`
	Replicas int    `json:"replicas"`
	// Workloads with a replica in the group, and how many of them are over a limit. A workload counts in every group that
	// it has a replica in.
	Workloads     int `json:"workloads"`
	WorkloadsOver int `json:"workloadsOver"`
	// Clients is the expected round trip of the clients to a replica, the mean over the replicas whose policies name
	// clients: what the scheduler scores. UnknownReplicas of them have no figure and are not in the mean.
	Clients         Milliseconds `json:"clients"`
	UnknownReplicas int          `json:"unknownReplicas"`
	// Calls is the round trip to the nearest replica of a called workload, the mean over replicas and calls, weighted by
	// the calls' requests per second where policies give them.
	Calls Milliseconds `json:"calls"`
	// Nearest is the expected round trip of the clients to the nearest replica, and Percentile95 that of the 95th
	// percentile of the clients; only by workload. Null where there are no clients or it is not known.
	Nearest      *Milliseconds `json:"nearest,omitempty"`
	Percentile95 *float64      `json:"percentile95Milliseconds,omitempty"`
	// Limit is the policy's maxMilliseconds, the one that is nearest to being broken; Within whether every limit is met,
	// on clients and on calls; null where there is none. Only by workload.
	Limit  *float64 `json:"limitMilliseconds,omitempty"`
	Within *bool    `json:"within,omitempty"`
	// Over says which limits are not met. Only by workload.
	Over []string `json:"over,omitempty"`

	clients, calls meanTrip
	workloads      map[*servedWorkload]bool
}

// meanTrip adds round trips up; its basis is the worst and its date the oldest that went in.
type meanTrip struct {
	sum, weight float64
	worst       latency.RoundTrip
	date        string
	unknown     int
}

func (m *meanTrip) add(trip latency.RoundTrip, weight float64) {
	if !trip.Known() {
		m.unknown++
		return
	}
	m.sum += trip.Milliseconds * weight
	m.weight += weight
	if !m.worst.Known() || trip.Basis.Worse(m.worst.Basis) {
		m.worst = trip
	}
	m.date = oldest(m.date, trip.Date)
}

func (m *meanTrip) figure(none string) Milliseconds {
	if m.weight == 0 {
		if m.unknown > 0 {
			none = "no round trip is known; a LatencyMap can give it"
		}
		return Milliseconds{Reason: none}
	}
	mean := m.worst
	mean.Milliseconds, mean.Date = m.sum/m.weight, m.date
	return milliseconds(mean, none)
}

func oldest(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// servedWorkload is a workload under one set of rules.
type servedWorkload struct {
	key   workload.Key
	rules *rules.Rules
	// clients is the round trip to the nearest replica; percentile95 and limit are those of the limit nearest to being
	// broken, or of the clients where there is no limit.
	nearest             Milliseconds
	percentile95, limit float64
	hasLimit            bool
	over                []string
	callees             []*rules.View
}

// Latency reports round trips. namespace limits it to one; empty is all.
func Latency(snapshot *state.Snapshot, by Grouping, namespace string) (*LatencyReport, error) {
	placed, pending, err := replicas(snapshot, namespace)
	if err != nil {
		return nil, err
	}
	report := &LatencyReport{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "LatencyReport", Time: snapshot.Time, GroupedBy: by, Namespace: namespace,
		PendingPods: pending, Total: LatencyGroup{Name: "total"},
	}
	type workloadKey struct {
		key   workload.Key
		ruled *rules.Rules
	}
	workloads := map[workloadKey]*servedWorkload{}
	groups := map[string]*LatencyGroup{}
	for i := range placed {
		r := &placed[i]
		if len(r.rules.Clients) == 0 && len(r.rules.Traffic) == 0 {
			report.OtherReplicas++
			continue
		}
		key := workloadKey{r.workload, r.rules}
		if workloads[key] == nil {
			workloads[key] = serve(snapshot, r)
		}
		name := by.group(r)
		if groups[name] == nil {
			groups[name] = &LatencyGroup{Name: name}
		}
		for _, group := range []*LatencyGroup{groups[name], &report.Total} {
			group.add(r, workloads[key], snapshot.World().RoundTrips)
		}
	}
	for _, group := range groups {
		report.Groups = append(report.Groups, *group)
	}
	report.finish()
	return report, nil
}

// serve measures a workload against its limits.
func serve(snapshot *state.Snapshot, r *replica) *servedWorkload {
	w := &servedWorkload{key: r.workload, rules: r.rules, callees: snapshot.Callees(r.pod, r.rules.Traffic)}
	times := snapshot.World().RoundTrips
	view := snapshot.Workload(r.workload)
	var mean meanTrip
	trips := nearestTrips(times, view, r.rules.Clients, false)
	for i, trip := range trips {
		mean.add(trip, float64(r.rules.Clients[i].SharePercent))
	}
	w.nearest = mean.figure("policies name no clients")
	if mean.unknown > 0 {
		w.nearest = Milliseconds{Reason: "the round trip of some clients is not known; a LatencyMap can give it"}
	}
	w.percentile95 = percentile95(trips, r.rules.Clients)
	worst := math.Inf(-1)
	for i := range r.rules.Latency {
		limit := &r.rules.Latency[i]
		reached := percentile95(nearestTrips(times, view, limit.Populations, limit.Measured), limit.Populations)
		if limit.Broken {
			reached = math.Inf(1)
		}
		if reached > limit.MaxMilliseconds {
			w.over = append(w.over, "clients: "+measuredText(reached, limit.Measured)+" of at most "+msText(limit.MaxMilliseconds)+" ("+limit.Source.String()+")")
		}
		if ratio := reached / limit.MaxMilliseconds; ratio > worst {
			worst, w.percentile95, w.limit, w.hasLimit = ratio, reached, limit.MaxMilliseconds, true
		}
	}
	w.measureCalls(snapshot, r, view)
	return w
}

// measureCalls holds the calls of the farthest replica against their limits.
func (w *servedWorkload) measureCalls(snapshot *state.Snapshot, r *replica, view *rules.View) {
	for i, callee := range snapshot.Callees(r.pod, r.rules.TrafficLimits) {
		limit := &r.rules.TrafficLimits[i]
		if callee == nil || len(callee.Classes) == 0 {
			continue
		}
		farthest := 0.0
		for c := range view.Classes {
			farthest = max(farthest, snapshot.World().RoundTrips.Nearest(view.Classes[c].Class, callee, limit.Measured).OrInfinite())
		}
		w.hasLimit = true
		if farthest > limit.MaxMilliseconds {
			w.over = append(w.over, "calls to "+limit.Name+": "+measuredText(farthest, limit.Measured)+" of at most "+msText(limit.MaxMilliseconds))
		}
	}
}

// nearestTrips are the round trips of populations to the nearest replica, of those alone to which somebody measured it if that is demanded.
func nearestTrips(times *rules.RoundTrips, view *rules.View, populations []latency.Population, measured bool) []latency.RoundTrip {
	out := make([]latency.RoundTrip, len(populations))
	for i, population := range populations {
		for c := range view.Classes {
			trip := times.FromClient(population.Client, view.Classes[c].Class.Place)
			if trip.OrInfinite() < out[i].OrInfinite() && !(measured && trip.Basis == latency.BasisEstimate) {
				out[i] = trip
			}
		}
	}
	return out
}

func percentile95(trips []latency.RoundTrip, populations []latency.Population) float64 {
	weighted := make([]latency.Weighted, len(trips))
	for i, trip := range trips {
		weighted[i] = latency.Weighted{Milliseconds: trip.OrInfinite(), SharePercent: populations[i].SharePercent}
	}
	return latency.Percentile95(weighted)
}

func msText(ms float64) string {
	if math.IsInf(ms, 1) {
		return unknownText
	}
	return tenths(ms) + " ms"
}

// measuredText is msText of a round trip that a limit may demand to be measured.
func measuredText(ms float64, demanded bool) string {
	if demanded && math.IsInf(ms, 1) {
		return "not measured, which is demanded,"
	}
	return msText(ms)
}

func (g *LatencyGroup) add(r *replica, w *servedWorkload, times *rules.RoundTrips) {
	g.Replicas++
	if g.workloads == nil {
		g.workloads = map[*servedWorkload]bool{}
	}
	g.workloads[w] = true
	if len(r.rules.Clients) > 0 {
		g.clients.add(r.rules.Static(r.node.Class).Clients, 1)
	}
	for i, callee := range w.callees {
		if callee == nil || len(callee.Classes) == 0 {
			continue
		}
		requests := r.rules.Traffic[i].RequestsPerSecond
		if requests == 0 {
			requests = rules.DefaultRequestsPerSecond
		}
		g.calls.add(times.Nearest(r.node.Class, callee, r.rules.Traffic[i].Measured), requests)
	}
}

func (g *LatencyGroup) settle(byWorkload bool) {
	g.Clients = g.clients.figure("policies name no clients")
	g.UnknownReplicas = g.clients.unknown
	g.Calls = g.calls.figure("no calls to workloads that run")
	g.Workloads = len(g.workloads)
	// Replicas of one workload under different rules share the line: the worst speaks for it.
	var worst *servedWorkload
	for w := range g.workloads {
		if len(w.over) > 0 {
			g.WorkloadsOver++
		}
		g.Over = append(g.Over, w.over...)
		if worst == nil || w.worse(worst) {
			worst = w
		}
	}
	if !byWorkload || worst == nil {
		g.Over = nil
		return
	}
	g.Nearest = &worst.nearest
	if !math.IsInf(worst.percentile95, 1) {
		g.Percentile95 = &worst.percentile95
	}
	if worst.limit > 0 {
		g.Limit = &worst.limit
	}
	if worst.hasLimit {
		within := len(g.Over) == 0
		g.Within = &within
	}
	slices.Sort(g.Over)
}

// worse orders workloads under different rules: over a limit before within, then slower first.
func (w *servedWorkload) worse(other *servedWorkload) bool {
	return cmp.Or(cmp.Compare(len(w.over), len(other.over)), cmp.Compare(w.percentile95, other.percentile95),
		strings.Compare(w.rules.Signature, other.rules.Signature)) > 0
}

func (report *LatencyReport) finish() {
	byWorkload := report.GroupedBy == ByWorkload
	for i := range report.Groups {
		report.Groups[i].settle(byWorkload)
	}
	total := &report.Total
	total.settle(false)
	report.OldestDate = oldest(total.clients.date, total.calls.date)
	slices.SortFunc(report.Groups, func(a, b LatencyGroup) int {
		return cmp.Or(b.WorkloadsOver-a.WorkloadsOver, cmp.Compare(value(b.Clients), value(a.Clients)), strings.Compare(a.Name, b.Name))
	})
	if n := total.UnknownReplicas; n > 0 {
		report.Notes = append(report.Notes, count(n, "replica")+" with clients whose round trip is not known: in no mean")
	}
	if report.OtherReplicas > 0 {
		report.Notes = append(report.Notes, count(report.OtherReplicas, "replica")+" whose policies name neither clients nor traffic: not in the report")
	}
	if report.PendingPods > 0 {
		report.Notes = append(report.Notes, count(report.PendingPods, "pod")+" without a node: in no figure")
	}
	for _, basis := range []struct{ basis, meaning string }{
		{latency.BasisProxy.String(), "proxy: the median of measurements from the cloud regions in the clients' country"},
		{latency.BasisEstimate.String(), "estimate: computed from the distance, nobody measured it"},
		{latency.BasisUpperEstimate.String(), "upper estimate: the larger of two measured directions"},
	} {
		if total.Clients.Basis == basis.basis || total.Calls.Basis == basis.basis || slices.ContainsFunc(report.Groups, func(g LatencyGroup) bool {
			return g.Clients.Basis == basis.basis || g.Calls.Basis == basis.basis || g.Nearest != nil && g.Nearest.Basis == basis.basis
		}) {
			report.Notes = append(report.Notes, basis.meaning)
		}
	}
	if report.Total.Clients.Milliseconds != nil {
		report.Notes = append(report.Notes, "round trips are between data centres: the last mile to the clients and the time to answer are not in them")
	}
}

func value(ms Milliseconds) float64 {
	if ms.Milliseconds == nil {
		return math.Inf(-1)
	}
	return *ms.Milliseconds
}
