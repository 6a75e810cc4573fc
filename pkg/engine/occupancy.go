package engine

import (
	"cmp"
	"slices"
)

// Machine is a node of a pool, by its index; those from len(Pool.Nodes) on are added.
type Machine struct{ Pool, Node int }

// Occupancy is which machines the running replicas keep in use (Workload.RunsOn), so that it can be tried what is
// invoiced for machines when some workloads move. Where shares are minimised no machine costs anything. It is not safe
// for concurrent use.
type Occupancy struct {
	m     *model
	works []*work
	room  *room
	// stays are replicas of a workload that run on a node, by workload, from the first of each on, and there by pool
	// and node.
	stays []placing
	first []int32
	there [][][]int32
	used  []int // machines in use that others do not keep in use anyway, by pool
	kept  []int // that others do
	// lacks is what machines cost that replicas come to for which none has room.
	lacks float64
	// usd is what is invoiced, but for what has been tried since: steps, by their index in stays or of a replica that
	// came, and what lacked before.
	usd    float64
	steps  []step
	lacked float64
	// leaving are the replicas that are still to leave, by workload.
	leaving [][]pick
}

// step is replicas that left where they ran, or that came to a node.
type step struct {
	stay int32 // -1 of those that came
	placing
}

// Turnover is what becomes of machines when workloads move.
type Turnover struct {
	// SavedUSD is how much less is invoiced for machines, in US dollars an hour.
	SavedUSD float64
	// Emptied are the machines that cost something and that nothing is on any more, in order.
	Emptied []Machine
	// Together are the workloads of which each set empties a machine together, or brings one into use.
	Together [][]int
}

// Occupancy of the machines by the replicas that run.
func (a *Appraiser) Occupancy() *Occupancy {
	o := &Occupancy{
		m: a.m, works: a.works, room: newRoom(a.m), first: make([]int32, len(a.works)+1), leaving: make([][]pick, len(a.works)),
		there: make([][][]int32, len(a.m.pools)), used: make([]int, len(a.m.pools)), kept: make([]int, len(a.m.pools)),
	}
	o.room.least = leastRequests(a.m)
	for i := range a.m.pools {
		pool := &a.m.pools[i]
		o.there[i] = make([][]int32, pool.nodes)
		for node := range pool.nodes {
			if pool.keeps(int32(node)) {
				o.kept[i]++
			}
		}
	}
	for i := range a.works {
		o.first[i] = int32(len(o.stays))
		for _, at := range a.m.snapshot.Workloads[i].RunsOn {
			if at.Pool < 0 || at.Pool >= len(a.m.pools) || at.Node < 0 || at.Node >= a.m.pools[at.Pool].nodes || at.Pods < 1 {
				continue
			}
			here := placing{int32(i), alloc{int32(at.Pool), int32(at.Node), int32(min(at.Pods, maxReplicas))}}
			o.there[here.pool][here.node] = append(o.there[here.pool][here.node], int32(len(o.stays)))
			o.stays = append(o.stays, here)
			o.change(here)
		}
	}
	o.first[len(a.works)] = int32(len(o.stays))
	o.Keep()
	return o
}

// of are the stays of a workload.
func (o *Occupancy) of(i int) []placing { return o.stays[o.first[i]:o.first[i+1]] }

// costs says whether a machine is invoiced while it is in use, and not otherwise.
func (o *Occupancy) costs(pool, node int32) bool {
	return o.m.pools[pool].machine > 0 && !o.m.pools[pool].keeps(node)
}

// Keep what was tried.
func (o *Occupancy) Keep() { o.steps, o.lacked, o.usd = o.steps[:0], o.lacks, o.machinesUSD() }

// Undo what was tried.
func (o *Occupancy) Undo() {
	for _, s := range slices.Backward(o.steps) {
		if s.stay >= 0 {
			o.stays[s.stay].n -= s.n
		}
		s.n = -s.n
		o.change(s.placing)
	}
	o.steps, o.lacks = o.steps[:0], o.lacked
}

// Move tries what becomes of machines when workloads go from the pools that they run in to those of the decisions that
// to names: off machines that become empty by that first, and onto machines in use first, as kube-scheduler does that
// packs pods. It is of what was tried since Keep or Undo altogether.
func (o *Occupancy) Move(workloads []int, to func(workload int) []Decision) Turnover {
	var out Turnover
	coming := make([][]pick, len(workloads))
	for k, i := range workloads {
		o.leaving[i], coming[k] = surplus(o.m.snapshot.Workloads[i].Current, to(i))
	}
	emptied := o.empty(workloads)
	for _, i := range workloads {
		for k := o.first[i]; k < o.first[i+1]; k++ {
			at := &o.stays[k]
			o.leave(k, min(at.n, *o.left(int(i), at.pool)))
		}
		o.leaving[i] = nil
	}
	opened := map[Machine][]int{}
	for k, i := range workloads {
		for _, p := range coming[k] {
			o.come(int32(i), p, opened)
		}
	}
	for _, at := range emptied {
		if o.room.pools[at.pool].used[at.node] == 0 { // nobody came there meanwhile
			out.Emptied = append(out.Emptied, Machine{int(at.pool), int(at.node)})
		}
		out.Together = append(out.Together, o.runOn(at))
	}
	slices.SortFunc(out.Emptied, func(a, b Machine) int { return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Node, b.Node)) })
	for _, all := range opened {
		out.Together = append(out.Together, all)
	}
	out.SavedUSD = o.usd - o.machinesUSD()
	return out
}

// Crowded are the workloads that find room in a pool that they go to only where others have left it that go elsewhere: each of them with
// these. Nothing is tried by it, what was tried since Keep or Undo included.
func (o *Occupancy) Crowded(workloads []int, to func(workload int) []Decision) [][]int {
	o.Undo()
	leaving := map[int32][]int{} // by pool
	coming := make([][]pick, len(workloads))
	for k, i := range workloads {
		var from []pick
		from, coming[k] = surplus(o.m.snapshot.Workloads[i].Current, to(i))
		for _, p := range from {
			leaving[p.pool] = append(leaving[p.pool], i)
		}
	}
	var out [][]int
	opened := map[Machine][]int{}
	for k, i := range workloads {
		for _, p := range coming[k] {
			if o.come(int32(i), p, opened) > 0 && len(leaving[p.pool]) > 0 {
				out = append(out, append([]int{i}, leaving[p.pool]...))
			}
		}
	}
	o.Undo()
	return out
}

// surplus is how many replicas leave pools, and how many come to others.
func surplus(current []PoolReplicas, wanted []Decision) (leaving, coming []pick) {
	var change []pick
	add := func(pool, n int) {
		for k := range change {
			if int(change[k].pool) == pool {
				change[k].n += int32(n)
				return
			}
		}
		change = append(change, pick{int32(pool), int32(n)})
	}
	for _, at := range current {
		add(at.Pool, -at.Replicas)
	}
	for k := range wanted {
		add(wanted[k].Pool, wanted[k].Replicas)
	}
	for _, p := range change {
		switch {
		case p.n < 0:
			leaving = append(leaving, pick{p.pool, -p.n})
		case p.n > 0:
			coming = append(coming, p)
		}
	}
	return leaving, coming
}

// left is how many replicas of a workload are still to leave a pool.
func (o *Occupancy) left(i int, pool int32) *int32 {
	for k := range o.leaving[i] {
		if o.leaving[i][k].pool == pool {
			return &o.leaving[i][k].n
		}
	}
	return new(int32)
}

// empty takes everything off machines that cost something and that all replicas on them may leave: those first that
// take the fewest moves.
func (o *Occupancy) empty(workloads []int) []machine {
	var open, out []machine
	seen := map[machine]bool{}
	for _, i := range workloads {
		for _, at := range o.of(i) {
			on := machine{at.pool, at.node}
			if at.n > 0 && *o.left(i, at.pool) > 0 && o.costs(at.pool, at.node) && !seen[on] {
				seen[on] = true
				open = append(open, on)
			}
		}
	}
	count := func(on machine) int32 { return o.room.pools[on.pool].used[on.node] }
	slices.SortFunc(open, func(a, b machine) int {
		return cmp.Or(cmp.Compare(count(a), count(b)), cmp.Compare(a.pool, b.pool), cmp.Compare(a.node, b.node))
	})
	for _, on := range open {
		begin := len(o.steps)
		for _, k := range o.there[on.pool][on.node] {
			if at := &o.stays[k]; *o.left(int(at.work), at.pool) >= at.n {
				o.leave(k, at.n)
			}
		}
		if count(on) == 0 {
			out = append(out, on)
			continue
		}
		for _, s := range slices.Backward(o.steps[begin:]) {
			o.stays[s.stay].n -= s.n
			*o.left(int(s.work), s.pool) -= s.n
			o.change(placing{s.work, alloc{s.pool, s.node, -s.n}})
		}
		o.steps = o.steps[:begin]
	}
	return out
}

// leave takes replicas off where they run.
func (o *Occupancy) leave(k, n int32) {
	if n == 0 {
		return
	}
	at := &o.stays[k]
	at.n -= n
	*o.left(int(at.work), at.pool) -= n
	o.put(k, placing{at.work, alloc{at.pool, at.node, -n}})
}

// come puts replicas on machines of a pool: those in use, those that exist, and added ones then. Where none has room
// for one, a machine more is counted. opened are the workloads that come to machines which were not in use before. It returns how many have no
// room.
func (o *Occupancy) come(i int32, to pick, opened map[Machine][]int) int32 {
	p, request := &o.room.pools[to.pool], o.works[i].row.request.vector
	for _, idle := range []bool{false, true} {
		for node := 0; node < len(p.used) && to.n > 0; node++ {
			if (p.used[node] == 0 && !o.m.pools[to.pool].keeps(int32(node))) == idle {
				to.n -= o.comeTo(i, alloc{to.pool, int32(node), to.n}, opened)
			}
		}
	}
	for to.n > 0 && p.spare > 0 && fits(p.template, request, 1) > 0 {
		node := int32(len(p.used))
		o.room.open([]alloc{{pool: to.pool, node: node}})
		to.n -= o.comeTo(i, alloc{to.pool, node, to.n}, opened)
	}
	o.lacks += o.m.pools[to.pool].machine * float64(to.n)
	return to.n
}

// comeTo puts up to n replicas on a machine, and returns how many it has room for.
func (o *Occupancy) comeTo(i int32, to alloc, opened map[Machine][]int) int32 {
	p := &o.room.pools[to.pool]
	free := p.free[int(to.node)*o.room.dims : (int(to.node)+1)*o.room.dims]
	n := fits(free, o.works[i].row.request.vector, to.n)
	if n == 0 {
		return 0
	}
	on := Machine{int(to.pool), int(to.node)}
	if o.costs(to.pool, to.node) && (p.used[to.node] == 0 || len(opened[on]) > 0) {
		opened[on] = append(opened[on], int(i))
	}
	to.n = n
	o.put(-1, placing{i, to})
	return n
}

func (o *Occupancy) put(stay int32, at placing) {
	o.change(at)
	o.steps = append(o.steps, step{stay, at})
}

// change counts replicas on a node, or takes a negative number off.
func (o *Occupancy) change(at placing) {
	p, request := &o.room.pools[at.pool], o.works[at.work].row.request.vector
	before := p.used[at.node] > 0
	if at.n > 0 {
		p.take(int(at.node), o.room.least, request, at.n)
	} else {
		o.room.release(alloc{at.pool, at.node, -at.n}, request)
	}
	if now := p.used[at.node] > 0; now != before && !o.m.pools[at.pool].keeps(at.node) {
		if now {
			o.used[at.pool]++
		} else {
			o.used[at.pool]--
		}
	}
}

// runOn are the workloads that run on a machine before anything moves, each once.
func (o *Occupancy) runOn(on machine) []int {
	var out []int
	for _, k := range o.there[on.pool][on.node] {
		if i := int(o.stays[k].work); len(out) == 0 || out[len(out)-1] != i {
			out = append(out, i)
		}
	}
	return out
}

// machinesUSD is what is invoiced for machines: for those in use, and up to Pool.MinNodes in any case. What others keep
// in use is left out.
func (o *Occupancy) machinesUSD() float64 {
	usd := o.lacks
	for pool, n := range o.paid() {
		usd += o.m.pools[pool].machine * float64(n)
	}
	return usd
}

// paid are the machines of each pool that are invoiced, but for those that others keep in use and those that
// commitments cover.
func (o *Occupancy) paid() []int {
	out := make([]int, len(o.used))
	for pool, n := range o.used {
		out[pool] = max(n, min(o.m.snapshot.Pools[pool].MinNodes, o.m.pools[pool].nodes)-o.kept[pool])
	}
	if len(o.m.snapshot.Commitments) > 0 {
		for pool, n := range covered(o.m.snapshot.Commitments, func(pool int) int { return out[pool] }) {
			out[pool] -= n
		}
	}
	return out
}

// Attributed is what of the machines' price workloads carry where they are, in US dollars an hour: replicas share what
// is invoiced for their machine by what they take of it, and one that others keep in use costs them the share that they
// take. It is of the replicas that run, before anything moves.
func (o *Occupancy) Attributed() []float64 {
	out, paid := make([]float64, len(o.works)), o.paid()
	share := make([]float64, len(o.stays)) // of its machine, in US dollars
	for k, at := range o.stays {
		if k > 0 && o.stays[k-1].work == at.work && o.stays[k-1].pool == at.pool && o.stays[k-1].n > 0 {
			share[k] = share[k-1] / float64(o.stays[k-1].n) * float64(at.n)
			continue
		}
		bill := o.works[at.work].row.bill(o.m, at.pool, float64(at.n))
		share[k] = bill.Compute
	}
	for pool := range o.there {
		price := o.m.pools[pool].machine
		if price == 0 {
			continue
		}
		for node, stays := range o.there[pool] {
			taken := 0.0
			for _, k := range stays {
				taken += share[k]
			}
			each := 1.0
			if !o.m.pools[pool].keeps(int32(node)) && taken > 0 {
				each = price / taken * min(float64(paid[pool])/float64(o.used[pool]), 1)
			}
			for _, k := range stays {
				out[o.stays[k].work] += share[k] * each
			}
		}
	}
	return out
}
