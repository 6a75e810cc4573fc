package loss

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// renewals are how often a kubelet renews its lease while it holds: it renews after a quarter of the lease's duration
// (nodeLeaseRenewIntervalFraction of Kubernetes' kubelet), later by 4 % at most.
const renewals = 4

// Path is how the renewals of leases came from the kubelets by way of the API server to this program, by its own clock.
type Path struct {
	// Known says that there are leases at all; without any nothing can be said of the path.
	Known bool
	// Since renewals have been seen without a gap, and when the latest one was. Both are zero before the first.
	Since, Latest time.Time
	// Holds is for how long a renewal usually holds, Monitor how often the node controller looks.
	Holds, Monitor time.Duration
}

// gap is for how long no renewal may be seen while the path works: one interval and one look of the node controller, and at
// least two intervals, since kubelets and API servers are late at times. It is less than the four intervals for which a lease
// holds, so that a path that is cut is noticed before the first node is missed.
func (p *Path) gap() time.Duration {
	interval := p.Holds / renewals
	return interval + max(interval, p.Monitor)
}

// up says whether the path works.
func (p *Path) up(now time.Time) bool { return !p.Latest.IsZero() && now.Sub(p.Latest) <= p.gap() }

// settled is from when on all nodes that are there have had the time to be heard of: as long as a lease holds, and a look of
// the node controller. Kubelets that could not reach the API server try again after up to 7 s, and an unanswered request of
// theirs ends after 10 s.
func (p *Path) settled() time.Time { return p.Since.Add(p.Holds + p.Monitor) }

// certain is from when on a node that was last heard of at some time is certainly silent, as far as the path tells.
func (p *Path) certain(heard time.Time, holds time.Duration) (from time.Time, proven bool) {
	counted := later(heard, p.Since)
	witness := counted.Add(holds/renewals + p.Monitor)
	return later(counted.Add(holds+p.Monitor), witness), !p.Latest.Before(witness)
}

// Down says why nothing that is seen of nodes proves anything now; empty when the path works, or nothing is known of it.
func (p *Path) Down(now time.Time) string {
	switch {
	case !p.Known || p.up(now):
		return ""
	case p.Latest.IsZero():
		return "no node has been seen to renew its lease yet"
	}
	return fmt.Sprintf("no node renews its lease since %s: it may be this API server that is cut off; see whether kubelets reach it",
		stamp(p.Latest))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Renewals are the renewals of leases that this program has seen, by its own clock. It is not safe for concurrent use.
type Renewals struct {
	// IsNode, if set, says whether a lease is that of a node. Others show nothing of the path of kubelets.
	IsNode func(name string) bool
	path   Path
	leases map[string]*lease
	// holding is how many leases hold for how long.
	holding map[time.Duration]int
}

// lease is what was seen of one.
type lease struct {
	written time.Time // when it was renewed, by the node's clock
	holds   time.Duration
	// heard is when a renewal was seen, or the lease for the first time; resumed when renewals were seen again after one had
	// been missed.
	heard, resumed time.Time
	seen           bool // a renewal was seen
}

// NewRenewals has seen none. Monitor is how often the node controller looks at the nodes: kube-controller-manager's
// --node-monitor-period.
func NewRenewals(monitor time.Duration) *Renewals {
	return &Renewals{path: Path{Monitor: monitor}, leases: map[string]*lease{}, holding: map[time.Duration]int{}}
}

// Observe takes note of a node's lease as it is now: when the node wrote that it was renewed, and how long that holds. It says
// whether the path works again by it. How a lease is at first is no renewal, since nobody knows how old it is.
func (r *Renewals) Observe(node string, written time.Time, holds time.Duration, now time.Time) (resumed bool) {
	l, known := r.leases[node]
	if !known {
		l = &lease{written: written, heard: now, resumed: now}
		r.leases[node], r.path.Known = l, true
	}
	if l.holds != holds {
		r.count(l.holds, holds)
		l.holds = holds
	}
	if written.Equal(l.written) {
		return false
	}
	if now.Sub(l.heard) > 2*holds/renewals {
		l.resumed = now
	}
	l.written, l.heard, l.seen = written, now, true
	if r.IsNode != nil && !r.IsNode(node) {
		return false
	}
	if resumed = !r.path.up(now); resumed {
		r.path.Since = now
	}
	r.path.Latest = now
	return resumed
}

// count takes note that a node's lease holds otherwise than before; 0 is none. A renewal usually holds for as long as the node
// in the middle says: each node writes its own lease, and one alone must not make everybody wait.
func (r *Renewals) count(before, now time.Duration) {
	if r.holding[before]--; r.holding[before] <= 0 {
		delete(r.holding, before)
	}
	if now != 0 {
		r.holding[now]++
	}
	below := 0
	for _, holds := range slices.Sorted(maps.Keys(r.holding)) {
		if below += r.holding[holds]; 2*below >= len(r.leases) {
			r.path.Holds = holds
			return
		}
	}
}

// Forget drops a node's lease.
func (r *Renewals) Forget(node string) {
	if l := r.leases[node]; l != nil {
		delete(r.leases, node)
		r.count(l.holds, 0)
	}
	r.path.Known = len(r.leases) > 0
}

// Path is how the path was until the latest renewal.
func (r *Renewals) Path() Path { return r.path }

// Fill says of a node what was seen of its lease. Without a lease it says nothing.
func (r *Renewals) Fill(n *Node) {
	l := r.leases[n.Name]
	if l == nil {
		return
	}
	n.Leased, n.Heard, n.Resumed, n.Holds, n.LastSign = true, l.heard, l.resumed, l.holds, l.heard
	if !l.seen {
		n.LastSign = l.written
	}
}

// Renewed is when a node wrote that it last renewed its lease, as far as was seen; zero without a lease.
func (r *Renewals) Renewed(node string) time.Time {
	if l := r.leases[node]; l != nil {
		return l.written
	}
	return time.Time{}
}
