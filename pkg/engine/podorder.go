package engine

import (
	"cmp"
	"encoding/binary"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// mostOrders is how many states a search for an order looks at.
const mostOrders = 4096

// crosses says whether pods are spread over domains by several keys, single nodes apart: then they may come in some orders only, or in
// none beside those that run.
func (r *PodRules) crosses() bool {
	n := 0
	for k := range r.Spread {
		if r.Spread[k].TopologyKey != corev1.LabelHostname {
			n++
		}
	}
	return n > 1
}

// unordered are replicas of a workload that kube-scheduler could bind in no order, since of two topology spread constraints each keeps it
// from the domain that the other wants next: all that are left once as many as can have come. Nil where all of them can, and where that was
// not found out in bounded time. Pods of others are where they are.
func (s *Solver) unordered(w *work) []alloc {
	if w.held != "" || w.pods == nil || len(w.allocs) == 0 {
		return nil
	}
	var skews []domainSkew
	for _, skew := range slices.Concat(w.limits.skews, s.besideOf(w, w.pods.levelled).skews) {
		if skew.rule == RuleTopologySpread {
			skews = append(skews, skew)
		}
	}
	if len(skews) < 2 {
		return nil
	}
	o := &ordering{m: s.m, skews: skews, seen: map[string]bool{}}
	for k := range skews {
		counts := make([]int32, len(s.m.axes[skews[k].axis].names))
		for domain := range counts {
			counts[domain] = skews[k].there(int32(domain))
		}
		o.counts = append(o.counts, counts)
	}
	kinds, of := map[string]int{}, make([]int, len(w.allocs))
	for k, a := range w.allocs {
		n := min(a.n, w.comes(s.m, nodeKey{a.pool, a.node}))
		o.count(a.pool, a.n-n)
		if of[k] = -1; n > 0 {
			of[k] = o.kind(kinds, a.pool)
			o.coming[of[k]].n += n
			o.left += n
		}
	}
	o.come = make([]int32, len(o.coming))
	if o.next() || len(o.seen) >= mostOrders {
		return nil
	}
	var out []alloc
	for k, a := range w.allocs {
		if of[k] < 0 {
			continue
		}
		n, came := min(a.n, w.comes(s.m, nodeKey{a.pool, a.node})), &o.best[of[k]]
		here := min(n, *came)
		if *came -= here; here < n {
			out = append(out, alloc{a.pool, a.node, n - here})
		}
	}
	return out
}

// crossing is the rules that let replicas come in no order.
func (s *Solver) crossing(i int32) ConflictRule {
	text := ""
	for k := range s.m.snapshot.Workloads[i].PodRules.Spread {
		if spread := &s.m.snapshot.Workloads[i].PodRules.Spread[k]; spread.TopologyKey != corev1.LabelHostname {
			text += "; " + podSpreadText(spread)
		}
	}
	return ConflictRule{RuleTopologySpread, "kube-scheduler could bind all of them in no order, since each of these rules comes to want a domain that " +
		"another closes" + text}
}

// ordering is a search for an order in which replicas come, each state once. Replicas that come to the same domains are one kind: no
// constraint tells them apart.
type ordering struct {
	m      *model
	skews  []domainSkew
	counts [][]int32 // by skew and domain
	coming []pick    // by kind, on one of its pools
	come   []int32   // parallel to coming: how many have come
	left   int32
	seen   map[string]bool
	best   []int32 // come, when most had
	least  int32   // left then
}

// kind is the kind of what comes to a pool, of those known so far or a new one.
func (o *ordering) kind(known map[string]int, pool int32) int {
	var key []byte
	for k := range o.skews {
		key = binary.AppendVarint(key, int64(o.m.axes[o.skews[k].axis].of[pool]))
	}
	kind, ok := known[string(key)]
	if !ok {
		kind = len(o.coming)
		known[string(key)] = kind
		o.coming = append(o.coming, pick{pool: pool})
	}
	return kind
}

func (o *ordering) count(pool, n int32) {
	for k := range o.skews {
		if domain := o.m.axes[o.skews[k].axis].of[pool]; domain >= 0 {
			o.counts[k][domain] += n
		}
	}
}

// may says whether one more replica may come to a pool now.
func (o *ordering) may(pool int32) bool {
	for k := range o.skews {
		skew := &o.skews[k]
		domain := o.m.axes[skew.axis].of[pool]
		if domain < 0 || !contains(skew.domains, domain) {
			continue
		}
		least := int32(0)
		if !skew.floor {
			least = skew.emptiest(func(domain int32) int32 { return o.counts[k][domain] })
		}
		if o.counts[k][domain]+1-least > skew.max {
			return false
		}
	}
	return true
}

// next lets one more replica come, and then the others.
func (o *ordering) next() bool {
	if o.best == nil || o.left < o.least {
		o.best, o.least = slices.Clone(o.come), o.left
	}
	if o.left == 0 {
		return true
	}
	var key []byte
	for _, n := range o.come {
		key = binary.AppendVarint(key, int64(n))
	}
	state := string(key)
	if o.seen[state] || len(o.seen) >= mostOrders {
		return false
	}
	o.seen[state] = true
	var open []int
	for i, a := range o.coming {
		if o.come[i] < a.n {
			open = append(open, i)
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(o.share(a), o.share(b)) })
	for _, i := range open {
		pool := o.coming[i].pool
		if !o.may(pool) {
			continue
		}
		o.come[i], o.left = o.come[i]+1, o.left-1
		o.count(pool, 1)
		if o.next() {
			return true
		}
		o.come[i], o.left = o.come[i]-1, o.left+1
		o.count(pool, -1)
	}
	return false
}

// share is how much of what comes to a node has come.
func (o *ordering) share(i int) float64 { return float64(o.come[i]) / float64(o.coming[i].n) }
