package engine

import (
	"fmt"
	"slices"
)

// relateTogether binds a workload to those that it has affinity to.
func (s *Solver) relateTogether(i int32, affinity *PodAffinity) {
	t := &together{affinity: affinity, own: affinity.selects(int(i)), reach: map[string]bool{}}
	for _, pool := range s.works[i].row.profile.allowed {
		t.reach[s.m.snapshot.Pools[pool].Cluster] = true
	}
	for _, key := range affinity.TopologyKeys {
		axis, known := s.m.axisOfPods(key)
		if !known {
			t.missing = key
		}
		t.axes = append(t.axes, axis)
	}
	for _, other := range affinity.Workloads {
		if int32(other) != i && other >= 0 && other < len(s.works) {
			t.works = append(t.works, int32(other))
		}
	}
	t.placed.all = t.works
	s.bind(i, t)
	s.podsOf(i).together = t
	s.watch(i, affinity.Workloads)
}

// together is affinity to pods: in each of its domains a replica finds one.
type together struct {
	affinity *PodAffinity
	axes     []int
	works    []int32         // that it selects, but for its owner
	placed   members         // the same
	own      bool            // it selects its owner's pods
	missing  string          // a topology key that no node has
	reach    map[string]bool // the clusters that its owner may be in: pods elsewhere say nothing
}

func (t *together) conflict() ConflictRule {
	if t.affinity.Volume != "" {
		return ConflictRule{RuleVolume, fmt.Sprintf("%s is settled for one %s, where the first pod that has it runs", t.affinity.Volume, t.affinity.TopologyKeys[0])}
	}
	text := fmt.Sprintf("pod affinity over %s", t.affinity.TopologyKeys[0])
	for _, key := range t.affinity.TopologyKeys[1:] {
		text += " and " + key
	}
	if t.affinity.Selector != "" {
		text += " to " + t.affinity.Selector
	}
	switch {
	case t.missing != "":
		text += fmt.Sprintf(", and no node has the label %s", t.missing)
	case len(t.works)+len(t.affinity.Others) == 0 && !t.own:
		text += ", which selects no pod"
	}
	return ConflictRule{RulePodAffinity, text}
}

func (t *together) limit(s *Solver, w *work, out *beside) {
	near, some := make([]domains, len(t.axes)), false
	for k, axis := range t.axes {
		near[k] = domains{m: s.m, axis: axis}
	}
	add := func(pool, node int32) {
		if pool < 0 || int(pool) >= len(s.m.pools) || !t.reach[s.m.snapshot.Pools[pool].Cluster] {
			return
		}
		some = true
		for k := range near {
			near[k].add(pool, node)
		}
	}
	for _, i := range t.placed.holding(s) {
		other := s.works[i]
		for _, a := range other.allocs {
			add(a.pool, a.node)
		}
		if s.constructing && len(other.allocs) == 0 { // it will be planned yet, and until then it is where it runs
			for _, stay := range other.stays {
				add(stay.pool, -1)
			}
		}
	}
	for _, at := range t.affinity.Others {
		add(int32(at.Pool), int32(at.Node))
	}
	if t.own && !slices.Contains(t.axes, onNodes) { // they find those that run; which nodes these are on nobody says
		for _, stay := range w.stays {
			add(stay.pool, -1)
		}
	}
	if !some && t.own && t.missing == "" {
		out.one = append(out.one, t.axes...)
	}
	for k, axis := range t.axes {
		switch {
		case axis != onNodes:
			of := s.m.axes[axis].of
			for i := range s.m.pools {
				if of[i] < 0 || !near[k].holds(int32(i), 0) && (some || !t.own) {
					out.bar(s.m, int32(i), t)
				}
			}
		case some || !t.own:
			out.onlyOn(near[k].nodes)
		}
	}
}

// onlyOn leaves replicas these nodes alone.
func (b *beside) onlyOn(nodes map[nodeKey]bool) {
	if b.caps == nil {
		b.caps = &nodeCaps{}
	}
	if !b.caps.only {
		caps := &nodeCaps{only: true, of: map[int32]map[int32]int32{}}
		for at := range nodes {
			if caps.of[at.pool] == nil {
				caps.of[at.pool] = map[int32]int32{}
			}
			caps.of[at.pool][at.node] = b.caps.most(at.pool, at.node, maxReplicas)
		}
		b.caps = caps
		return
	}
	for pool, list := range b.caps.of {
		for node := range list {
			if !nodes[nodeKey{pool, node}] {
				list[node] = 0
			}
		}
	}
}

// groupOf is the domain of each axis that a node is in.
func (s *Solver) groupOf(axes []int, pool, node int32) string {
	out := ""
	for _, axis := range axes {
		if axis == onNodes {
			out += fmt.Sprintf("%d/%d,", pool, node)
		} else {
			out += fmt.Sprintf("%d,", s.m.axes[axis].of[pool])
		}
	}
	return out
}

// scattered are the replicas outside the group of domains that holds most of them.
func (s *Solver) scattered(w *work, axes []int) []alloc {
	counts, most := map[string]int32{}, ""
	for _, a := range w.allocs {
		group := s.groupOf(axes, a.pool, a.node)
		if counts[group] += a.n; counts[group] > counts[most] {
			most = group
		}
	}
	return slices.DeleteFunc(slices.Clone(w.allocs), func(a alloc) bool { return s.groupOf(axes, a.pool, a.node) == most })
}

// maxGroups is how many groups of domains are tried for a workload all of whose replicas must be in one.
const maxGroups = 24

// putInOne places a workload all of whose replicas must be in one domain: in the one that holds most, at the lowest price among
// equals.
func (s *Solver) putInOne(w *work, a *ask) {
	if slices.Contains(a.beside.one, onNodes) {
		s.putOnOne(w, a)
		return
	}
	only := a.only
	var best []alloc
	placed, usd := int32(0), 0.0
	for _, group := range s.groupsFor(a) {
		a.only = s.within(a, only, group)
		s.putAlone(w, a)
		if now, total := w.placed(), s.chooser.total(); now > placed || now == placed && now > 0 && cheaper(total, usd) {
			placed, usd, best = now, total, slices.Clone(w.allocs)
		}
		s.lift(w)
	}
	a.only = only
	s.occupy(w, best)
}

// within are the pools of a group of domains, of those that only names; nil names all.
func (s *Solver) within(a *ask, only []bool, group string) []bool {
	out := make([]bool, len(s.m.pools))
	for i := range s.m.pools {
		out[i] = (only == nil || only[i]) && s.groupOf(a.beside.one, int32(i), 0) == group
	}
	return out
}

// occupy puts a lifted workload on nodes.
func (s *Solver) occupy(w *work, allocs []alloc) {
	for _, a := range allocs {
		s.room.retake(a, w.row.request.vector)
	}
	w.allocs = allocs
}

// groupsFor are the groups of domains of the pools that an ask may use, in the order of their cheapest pools.
func (s *Solver) groupsFor(a *ask) []string {
	var out []string
	offer := func(i int32) {
		if len(out) >= maxGroups || a.barred(s.m, i) || a.room.countOf(i, a.row.request, 1, 1) == 0 {
			return
		}
		if group := s.groupOf(a.beside.one, i, 0); !slices.Contains(out, group) {
			out = append(out, group)
		}
	}
	for k := range a.stays {
		if s.m.allows(a.row.profile, a.stays[k].pool) {
			offer(a.stays[k].pool)
		}
	}
	for _, i := range a.row.order {
		offer(i)
	}
	for _, i := range a.row.profile.allowed {
		offer(i)
	}
	return out
}

// putOnOne places a workload on one node.
func (s *Solver) putOnOne(w *work, a *ask) {
	best, most := nodeKey{-1, -1}, int32(0)
	c := s.chooser
	c.begin(a)
	request, share, caps := w.row.request.vector, w.limits.nodeShare(), a.beside.nodes()
	price := 0.0
	s.m.dense(w.row)
	for k, i := range w.row.pools {
		if a.barred(s.m, i) || slices.ContainsFunc(w.pins, func(p pin) bool { return !p.only[i] }) {
			continue
		}
		room := &s.room.pools[i]
		limit, cost := min(share, c.allowance(i), w.n), c.price(i, w.row.dense[k])-a.stayCredit(i)
		offer := func(node int32, free []int64) {
			n := fits(free, request, caps.most(i, node, limit))
			if n > most || n == most && n > 0 && cost < price {
				best, most, price = nodeKey{i, node}, n, cost
			}
		}
		for node := range room.used {
			offer(int32(node), room.free[node*s.room.dims:(node+1)*s.room.dims])
		}
		if room.spare > 0 {
			offer(-1, room.template)
		}
	}
	if most == 0 {
		return
	}
	if best.node < 0 {
		best.node = int32(len(s.room.pools[best.pool].used))
		s.room.open([]alloc{{best.pool, best.node, most}})
	}
	s.occupy(w, []alloc{{best.pool, best.node, most}})
}

// allInOne says whether all replicas of an ask have a place in one domain, or on one node, with some of them held where volumes are.
func (s *Solver) allInOne(a *ask, n int32, pins []pin) bool {
	if slices.Contains(a.beside.one, onNodes) {
		return slices.ContainsFunc(a.row.profile.allowed, func(i int32) bool {
			room := &a.room.pools[i]
			if a.barred(s.m, i) || a.limits.nodeShare() < n || slices.ContainsFunc(pins, func(p pin) bool { return !p.only[i] }) {
				return false
			}
			for node := range room.used {
				if fits(room.free[node*s.m.dims:(node+1)*s.m.dims], a.row.request.vector, a.beside.nodes().most(i, int32(node), n)) == n {
					return true
				}
			}
			return room.spare > 0 && fits(room.template, a.row.request.vector, n) == n
		})
	}
	only := a.only
	defer func() { a.only = only }()
	for _, group := range s.groupsFor(a) {
		if a.only = s.within(a, only, group); s.chooser.placeAll(a, n, pins) {
			return true
		}
	}
	return false
}
