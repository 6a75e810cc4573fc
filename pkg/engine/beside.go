package engine

import "slices"

// beside is what pods elsewhere say of where the replicas of one workload may be, with these pods where they are now. Nil says
// nothing.
type beside struct {
	barred []bool // by pool; nil for none
	caps   *nodeCaps
	skews  []domainSkew
	// one are the axes in one domain of which all replicas must be; -1 is nodes. Empty for none.
	one []int
	// reasons are, by pool, the first rule that bars it.
	reasons map[int32]podRule
}

// nodeCaps are how many replicas single nodes may hold at most. Nil is no limit.
type nodeCaps struct {
	of map[int32]map[int32]int32 // by pool and node
	// only says that nodes which are not in of hold none; otherwise nothing is said of them.
	only bool
}

// most is how many replicas a node may hold, at most perNode. Node -1 is one to be added.
func (n *nodeCaps) most(pool, node, perNode int32) int32 {
	if n == nil {
		return perNode
	}
	return n.limit(pool, node, perNode)
}

func (n *nodeCaps) limit(pool, node, perNode int32) int32 {
	if most, said := n.of[pool][node]; said {
		return min(most, perNode)
	}
	if n.only {
		return 0
	}
	return perNode
}

// cap lowers how many replicas a node may hold.
func (b *beside) cap(pool, node, most int32) {
	if b.caps == nil {
		b.caps = &nodeCaps{}
	}
	if b.caps.of == nil {
		b.caps.of = map[int32]map[int32]int32{}
	}
	if b.caps.of[pool] == nil {
		b.caps.of[pool] = map[int32]int32{}
	}
	if known, said := b.caps.of[pool][node]; !said || most < known {
		b.caps.of[pool][node] = max(most, 0)
	}
}

// bar keeps replicas off a pool.
func (b *beside) bar(m *model, pool int32, rule podRule) {
	if b.barred == nil {
		b.barred, b.reasons = make([]bool, len(m.pools)), map[int32]podRule{}
	}
	if !b.barred[pool] {
		b.barred[pool], b.reasons[pool] = true, rule
	}
}

// bars says whether no replica may be on a pool.
func (b *beside) bars(pool int32) bool { return b != nil && b.barred != nil && b.barred[pool] }

// nodes are the limits on single nodes; nil for none.
func (b *beside) nodes() *nodeCaps {
	if b == nil {
		return nil
	}
	return b.caps
}

// levels says whether domains limit each other by how many pods they hold.
func (b *beside) levels() bool { return b != nil && len(b.skews) > 0 }

// axes are those that replicas are counted on, with those of the limits.
func (b *beside) axes(ofLimits []int) []int {
	if !b.levels() {
		return ofLimits
	}
	out := slices.Clone(ofLimits)
	for k := range b.skews {
		if !slices.Contains(out, b.skews[k].axis) {
			out = append(out, b.skews[k].axis)
		}
	}
	return out
}

// podRule is a rule of pods about a workload and others.
type podRule interface {
	// limit adds what the rule says of where replicas of a workload may be, with others where they are.
	limit(s *Solver, w *work, out *beside)
	// conflict is the rule in words.
	conflict() ConflictRule
}

// podWork is the rules of pods that bind one workload to others: its own, and those of others that select it.
type podWork struct {
	rules []podRule
	// hosts is the topology spread constraint over nodes that counts its own pods; nil for none. levelled are the numbers of those of the
	// rules that Solver.level sees to.
	hosts    *spreadRule
	levelled map[int]bool
	// together is the affinity, one of the rules; nil for none.
	together *together
	// watchers are the workloads with affinity to it, or whose spread counts it.
	watchers []int32
	// depth is 0 without affinity, and one more than that of what it has affinity to otherwise.
	depth int
}

// besideOf is what the rules of pods say of a workload, with all others where they are. Of the rules those are left out whose
// numbers are set in without; nil leaves out none.
func (s *Solver) besideOf(w *work, without map[int]bool) *beside {
	if w.pods == nil {
		return nil
	}
	out := &beside{}
	for k, rule := range w.pods.rules {
		if !without[k] {
			rule.limit(s, w, out)
		}
	}
	if s.meetOn != nil {
		out.onlyOn(map[nodeKey]bool{*s.meetOn: true})
	}
	return out
}

// putBeside is put for workloads that rules of pods bind to others.
func (s *Solver) putBeside(w *work, a *ask) {
	a.beside = s.besideOf(w, nil)
	if len(a.beside.one) > 0 {
		s.putInOne(w, a)
		return
	}
	s.putAlone(w, a)
	if w.pods.hosts != nil && w.placed() < w.n {
		s.level(w, a)
	}
}

// misplaced are the replicas of a workload that are where the rules of pods do not let them be, with all others where they are.
func (s *Solver) misplaced(w *work) []alloc {
	if w.pods == nil || w.held != "" || len(w.allocs) == 0 {
		return nil
	}
	b := s.besideOf(w, w.pods.levelled)
	var out []alloc
	for _, a := range w.allocs {
		if most := b.nodes().most(a.pool, a.node, a.n); b.bars(a.pool) {
			out = append(out, a)
		} else if a.n > most {
			out = append(out, alloc{a.pool, a.node, a.n - most})
		}
	}
	if len(out) == 0 {
		out = s.uneven(w, b.skews)
	}
	if len(out) == 0 && len(b.one) > 0 {
		out = s.scattered(w, b.one)
	}
	if len(out) == 0 && w.pods.hosts != nil {
		out = w.pods.hosts.over(s, w)
	}
	return out
}

// uneven are the replicas that domains hold too many of.
func (s *Solver) uneven(w *work, skews []domainSkew) []alloc {
	for k := range skews {
		skew := &skews[k]
		of := s.m.axes[skew.axis].of
		counts := map[int32]int32{}
		for _, a := range w.allocs {
			counts[of[a.pool]] += a.n
		}
		most := skew.max
		if !skew.floor {
			most += skew.emptiest(func(domain int32) int32 { return counts[domain] + skew.there(domain) })
		}
		for j := len(w.allocs) - 1; j >= 0; j-- {
			a, domain := w.allocs[j], of[w.allocs[j].pool]
			if !contains(skew.domains, domain) {
				continue // it runs in none
			}
			over := min(counts[domain]+skew.there(domain)-most, a.n)
			if over = min(over, w.comes(s.m, nodeKey{a.pool, a.node})); over > 0 {
				return []alloc{{a.pool, a.node, over}}
			}
		}
	}
	return nil
}

// disturbs says whether replicas of workloads that count on this one are misplaced, of those that stay whatever is beside them such as
// come.
func (s *Solver) disturbs(w *work) bool {
	return w.pods != nil && slices.ContainsFunc(w.pods.watchers, func(i int32) bool {
		watcher := s.works[i]
		bad := s.misplaced(watcher)
		return len(bad) > 0 && (!watcher.kept || len(s.coming(watcher, bad)) > 0)
	})
}

// mendPodRules places workloads anew of which replicas are misplaced since others have moved.
func (s *Solver) mendPodRules() {
	for _, i := range s.order {
		w := s.works[i]
		if bad := s.misplaced(w); len(bad) == 0 || w.kept && len(s.coming(w, bad)) == 0 {
			continue
		}
		s.lift(w)
		a := ask{}
		s.outgoing(w, &a)
		s.put(w, &a)
		s.settle(w)
	}
}

// keepPodRules places workloads anew, around all others, of which replicas are misplaced at the end, and leaves these out where that does
// not help. It returns whose.
func (s *Solver) keepPodRules(before *attempts) []int32 {
	var out []int32
	tried := map[int32]bool{}
	for i, n := range before.replaced {
		tried[i] = n == mostReplaced
	}
	for again := true; again; {
		again = false
		for _, i := range s.bound {
			w := s.works[i]
			bad, crossed := s.misplaced(w), false
			if len(bad) == 0 {
				bad = s.unordered(w)
				crossed = len(bad) > 0
			}
			if len(bad) == 0 {
				bad = s.stranded(w)
			}
			if tried[w.index] || w.kept {
				bad = s.coming(w, bad)
			}
			if len(bad) == 0 {
				continue
			}
			s.reserveAll()
			again = true
			if !contains(out, w.index) {
				out = append(out, w.index)
			}
			if !tried[w.index] {
				before.replaced[w.index]++
				if tried[w.index] = true; s.replace(w, bad) {
					continue
				}
				bad = s.coming(w, bad)
			}
			if moved := s.vacate(w, before); len(moved) > 0 {
				out = append(out, moved...)
				continue
			}
			s.unreserve(w.index)
			w.crossed = w.crossed || crossed
			for _, a := range bad {
				s.take(w, a)
			}
			s.even(w)
			s.settle(w)
			s.shelter(w.index)
		}
	}
	for _, i := range s.bound {
		if w := s.works[i]; w.held == "" && w.placed() < w.n {
			out = append(out, s.vacate(w, before)...)
		}
	}
	return out
}

// replace places a workload anew, which is kept where more replicas have a place than would without the misplaced ones.
func (s *Solver) replace(w *work, bad []alloc) bool {
	kept := w.placed() + 1
	if bad = s.coming(w, bad); len(bad) == 0 {
		kept--
	}
	for _, a := range bad {
		kept -= a.n
	}
	undo := s.rework(w.index, func() *ask { return s.attracted(w) })
	if w.placed() >= kept && len(s.unordered(w))+len(s.stranded(w)) == 0 && (len(s.misplaced(w)) == 0 || w.kept && len(s.coming(w, s.misplaced(w))) == 0) && s.reaches(w) && s.callersReach(w) && !s.disturbs(w) {
		return true
	}
	undo()
	return false
}

// take takes replicas of a workload off a node, or off any nodes of a pool where the node is -1.
func (s *Solver) take(w *work, bad alloc) {
	kept := make([]alloc, 0, len(w.allocs))
	for _, a := range w.allocs {
		if n := min(a.n, bad.n); a.pool == bad.pool && (bad.node < 0 || a.node == bad.node) && n > 0 {
			s.room.release(alloc{a.pool, a.node, n}, w.row.request.vector)
			a.n -= n
			bad.n -= n
		}
		if a.n > 0 {
			kept = append(kept, a)
		}
	}
	w.allocs = kept
}
