package moves

import (
	"slices"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// Valuer says what moving workloads to a plan brings. Workloads that call each other are valued together when all of them
// may move, since a move of one changes what the calls of the other cost; those that may not move stay in the sum where
// they are.
type Valuer struct {
	snapshot *engine.Snapshot
	plan     *engine.Plan
	options  engine.Options
	// calls are the workloads that one calls or is called by.
	calls map[int][]int
	// own are the workloads that one calls without their agreement: the caller alone is valued with them.
	own map[int][]int
}

// NewValuer returns a valuer of a plan; options are those that it was solved with.
func NewValuer(snapshot *engine.Snapshot, plan *engine.Plan, options engine.Options) *Valuer {
	v := &Valuer{snapshot: snapshot, plan: plan, options: options, calls: map[int][]int{}, own: map[int][]int{}}
	names := make(map[engine.Reference]int, len(snapshot.Workloads))
	for i := range snapshot.Workloads {
		name := engine.Reference{Namespace: snapshot.Workloads[i].Namespace, Name: snapshot.Workloads[i].Name}
		if _, taken := names[name]; !taken {
			names[name] = i
		}
	}
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		for k := range w.Calls {
			to := w.Calls[k].To
			if to.Namespace == "" {
				to.Namespace = w.Namespace
			}
			switch callee, ok := names[to]; {
			case !ok || callee == i:
			case w.Calls[k].CallerOnly:
				v.own[i] = append(v.own[i], callee)
			default:
				v.calls[i] = append(v.calls[i], callee)
				v.calls[callee] = append(v.calls[callee], i)
			}
		}
	}
	return v
}

// Value says what each of the workloads, which all may move, brings. A workload that brings nothing together with those
// that it calls is valued alone.
func (v *Valuer) Value(movable []int) map[int]Worth {
	out := v.alone(movable)
	may := make(map[int]bool, len(movable))
	for _, i := range movable {
		may[i] = true
	}
	for _, i := range movable {
		if _, done := out[i]; done {
			continue
		}
		group := v.group(i, may)
		worth := v.worth(group)
		for _, member := range group {
			out[member] = worth
			if len(group) > 1 && (!worth.Known || worth.SavingsUSD <= 0) {
				out[member] = v.worth([]int{member})
			}
		}
	}
	return out
}

// alone values all workloads at once that neither call nor are called.
func (v *Valuer) alone(movable []int) map[int]Worth {
	out := make(map[int]Worth, len(movable))
	sub := *v.snapshot
	sub.Workloads = nil
	var indices []int
	var now, then [][]engine.Decision
	for _, i := range movable {
		if len(v.calls[i])+len(v.own[i]) == 0 {
			indices = append(indices, i)
			sub.Workloads = append(sub.Workloads, v.snapshot.Workloads[i])
			now, then = append(now, Current(&v.snapshot.Workloads[i])), append(then, v.plan.Placements[i].Decisions)
		}
	}
	before, after := verify.Bills(&sub, now, v.options), verify.Bills(&sub, then, v.options)
	for k, i := range indices {
		bill := before[k].Total() - before[k].Disruption
		out[i] = Worth{
			Known: v.priced(i), BillUSD: bill, SavingsUSD: bill - (after[k].Total() - after[k].Disruption),
			Moved: v.plan.Placements[i].Moves, Replicas: v.snapshot.Workloads[i].Replicas,
		}
	}
	return out
}

// group is a workload with all movable ones that it is connected to by calls.
func (v *Valuer) group(first int, may map[int]bool) []int {
	group, seen := []int{first}, map[int]bool{first: true}
	for k := 0; k < len(group); k++ {
		for _, other := range v.calls[group[k]] {
			if may[other] && !seen[other] {
				seen[other] = true
				group = append(group, other)
			}
		}
	}
	slices.Sort(group)
	return group
}

// worth of moving a group while all others stay. The price of moving is left out: it is in the plan already.
func (v *Valuer) worth(group []int) Worth {
	out := Worth{Known: true}
	moves := map[int]bool{}
	around := slices.Clone(group)
	for _, i := range group {
		moves[i] = true
		around = slices.Concat(around, v.calls[i], v.own[i])
		out.Replicas += v.snapshot.Workloads[i].Replicas
		out.Moved += v.plan.Placements[i].Moves
		out.Known = out.Known && v.priced(i)
	}
	slices.Sort(around)
	around = slices.Compact(around)
	sub := *v.snapshot
	sub.Workloads = nil
	var now, then, without [][]engine.Decision
	for _, i := range around {
		sub.Workloads = append(sub.Workloads, v.snapshot.Workloads[i])
		here := Current(&v.snapshot.Workloads[i])
		there, rest := here, here
		if moves[i] {
			there, rest = v.plan.Placements[i].Decisions, nil
		}
		now, then, without = append(now, here), append(then, there), append(without, rest)
	}
	before := v.bill(&sub, now)
	out.SavingsUSD = before - v.bill(&sub, then)
	out.BillUSD = before - v.bill(&sub, without)
	return out
}

func (v *Valuer) bill(snapshot *engine.Snapshot, decisions [][]engine.Decision) float64 {
	bill := verify.Bill(snapshot, decisions, v.options)
	return bill.Total() - bill.Disruption
}

// priced says whether the prices of all pools that a workload is or will be on are known.
func (v *Valuer) priced(i int) bool {
	for _, r := range v.snapshot.Workloads[i].Current {
		if !v.snapshot.Pools[r.Pool].Price.Known {
			return false
		}
	}
	for _, d := range v.plan.Placements[i].Decisions {
		if !v.snapshot.Pools[d.Pool].Price.Known {
			return false
		}
	}
	return true
}

// Current is where a workload's replicas run now, as decisions.
func Current(w *engine.Workload) []engine.Decision {
	var out []engine.Decision
	for _, r := range w.Current {
		if at := slices.IndexFunc(out, func(d engine.Decision) bool { return d.Pool == r.Pool }); at >= 0 {
			out[at].Replicas += r.Replicas
			continue
		}
		out = append(out, engine.Decision{Pool: r.Pool, Replicas: r.Replicas})
	}
	return out
}
