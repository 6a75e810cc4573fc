package state

import (
	"hash/maphash"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
)

// index finds the facts of a node by the very object they were computed from, without looking at the object, in less than half
// the time that its name takes (BenchmarkNode): a scheduling cycle asks several times for each node. It only speeds up
// Store.nodes: a node that its bucket has no room for is found there.
type index struct {
	seed    maphash.Seed
	buckets [1 << 12]bucket // 256 KiB; full buckets are rare up to some 8,000 nodes
}

// bucket is one cache line. A slot is taken by setting its object and found by it; its node is set before and cleared
// after, so a reader that finds the object finds the node of it, of a later owner, or none.
type bucket [4]struct {
	object atomic.Pointer[corev1.Node]
	node   atomic.Pointer[Node]
}

func (x *index) bucket(object *corev1.Node) *bucket {
	return &x.buckets[maphash.Comparable(x.seed, object)%uint64(len(x.buckets))]
}

// find returns nil when the object is not in the index.
func (x *index) find(object *corev1.Node) *Node {
	b := x.bucket(object)
	for i := range b {
		if b[i].object.Load() == object {
			if node := b[i].node.Load(); node != nil && node.object == object {
				return node
			}
		}
	}
	return nil
}

func (x *index) add(node *Node) {
	b := x.bucket(node.object)
	for i := range b {
		if b[i].node.CompareAndSwap(nil, node) {
			b[i].object.Store(node.object)
			return
		}
	}
}

func (x *index) remove(node *Node) {
	b := x.bucket(node.object)
	for i := range b {
		if b[i].node.Load() == node {
			b[i].object.CompareAndSwap(node.object, nil)
			b[i].node.CompareAndSwap(node, nil)
			return
		}
	}
}
