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
	// Ready is its condition as the node controller or the kubelet wrote it, and Since when it last changed, by their clocks.
	// Turned is when it was first seen so, by this program's clock.
	Ready  Ready
	Since  time.Time
	Turned time.Time
	// Leased says that it has a lease, which was last heard of at Heard, by this program's clock, and has been renewed
	// without one missed since Resumed. A renewal holds for Holds.
	Leased         bool
	Heard, Resumed time.Time
	Holds          time.Duration
	// LastSign is its last sign of life for people: Heard, or what the node itself wrote where no renewal was seen.
	LastSign time.Time
	// Joining nodes have not been ready yet: where one is, nothing is lost.
	Joining bool
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
	// Doubted nodes are out of order by the word of one observer, or of two that may both be wrong.
	Doubted
	// Drilled nodes are taken for lost by agreement. They run.
	Drilled
	// Lost nodes are gone by the word of two observers, and the path by which these hear of nodes works.
	Lost
)

// DoubtFactor is how many times as long a loss must last on the word of one observer.
const DoubtFactor = 3

// furthest is how long before the node controller noticed a loss can have begun by the clock of the node: the grace period is
// 50 s by default, and a clock that is further off than this is not believed.
const furthest = 5 * time.Minute

// finding is how a node is.
type finding struct {
	state State
	// since when, and from when on that was certain; of a doubted node from when on it may be acted on at the earliest.
	since, certain time.Time
}

func judge(n *Node, path *Path, now time.Time) finding {
	if n.Ready == ReadyUnknown && n.Leased && path.up(now) {
		if from, proven := path.certain(n.Heard, n.Holds); proven && !now.Before(from) {
			return finding{Lost, n.lastSign(), later(from, n.Turned)}
		}
	}
	switch {
	case !n.Drill.IsZero():
		return finding{Drilled, n.Drill, n.Drill}
	case n.Ready == ReadyUnknown:
		// Counted from when it was contradicted: a lease that is renewed again is so before the kubelet says Ready.
		found := finding{state: Doubted, since: later(later(n.Turned, n.Resumed), path.Since)}
		if path.Known { // a path that works then has brought a renewal since the node controller gave the node up
			found.certain = n.Turned.Add(path.gap())
		}
		return found
	case n.Ready == ReadyFalse:
		return finding{state: Doubted, since: later(n.Turned, path.Since)}
	}
	return finding{}
}

// StateOf is the state of one node.
func StateOf(n *Node, path Path, now time.Time) State { return judge(n, &path, now).state }

// lastSign is the last sign of life of a lost node.
func (n *Node) lastSign() time.Time {
	if n.LastSign.Equal(n.Heard) || n.LastSign.Before(n.Since) && n.Since.Sub(n.LastSign) <= furthest {
		return n.LastSign
	}
	return n.Since
}
