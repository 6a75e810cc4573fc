package engine

import "fmt"

// machines answers what one replica more, or less, changes in the machines in use, where these are minimised.
type machines struct {
	s     *Solver
	tally *tally
}

// more is what the machine costs that one replica more of a workload needs on a pool: 0 where one in use has room.
func (c *machines) more(w *work, pool int32) float64 {
	p, dims := &c.s.room.pools[pool], c.s.m.dims
	if c.s.m.pools[pool].machine == 0 {
		return 0
	}
	next := int32(len(p.used))
	for node := p.first; int(node) < len(p.used); node++ {
		switch {
		case fits(p.free[int(node)*dims:(int(node)+1)*dims], w.row.request.vector, 1) == 0:
		case p.used[node] > 0 || c.s.m.pools[pool].keeps(node):
			return 0
		default:
			next = min(next, node)
		}
	}
	return c.tally.next(pool, next)
}

// less is what one replica less of a workload saves on a pool: a machine where one holds nothing else.
func (c *machines) less(w *work, pool int32) float64 {
	for _, a := range w.allocs {
		if a.pool == pool && c.s.room.pools[pool].used[a.node] == 1 {
			usd := c.tally.change(pool, a.node, -1)
			c.tally.change(pool, a.node, 1)
			return -usd
		}
	}
	return 0
}

// own is how many machines of a pool hold replicas of one workload only.
func (c *machines) own(w *work, pool int32) int {
	n := 0
	for _, a := range w.allocs {
		if a.pool == pool && c.s.room.pools[pool].used[a.node] == a.n {
			n++
		}
	}
	return n
}

// machineReason says why a workload is on a pool, by the machines that it needs there.
func (e *explainer) machineReason(i int32) string {
	pool := &e.s.m.pools[i]
	switch own := e.machines.own(e.w, i); {
	case pool.machine == 0:
		return "on machines that are paid for in any case"
	case own == 0:
		return "on machines that others need too: no machine more"
	case own == 1:
		return fmt.Sprintf("on a machine of its own at $%.4g/h, the least found", pool.machine)
	default:
		return fmt.Sprintf("on %d machines of its own at $%.4g/h each, the least found", own, pool.machine)
	}
}
