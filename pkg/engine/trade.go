package engine

import (
	"cmp"
	"slices"
)

// Where the machines of one pool have become dear, all that is on one of them may be better off on a machine of another pool, while the
// first of them to go there would pay for it alone, and would be far from those that it calls. So in small plans all go at once.

// tradedCells is up to how many workloads × pools that is tried, and mostTrades how many steps in all.
const (
	tradedCells = 20_000
	mostTrades  = 50_000
)

// tradeMachines moves what is on a machine to another pool, machine by machine, as long as that makes the plan cheaper.
func (s *Solver) tradeMachines() {
	if !s.m.invoices() || len(s.works)*len(s.m.pools) > tradedCells || s.m.options.brief || s.expired() {
		return
	}
	t := &trader{s: s, left: mostTrades}
	for again := true; again; {
		again = false
		for _, at := range t.machines() {
			if s.expired() || t.left <= 0 {
				return
			}
			if to, ok := t.best(at); ok {
				s.attempt(func() { t.trade(at, to) })
				again = again || len(t.on(at)) == 0
			}
		}
	}
}

// trader looks for machines that are better given up for those of another pool.
type trader struct {
	s    *Solver
	left int // steps that may be tried
}

// machines are those in use whose price can be saved, the dearest first.
func (t *trader) machines() []machine {
	var out []machine
	seen := map[machine]bool{}
	for _, w := range t.s.works {
		for _, a := range w.allocs {
			at := machine{a.pool, a.node}
			if t.s.m.pools[a.pool].machine > 0 && !seen[at] {
				seen[at] = true
				out = append(out, at)
			}
		}
	}
	slices.SortFunc(out, func(a, b machine) int {
		return cmp.Or(cmp.Compare(t.s.m.pools[b.pool].machine, t.s.m.pools[a.pool].machine), cmp.Compare(a.pool, b.pool), cmp.Compare(a.node, b.node))
	})
	return out
}

// on are the replicas on a machine by workload; none where one of them is not to be moved.
func (t *trader) on(at machine) []lot {
	var lots []lot
	for i, w := range t.s.works {
		for _, a := range w.allocs {
			if a.pool != at.pool || a.node != at.node {
				continue
			}
			if !w.shiftable() {
				return nil
			}
			lots = append(lots, lot{int32(i), at.pool, a.n})
		}
	}
	return lots
}

// best is the pool to which all that is on a machine goes with the most gain, if there is any.
func (t *trader) best(at machine) (pool int32, ok bool) {
	lots := t.on(at)
	if len(lots) == 0 {
		return 0, false
	}
	least := -improvement
	x := newShifts(t.s, t.s.relax)
	for to := range t.s.m.pools {
		if int32(to) == at.pool || t.left <= 0 {
			continue
		}
		if t.move(x, lots, int32(to)) && x.since(0) < least {
			least, pool, ok = x.since(0), int32(to), true
		}
		x.undo(0)
	}
	t.settle(lots)
	return pool, ok
}

// trade moves all that is on a machine to a pool.
func (t *trader) trade(at machine, to int32) {
	lots := t.on(at)
	x := newShifts(t.s, t.s.relax)
	if !t.move(x, lots, to) {
		x.undo(0)
	}
	t.settle(lots)
}

// move moves lots to a pool, and those that may not be there to where it costs least.
func (t *trader) move(x *shifts, lots []lot, to int32) bool {
	for _, l := range lots {
		t.left--
		if x.move(l.work, l.from, to, l.n) {
			continue
		}
		w, least, next := t.s.works[l.work], 0.0, nowhere
		for pool := range t.s.m.pools {
			if p := int32(pool); p != l.from && p != to && x.mayMove(l.work, l.from, p, l.n) {
				if usd := x.delta(w, l.from, p, l.n); next == nowhere || usd < least {
					least, next = usd, p
				}
			}
		}
		t.left -= len(t.s.m.pools)
		if next == nowhere || !x.move(l.work, l.from, next, l.n) {
			return false
		}
	}
	return true
}

func (t *trader) settle(lots []lot) {
	for _, l := range lots {
		t.s.settle(t.s.works[l.work])
	}
}
