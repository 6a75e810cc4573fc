package engine

import (
	"cmp"
	"slices"
)

// hostCluster is the nodes of a cluster among which a topology spread constraint over nodes looks for the one with the fewest pods.
type hostCluster struct {
	name  string
	nodes []nodeKey
	// floor says that the fewest pods are taken to be none: the nodes are too few, or others take no pods.
	floor bool
}

// hostClusters are the nodes that count, those that exist and those that the plan adds, of each cluster.
func (r *spreadRule) hostClusters(s *Solver) []hostCluster {
	var out []hostCluster
	for i := range s.room.pools {
		if !r.counts[i] {
			continue
		}
		name := s.m.snapshot.Pools[i].Cluster
		at := slices.IndexFunc(out, func(c hostCluster) bool { return c.name == name })
		if at < 0 {
			at = len(out)
			out = append(out, hostCluster{name: name})
		}
		for node, used := range s.room.pools[i].used {
			if node < s.m.pools[i].nodes || used > 0 {
				out[at].nodes = append(out[at].nodes, nodeKey{int32(i), int32(node)})
			}
		}
		out[at].floor = out[at].floor || s.m.closed(int32(i), r.constraint)
	}
	for k := range out {
		out[k].floor = out[k].floor || len(out[k].nodes) < r.constraint.MinDomains
	}
	return out
}

// there is how many pods of others that count are on nodes.
func (r *spreadRule) there(s *Solver) map[nodeKey]int32 {
	out := map[nodeKey]int32{}
	r.each(s, func(pool, node, n int32) {
		if node >= 0 {
			out[nodeKey{pool, node}] += n
		}
	})
	return out
}

func (r *spreadRule) skew() int32 { return int32(min(max(r.constraint.MaxSkew, 0), maxReplicas)) }

// over are the replicas of a workload that nodes hold too many of.
func (r *spreadRule) over(s *Solver, w *work) []alloc {
	skew, on := r.skew(), r.there(s)
	for _, a := range w.allocs {
		on[nodeKey{a.pool, a.node}] += a.n
	}
	if !slices.ContainsFunc(w.allocs, func(a alloc) bool { return on[nodeKey{a.pool, a.node}] > skew }) {
		return nil
	}
	for _, cluster := range r.hostClusters(s) {
		least := int32(0)
		if !cluster.floor && len(cluster.nodes) > 0 {
			least = on[cluster.nodes[0]]
			for _, at := range cluster.nodes {
				least = min(least, on[at])
			}
		}
		for _, a := range w.allocs {
			over := on[nodeKey{a.pool, a.node}] - least - skew
			if over > 0 && w.onNode(nodeKey{a.pool, a.node}) > w.ran(s.m, nodeKey{a.pool, a.node}) && s.m.snapshot.Pools[a.pool].Cluster == cluster.name {
				return []alloc{{a.pool, a.node, min(over, a.n)}}
			}
		}
	}
	return nil
}

// levelling places replicas of a workload such that each node of a cluster has a number of pods at least.
type levelling struct {
	s        *Solver
	w        *work
	a        *ask
	skew     int32
	clusters []hostCluster
	there    map[nodeKey]int32 // pods of others
	got      map[nodeKey]int32
	left     []int32 // replicas without a place yet: of each pin, and last of those that nothing pins
}

// level places replicas of a workload of which a node may hold only so many more than the one that holds fewest, where it has
// more replicas than such nodes would hold if one of them had none: every node that counts holds some. It keeps what places most.
func (s *Solver) level(w *work, a *ask) {
	rule := w.pods.hosts
	clusters := rule.hostClusters(s) // with the nodes that were added for it
	best, placed := s.lift(w), int32(0)
	for _, was := range best {
		placed += was.n
	}
	bound := a.beside
	defer func() { a.beside = bound }()
	a.beside = s.besideOf(w, w.pods.levelled)
	l := &levelling{s: s, w: w, a: a, skew: rule.skew(), clusters: clusters, there: rule.there(s)}
	count, pods := int32(0), w.n
	for _, cluster := range l.clusters {
		if !cluster.floor {
			count += int32(len(cluster.nodes))
			for _, at := range cluster.nodes {
				pods += l.there[at]
			}
		}
	}
	keep := func() {
		if now := w.placed(); now > placed {
			best, placed = slices.Clone(w.allocs), now
		}
		s.lift(w)
	}
	if count > 0 {
		// More on every node leaves the others more room, as long as each has it.
		low, high := int32(0), max(pods/max(count, 1), 1)
		for low < high {
			middle := (low + high + 1) / 2
			if l.fill(middle) {
				low = middle
			} else {
				high = middle - 1
			}
			keep()
		}
		for base := max((pods+count-1)/count-l.skew, 1); base < low && placed < w.n; base++ { // the lowest at which all have places
			l.fill(base)
			keep()
		}
	}
	s.occupy(w, best)
}

// fill brings every node of each cluster to base pods, and then places as many more as each may hold, the cheapest first. A cluster
// whose nodes cannot all have so many holds what it may with one that has none. It says whether any cluster has them.
func (l *levelling) fill(base int32) bool {
	c := l.s.chooser
	l.a.n = l.w.n
	c.begin(l.a)
	l.got, l.left = map[nodeKey]int32{}, l.left[:0]
	free := l.w.n
	for k := range l.w.pins {
		l.left = append(l.left, l.w.pins[k].n)
		free -= l.w.pins[k].n
	}
	l.left = append(l.left, max(free, 0))
	levels, some := make([]int32, len(l.clusters)), false
	for k := range l.clusters {
		if !l.clusters[k].floor && l.raise(l.clusters[k].nodes, base) {
			levels[k], some = base, true
		}
	}
	if !some {
		return false
	}
	type entry struct {
		nodeKey
		most int32
		usd  float64
	}
	var order []entry
	for k := range l.clusters {
		for _, at := range l.clusters[k].nodes {
			order = append(order, entry{at, levels[k] + l.skew - l.there[at], c.marginals(at.pool, 1)})
		}
	}
	slices.SortStableFunc(order, func(x, y entry) int { return cmp.Or(cmp.Compare(x.usd, y.usd), cmp.Compare(x.pool, y.pool)) })
	for before := int32(-1); before < c.placed && c.placed < l.w.n; {
		before = c.placed
		for _, at := range order {
			l.put(at.nodeKey, at.most-l.got[at.nodeKey])
		}
	}
	return true
}

// raise brings nodes to base pods, by one in turn, since a domain that has its share waits for the others; where that fails it
// takes them off again.
func (l *levelling) raise(nodes []nodeKey, base int32) bool {
	before := len(l.w.allocs)
	for left := true; left; {
		left = false
		moved := false
		for _, at := range nodes {
			if l.there[at]+l.got[at] < base {
				left = true
				moved = l.put(at, 1) > 0 || moved
			}
		}
		if left && !moved {
			for _, a := range l.w.allocs[before:] {
				l.s.room.release(a, l.w.row.request.vector)
				l.s.chooser.remove(a.pool, a.n)
				delete(l.got, nodeKey{a.pool, a.node})
			}
			l.w.allocs = l.w.allocs[:before]
			l.recount()
			return false
		}
	}
	return true
}

// recount finds anew which replicas have no place yet.
func (l *levelling) recount() {
	free := l.w.n
	for k := range l.w.pins {
		l.left[k] = l.w.pins[k].n
		free -= l.w.pins[k].n
	}
	l.left[len(l.w.pins)] = max(free, 0)
	for _, a := range l.w.allocs {
		l.pick(a.pool, a.n)
	}
}

// pick takes replicas that may be on a pool, those with the least choice first, and returns how many there are.
func (l *levelling) pick(pool, most int32) int32 {
	n := int32(0)
	for k := range l.left {
		if k == len(l.w.pins) || l.w.pins[k].only[pool] {
			take := min(l.left[k], most-n)
			l.left[k] -= take
			n += take
		}
	}
	return n
}

// put places at most so many replicas on a node.
func (l *levelling) put(at nodeKey, most int32) int32 {
	s, w, c := l.s, l.w, l.s.chooser
	if most <= 0 || l.a.barred(s.m, at.pool) || !s.m.allows(w.row.profile, at.pool) {
		return 0
	}
	most = min(most, l.a.beside.nodes().most(at.pool, at.node, w.limits.share(w.limits.levelled))-l.got[at], c.allowance(at.pool))
	if most <= 0 {
		return 0
	}
	room := &s.room.pools[at.pool]
	n := fits(room.free[int(at.node)*s.room.dims:(int(at.node)+1)*s.room.dims], w.row.request.vector, most)
	if n = l.pick(at.pool, n); n <= 0 {
		return 0
	}
	s.room.retake(alloc{at.pool, at.node, n}, w.row.request.vector)
	if k := slices.IndexFunc(w.allocs, func(a alloc) bool { return a.pool == at.pool && a.node == at.node }); k >= 0 {
		w.allocs[k].n += n
	} else {
		w.allocs = append(w.allocs, alloc{at.pool, at.node, n})
	}
	c.add(at.pool, n, 0)
	l.got[at] += n
	return n
}
