package engine

// alloc is replicas of one workload on one node.
type alloc struct{ pool, node, n int32 }

// room is the free resources of every node. It changes while a plan is built.
type room struct {
	dims  int
	pools []poolRoom
	least []int64 // no request is for less
	// remembers is true for the one room whose full pools requests remember.
	remembers bool
}

// poolRoom is the free resources of the nodes of a pool.
type poolRoom struct {
	free     []int64 // nodes × dims; existing nodes first, then added ones
	used     []int32 // replicas of the plan by node
	template []int64 // of an added node
	spare    int32   // nodes that can still be added
	freed    uint32  // how often anything was taken off a node
	first    int32   // nodes before it have no room for any request
	upper    []int64 // no node has more of a resource free than this
	// share is one over what a whole node has, where replicas are put so that what is left of all resources stays in
	// proportion; nil where nodes are filled one after the other.
	share []float64
}

// maxReplicas of one workload, so that products of resources cannot overflow.
const maxReplicas = 1 << 24

// newRoom is the room before anything is placed.
func newRoom(m *model) *room {
	r := &room{dims: m.dims, pools: make([]poolRoom, len(m.pools)), least: m.least}
	for p := range m.pools {
		pool := &m.pools[p]
		r.pools[p] = poolRoom{
			free: append(make([]int64, 0, len(pool.free)), pool.free...), used: make([]int32, pool.nodes),
			template: pool.template, spare: pool.spare, upper: make([]int64, m.dims),
		}
		r.pools[p].refresh(m.dims)
	}
	return r
}

func (p *poolRoom) refresh(dims int) {
	if p.spare > 0 {
		copy(p.upper, p.template)
	} else {
		clear(p.upper)
	}
	for i := int(p.first) * dims; i < len(p.free); i += dims {
		for d := range dims {
			if free := p.free[i+d]; free > p.upper[d] {
				p.upper[d] = free
			}
		}
	}
}

// fits is how many replicas with a request a node with these free resources holds, at most limit.
func fits(free, request []int64, limit int32) int32 {
	n := int64(limit)
	for d, want := range request {
		if want == 0 {
			continue
		}
		have := free[d]
		if have < want {
			return 0
		}
		if have < want*n {
			n = have / want
		}
	}
	return int32(n)
}

// hopeless says at once that no replica fits on the pool.
func (p *poolRoom) hopeless(request []int64) bool {
	for d, want := range request {
		if want > p.upper[d] {
			return true
		}
	}
	return p.spare == 0 && len(p.used) == 0
}

// none says at once that no replica of an interned request fits on a pool.
func (r *room) none(pool int32, q *request) bool {
	p := &r.pools[pool]
	return r.remembers && q.full != nil && q.full[pool] == p.freed+1 || p.hopeless(q.vector)
}

// countOf is count for an interned request. It remembers where none fits until something leaves the pool.
func (r *room) countOf(pool int32, q *request, limit, perNode int32) int32 {
	if q.full == nil || !r.remembers {
		return r.count(pool, q.vector, limit, perNode)
	}
	mark := r.pools[pool].freed + 1
	if q.full[pool] == mark {
		return 0
	}
	n := r.count(pool, q.vector, limit, perNode)
	if n == 0 && limit > 0 {
		q.full[pool] = mark
	}
	return n
}

// count is how many replicas fit on the pool, at most limit, with at most perNode on a node.
func (r *room) count(pool int32, request []int64, limit, perNode int32) int32 {
	return r.countWithin(pool, request, limit, perNode, nil)
}

// countWithin is count where nodes may hold fewer.
func (r *room) countWithin(pool int32, request []int64, limit, perNode int32, caps *nodeCaps) int32 {
	p := &r.pools[pool]
	if limit <= 0 || p.hopeless(request) {
		return 0
	}
	total := int32(0)
	for i := int(p.first); i < len(p.used) && total < limit; i++ {
		total += fits(p.free[i*r.dims:(i+1)*r.dims], request, min(limit-total, caps.most(pool, int32(i), perNode)))
	}
	if total < limit && p.spare > 0 {
		if each := fits(p.template, request, caps.most(pool, -1, perNode)); each > 0 {
			total = int32(min(int64(limit), int64(total)+int64(each)*int64(p.spare)))
		}
	}
	return total
}

// place puts up to n replicas on the pool, at most perNode on a node, nodes in order and added ones last. It appends what
// it did to out and returns how many it placed.
func (r *room) place(pool int32, request []int64, n, perNode int32, out []alloc) ([]alloc, int32) {
	return r.placeWithin(pool, request, n, perNode, nil, out)
}

// placeWithin is place where nodes may hold fewer.
func (r *room) placeWithin(pool int32, request []int64, n, perNode int32, caps *nodeCaps, out []alloc) ([]alloc, int32) {
	p := &r.pools[pool]
	if n <= 0 || p.hopeless(request) {
		return out, 0
	}
	if p.share != nil {
		return r.balance(pool, request, n, perNode, caps, out)
	}
	left := n
	for i := int(p.first); left > 0; i++ {
		if i == len(p.used) {
			if p.spare == 0 || fits(p.template, request, caps.most(pool, -1, 1)) == 0 {
				break
			}
			p.spare--
			p.free = append(p.free, p.template...)
			p.used = append(p.used, 0)
		}
		if k := fits(p.free[i*r.dims:(i+1)*r.dims], request, min(left, caps.most(pool, int32(i), perNode))); k > 0 {
			p.take(i, r.least, request, k)
			out = append(out, alloc{pool, int32(i), k})
			left -= k
		}
	}
	if left == n {
		p.refresh(r.dims) // the bound was too high
	}
	return out, n - left
}

// mix makes a pool whose resources are scarce put replicas where they leave the resources of a node in proportion: then
// none is left over for want of another. All nodes that can be added are, since a scarce pool needs them.
func (r *room) mix(pool int32) {
	p := &r.pools[pool]
	if p.share != nil || len(p.used)+int(p.spare) < 2 {
		return
	}
	p.share = make([]float64, r.dims)
	for i := 0; i < len(p.free); i += r.dims {
		for d := range r.dims {
			p.share[d] = max(p.share[d], float64(p.free[i+d]))
		}
	}
	for d := range r.dims {
		if p.spare > 0 {
			p.share[d] = max(p.share[d], float64(p.template[d]))
		}
		if p.share[d] > 0 {
			p.share[d] = 1 / p.share[d]
		}
	}
	for ; p.spare > 0; p.spare-- {
		p.free = append(p.free, p.template...)
		p.used = append(p.used, 0)
	}
}

// open adds the nodes that allocs name and that do not exist yet.
func (r *room) open(allocs []alloc) {
	for _, a := range allocs {
		p := &r.pools[a.pool]
		for int(a.node) >= len(p.used) && p.spare > 0 {
			p.spare--
			p.free = append(p.free, p.template...)
			p.used = append(p.used, 0)
		}
	}
}

// mixNodes is how many nodes with room are compared for one replica.
const mixNodes = 32

// balance is place for pools that mix: one replica after the other, each where it evens out most.
func (r *room) balance(pool int32, request []int64, n, perNode int32, caps *nodeCaps, out []alloc) ([]alloc, int32) {
	p := &r.pools[pool]
	begin, placed, slope := len(out), int32(0), p.evens(request)
	for ; placed < n; placed++ {
		best, most, seen := -1, 0.0, 0
	nodes:
		for i := int(p.first); i < len(p.used); i++ {
			free := p.free[i*r.dims : (i+1)*r.dims]
			for d, want := range request {
				if free[d] < want {
					continue nodes
				}
			}
			if limit := caps.most(pool, int32(i), perNode); limit < n && on(out[begin:], int32(i)) >= limit {
				continue
			}
			evened := 0.0
			for d, each := range slope {
				evened += each * float64(free[d])
			}
			if best < 0 || evened > most {
				best, most = i, evened
			}
			if seen++; seen == mixNodes {
				break
			}
		}
		if best < 0 {
			break
		}
		p.take(best, r.least, request, 1)
		out = gather(out, begin, alloc{pool, int32(best), 1})
	}
	if placed == 0 {
		p.refresh(r.dims)
	}
	return out, placed
}

// on is how many replicas are on a node already.
func on(allocs []alloc, node int32) int32 {
	for _, a := range allocs {
		if a.node == node {
			return a.n
		}
	}
	return 0
}

// gather adds to the allocs from begin on.
func gather(out []alloc, begin int, a alloc) []alloc {
	for k := begin; k < len(out); k++ {
		if out[k].pool == a.pool && out[k].node == a.node {
			out[k].n += a.n
			return out
		}
	}
	return append(out, a)
}

// evens is, for CPU, memory and GPU, by how much better a request fits a node for each unit of it that is free there: the shares of them that
// are free are the more even afterwards the higher share × (request − mean request) is in sum, since that is the covariance of both.
func (p *poolRoom) evens(request []int64) [dimExtended]float64 {
	var out [dimExtended]float64
	count, sum := 0.0, 0.0
	for d := range out {
		if p.share[d] > 0 {
			out[d] = float64(request[d]) * p.share[d]
			sum += out[d]
			count++
		}
	}
	for d := range out {
		out[d] = (out[d] - sum/max(count, 1)) * p.share[d]
	}
	return out
}

func (p *poolRoom) take(node int, least, request []int64, k int32) {
	dims := len(least)
	free := p.free[node*dims : (node+1)*dims]
	for d, want := range request {
		free[d] -= want * int64(k)
	}
	p.used[node] += k
	for int(p.first) < len(p.used) && p.full(int(p.first), least) {
		p.first++
	}
}

// full says that a node has no room for any request.
func (p *poolRoom) full(node int, least []int64) bool {
	for d, want := range least {
		if p.free[node*len(least)+d] < want {
			return true
		}
	}
	return false
}

// release takes replicas off a node.
func (r *room) release(a alloc, request []int64) {
	p := &r.pools[a.pool]
	free := p.free[int(a.node)*r.dims : (int(a.node)+1)*r.dims]
	for d, want := range request {
		free[d] += want * int64(a.n)
		if free[d] > p.upper[d] {
			p.upper[d] = free[d]
		}
	}
	p.freed++
	p.used[a.node] -= a.n
	if a.node < p.first {
		p.first = a.node
	}
}

// keepFree takes resources off a node, or gives them back, without placing anything.
func (r *room) keepFree(pool, node int32, amount []int64, sign int64) {
	p := &r.pools[pool]
	free := p.free[int(node)*r.dims : (int(node)+1)*r.dims]
	for d, v := range amount {
		free[d] -= sign * v
		if free[d] > p.upper[d] {
			p.upper[d] = free[d]
		}
	}
	if sign < 0 {
		p.freed++
		p.first = min(p.first, node)
	}
}

// retake undoes release.
func (r *room) retake(a alloc, request []int64) {
	r.pools[a.pool].take(int(a.node), r.least, request, a.n)
}
