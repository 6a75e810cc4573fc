package enginetest

import (
	"cmp"
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
)

// Plain is a snapshot without what the simple methods below do not know: policies, survivability and calls.
func Plain(snapshot *engine.Snapshot) *engine.Snapshot {
	out := *snapshot
	out.Workloads = slices.Clone(out.Workloads)
	for i := range out.Workloads {
		w := &out.Workloads[i]
		w.Rules, w.Availability, w.Calls = nil, nil, nil
	}
	return &out
}

// bins are machines that replicas are put on one after the other.
type bins struct {
	snapshot *engine.Snapshot
	pools    []int // the order in which a machine is bought
	opened   []int // by pool
	list     []bin
	usd      float64
	// first is the first machine of list that may have room.
	first int
}

// bin is a machine in use.
type bin struct {
	pool int
	free [3]int64
}

func sizeOf(r *engine.Resources) [3]int64 { return [3]int64{r.MilliCPU, r.MemoryBytes, r.GPUs} }

func fit(free, want [3]int64) bool {
	return free[0] >= want[0] && free[1] >= want[1] && free[2] >= want[2]
}

// put puts a replica on the first machine in use with room, else on the cheapest new one, by the order of the pools. It is false when
// there is none.
func (b *bins) put(want [3]int64) bool {
	for i := b.first; i < len(b.list); i++ {
		if at := &b.list[i]; fit(at.free, want) {
			for d := range want {
				at.free[d] -= want[d]
			}
			for b.first < len(b.list) && b.list[b.first].free[0] < smallest {
				b.first++
			}
			return true
		}
	}
	for _, i := range b.pools {
		pool := &b.snapshot.Pools[i]
		k := b.opened[i]
		if k >= max(len(pool.Nodes), pool.MaxNodes) {
			continue
		}
		free := sizeOf(&pool.Allocatable)
		if k < len(pool.Nodes) {
			free = sizeOf(&pool.Nodes[k].Free)
		}
		if !fit(free, want) {
			continue
		}
		for d := range want {
			free[d] -= want[d]
		}
		b.opened[i]++
		b.list = append(b.list, bin{i, free})
		if !pool.Sunk {
			b.usd += pool.Price.USD
		}
		return true
	}
	return false
}

// smallest is as many millicores as make it worthwhile to look at a machine again.
const smallest = 10

// FirstFitDecreasing puts the largest replicas first on the first machine in use with room, and buys the machine that is cheapest
// for its size where there is none: it returns what the machines cost, in US dollars an hour, and how many replicas have no place.
// Rules, commitments and what is only valued do not count.
func FirstFitDecreasing(snapshot *engine.Snapshot) (usd float64, unplaced int) {
	var all [3]float64
	for i := range snapshot.Workloads {
		for d, v := range sizeOf(&snapshot.Workloads[i].Request) {
			all[d] += float64(v) * float64(snapshot.Workloads[i].Replicas)
		}
	}
	share := func(r *engine.Resources) float64 {
		most := 0.0
		for d, v := range sizeOf(r) {
			if all[d] > 0 {
				most = max(most, float64(v)/all[d])
			}
		}
		return most
	}
	order := make([]int, len(snapshot.Workloads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(share(&snapshot.Workloads[b].Request), share(&snapshot.Workloads[a].Request))
	})
	return place(snapshot, order, func(i int) float64 {
		pool := &snapshot.Pools[i]
		return pool.Price.USD / max(share(&pool.Allocatable), 1e-12)
	})
}

// OneByOne puts one workload after the other, in their order, on the first machine in use with room, and buys the cheapest machine
// that is large enough where there is none: what a cluster does whose autoscaler takes the least price. It returns what
// FirstFitDecreasing does.
func OneByOne(snapshot *engine.Snapshot) (usd float64, unplaced int) {
	order := make([]int, len(snapshot.Workloads))
	for i := range order {
		order[i] = i
	}
	return place(snapshot, order, func(i int) float64 { return snapshot.Pools[i].Price.USD })
}

// place puts workloads in this order; machines are bought of the pools with the least price first.
func place(snapshot *engine.Snapshot, order []int, price func(pool int) float64) (usd float64, unplaced int) {
	b := &bins{snapshot: snapshot, opened: make([]int, len(snapshot.Pools))}
	for i := range snapshot.Pools {
		b.pools = append(b.pools, i)
	}
	slices.SortStableFunc(b.pools, func(x, y int) int {
		a, c := price(x), price(y)
		if snapshot.Pools[x].Sunk {
			a = 0
		}
		if snapshot.Pools[y].Sunk {
			c = 0
		}
		return cmp.Compare(a, c)
	})
	for _, i := range order {
		for range snapshot.Workloads[i].Replicas {
			if !b.put(sizeOf(&snapshot.Workloads[i].Request)) {
				unplaced++
			}
		}
	}
	return b.usd, unplaced
}
