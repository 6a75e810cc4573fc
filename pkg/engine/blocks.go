package engine

import "slices"

// blockNodes is how many nodes in a row are a block.
const blockNodes = 32

// blocks say where machines in use of a pool may have room, so that those which have none are passed over many at a time:
// most of a plan that is consolidated are full.
type blocks struct {
	nodes  int     // that are counted
	upper  []int64 // no machine in use of a block has more of a resource free, blocks × dimensions
	unused []int32 // nodes of a block that are not in use
	alike  []bool  // whether the nodes of a block have as much where nothing is on them
}

// count adds the nodes of a pool that were opened since.
func (c *consolidator) count(pool int32) *blocks {
	b, p := &c.blocks[pool], &c.s.room.pools[pool]
	for ; b.nodes < len(p.used); b.nodes++ {
		if b.nodes%blockNodes == 0 {
			for range c.s.m.dims {
				b.upper = append(b.upper, 0)
			}
			b.unused, b.alike = append(b.unused, 0), append(b.alike, true)
		}
		if block := b.nodes / blockNodes; b.alike[block] {
			b.alike[block] = slices.Equal(c.s.m.pools[pool].whole(b.nodes), c.s.m.pools[pool].whole(block*blockNodes))
		}
		if c.inUse(pool, b.nodes) {
			c.lift(pool, b.nodes)
		} else {
			b.unused[b.nodes/blockNodes]++
		}
	}
	return b
}

// whole is what a node has where nothing is on it.
func (p *pool) whole(node int) []int64 {
	if node >= p.nodes {
		return p.template
	}
	return p.free[node*len(p.template) : (node+1)*len(p.template)]
}

// inUse says whether replicas are on a node, or others that keep it in use.
func (c *consolidator) inUse(pool int32, node int) bool {
	return c.s.room.pools[pool].used[node] > 0 || c.s.m.pools[pool].keeps(int32(node))
}

// lift makes the bound of a block hold what a machine in use has free.
func (c *consolidator) lift(pool int32, node int) {
	dims, at := c.s.m.dims, node/blockNodes
	upper := c.blocks[pool].upper[at*dims : (at+1)*dims]
	for d, v := range c.s.room.pools[pool].free[node*dims : (node+1)*dims] {
		upper[d] = max(upper[d], v)
	}
}

// raise fills in anew what the machines in use of a block have free at most.
func (c *consolidator) raise(pool int32, block int) {
	dims := c.s.m.dims
	clear(c.blocks[pool].upper[block*dims : (block+1)*dims])
	for node := block * blockNodes; node < min((block+1)*blockNodes, c.blocks[pool].nodes); node++ {
		if c.inUse(pool, node) {
			c.lift(pool, node)
		}
	}
}

// roomy says that a machine in use of a block may have room.
func (b *blocks) roomy(block int, request []int64) bool {
	upper := b.upper[block*len(request) : (block+1)*len(request)]
	for d, want := range request {
		if want > upper[d] {
			return false
		}
	}
	return true
}
