package check

import (
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/test/chaos/history"
)

// binds checks where each pod was bound: in a country that the rules of its workload allow. A policy counts once it has been
// in force for a while, and by where the machine truly stands.
func (s *story) binds() {
	for _, p := range s.pods {
		if p.bound.IsZero() {
			continue
		}
		s.result.Binds++
		node, known := s.nodes[p.Node].last(p.bound)
		if !known {
			s.violate(p.bound, RuleResidency, p.Namespace+"/"+p.Name, "is bound to node %s, which the suite never made", p.Node)
			continue
		}
		rules := s.rulesOf(p.Workload, s.since(schedulerBegin, p.bound, settle), p.bound)
		if len(rules) == 0 || slices.ContainsFunc(rules, func(r history.Rules) bool { return inside(r, node) }) {
			continue
		}
		s.violate(p.bound, RuleResidency, p.Namespace+"/"+p.Name, "%s is bound to %s, which truly is in %s of %s; allowed are %s %s",
			p.Workload, p.Node, node.Country, node.Cloud, strings.Join(rules[len(rules)-1].Countries, ", "),
			strings.Join(rules[len(rules)-1].Clouds, ", "))
	}
}

// inside says whether rules let replicas be on a machine.
func inside(r history.Rules, node history.Node) bool {
	return (len(r.Countries) == 0 || slices.Contains(r.Countries, node.Country)) &&
		(len(r.Clouds) == 0 || slices.Contains(r.Clouds, node.Cloud))
}

// decisions checks that no Placement lost its decisions while replicas ran and a place for them was there all the time.
func (s *story) decisions() {
	for workload, all := range s.plans {
		for i := 1; i < len(all); i++ {
			before, now := all[i-1], all[i]
			if now.UID != before.UID || now.Replicas == 0 || total(now.Decisions) > 0 || total(before.Decisions) == 0 {
				continue
			}
			running := 0
			for _, p := range s.byOwner[workload] {
				if is, _ := p.ready.last(now.at); is {
					running++
				}
			}
			if place := s.place(workload, now.at); running > 0 && place != "" {
				s.violate(now.at, RuleDecisions, workload,
					"its Placement has no decisions any more, while %d replicas run and node %s was there for them all the time",
					running, place)
			}
		}
	}
}

func total(decisions map[string]int) int {
	sum := 0
	for _, n := range decisions {
		sum += n
	}
	return sum
}

// place is a node that could hold a replica of a workload before a time for long enough that everybody knew; empty when
// there is none.
func (s *story) place(workload string, t time.Time) string {
	from := s.since(controllerBegin, t, settle).Add(-s.times.Unreachable)
	var names []string
	for name := range s.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fits := !slices.ContainsFunc(s.nodes[name].during(from, t), func(n history.Node) bool {
			return n.State == history.Dead || n.State == history.Deleted || !n.Takes ||
				slices.ContainsFunc(s.rulesOf(workload, from, t), func(r history.Rules) bool { return !inside(r, n) })
		})
		if first := s.nodes[name].at[0]; fits && first.Before(from) {
			return name
		}
	}
	return ""
}

// fences checks that only nodes were fenced that had been dead for as long as a lease holds.
func (s *story) fences() {
	for i := range s.fencings {
		e := &s.fencings[i]
		if !e.Fence.On {
			continue
		}
		from := s.since(controllerBegin, e.Time, news)
		long := slices.ContainsFunc(spans(line(s.nodes, e.Fence.Node), isDead), func(d span) bool {
			return d.overlaps(from, e.Time) && e.Time.Sub(d.from) >= s.times.Lease/2
		})
		if !long {
			state, _ := s.nodes[e.Fence.Node].last(e.Time)
			s.violate(e.Time, RuleFence, e.Fence.Node,
				"is fenced, and was not dead for as long as half a lease holds; in truth it is %s", state.State)
		}
	}
}

// twice checks that no replica of a StatefulSet ran on two machines at a time.
func (s *story) twice() {
	on := map[string]map[string]string{} // UID and node by identity
	for i := range s.runs {
		run := s.runs[i].Run
		if run.Identity == "" {
			continue
		}
		if on[run.Identity] == nil {
			on[run.Identity] = map[string]string{}
		}
		if !run.On {
			delete(on[run.Identity], run.UID)
			continue
		}
		for uid, node := range on[run.Identity] {
			if uid != run.UID {
				s.violate(s.runs[i].Time, RuleTwice, run.Identity, "runs on %s while it still runs on %s", run.Node, node)
			}
		}
		on[run.Identity][run.UID] = run.Node
	}
}

// quiet checks the ends of quiet times and what programs took at them.
func (s *story) quiet(events []history.Event) {
	first := map[string]history.Usage{}
	leaking := map[string]int{}
	for i := range events {
		e := &events[i]
		switch {
		case e.Quiet != nil && !e.Quiet.On && !e.Quiet.Settled:
			s.violate(e.Time, RuleReady, strings.Join(e.Quiet.Waiting, ", "), "not ready after %.0f s of quiet", e.Quiet.Seconds)
		case e.Log != nil:
			s.violate(e.Time, RuleLog, e.Log.Program, "line %d of its log holds %s", e.Log.Line, e.Log.What)
		case e.Usage != nil:
			base, known := first[e.Usage.Program]
			if !known {
				first[e.Usage.Program] = *e.Usage
				continue
			}
			grown := e.Usage.ResidentBytes > base.ResidentBytes+moreMemory || e.Usage.Files > base.Files+moreFiles ||
				e.Usage.Goroutines > base.Goroutines+moreGoroutines
			if !grown {
				leaking[e.Usage.Program] = 0
			} else if leaking[e.Usage.Program]++; leaking[e.Usage.Program] == 2 {
				s.violate(e.Time, RuleLeak, e.Usage.Program, "has %d MiB, %d files and %d goroutines; at its first quiet it had %d, %d and %d",
					e.Usage.ResidentBytes>>20, e.Usage.Files, e.Usage.Goroutines, base.ResidentBytes>>20, base.Files, base.Goroutines)
			}
		}
	}
}

// outage is a domain that was lost as a whole.
type outage struct {
	span
	domain string
	nodes  []string
}

// domainsOf are the names of the domains of a machine.
func domainsOf(n history.Node) []string {
	return []string{
		"cloud " + n.Cloud, "region " + n.Cloud + "/" + n.Region, "zone " + n.Cloud + "/" + n.Region + "/" + n.Zone,
		"pool " + history.Place(n.Cloud, n.Region+"/"+n.Zone, n.InstanceType, n.Spot),
	}
}

// lost are the times in which all nodes of a domain were dead at once. A pool of one node is not a domain.
func (s *story) lost() []outage {
	members := map[string][]string{}
	for name, l := range s.nodes {
		for _, domain := range domainsOf(l.values[0]) {
			members[domain] = append(members[domain], name)
		}
	}
	var out []outage
	for domain, names := range members {
		if strings.HasPrefix(domain, "pool ") && len(names) < 2 {
			continue
		}
		slices.Sort(names)
		var changes []time.Time
		for _, name := range names {
			changes = append(changes, s.nodes[name].at...)
		}
		slices.SortFunc(changes, time.Time.Compare)
		all := &timeline[bool]{}
		for _, t := range changes {
			dead, there := true, false
			for _, name := range names {
				n, known := s.nodes[name].last(t)
				dead = dead && known && isDead(n)
				there = there || n.State == history.Dead
			}
			all.add(t, dead && there) // nodes that are deleted are no loss, unless others are silent
		}
		for _, d := range spans(all, func(is bool) bool { return is }) {
			out = append(out, outage{span: d, domain: domain, nodes: names})
		}
	}
	slices.SortFunc(out, func(a, b outage) int {
		if c := a.from.Compare(b.from); c != 0 {
			return c
		}
		return strings.Compare(a.domain, b.domain)
	})
	return out
}
