package engine

// domainSkew says that the fullest domain of an axis may hold at most max replicas more than the emptiest. Its domains are
// those with a pool that the profile allows and that is large enough.
type domainSkew struct {
	axis    int
	max     int32
	domains []int32
	rule    Rule
	others  []int32 // by domain: pods of others that count too; nil for none
	floor   bool    // the emptiest domain counts as empty
}

// level is one way to keep all skews with every replica placed: each domain of skew k holds at least base and at most base +
// max replicas. Within a level skews are caps and mins.
type level struct {
	caps []domainCap
	mins []domainMin
}

// Levels at most: of one skew, and of several together.
const (
	levelsOfOne = 6
	levelsOfAll = 12
)

// addSkew adds the rule that the fullest domain of an axis holds at most most replicas more than the emptiest.
func (m *model) addSkew(l *limits, p *profile, request []int64, axis int, most int32) {
	s := domainSkew{axis: axis, max: most, rule: RuleSpread}
	of := m.axes[axis].of
	for _, i := range p.allowed {
		if of[i] >= 0 && !contains(s.domains, of[i]) && m.pools[i].holds(request) {
			s.domains = append(s.domains, of[i])
		}
	}
	if len(s.domains) > 1 && most < l.n {
		l.skews = append(l.skews, s)
	}
}

// bases are how many replicas the emptiest domain may hold when n are placed: the least, and those above it that let
// the fullest hold more.
func (s *domainSkew) bases(n int32) []int32 {
	count := int32(len(s.domains))
	least := max((n+count-1)/count-s.max, 0)
	out := []int32{least}
	most := (n - s.max) / count
	for base := least + 1; base <= most; base += max((most-least)/levelsOfOne, 1) {
		out = append(out, base)
	}
	if last := out[len(out)-1]; last < most {
		out = append(out, most)
	}
	return out
}

// raise makes the levels of the skews, and adds what all levels have in common to the caps and mins.
func (l *limits) raise(m *model) {
	if len(l.skews) == 0 {
		return
	}
	combined := []level{{}}
	for k := range l.skews {
		s := &l.skews[k]
		bases := s.bases(l.n)
		var next []level
		for _, known := range combined {
			for _, base := range bases {
				if len(next) == levelsOfAll {
					break
				}
				var more level
				more.caps = append(append(more.caps, known.caps...), l.capOf(m, s, base))
				more.mins = append(append(more.mins, known.mins...), l.minOf(m, s, base))
				next = append(next, more)
			}
		}
		combined = next
		// A plan in which replicas are left out can be completed, were there room, so that these hold for it too.
		l.addCap(l.capOf(m, s, bases[len(bases)-1]))
		if bases[0] > 0 {
			l.mins = append([]domainMin{l.minOf(m, s, bases[0])}, l.mins...)
		}
	}
	for _, more := range combined {
		all := limits{caps: append([]domainCap(nil), l.caps...)}
		for _, c := range more.caps {
			all.addCap(c)
		}
		l.levels = append(l.levels, level{all.caps, append(append([]domainMin(nil), l.mins...), more.mins...)})
	}
}

// capOf is the most replicas in one domain when the emptiest holds base.
func (l *limits) capOf(m *model, s *domainSkew, base int32) domainCap {
	most := min(base+s.max, l.n-int32(len(s.domains)-1)*base)
	return domainCap{axis: s.axis, max: most, rule: s.rule, key: m.axes[s.axis].key, skew: s.max}
}

// minOf says that every domain holds base replicas.
func (l *limits) minOf(m *model, s *domainSkew, base int32) domainMin {
	return domainMin{
		axis: s.axis, base: base, extras: l.n - int32(len(s.domains))*base, rule: s.rule, key: m.axes[s.axis].key, skew: s.max,
	}
}

// surplus lists replicas that must go so that what is left keeps the skews, and takes them out of the picks. The last
// pick of a domain that is too full goes first. stays says of a domain that all replicas there run there already, which topology spread
// constraints let be; nil for none.
func (m *model) surplus(l *limits, picks []pick, stays func(of []int32, domain int32) bool) []pick {
	var gone []pick
	for again := true; again; {
		again = false
		for k := range l.skews {
			s := &l.skews[k]
			of := m.axes[s.axis].of
			counts := map[int32]int32{}
			for _, p := range picks {
				counts[of[p.pool]] += p.n
			}
			most := s.emptiest(func(domain int32) int32 { return counts[domain] }) + s.max
			for j := len(picks) - 1; j >= 0; j-- {
				p := &picks[j]
				over := min(counts[of[p.pool]]-most, p.n)
				if over > 0 && (s.rule != RuleTopologySpread || stays == nil || !stays(of, of[p.pool])) {
					p.n -= over
					counts[of[p.pool]] -= over
					gone = append(gone, pick{p.pool, over})
					again = true
				}
			}
		}
	}
	return gone
}

// emptiest is the least number of replicas in a domain.
func (s *domainSkew) emptiest(count func(domain int32) int32) int32 {
	least := int32(maxReplicas)
	for _, domain := range s.domains {
		least = min(least, count(domain))
	}
	return least
}

// levelled chooses at each level of the skews and keeps what places most, at the lowest price among equals. Where replicas
// are left over the emptiest domains limit the others, as many as there are places in them; fill adds what then has room.
func (c *chooser) levelled(a *ask, fill bool, choose func()) {
	if len(a.limits.levels) == 0 {
		choose()
		return
	}
	var best []pick
	bestPlaced, bestTotal := int32(-1), 0.0
	for k := range a.limits.levels {
		a.level = k + 1
		choose()
		if total := c.total(); c.placed > bestPlaced || c.placed == bestPlaced && total < bestTotal {
			bestPlaced, bestTotal, best = c.placed, total, append(best[:0], c.picks...)
		}
	}
	a.level = 0
	c.restore(a, best)
	if bestPlaced == a.limits.n {
		return
	}
	for _, p := range c.m.surplus(a.limits, append([]pick(nil), c.picks...), nil) {
		c.remove(p.pool, p.n)
	}
	for before := int32(-1); fill && before < c.placed && c.placed < a.n; {
		before = c.placed
		c.gather(true)
		c.drain()
	}
}

// evenly is how many replicas more a pool may get so that the skews are kept as things are.
func (c *chooser) evenly(i int32, skews []domainSkew) int32 {
	t := int32(maxReplicas)
	for k := range skews {
		s := &skews[k]
		counts := c.counts[s.axis]
		domain := c.m.axes[s.axis].of[i]
		if domain < 0 {
			return 0
		}
		if s.rule == RuleTopologySpread && !contains(s.domains, domain) {
			continue // of another cluster
		}
		// The emptiest domain is not counted against itself: adding to it makes room.
		least := int32(maxReplicas)
		if s.floor {
			least = 0
		}
		for _, other := range s.domains {
			if other != domain {
				least = min(least, counts[other]+s.there(other))
			}
		}
		t = min(t, least+s.max-counts[domain]-s.there(domain))
	}
	return t
}

// there is how many pods of others the skew counts in a domain.
func (s *domainSkew) there(domain int32) int32 {
	if s.others == nil {
		return 0
	}
	return s.others[domain]
}

// even takes replicas off a workload that others, now left out, had made room for.
func (s *Solver) even(w *work) {
	if len(w.limits.skews) == 0 || w.placed() == w.n {
		return
	}
	stays := func(of []int32, domain int32) bool { return w.staysIn(s.m, of, domain) }
	for _, gone := range s.m.surplus(w.limits, byPool(w.allocs, nil), stays) {
		s.take(w, alloc{gone.pool, -1, gone.n})
	}
}
