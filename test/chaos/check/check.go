// Package check finds in a history what Tradewind must never do. It shares no code with Tradewind: what is allowed it takes
// from the truth as the suite made it, not from labels, statuses or plans.
//
// A program cannot know what happened a moment ago, so each rule gives it the time that news takes, and longer while the
// suite itself kept the news from it. Every doubt is for Tradewind, and what is left is a violation.
package check

import (
	"fmt"
	"slices"
	"time"

	"tradewind.dev/tradewind/test/chaos/history"
)

// What the checker gives a program.
const (
	// news is how long news take to reach a program that nothing troubles.
	news = 5 * time.Second
	// settle is how long a policy must have been in force before a bind is judged by it.
	settle = 20 * time.Second
	// What a program may have at the end of a quiet time more than at its first, twice in a row.
	moreMemory     = 256 << 20
	moreFiles      = 64
	moreGoroutines = 400
)

// Violation is a rule that was broken.
type Violation struct {
	Time    time.Time
	Rule    string
	Object  string
	Message string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s %s %s: %s", v.Time.UTC().Format("15:04:05.000"), v.Rule, v.Object, v.Message)
}

// The rules.
const (
	RuleResidency = "residency"     // a pod was bound outside its workload's residency
	RuleHealthy   = "healthy"       // a replica of a healthy place was deleted or evicted
	RuleUnasked   = "unasked"       // a replica was moved though no policy of its workload asks for it
	RuleDamping   = "damping"       // a replica was moved again before its time, or while a domain was lost
	RuleOneMove   = "one-move"      // a workload had more moves in an outage than replicas in what was lost
	RuleBudget    = "budget"        // more replicas were away than the policy lets
	RuleDecisions = "decisions"     // a Placement with running replicas lost its decisions
	RuleFence     = "fence"         // a living node was fenced
	RuleTwice     = "twice"         // a StatefulSet's replica ran twice
	RuleReady     = "ready"         // not everything was ready within a minute of quiet
	RuleLeak      = "leak"          // a program takes ever more
	RuleLog       = "log"           // a log holds a secret or a panic
	RuleForeign   = "foreign-write" // a program deleted what it has no business with
)

// Result is what was found, and how much was looked at.
type Result struct {
	Violations []Violation
	// Binds of pods to nodes, Moves of replicas by Tradewind.
	Binds, Moves int
}

// Count is how many violations there are of a rule.
func (r Result) Count(rule string) int {
	n := 0
	for i := range r.Violations {
		if r.Violations[i].Rule == rule {
			n++
		}
	}
	return n
}

// Check judges a history.
func Check(events []history.Event) Result {
	s := read(events)
	s.binds()
	s.moves()
	s.outages()
	s.decisions()
	s.fences()
	s.twice()
	s.quiet(events)
	slices.SortStableFunc(s.result.Violations, func(a, b Violation) int { return a.Time.Compare(b.Time) })
	return s.result
}

// pod is a pod's whole life.
type pod struct {
	history.Pod
	seen, gone time.Time
	bound      time.Time // when it got its node
	first      time.Time // when it was first ready
	ready      timeline[bool]
}

// alive says whether the pod was there and not ending.
func (p *pod) there(t time.Time) bool {
	return !p.seen.After(t) && (p.gone.IsZero() || p.gone.After(t))
}

// write is one of Tradewind's writes with its time.
type write struct {
	history.Write
	at time.Time
}

// plan is what a Placement said from a time on.
type plan struct {
	history.Plan
	at time.Time
}

// story is a history by what it is about.
type story struct {
	times    history.Times
	result   Result
	end      time.Time
	nodes    map[string]*timeline[history.Node]
	rules    map[string]*timeline[history.Rules]
	pods     map[string]*pod // by UID
	names    map[string][]*pod
	byOwner  map[string][]*pod
	writes   []write
	plans    map[string][]plan // by workload
	fencings []history.Event
	runs     []history.Event
	// deaf and mute count the troubles of programs, of the one sort and of the other.
	deaf, mute map[string]*timeline[int]
	deafTimes  map[string][]span
}

func read(events []history.Event) *story {
	s := &story{
		nodes: map[string]*timeline[history.Node]{}, rules: map[string]*timeline[history.Rules]{}, pods: map[string]*pod{},
		names: map[string][]*pod{}, byOwner: map[string][]*pod{}, plans: map[string][]plan{},
		deaf: map[string]*timeline[int]{}, mute: map[string]*timeline[int]{}, deafTimes: map[string][]span{},
	}
	for i := range events {
		e := &events[i]
		s.end = e.Time
		switch {
		case e.Times != nil:
			s.times = *e.Times
		case e.Node != nil:
			line(s.nodes, e.Node.Name).add(e.Time, *e.Node)
		case e.Rules != nil:
			line(s.rules, e.Rules.Workload).add(e.Time, *e.Rules)
		case e.Pod != nil:
			s.readPod(e.Time, e.Pod)
		case e.Write != nil:
			s.writes = append(s.writes, write{*e.Write, e.Time})
		case e.Plan != nil:
			s.plans[e.Plan.Workload] = append(s.plans[e.Plan.Workload], plan{*e.Plan, e.Time})
		case e.Fence != nil:
			s.fencings = append(s.fencings, *e)
		case e.Run != nil:
			s.runs = append(s.runs, *e)
		case e.Trouble != nil:
			l := line(s.mute, e.Trouble.Program)
			if e.Trouble.Deaf {
				l = line(s.deaf, e.Trouble.Program)
			}
			n, _ := l.last(e.Time)
			if e.Trouble.On {
				l.add(e.Time, n+1)
			} else {
				l.add(e.Time, n-1)
			}
		}
	}
	return s
}

func line[T any](lines map[string]*timeline[T], name string) *timeline[T] {
	if lines[name] == nil {
		lines[name] = &timeline[T]{}
	}
	return lines[name]
}

func (s *story) readPod(at time.Time, seen *history.Pod) {
	p := s.pods[seen.UID]
	if p == nil {
		p = &pod{seen: at}
		s.pods[seen.UID] = p
		name := seen.Namespace + "/" + seen.Name
		s.names[name] = append(s.names[name], p)
		s.byOwner[seen.Workload] = append(s.byOwner[seen.Workload], p)
	}
	if seen.Gone {
		p.gone = at
		p.ready.add(at, false)
		return
	}
	if seen.Node != "" && p.bound.IsZero() {
		p.bound = at
	}
	if seen.Ready && p.first.IsZero() {
		p.first = at
	}
	p.ready.add(at, seen.Ready && !seen.Ending)
	p.Pod = *seen
}

func (s *story) violate(at time.Time, rule, object, format string, args ...any) {
	s.result.Violations = append(s.result.Violations, Violation{at, rule, object, fmt.Sprintf(format, args...)})
}

// rulesOf are the rules of a workload that may have been in a program's mind.
func (s *story) rulesOf(workload string, from, to time.Time) []history.Rules {
	return s.rules[workload].during(from, to)
}

// dead says whether a machine was dead at some time.
func (s *story) dead(node string, from, to time.Time) bool {
	return slices.ContainsFunc(s.nodes[node].during(from, to), isDead)
}

func isDead(n history.Node) bool { return n.State == history.Dead || n.State == history.Deleted }

// podAt is the pod of a name that was there at a time; nil when the suite never saw it. The watch may tell of a pod's begin
// and end a moment sooner or later than the proxy tells of a write.
func (s *story) podAt(namespace, name string, t time.Time) *pod {
	all := s.names[namespace+"/"+name]
	for _, tolerance := range []time.Duration{0, 2 * time.Second} {
		for _, p := range all {
			if !p.seen.After(t.Add(tolerance)) && (p.gone.IsZero() || p.gone.After(t.Add(-tolerance))) {
				return p
			}
		}
	}
	return nil
}
