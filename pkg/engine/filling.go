package engine

import (
	"cmp"
	"container/heap"
	"slices"
)

// portions is into how many portions the room of a cluster is split when it is shared out.
const portions = 256

// filling shares the room of the pools out by progressive filling: again and again the namespace with the smallest dominant
// share takes a portion (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011). It counts what pools hold in all, so that its
// work does not grow with the number of replicas.
type filling struct {
	s     *Solver
	left  [][]float64 // by pool and resource
	total []float64
	rank  []int // of each pool, the least wanted first
	pools map[*row][]int32
	holds map[*row][]int32 // parallel to pools: replicas of this request alone; -1 until it is counted
	// granted replicas by workload.
	granted []int32
	used    map[string][]float64 // by namespace and resource
}

func newFilling(s *Solver) *filling {
	f := &filling{
		s: s, total: make([]float64, s.m.dims), pools: map[*row][]int32{}, holds: map[*row][]int32{},
		granted: make([]int32, len(s.works)), used: map[string][]float64{},
	}
	for i := range s.m.pools {
		f.left = append(f.left, slices.Clone(s.m.pools[i].total))
		for d, v := range s.m.pools[i].total {
			f.total[d] += v
		}
	}
	if s.empty == nil {
		s.empty = newRoom(s.m)
	}
	f.rankPools()
	return f
}

// rankPools orders pools by how much is asked for by those that may use them, so that who has a choice leaves the others room.
func (f *filling) rankPools() {
	wanted := make([]float64, len(f.left))
	byRow := map[*row]float64{}
	for _, w := range f.s.works {
		if w.held == "" {
			byRow[w.row] += float64(w.n)
		}
	}
	order := make([]int32, len(f.left))
	for i := range order {
		order[i] = int32(i)
	}
	for r, n := range byRow {
		f.s.m.dense(r)
		for _, i := range r.pools {
			wanted[i] += n
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(wanted[a], wanted[b]) })
	f.rank = make([]int, len(order))
	for k, i := range order {
		f.rank[i] = k
	}
}

// poolsOf are the pools that a row may use, the least wanted first.
func (f *filling) poolsOf(r *row) ([]int32, []int32) {
	pools, ok := f.pools[r]
	if !ok {
		pools = slices.Clone(r.pools)
		slices.SortFunc(pools, func(a, b int32) int { return cmp.Compare(f.rank[a], f.rank[b]) })
		f.pools[r], f.holds[r] = pools, slices.Repeat([]int32{-1}, len(pools))
	}
	return pools, f.holds[r]
}

// take takes room for up to n replicas and returns for how many there was some.
func (f *filling) take(r *row, n int32) int32 {
	pools, holds := f.poolsOf(r)
	taken := int32(0)
	for k := 0; k < len(pools) && taken < n; k++ {
		if holds[k] < 0 {
			holds[k] = f.s.empty.count(pools[k], r.request.vector, maxReplicas, maxReplicas)
		}
		taken += f.takeFrom(pools[k], holds[k], r.request, n-taken)
	}
	return taken
}

// takeFrom takes room on one pool, which holds so many replicas of the request alone: what its nodes cannot share out is
// counted with the resource that limits them.
func (f *filling) takeFrom(pool, holds int32, q *request, n int32) int32 {
	left, total := f.left[pool], f.s.m.pools[pool].total
	if holds == 0 {
		return 0
	}
	fit, tightest, most := float64(n), -1, 0.0
	for d, size := range q.size {
		if size > 0 && size/total[d] > most {
			tightest, most = d, size/total[d]
		}
	}
	each := func(d int) float64 {
		if d == tightest {
			return max(q.size[d], total[d]/float64(holds))
		}
		return q.size[d]
	}
	for d := range left {
		if e := each(d); e > 0 {
			fit = min(fit, left[d]/e+1e-9)
		}
	}
	taken := int32(max(fit, 0))
	for d := range left {
		left[d] -= each(d) * float64(taken)
	}
	return taken
}

// occupy takes the room of replicas where they are.
func (f *filling) occupy(w *work, pool, n int32) {
	for d, size := range w.row.request.size {
		f.left[pool][d] = max(f.left[pool][d]-size*float64(n), 0)
	}
}

// charge counts replicas as their namespace's.
func (f *filling) charge(w *work, n int32) {
	used := f.used[w.namespace]
	if used == nil {
		used = make([]float64, len(f.total))
		f.used[w.namespace] = used
	}
	for d, size := range w.row.request.size {
		used[d] += size * float64(n)
	}
}

// dominant is the largest share of what all pools hold.
func (f *filling) dominant(used []float64) float64 {
	share := 0.0
	for d, v := range used[:f.s.m.ports.first] {
		if f.total[d] > 0 {
			share = max(share, v/f.total[d])
		}
	}
	return share
}

// fill shares the room out, of each priority the running replicas first, and returns how many replicas of each workload are within its
// namespace's share. It notes which groups are not whole.
func (f *filling) fill(groups []*group) []int32 {
	kept := make([]bool, len(f.s.works))
	for i, w := range f.s.works {
		if kept[i] = w.held != "" || len(groups) > 0 && w.priority >= groups[0].priority; kept[i] {
			f.keep(int32(i))
		}
	}
	for len(groups) > 0 {
		tier := 1
		for tier < len(groups) && groups[tier].priority == groups[0].priority {
			tier++
		}
		f.keepRunning(groups, tier, kept)
		f.fillTier(groups[:tier])
		groups = groups[tier:]
	}
	return f.granted
}

// keep takes the room of the replicas of a workload that run, which none with a higher priority has taken room from.
func (f *filling) keep(i int32) {
	w := f.s.works[i]
	left := w.running()
	if w.held != "" {
		left = w.n
	}
	for _, stay := range w.stays {
		n := min(stay.n, left)
		f.occupy(w, stay.pool, n)
		left -= n
	}
	if w.held != "" {
		return
	}
	f.take(w.row, left)
	f.granted[i] = w.running()
	f.charge(w, f.granted[i])
}

// keepRunning takes room for the running replicas of the next priority, as far as those with a higher one leave it: these preempt. Where a
// workload of it preempts nobody, replicas with a lower priority that run keep their room too.
func (f *filling) keepRunning(groups []*group, tier int, kept []bool) {
	patient := false
	for _, g := range groups[:tier] {
		for _, i := range g.works {
			patient = patient || f.s.m.snapshot.Workloads[i].PreemptsNobody && f.s.works[i].running() < f.s.works[i].n
		}
	}
	for k, g := range groups {
		for _, i := range g.works {
			if kept[i] || k >= tier && !patient {
				continue
			}
			kept[i] = true
			w := f.s.works[i]
			for _, stay := range w.stays {
				f.granted[i] += f.takeFrom(stay.pool, f.s.empty.count(stay.pool, w.row.request.vector, maxReplicas, maxReplicas), w.row.request,
					min(stay.n, w.running()-f.granted[i]))
			}
			f.granted[i] += f.take(w.row, w.running()-f.granted[i])
			f.charge(w, f.granted[i])
			g.whole = g.whole && f.granted[i] >= w.running()
		}
	}
}

// turn is whose turn it is: the smallest share first, then the smallest number.
type turn struct {
	share float64
	id    int
}

type turns []turn

func (t turns) Len() int { return len(t) }
func (t turns) Less(i, j int) bool {
	return t[i].share < t[j].share || t[i].share == t[j].share && t[i].id < t[j].id
}
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)   { *t = append(*t, x.(turn)) }
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// fillTier shares room out among groups of one priority; within a namespace the workload with the smallest share takes next.
func (f *filling) fillTier(groups []*group) {
	queue := make(turns, 0, len(groups))
	within := make([]turns, len(groups))
	for g, of := range groups {
		for _, i := range of.works {
			if w := f.s.works[i]; f.granted[i] < w.n && len(w.row.pools) > 0 { // who has no place anywhere asks for no room
				within[g] = append(within[g], turn{f.share(w, f.granted[i]), int(i)})
			}
		}
		heap.Init(&within[g])
		if len(within[g]) > 0 {
			queue = append(queue, turn{f.dominant(f.used[of.namespace]), g})
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		g := queue[0].id
		next := &within[g][0]
		w := f.s.works[next.id]
		portion := w.n
		if each := f.share(w, 1); each > 0 {
			portion = int32(max(min(1/(portions*each), maxReplicas), 1))
		}
		want := min(portion, w.n-f.granted[next.id])
		got := f.take(w.row, want)
		f.granted[next.id] += got
		f.charge(w, got)
		if groups[g].whole = groups[g].whole && got == want; got < want || f.granted[next.id] == w.n {
			heap.Pop(&within[g])
		} else {
			next.share = f.share(w, f.granted[next.id])
			heap.Fix(&within[g], 0)
		}
		if len(within[g]) == 0 {
			heap.Pop(&queue)
			continue
		}
		queue[0].share = f.dominant(f.used[groups[g].namespace])
		heap.Fix(&queue, 0)
	}
}

// share is the dominant share of so many replicas.
func (f *filling) share(w *work, n int32) float64 {
	share := 0.0
	for d, size := range w.row.request.size[:f.s.m.ports.first] {
		if f.total[d] > 0 {
			share = max(share, size*float64(n)/f.total[d])
		}
	}
	return share
}
