// Package rounds is what the parts of the controller tell one another of plans: the plan of each round, with everything that it
// was made from, and what must not be planned on.
package rounds

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Round is one plan with everything that it was made from. It is immutable once published.
type Round struct {
	// Time that the plan was made at.
	Time   time.Time
	Input  *planning.Input
	Result *planning.Result
	Plan   *engine.Plan
	World  *state.World
	// Owners says whose the ReplicaSets are now.
	Owners workload.Owners
}

// Origin are the IDs of the pools where replicas that a loss drove from a pool may return: that pool, and others in the same
// place, as far as they may be used now. Empty when the round has no such pool.
func (r *Round) Origin(left string) map[string]bool {
	out := map[string]bool{}
	for i := range r.Result.Pools {
		from := &r.Result.Pools[i]
		if from.ID() != left {
			continue
		}
		for k := range r.Result.Pools {
			if pool := &r.Result.Pools[k]; pool.At.Location == from.At.Location && pool.Unavailable == "" {
				out[pool.ID()] = true
			}
		}
	}
	return out
}

// Listener is told each round, from one goroutine, after the Placements have been written.
type Listener interface {
	Planned(ctx context.Context, round *Round)
}

// Availability says what must not be planned on now.
type Availability interface {
	// Unavailable says why a node must not be used; empty when it may be.
	Unavailable(node *corev1.Node) string
	// PoolUnavailable says why a whole pool must not be used; empty when it may be.
	PoolUnavailable(pool *planning.PoolInfo) string
	// Doubts says of what is seen how far it must not be believed.
	Doubts() Doubts
}

// Doubts are what is not known of nodes now.
type Doubts struct {
	// All says why nothing is to be planned on what nodes seem to be; empty when it may.
	All string
	// Nodes of which it is not known yet whether they are lost, with the reason: what runs there keeps its plan meanwhile.
	Nodes map[string]string
}
