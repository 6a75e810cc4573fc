package moves

import (
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// valuer says what moving workloads to a plan brings. Workloads that call each other are valued together when all of them
// may move, since a move of one changes what the calls of the other cost; those that may not move stay in the sum where
// they are.
type valuer struct {
	appraiser *engine.Appraiser
	snapshot  *engine.Snapshot
	plan      *engine.Plan
	// calls are the workloads that one calls or is called by.
	calls map[int][]int
	// own are the workloads that one calls without their agreement: the caller alone is valued with them.
	own map[int][]int
	// machines are those in use, and carried is what of their price each workload carries; nil where shares of machines are minimised.
	machines *engine.Occupancy
	carried  []float64
	// links are the workloads that one has to move with so that machines become empty, among those that are valued now.
	links map[int][]int
	// begun are workloads of which a replica is on its way: they count as moved, so that those that empty a machine with them go on.
	begun []int
}

// newValuer returns a valuer of a plan of an appraiser's snapshot.
func newValuer(appraiser *engine.Appraiser, plan *engine.Plan) *valuer {
	snapshot := appraiser.Snapshot()
	v := &valuer{appraiser: appraiser, snapshot: snapshot, plan: plan, calls: map[int][]int{}, own: map[int][]int{}}
	names := make(map[workload.Key]int, len(snapshot.Workloads))
	for i := range snapshot.Workloads {
		name := workload.Key{Namespace: snapshot.Workloads[i].Namespace, Name: snapshot.Workloads[i].Name}
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

// movable says whether the plan has replicas of a workload elsewhere than they run, and whether what that brings can be said: what
// different numbers of replicas cost cannot be compared. It is incomplete where that cannot be said since some do not run.
func movable(w *engine.Workload, placement *engine.Placement) (movable, incomplete bool) {
	planned, running, surplus := map[int]int{}, map[int]int{}, false
	wanted, all := 0, 0
	for _, d := range placement.Decisions {
		planned[d.Pool] += d.Replicas
		wanted += d.Replicas
	}
	for _, r := range w.Current {
		running[r.Pool] += r.Replicas
		all += r.Replicas
	}
	for pool, n := range running {
		surplus = surplus || n > planned[pool]
	}
	moves := surplus && placement.Held == "" && placement.Unplaced == 0
	return moves && wanted == all, moves && wanted > all
}

// Worths says what following a plan brings, for each workload that is movable. Those that may move are valued as they will:
// together with others that may. The others are valued as if all of them might, since that is what somebody wants to know who
// thinks of letting them move. Whatever names a saving names this one.
// Where whole machines are minimised a saving is of what is invoiced: workloads that have to leave together so that a machine becomes empty
// are valued together, and one that leaves others behind on its machine saves nothing of its price.
func Worths(appraiser *engine.Appraiser, plan *engine.Plan, mayMove func(workload int) bool) map[int]Worth {
	snapshot := appraiser.Snapshot()
	var moving, may, begun []int
	for i := range snapshot.Workloads {
		switch movable, incomplete := movable(&snapshot.Workloads[i], plan.Placements[i]); {
		case movable:
			moving = append(moving, i)
			if mayMove(i) {
				may = append(may, i)
			}
		case incomplete && mayMove(i):
			begun = append(begun, i)
		}
	}
	if len(moving) == 0 {
		return nil
	}
	v := newValuer(appraiser, plan)
	v.begun = begun
	out := map[int]Worth{}
	if len(may) < len(moving) {
		out = v.Value(moving)
	}
	maps.Copy(out, v.Value(may))
	if v.machines != nil {
		for i, worth := range out {
			worth.CeilingPercent = v.underCeiling(i, &worth)
			out[i] = worth
		}
	}
	return out
}

// underCeiling is Worth.CeilingPercent of a workload's move that is worth so much.
func (v *valuer) underCeiling(i int, worth *Worth) float64 {
	rules := v.snapshot.Workloads[i].Rules
	if rules == nil || !rules.HasMaxHourlyUSD || !worth.Known || worth.MoneyUSD < -nothing {
		return 0
	}
	bill, planned := v.appraiser.Bill(i, v.current), v.appraiser.Bill(i, v.planned)
	now, then := bill.Compute, planned.Compute
	if now <= rules.MaxHourlyUSD+nothing || then > rules.MaxHourlyUSD+nothing {
		return 0
	}
	return (now - then) / now * 100
}

// nothing is what rounding may leave of an amount, in US dollars an hour.
const nothing = 1e-9

// MayMove says whether replicas of a workload may be moved for what that brings: a policy sets rebalance, or a loss drove some
// away and they may return.
func MayMove(rules *rules.Rules, away bool) bool {
	return rules != nil && (rules.Rebalance != nil || away && rules.Failover != nil && rules.Failover.Failback != "Never")
}

// Value says what each of the workloads, which all may move, brings. A workload that brings nothing together with those
// that it calls is valued alone.
func (v *valuer) Value(movable []int) map[int]Worth {
	out := make(map[int]Worth, len(movable))
	may := make(map[int]bool, len(movable))
	for _, i := range movable {
		may[i] = true
	}
	v.link(movable)
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

// link finds which of some workloads have to move together, and counts none of them as moved.
func (v *valuer) link(workloads []int) {
	if v.appraiser.Objective() != engine.ObjectiveInvoice || len(workloads) == 0 {
		return
	}
	v.machines, v.links = v.appraiser.Occupancy(), map[int][]int{}
	v.carried = v.machines.Attributed()
	v.machines.Move(v.begun, v.planned)
	v.machines.Keep()
	crowded := v.machines.Crowded(workloads, v.planned)
	for _, all := range slices.Concat(crowded, v.machines.Move(workloads, v.planned).Together) {
		for _, i := range all[1:] {
			v.links[all[0]] = append(v.links[all[0]], i)
			v.links[i] = append(v.links[i], all[0])
		}
	}
	v.machines.Undo()
}

// group is a workload with all movable ones that it is connected to by calls, or by machines that become empty together.
func (v *valuer) group(first int, may map[int]bool) []int {
	group, seen := []int{first}, map[int]bool{first: true}
	for k := 0; k < len(group); k++ {
		for _, other := range slices.Concat(v.calls[group[k]], v.links[group[k]]) {
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
func (v *valuer) worth(group []int) Worth {
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
	out.Group, out.Around = group, around
	nowhere := func(int) []engine.Decision { return nil }
	before, after, without := v.bill(around, moves, v.current), v.bill(around, moves, v.planned), v.bill(around, moves, nowhere)
	out.TotalUSD, out.SavingsUSD = before.Staying()-without.Staying(), before.Staying()-after.Staying()
	out.MoneyUSD = before.Share() - after.Share()
	if v.machines != nil {
		v.invoiced(&out, &before, &after, &without)
	}
	return out
}

// invoiced puts what is invoiced for machines in the place of shares of them. What saves something counts as moved for those that are
// valued later.
func (v *valuer) invoiced(out *Worth, before, after, without *engine.Bill) {
	turnover := v.machines.Move(out.Group, v.planned)
	out.Emptied = turnover.Emptied
	out.TotalUSD += without.Compute - before.Compute
	for _, i := range out.Group {
		out.TotalUSD += v.carried[i]
	}
	out.SavingsUSD += turnover.SavedUSD + after.Compute - before.Compute
	out.MoneyUSD += turnover.SavedUSD + after.Compute - before.Compute
	if out.Known && out.SavingsUSD > 0 {
		v.machines.Keep()
	} else {
		v.machines.Undo()
	}
}

// bill is what workloads cost with those that move where there says, and all others where they run.
func (v *valuer) bill(workloads []int, moves map[int]bool, there func(int) []engine.Decision) engine.Bill {
	where := func(i int) []engine.Decision {
		if moves[i] {
			return there(i)
		}
		return v.current(i)
	}
	var sum engine.Bill
	for _, i := range workloads {
		bill := v.appraiser.Bill(i, where)
		sum.Add(&bill)
	}
	return sum
}

func (v *valuer) planned(i int) []engine.Decision { return v.plan.Placements[i].Decisions }
func (v *valuer) current(i int) []engine.Decision { return Current(&v.snapshot.Workloads[i]) }

// priced says whether the prices of all pools that a workload is or will be on are known.
func (v *valuer) priced(i int) bool {
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
