package moves

import "tradewind.dev/tradewind/pkg/engine"

// Stock is what is free on the existing nodes of a snapshot's pools. Nodes that an autoscaler could add do not count: a
// replica leaves only for room that is there.
type Stock struct {
	free [][]engine.Resources
}

// Load is one replica on an existing node of a pool, both by their index.
type Load struct {
	Pool, Node int
	Request    *engine.Resources
}

// NewStock counts what the running replicas of the snapshot's workloads leave free.
func NewStock(snapshot *engine.Snapshot, loads []Load) *Stock {
	s := &Stock{free: make([][]engine.Resources, len(snapshot.Pools))}
	for i := range snapshot.Pools {
		nodes := snapshot.Pools[i].Nodes
		s.free[i] = make([]engine.Resources, len(nodes))
		for k := range nodes {
			free := nodes[k].Free
			extended := make(map[string]int64, len(free.Extended))
			for name, amount := range free.Extended {
				extended[name] = amount
			}
			free.Extended = extended
			s.free[i][k] = free
		}
	}
	for _, load := range loads {
		subtract(&s.free[load.Pool][load.Node], load.Request)
	}
	return s
}

// Reserve takes room for one replica on a node of a pool and says whether any had it.
func (s *Stock) Reserve(pool int, request *engine.Resources) bool {
	for i := range s.free[pool] {
		if fits(&s.free[pool][i], request) {
			subtract(&s.free[pool][i], request)
			return true
		}
	}
	return false
}

func fits(free, request *engine.Resources) bool {
	if request.MilliCPU > free.MilliCPU || request.MemoryBytes > free.MemoryBytes || request.GPUs > free.GPUs {
		return false
	}
	for name, amount := range request.Extended {
		if amount > free.Extended[name] {
			return false
		}
	}
	return true
}

func subtract(from, amount *engine.Resources) {
	from.MilliCPU -= amount.MilliCPU
	from.MemoryBytes -= amount.MemoryBytes
	from.GPUs -= amount.GPUs
	for name, n := range amount.Extended {
		from.Extended[name] -= n
	}
}
