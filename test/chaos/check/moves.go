package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/test/chaos/history"
)

// move is a replica that one of Tradewind's programs ended.
type move struct {
	write
	pod     *pod
	evicted bool
}

// ended are the pods that Tradewind deleted or evicted.
func (s *story) ended() []move {
	var out []move
	done := map[*pod]bool{}
	for _, w := range s.writes {
		evicted := w.Resource == "pods/eviction" && w.Verb == "create"
		if !w.Done() || !evicted && (w.Resource != "pods" || w.Verb != "delete") {
			continue
		}
		if p := s.podAt(w.Namespace, w.Name, w.at); p != nil && !done[p] {
			done[p] = true // a second request for the same pod moves nothing
			out = append(out, move{w, p, evicted})
		}
	}
	return out
}

// moves checks why each replica was moved.
func (s *story) moves() {
	lost, all := s.lost(), s.ended()
	s.result.Moves = len(all)
	for i, m := range all {
		object := m.pod.Namespace + "/" + m.pod.Name
		if !strings.HasPrefix(m.Program, controllerBegin) {
			s.violate(m.at, RuleForeign, object, "%s ended a pod; no pod of the suite has a lower priority than another", m.Program)
			continue
		}
		if m.pod.Node == "" {
			s.violate(m.at, RuleHealthy, object, "was ended before it had a node")
			continue
		}
		if m.evicted {
			s.evicted(m, all[:i], lost, object)
		} else {
			s.replaced(m, lost, object)
		}
	}
}

// replaced checks a pod that was deleted: its node was dead, with the whole of a domain, and a policy asks for failover.
func (s *story) replaced(m move, lost []outage, object string) {
	from := s.since(controllerBegin, m.at, news)
	if !slices.ContainsFunc(s.rulesOf(m.pod.Workload, from, m.at), func(r history.Rules) bool { return r.Failover }) {
		s.violate(m.at, RuleUnasked, object, "%s was failed over, and no policy of it sets failover", m.pod.Workload)
	}
	node, _ := s.nodes[m.pod.Node].last(m.at)
	if !s.dead(m.pod.Node, from, m.at) {
		s.violate(m.at, RuleHealthy, object, "%s was deleted by %s from %s, which is %s", m.pod.Workload, m.Program, m.pod.Node, node.State)
		return
	}
	in := func(o outage) bool { return o.overlaps(from, m.at) && slices.Contains(o.nodes, m.pod.Node) }
	if !slices.ContainsFunc(lost, in) {
		s.violate(m.at, RuleHealthy, object, "%s was deleted from the dead node %s, and no whole pool, zone, region or cloud of it is lost",
			m.pod.Workload, m.pod.Node)
	}
}

// evicted checks a pod that was evicted: a policy asks for moves, the plan wants it elsewhere, nothing is lost, its workload
// has its budget, and it was not moved just now.
func (s *story) evicted(m move, before []move, lost []outage, object string) {
	workload := m.pod.Workload
	from := s.since(controllerBegin, m.at, news)
	rules := s.rulesOf(workload, from, m.at)
	ofWorkload := slices.DeleteFunc(slices.Clone(before), func(b move) bool { return b.pod.Workload != workload })
	failovers := 0
	for _, b := range ofWorkload {
		if !b.evicted {
			failovers++
		}
	}
	back := slices.ContainsFunc(rules, func(r history.Rules) bool { return r.Failover && r.Failback })
	if !slices.ContainsFunc(rules, func(r history.Rules) bool { return r.Rebalance }) {
		if !back || len(ofWorkload)-failovers >= failovers {
			s.violate(m.at, RuleUnasked, object,
				"%s was evicted from %s: no policy of it sets rebalance, %d replicas were failed over and %d have left since",
				workload, m.pod.Node, failovers, len(ofWorkload)-failovers)
		}
	}
	s.wanted(m, from, object)
	for _, o := range lost {
		if (span{o.from.Add(s.noticed()), o.to}).covers(from, m.at) {
			s.violate(m.at, RuleDamping, object, "%s was evicted from %s while %s is lost, since %.0f s", workload, m.pod.Node,
				o.domain, m.at.Sub(o.from).Seconds())
			break
		}
	}
	s.damped(m, ofWorkload, object)
	s.budget(m, ofWorkload, from, object)
}

// noticed is how long a loss lasts until everybody is certain of it: both witnesses, and the confirmation of the second.
func (s *story) noticed() time.Duration { return s.times.Unreachable + s.times.Lease }

// wanted checks that a plan wanted fewer replicas where the pod was than there were. A controller whose writes fail may
// follow a plan that nobody has seen.
func (s *story) wanted(m move, from time.Time, object string) {
	if s.troubled(controllerBegin, m.at.Add(-news), m.at) {
		return
	}
	node, _ := s.nodes[m.pod.Node].last(m.at)
	place := history.Place(node.Cloud, node.Region, node.InstanceType, node.Spot)
	there := 0
	for _, p := range s.byOwner[m.pod.Workload] {
		if n, _ := s.nodes[p.Node].last(m.at); p.there(m.at) && p.Node != "" &&
			history.Place(n.Cloud, n.Region, n.InstanceType, n.Spot) == place {
			there++
		}
	}
	known, least := false, 0
	for i, p := range s.plans[m.pod.Workload] {
		last := i+1 == len(s.plans[m.pod.Workload]) || s.plans[m.pod.Workload][i+1].at.After(from)
		if p.at.After(m.at.Add(time.Second)) || !last {
			continue
		}
		if wants := p.Decisions[place]; !known || wants < least {
			known, least = true, wants
		}
	}
	if known && least >= there {
		s.violate(m.at, RuleHealthy, object, "%s was evicted from %s, where the plan wants %d replicas and %d were",
			m.pod.Workload, m.pod.Node, least, there)
	}
}

// damped checks that what was moved is not moved again at once.
func (s *story) damped(m move, before []move, object string) {
	rules, _ := s.rules[m.pod.Workload].last(m.at)
	if rules.Stays == 0 || m.at.Sub(m.pod.bound) > rules.Stays {
		return
	}
	l := s.rules[m.pod.Workload]
	if l.before(m.at) != l.before(m.pod.bound.Add(-settle)) {
		return // the policy was changed: what it says now may want the replica elsewhere
	}
	for _, b := range before {
		if b.evicted && b.at.Before(m.pod.bound) && m.pod.seen.Sub(b.at) < 5*time.Second {
			s.violate(m.at, RuleDamping, object, "%s was evicted from %s %.1f s after it was moved there; what was moved stays for %s",
				m.pod.Workload, m.pod.Node, m.at.Sub(m.pod.bound).Seconds(), rules.Stays)
			return
		}
	}
}

// budget checks that no more replicas were away for moves than the policy lets.
func (s *story) budget(m move, before []move, from time.Time, object string) {
	allowed := 0
	for _, r := range s.rulesOf(m.pod.Workload, from, m.at) {
		allowed = max(allowed, r.MaxUnavailable)
	}
	allowed = max(allowed, 1)
	away := 1
	for _, b := range before {
		if b.evicted && !s.whole(m.pod.Workload, b.at, m.at.Add(news)) {
			away++
		}
	}
	if away > allowed {
		s.violate(m.at, RuleBudget, object, "%s has %d replicas away for moves; its policy lets %d", m.pod.Workload, away, allowed)
	}
}

// whole says whether a workload had all its replicas ready at some time after another.
func (s *story) whole(workload string, after, until time.Time) bool {
	times := []time.Time{until}
	for _, p := range s.byOwner[workload] {
		for _, t := range p.ready.at {
			if t.After(after) && t.Before(until) {
				times = append(times, t)
			}
		}
	}
	for _, t := range times {
		ready := 0
		for _, p := range s.byOwner[workload] {
			if is, _ := p.ready.last(t); is {
				ready++
			}
		}
		want := 1 << 30
		for _, r := range s.rulesOf(workload, after, t) {
			want = min(want, r.Replicas)
		}
		if ready >= want {
			return true
		}
	}
	return false
}

// outages checks that no workload had more moves in an outage than replicas that were lost in it.
func (s *story) outages() {
	moves := s.ended()
	for _, o := range s.lost() {
		if o.to.IsZero() {
			o.to = s.end.Add(time.Nanosecond)
		}
		byWorkload := map[string][]move{}
		for _, m := range moves {
			if !m.at.Before(o.from) && m.at.Before(o.to) {
				byWorkload[m.pod.Workload] = append(byWorkload[m.pod.Workload], m)
			}
		}
		for workload, its := range byWorkload {
			lost := 0
			for _, p := range s.byOwner[workload] {
				// On a dead node at some time of the outage, whichever domain it is in: outages overlap.
				if p.Node != "" && s.dead(p.Node, later(o.from, p.bound), earlier(o.to, p.gone)) {
					lost++
				}
			}
			// What was under way when the outage began goes on until it is noticed.
			under := 0
			for _, m := range its {
				if m.evicted && m.at.Before(o.from.Add(s.noticed()+news)) {
					under++
				}
			}
			if n := len(its) - under; n > lost {
				s.violate(its[len(its)-1].at, RuleOneMove, workload,
					"%d of its replicas were moved while %s was lost for %.0f s, and only %d were on lost nodes (%s)",
					n, o.domain, o.to.Sub(o.from).Seconds(), lost, names(its))
			}
		}
	}
}

func names(moves []move) string {
	var out []string
	for _, m := range moves {
		out = append(out, fmt.Sprintf("%s on %s", m.pod.Name, m.pod.Node))
	}
	return strings.Join(out, ", ")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier of two times, of which the second is zero when it never came.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}
