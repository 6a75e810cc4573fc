package engine

import "slices"

// Limits of squeeze: attempts in a row that place nobody, and replicas that are looked after at most, of all workloads.
const (
	squeezeTries = 20_000
	squeezeMost  = 64
	worse        = 20 // one in so many packings is kept that scatters what is free more
)

// squeeze places replicas that lack room: it takes all replicas off some machines and places them again, in another way, together with
// one that has no place, until all of them have one. What replicas cost beside that is not looked at; others do that afterwards. Where one
// has no place in the end, all are where they were before it was tried.
func (s *Solver) squeeze() {
	var lacking []int32
	missing := int32(0)
	for i, w := range s.works {
		if w.placed() < w.n && !w.stands() && len(w.pins) == 0 && w.alone() {
			lacking = append(lacking, int32(i))
			missing += w.n - w.placed()
		}
	}
	if len(lacking) == 0 || missing > squeezeMost {
		return
	}
	c := s.newSqueezer()
	for _, i := range lacking {
		for w := s.works[i]; w.placed() < w.n; {
			if was := s.save(); !c.squeezeIn(i) {
				s.load(was)
				checks := c.checks
				c = s.newSqueezer()
				c.checks = checks
				break
			}
		}
	}
}

func (s *Solver) newSqueezer() *consolidator {
	c := s.newConsolidator()
	c.filling = true
	c.settleIn()
	return c
}

// alone says that a workload neither calls nor is called, as far as both agree.
func (w *work) alone() bool { return len(w.out)+len(w.in) == 0 }

// squeezeIn places one more replica of a workload.
func (c *consolidator) squeezeIn(i int32) bool {
	w := c.s.works[i]
	may := make([]bool, len(c.s.m.pools))
	c.s.m.dense(w.row)
	for _, pool := range w.row.pools {
		may[pool] = true
	}
	var list []machine
	for _, at := range c.machines(true) {
		if may[at.pool] {
			list = append(list, at)
		}
	}
	if len(list) == 0 {
		return false
	}
	for try := range squeezeTries {
		if c.s.expired() || c.checks > c.most {
			return false
		}
		var chosen []machine
		for range min(1+c.random.IntN(mostTogether), len(list)) {
			at := list[c.random.IntN(len(list))]
			if !slices.Contains(chosen, at) {
				chosen = append(chosen, at)
			}
		}
		c.loose = c.random.IntN(2) == 0
		if try%2 == 0 {
			c.gather(chosen, list)
			continue
		}
		if _, changed := c.recreate(c.ordered(append(c.ruin(chosen), lot{i, chosen[0].pool, 1}))); changed {
			return true
		}
	}
	return false
}

// gather packs some machines in another way where what is free is less scattered then, and now and then where it is more.
func (c *consolidator) gather(chosen, all []machine) {
	before := c.gathered(all)
	if _, changed := c.recreate(c.ordered(c.ruin(chosen))); changed && c.gathered(all) < before && c.random.IntN(worse) > 0 {
		c.undo()
		for _, t := range c.touched {
			c.s.settle(c.s.works[t.work])
		}
	}
}

// gathered is how little what is free on machines is scattered.
func (c *consolidator) gathered(machines []machine) float64 {
	sum := 0.0
	for _, at := range machines {
		idle := c.idle(int(at.pool), int(at.node))
		sum += idle * idle
	}
	return sum
}
