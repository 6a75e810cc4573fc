package placement

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
)

// Round is one plan with everything that it was made from. It is immutable once published.
type Round struct {
	// Time that the plan was made at.
	Time   time.Time
	Input  *planning.Input
	Result *planning.Result
	Plan   *engine.Plan
	World  *state.World
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
