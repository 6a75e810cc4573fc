package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// blindRest is for how long nothing is done after most of the cluster looked lost although the path of leases worked: when
// what was wrong has ended, nodes are heard of one after the other.
const blindRest = time.Minute

// standing is how the cluster is, and what of it is decided.
type standing struct {
	*loss.Verdict
	// lost are the domains that are lost, open those that are out of order and not known to be lost.
	lost, open []*loss.Domain
	// doubts are the nodes of which it is not known yet whether they are lost.
	doubts map[string]string
}

// domainOf is the lost domain that a node is in, nil when it is in none.
func (s *standing) domainOf(node string) *loss.Domain {
	for _, d := range s.lost {
		if d.Has(node) {
			return d
		}
	}
	return nil
}

// assess judges the nodes as they are known now. c.mu is held.
func (c *Controller) assess() *standing {
	now := c.Clock.Now()
	nodes := make([]loss.Node, 0, len(c.nodes))
	for name, f := range c.nodes {
		nodes = append(nodes, c.observed(name, f, now))
	}
	s := &standing{Verdict: loss.Judge(nodes, c.renewals.Path(), now), doubts: map[string]string{}}
	switch rests := c.scattered.Add(blindRest); {
	case s.Scattered:
		c.scattered = now
	case s.Blind == "" && len(s.States) > 0 && !c.scattered.IsZero() && now.Before(rests):
		s.Blinded("most nodes looked lost just now: others may be heard of until " + rests.UTC().Format(time.RFC3339))
	}
	for i := range s.Domains {
		if d := &s.Domains[i]; d.Lost(c.patience, now) {
			s.lost = append(s.lost, d)
		} else {
			s.open = append(s.open, d)
		}
	}
	for name, state := range s.States {
		if ends := s.Since[name].Add(loss.DoubtFactor * c.patience); state == loss.Doubted && s.domainOf(name) == nil && now.Before(ends) {
			s.doubts[name] = "node " + name + " is not ready, and not known to be lost before " + ends.UTC().Format(time.RFC3339)
		}
	}
	for name, f := range c.nodes {
		if _, out := s.States[name]; !out && f.shunned != "" && f.Ready == loss.ReadyTrue {
			s.doubts[name] = f.stillShunned()
		}
	}
	return s
}

// stillShunned is why a node that is ready is not believed to be.
func (f *facts) stillShunned() string {
	return "node " + f.Name + " is ready, and has the taint " + f.shunned + " yet; if that lasts, see whether kube-controller-manager works"
}

// observed is a node with what its lease says. A drill that has ended is none. c.mu is held.
func (c *Controller) observed(name string, f *facts, now time.Time) loss.Node {
	n := f.Node
	n.Pool = c.pools[name]
	c.renewals.Fill(&n)
	if !n.Drill.IsZero() && !now.Before(f.drillEnds) {
		n.Drill = time.Time{}
	}
	return n
}

// Doubts implements rounds.Availability. What no look has seen yet counts as well.
func (c *Controller) Doubts() rounds.Doubts {
	turned := c.turned.Load() // before the standing: a look forgets it after it has let others know
	s := c.standing.Load()
	out, missing := rounds.Doubts{Nodes: s.doubts}, 0
	for _, state := range s.States {
		if state != loss.Drilled {
			missing++
		}
	}
	unjudged := false
	if turned != nil {
		out.Nodes = make(map[string]string, len(s.doubts)+len(*turned))
		maps.Copy(out.Nodes, s.doubts)
		for name, why := range *turned {
			if _, known := s.States[name]; known || why == "" {
				continue
			}
			if missing, unjudged = missing+1, true; out.Nodes[name] == "" {
				out.Nodes[name] = why
			}
		}
	}
	if missing == 0 {
		return out
	}
	out.All = cmp.Or(c.path.Load().Down(c.Clock.Now()), s.Blind)
	if all := int(c.count.Load()); out.All == "" && unjudged && 2*missing > all {
		out.All = fmt.Sprintf("%d of %d nodes are out of order, and not judged yet", missing, all)
	}
	return out
}

// Losses says why no replica must be moved at all now, and why none is moved but for a drain: a domain is lost or out of
// order, or was and does not count again yet, so that what is planned now will not last; empty when they may.
func (c *Controller) Losses() (hold, pause string) {
	const meanwhile = "nothing is moved meanwhile but what is drained"
	turned := c.turned.Load() // before the standing: a look forgets it after it has let others know
	known := c.absent.Load()
	switch s, down := c.standing.Load(), c.path.Load().Down(c.Clock.Now()); {
	case known == nil:
		return "the nodes have not been judged yet", ""
	case cmp.Or(down, s.Blind) != "":
		return cmp.Or(down, s.Blind), ""
	case len(s.lost) > 0:
		return "", s.lost[0].String() + " is lost: " + meanwhile
	case len(s.open) > 0:
		return "", s.open[0].String() + " is out of order: " + meanwhile
	case turned != nil:
		return "", "node " + slices.Min(slices.Collect(maps.Keys(*turned))) + " is out of order: " + meanwhile
	}
	for _, pool := range slices.Sorted(maps.Keys(known.outages)) {
		if o := known.outages[pool]; !o.taken {
			return "", "pool " + pool + ": " + o.text(known.stabilization) + "; " + meanwhile
		}
	}
	return "", ""
}
