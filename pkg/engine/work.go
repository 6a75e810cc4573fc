package engine

import (
	"fmt"
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/rules"
)

// work is one workload while a plan is made.
type work struct {
	index  int32
	row    *row
	limits *limits
	n      int32 // replicas that are planned for
	// refused replicas cannot run.
	refused int32
	// namespace and priority say whose turn it is where there is too little room.
	namespace string
	priority  int32
	stays     []stay
	moving    int32 // replicas that run now and are still wanted
	pins      []pin
	volumes   []string // what limits all of its replicas
	out       []edge   // calls it makes
	own       []edge   // calls that are its own alone, until follow adds them to out
	in        []caller // calls it receives
	heard     []caller // calls that are the callers' alone
	held      string   // why it stays as it is; "" when it is planned
	bad       bool     // malformed: nothing of it is placed beyond what is held

	allocs    []alloc // where it is in the plan
	support   []int32 // replicas by place; only where somebody calls it
	usd       float64 // of the replicas and their moves, calls apart
	refuges   []refuge
	certain   bool // it has replicas in every plan that is compared with the bound
	following bool // it is among those that follow what they call
	seen      bool // it is among the solver's seen
	kept      bool // replicas stay that rules of pods would not let come
	crossed   bool // replicas were left out that could come in no order
	skipped   bool // no place was looked for before the search was stopped

	pods   *podWork // rules of pods that bind it to others; nil for none
	broken []alloc  // replicas whose affinity or anti-affinity to others does not hold where they run
}

// pin is replicas that must be on certain pools.
type pin struct {
	n    int32
	only []bool
	*Pin // that it was read from
}

// edge is a call to another workload.
type edge struct {
	to                                    int32
	usdPerMillisecond, bytesPerHour, most float64 // of one replica; most milliseconds, positive infinity for no limit
	alone                                 bool    // the caller's alone
	measured                              bool    // its limit demands a round trip that was measured
}

// limited says whether the call has a limit.
func (e *edge) limited() bool { return !math.IsInf(e.most, 1) }

// caller names a call from the called workload's side.
type caller struct{ work, edge int32 }

// Bounds beyond which numbers are mistakes: they keep products within 64 bits.
const (
	maxResource = int64(1) << 53
	maxRate     = 1e12
)

// newWork reads a workload. What is wrong with it becomes problems; then it stays as it is.
func (m *model) newWork(i int, w *Workload) (*work, []Problem) {
	var problems []Problem
	object := w.Kind + " " + w.Namespace + "/" + w.Name
	problem := func(field, format string, args ...any) {
		problems = append(problems, Problem{Object: object, Field: field, Message: fmt.Sprintf(format, args...)})
	}
	out := &work{index: int32(i), held: w.Hold, namespace: w.Namespace, priority: w.Priority}
	clean := *w
	bad := func(field, format string, args ...any) {
		problem(field, format+"; its replicas stay where they are until it is corrected", args...)
		out.bad = true
		if out.held == "" {
			out.held = field + " " + fmt.Sprintf(format, args...)
		}
	}
	if clean.Replicas < 0 || clean.Replicas > maxReplicas {
		bad("Replicas", "%d is no number of replicas from 0 to %d", clean.Replicas, maxReplicas)
		clean.Replicas = min(max(clean.Replicas, 0), maxReplicas)
	}
	if clean.Refused < 0 || clean.Refused > clean.Replicas {
		problem("Refused", "%d is no number of the %d replicas; all or none of them count", clean.Refused, clean.Replicas)
		clean.Refused = min(max(clean.Refused, 0), clean.Replicas)
	}
	check := func(field string, v int64) {
		if v < 0 || v > maxResource {
			bad(field, "%d is no amount that a node could have", v)
		}
	}
	check("Request.MilliCPU", clean.Request.MilliCPU)
	check("Request.MemoryBytes", clean.Request.MemoryBytes)
	check("Request.GPUs", clean.Request.GPUs)
	check("Request.GPUSlices", clean.Request.GPUSlices)
	for _, name := range m.extended {
		if v, ok := clean.Request.Extended[name]; ok {
			check("Request.Extended["+name+"]", v)
		}
	}
	if !(clean.RestartUSD >= 0) || clean.RestartUSD > maxRate {
		problem("RestartUSD", "%g is no price of a restart; %g counts", clean.RestartUSD, DefaultRestartUSD)
		clean.RestartUSD = 0
	}
	if !(clean.ClientBytesPerRequest >= 0) || clean.ClientBytesPerRequest > maxRate {
		problem("ClientBytesPerRequest", "%g is no number of bytes; 0 counts", clean.ClientBytesPerRequest)
		clean.ClientBytesPerRequest = 0
	}
	clean.Availability = nil
	for k, a := range w.Availability {
		field := fmt.Sprintf("Availability[%d]", k)
		switch {
		case !slices.Contains(survivable[:], a.Survive):
			bad(field+".Survive", "%q is no domain; use cloud, region, zone or cluster", a.Survive)
		case a.MinReplicasPercent < 0 || a.MinReplicasPercent > 99:
			bad(field+".MinReplicasPercent", "%d is not from 0 to 99", a.MinReplicasPercent)
		default:
			clean.Availability = append(clean.Availability, a)
		}
	}
	profile := m.profile(&clean)
	if out.held == "" {
		out.held = profile.rules.Held() // an uncertain answer keeps the last decision
	}
	out.row = m.row(&clean, profile)
	out.limits = m.limitsOf(i, &clean, profile, out.row.request)
	out.refused = int32(clean.Refused)
	out.n = int32(clean.Replicas) - out.refused
	m.readCurrent(out, &clean, problem)
	m.readPins(out, &clean, problem)
	m.readCalls(out, i, &clean, problem, func(field, format string, args ...any) {
		problem(field, format, args...)
		problems[len(problems)-1].Dangling = true
	})
	return out, problems
}

func (m *model) readCurrent(out *work, w *Workload, problem func(field, format string, args ...any)) {
	credit := restartUSD(w) / PaybackHours
	for k, current := range w.Current {
		if current.Pool < 0 || current.Pool >= len(m.pools) || current.Replicas < 0 || current.Replicas > maxReplicas {
			problem(fmt.Sprintf("Current[%d]", k), "%d replicas on pool %d: there is no such pool, or no such number; it is left out",
				current.Replicas, current.Pool)
			continue
		}
		if current.Replicas == 0 {
			continue
		}
		known := false
		for j := range out.stays {
			if out.stays[j].pool == int32(current.Pool) {
				out.stays[j].n += int32(current.Replicas)
				known = true
			}
		}
		if !known {
			out.stays = append(out.stays, stay{int32(current.Pool), int32(current.Replicas), credit})
		}
		out.moving += int32(current.Replicas)
	}
	out.moving = min(out.moving, out.n)
}

func (m *model) readPins(out *work, w *Workload, problem func(field, format string, args ...any)) {
	left := out.n
	out.volumes = w.Volumes
	for k := range w.Pins {
		p := &w.Pins[k]
		if p.Replicas < 0 || p.Replicas > int(left+out.refused) {
			problem(fmt.Sprintf("Pins[%d].Replicas", k), "%d are more than the workload has left; %d count", p.Replicas, left)
		}
		n := min(max(int32(min(p.Replicas, maxReplicas)), 0), left)
		if n == 0 {
			continue
		}
		left -= n
		only := make([]bool, len(m.pools))
		for _, i := range p.Pools {
			if i < 0 || i >= len(m.pools) {
				problem(fmt.Sprintf("Pins[%d].Pools", k), "%d is none of the %d pools; it is left out", i, len(m.pools))
				continue
			}
			only[i] = true
		}
		out.pins = append(out.pins, pin{n, only, p})
	}
}

func (m *model) readCalls(out *work, i int, w *Workload, problem, dangling func(field, format string, args ...any)) {
	ruled := out.row.profile.rules
	for k := range w.Calls {
		call := &w.Calls[k]
		field := fmt.Sprintf("Calls[%d]", k)
		name := call.To
		if name.Namespace == "" {
			name.Namespace = w.Namespace
		}
		to, ok := m.byName[name]
		if !ok {
			dangling(field+".To", "%s/%s is not in the snapshot; the call costs and limits nothing", name.Namespace, name.Name)
			continue
		}
		if to == i {
			dangling(field+".To", "the workload calls itself; the call costs and limits nothing")
			continue
		}
		if !(call.RequestsPerSecond >= 0 && call.BytesPerRequest >= 0 && call.MaxMilliseconds >= 0) ||
			call.RequestsPerSecond > maxRate || call.BytesPerRequest > maxRate || math.IsInf(call.MaxMilliseconds, 0) {
			problem(field, "requests, bytes and milliseconds must be 0 or more, and finite; the call is left out")
			continue
		}
		e := edge{to: int32(to), most: math.Inf(1), alone: call.CallerOnly}
		if call.MaxMilliseconds > 0 {
			e.most, e.measured = call.MaxMilliseconds, call.Measured
		}
		if !call.LimitOnly {
			perReplica := rules.DefaultRequestsPerSecond
			if call.RequestsPerSecond > 0 {
				perReplica = call.RequestsPerSecond / float64(max(w.Replicas, 1))
			}
			e.usdPerMillisecond = rules.LatencyUSD(1, perReplica, m.optimizeFor(ruled))
			e.bytesPerHour = perReplica * call.BytesPerRequest * secondsPerHour
		}
		if e.alone {
			out.own = append(out.own, e)
		} else {
			out.out = append(out.out, e)
		}
	}
}

// placed is how many replicas are placed.
func (w *work) placed() int32 { return count(w.allocs) }

// count is how many replicas there are.
func count(allocs []alloc) int32 {
	n := int32(0)
	for _, a := range allocs {
		n += a.n
	}
	return n
}

// byPool sums allocs by pool, in the order in which pools first appear.
func byPool(allocs []alloc, out []pick) []pick {
	out = out[:0]
next:
	for _, a := range allocs {
		for k := len(out) - 1; k >= 0; k-- {
			if out[k].pool == a.pool {
				out[k].n += a.n
				continue next
			}
		}
		out = append(out, pick{a.pool, a.n})
	}
	return out
}

// moves is how many replicas leave the pool that they are on.
func (w *work) moves(picks []pick) int32 {
	staying := int32(0)
	for _, p := range picks {
		for k := range w.stays {
			if w.stays[k].pool == p.pool {
				staying += min(p.n, w.stays[k].n)
			}
		}
	}
	placed := int32(0)
	for _, p := range picks {
		placed += p.n
	}
	return max(min(w.moving, placed)-staying, 0)
}
