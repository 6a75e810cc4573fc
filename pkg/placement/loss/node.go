package loss

import (
	"time"

	"tradewind.dev/tradewind/pkg/location"
)

// Node is what the observers say of one node.
type Node struct {
	Name string
	At   location.Location
	// Pool that it belongs to; empty while that is not known.
	Pool string
	// Ready is its condition as the node controller or the kubelet wrote it, and Since when it last changed.
	Ready Ready
	Since time.Time
	// Renewed is when its lease was last renewed, Holds how long a renewal holds. Renewed is zero without a lease.
	Renewed time.Time
	Holds   time.Duration
	// Drill is when a drill agreed to take the node for lost; zero when none did.
	Drill time.Time
}

// Ready is the status of a node's condition Ready.
type Ready int

// The statuses.
const (
	// ReadyTrue: the kubelet says that pods can run.
	ReadyTrue Ready = iota
	// ReadyFalse: the kubelet says that they cannot.
	ReadyFalse
	// ReadyUnknown: the node controller has not heard of the kubelet.
	ReadyUnknown
)

// State of a node.
type State int

// The states, the better first.
const (
	// Alive nodes run pods.
	Alive State = iota
	// Doubted nodes are out of order by the word of one observer.
	Doubted
	// Drilled nodes are taken for lost by agreement. They run.
	Drilled
	// Lost nodes are gone by the word of two observers.
	Lost
)

// DoubtFactor is how many times as long a loss must last on the word of one observer.
const DoubtFactor = 3

const (
	// renewals are how often a kubelet renews its lease while it holds.
	renewals = 4
	// longestConfirmation is how long at most a kubelet has to renew its lease after the node controller missed it. After an
	// outage of the API server both witnesses are wrong for a moment.
	longestConfirmation = 3 * time.Second
)

// furthest is how long before the node controller noticed a loss can have begun: its grace period is 50 s by default, and a
// clock that is further off than this is not believed.
const furthest = 5 * time.Minute

// judge says how a node is, and since when.
func judge(n *Node, now time.Time) (State, time.Time) {
	silent := !n.Renewed.IsZero() && now.Sub(n.Renewed) > n.Holds
	switch {
	case n.Ready == ReadyUnknown && silent:
		if n.Renewed.Before(n.Since) && n.Since.Sub(n.Renewed) <= furthest {
			return Lost, n.Renewed // the last sign of life
		}
		return Lost, n.Since
	case !n.Drill.IsZero():
		return Drilled, n.Drill
	case n.Ready != ReadyTrue:
		return Doubted, n.Since
	}
	return Alive, time.Time{}
}
