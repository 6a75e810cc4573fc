package loss

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

// timing is how a cluster's programs are set.
type timing struct {
	name string
	// lease is how long a renewal holds, monitor how often the node controller looks, grace how long it waits; retry is after
	// how long at most a kubelet tries again that did not reach the API server, and status how often it writes its condition.
	lease, monitor, grace, retry, status time.Duration
	// lag is after how long at most this program sees what was written.
	lag time.Duration
}

var timings = []timing{
	// Kubernetes' own: kubelets renew every 10 s, try again after up to 7 s, and an attempt lasts up to 10 s.
	{"Kubernetes", 40 * time.Second, 5 * time.Second, 50 * time.Second, 10 * time.Second, 10 * time.Second, time.Second},
	{"the testbed", 4 * time.Second, 500 * time.Millisecond, 4 * time.Second, time.Second, time.Second, 200 * time.Millisecond},
}

// window is a time in which something does not work.
type window struct{ from, to time.Duration }

func (w window) has(at time.Duration) bool { return at >= w.from && at < w.to }

// machine is one simulated node: when its renewals reach the API server, and when its kubelet says that it is ready.
type machine struct {
	name, cloud string
	dead        window // it is off
	renewed     []time.Duration
	ready       []time.Duration
}

// simulated is a cluster of two to four clouds whose machines renew their leases each in its own phase, with a jitter of 4 % as
// kubelets have. Time is since noon. It shares nothing with what is tested.
type simulated struct {
	timing
	machines []*machine
	cut      window // no kubelet reaches the API server
	down     bool   // while it is cut because the API server is down, so that nobody reaches it
	deaf     window // this program sees nothing
	starts   time.Duration
	end      time.Duration
}

const forever = 1000 * time.Hour

// run makes every machine's renewals.
func (s *simulated) run(t *rapid.T) {
	for _, m := range s.machines {
		interval := s.lease / 4
		for at := spanOf(t, "phase", interval); at < s.end; {
			switch {
			case m.dead.has(at):
				at = m.dead.to + spanOf(t, "boots", interval)
			case s.cut.has(at):
				at = s.cut.to + spanOf(t, "tries again", s.retry)
			default:
				m.renewed = append(m.renewed, at)
				m.ready = append(m.ready, at+spanOf(t, "says ready", s.status))
				at += interval + spanOf(t, "jitter", interval/25)
			}
		}
	}
}

func spanOf(t *rapid.T, label string, most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, label))
}

// happening is something that this program sees.
type happening struct {
	at time.Duration
	do func(now time.Time)
}

// watch calls look every second and after each change with what Judge says, as the controller does.
func (s *simulated) watch(t *rapid.T, look func(at time.Duration, v *Verdict)) {
	seen := NewRenewals(s.monitor)
	nodes := map[string]*Node{}
	var all []happening
	arrives := func(at time.Duration) time.Duration {
		at = max(at, s.starts)
		if s.deaf.has(at) {
			at = s.deaf.to
		}
		if s.down && s.cut.has(at) {
			at = s.cut.to
		}
		return at
	}
	clock := func(at time.Duration) time.Time { return noon.Add(at) }
	for _, m := range s.machines {
		order := time.Duration(0) // what is written of one node is seen in order
		inOrder := func(at time.Duration) time.Duration {
			order = max(order, arrives(at+spanOf(t, "lag", s.lag)))
			return order
		}
		nodes[m.name] = &Node{Name: m.name, At: location.Location{Cloud: m.cloud}, Since: noon, Turned: clock(s.starts)}
		for _, at := range m.renewed {
			all = append(all, happening{inOrder(at), func(now time.Time) { seen.Observe(m.name, clock(at), s.lease, now) }})
		}
		order = 0
		for _, turn := range s.conditions(t, m) {
			all = append(all, happening{inOrder(turn.at), func(now time.Time) {
				if n := nodes[m.name]; n.Ready != turn.ready {
					n.Ready, n.Since, n.Turned = turn.ready, clock(turn.at), now
				}
			}})
		}
	}
	for at := s.starts; at < s.end; at += s.monitor / 2 {
		all = append(all, happening{at, func(time.Time) {}})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	for _, h := range all {
		h.do(clock(h.at))
		if h.at < s.starts {
			continue
		}
		list := make([]Node, 0, len(nodes))
		for _, m := range s.machines {
			n := *nodes[m.name]
			seen.Fill(&n)
			list = append(list, n)
		}
		look(h.at, Judge(list, seen.Path(), clock(h.at)))
	}
}

// turn is a change of a node's condition.
type turn struct {
	at    time.Duration
	ready Ready
}

// conditions are what the node controller and the kubelet write of a machine: Unknown when a look finds that no renewal came
// for the grace period, True some time after renewals came again.
func (s *simulated) conditions(t *rapid.T, m *machine) []turn {
	var out []turn
	last, next, unknown := time.Duration(0), 0, false
	for at := spanOf(t, "monitor phase", s.monitor); at < s.end; at += s.monitor {
		for next < len(m.renewed) && m.renewed[next] <= at {
			if last = m.renewed[next]; unknown {
				out, unknown = append(out, turn{max(m.ready[next], at), ReadyTrue}), false
			}
			next++
		}
		if !unknown && at-last > s.grace && !(s.down && s.cut.has(at)) {
			out, unknown = append(out, turn{at, ReadyUnknown}), true
		}
	}
	return out
}

// cluster draws the machines.
func cluster(t *rapid.T, of timing) *simulated {
	s := &simulated{timing: of}
	for c := range rapid.IntRange(2, 4).Draw(t, "clouds") {
		cloud := fmt.Sprintf("c%d", c)
		for i := range rapid.IntRange(1, 3).Draw(t, "machines of "+cloud) {
			s.machines = append(s.machines, &machine{name: fmt.Sprintf("%s-%d", cloud, i), cloud: cloud, dead: window{forever, forever}})
		}
	}
	return s
}
