package report

import (
	"math"
	"slices"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
)

// Plan is a plan as it is printed. As JSON it is the contract of `tradewind simulate -o json`. Amounts of money are US
// dollars an hour.
type Plan struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// HourlyUSD is what the plan costs: what is invoiced, apart from what is only valued.
	HourlyUSD PlanBill `json:"hourlyUSD"`
	// LowerBoundUSD: no plan that places as many replicas has a lower total, but for those that add more machines than save what they
	// must (engine.Plan.LowerBoundUSD). GapPercent is how far above it the total is; null when the bound is 0 and the total is not.
	LowerBoundUSD float64  `json:"lowerBoundUSD"`
	GapPercent    *float64 `json:"gapPercent"`
	// Replicas have a place, Unplaced have none, and Moves of those that run leave the pool that they are on.
	Replicas int `json:"replicas"`
	Unplaced int `json:"unplaced"`
	Moves    int `json:"moves"`
	// Objective is what was minimised beside what is valued: invoice or shares.
	Objective engine.Objective `json:"objective"`
	// Stopped says that the deadline ended the search early.
	Stopped    bool            `json:"stopped,omitempty"`
	Placements []PlanPlacement `json:"placements"`
	Pools      []PlanPool      `json:"pools"`
	// Losses say what would break if a cloud were lost.
	Losses []PlanLoss `json:"losses,omitempty"`
	// Replay is what kube-scheduler's filters say of the plan; absent when they were not asked.
	Replay *PlanReplay `json:"replay,omitempty"`
	// Comparison is with another plan; absent when none was asked.
	Comparison *PlanComparison `json:"comparison,omitempty"`
}

// PlanBill is what a whole plan costs by its parts. Clouds invoice whole machines; replicas' shares of them attribute what the
// machines cost to workloads, and are in no invoice.
type PlanBill struct {
	// Total is what the plan minimises: invoice and what is valued; where shares are minimised compute, egress and what is valued.
	// Nobody pays it.
	Total float64 `json:"total"`
	// Invoice is what clouds charge: machines and egress.
	Invoice float64 `json:"invoice"`
	// Valued is what nobody charges: latency, interruption, disruption and preference.
	Valued float64 `json:"valued"`
	// Machines are whole prices of the machines that the plan uses or adds and that somebody could stop paying for.
	Machines float64 `json:"machines"`
	PlanParts
}

// PlanShare is what a part of a plan costs by its parts.
type PlanShare struct {
	// Total is share and valued. Nobody pays it.
	Total float64 `json:"total"`
	// Share is compute and egress.
	Share float64 `json:"share"`
	// Valued is what nobody charges: latency, interruption, disruption and preference.
	Valued float64 `json:"valued"`
	PlanParts
}

// PlanParts are amounts of one kind each.
type PlanParts struct {
	// Compute is the replicas' shares of their machines, sunk ones too.
	Compute float64 `json:"compute"`
	// Egress is traffic between places and to clients.
	Egress float64 `json:"egress"`
	// Latency is a price for each millisecond of expected round trip.
	Latency float64 `json:"latency"`
	// Interruption is the risk of spot machines.
	Interruption float64 `json:"interruption"`
	// Disruption is a price for every move away from where a replica runs.
	Disruption float64 `json:"disruption"`
	// Preference is the weight of preferred locations that are not met.
	Preference float64 `json:"preference"`
}

// PlanPlacement is one workload's part of a plan.
type PlanPlacement struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	// Replicas that should run.
	Replicas  int            `json:"replicas"`
	Decisions []PlanDecision `json:"decisions"`
	// Rejected are pools without replicas, and why: those that are allowed first, the cheapest before the others.
	// RejectedMore is how many further ones are left out.
	Rejected     []PlanRejection `json:"rejected"`
	RejectedMore int             `json:"rejectedMore,omitempty"`
	Unplaced     int             `json:"unplaced"`
	// Conflict says why replicas are unplaced.
	Conflict *PlanConflict `json:"conflict,omitempty"`
	// Unkept are rules that its volumes make impossible, with the volumes named, and such about other pods as do not hold any more where
	// replicas run: these are placed all the same.
	Unkept []string `json:"unkept,omitempty"`
	Moves  int      `json:"moves"`
	// Held says why the workload stays as it is whatever the rules say.
	Held string `json:"held,omitempty"`
	// Exposed says that it cannot survive the next loss that its policies speak of: not enough is left after a first.
	Exposed bool `json:"exposed,omitempty"`
	// Unrecovered are the losses that it must survive after which not all that is lost could be made anew: nothing has room for it.
	Unrecovered []PlanUnrecovered `json:"unrecovered,omitempty"`
	// Estimates say which hard limits on round trips only estimates meet.
	Estimates []string `json:"estimates,omitempty"`
	// Together says that over half of its replicas are in one spot pool, which no policy limits.
	Together string `json:"together,omitempty"`
	// HourlyUSD of all its replicas.
	HourlyUSD PlanShare `json:"hourlyUSD"`
	// MaxLatencyMs is the lowest limit of its policies on the round trip of clients; absent without one.
	MaxLatencyMs *float64 `json:"maxLatencyMs,omitempty"`
	// Policies in force, the one that wins soft fields first.
	Policies []string `json:"policies,omitempty"`
}

// PlanUnrecovered is replicas that nothing would have room for after a loss.
type PlanUnrecovered struct {
	// Domain that is lost: "cloud aws".
	Domain string `json:"domain"`
	// Left replicas are still there; Missing ones of those that are lost could not be made anew.
	Left    int `json:"left"`
	Missing int `json:"missing"`
}

// PlanDecision is the replicas of a workload on one pool.
type PlanDecision struct {
	Cluster      string                `json:"cluster"`
	Pool         string                `json:"pool"`
	Cloud        string                `json:"cloud"`
	Region       string                `json:"region"`
	Zone         string                `json:"zone"`
	InstanceType string                `json:"instanceType"`
	CapacityType v1alpha1.CapacityType `json:"capacityType"`
	Replicas     int                   `json:"replicas"`
	// HourlyUSD is the total of these replicas: Parts.Total.
	HourlyUSD float64 `json:"hourlyUSD"`
	// LatencyMs is the expected round trip of the policy's clients, or without clients that to the called workloads; null
	// when there is none, or one is not known.
	LatencyMs *float64 `json:"latencyMs"`
	Reason    string   `json:"reason"`
	// PriceAssumed says that nobody states the price of the pool, and the highest known one counts.
	PriceAssumed bool      `json:"priceAssumed,omitempty"`
	Parts        PlanShare `json:"parts"`
	// Nodes that hold the replicas.
	Nodes []PlanNode `json:"nodes,omitempty"`
}

// PlanNode is replicas on a node. Name is empty for a node to be added.
type PlanNode struct {
	Name     string `json:"name"`
	Replicas int    `json:"replicas"`
}

// PlanRejection is a pool that holds no replica of a workload.
type PlanRejection struct {
	Cluster string `json:"cluster,omitempty"`
	Pool    string `json:"pool"`
	// Rule that excludes it; "price" when it is allowed.
	Rule    string `json:"rule"`
	Message string `json:"message"`
	// DeltaUSD is what one more replica would cost more there than the dearest that was placed; null unless the rule is
	// price.
	DeltaUSD *float64 `json:"deltaUSD"`
}

// PlanConflict is a smallest set of rules that cannot all be met.
type PlanConflict struct {
	Rules   []string `json:"rules"`
	Message string   `json:"message"`
}

// PlanPool is what a plan uses of a pool.
type PlanPool struct {
	Cluster      string                `json:"cluster,omitempty"`
	Pool         string                `json:"pool"`
	Cloud        string                `json:"cloud"`
	Region       string                `json:"region"`
	Zone         string                `json:"zone"`
	InstanceType string                `json:"instanceType"`
	CapacityType v1alpha1.CapacityType `json:"capacityType"`
	// Nodes exist, UsedNodes of them hold a replica, and AddedNodes are to be added.
	Nodes      int `json:"nodes"`
	UsedNodes  int `json:"usedNodes"`
	AddedNodes int `json:"addedNodes"`
	Replicas   int `json:"replicas"`
	// NodeHourlyUSD is the price of one node; NodesHourlyUSD of all, those to be added too; IdleHourlyUSD what of it no
	// replica of the plan pays for. Null when the price is not known.
	NodeHourlyUSD  *float64 `json:"nodeHourlyUSD"`
	NodesHourlyUSD *float64 `json:"nodesHourlyUSD"`
	IdleHourlyUSD  *float64 `json:"idleHourlyUSD"`
	// MachinesHourlyUSD is the pool's part of the plan's machines: whole prices of the nodes in use and added; null when the price
	// is not known. Sunk says that nobody can stop paying for them, so that they are in no invoice.
	MachinesHourlyUSD *float64 `json:"machinesHourlyUSD"`
	Sunk              bool     `json:"sunk,omitempty"`
	// EmptyNodes are the names of nodes that exist and hold neither a replica of the plan nor a pod that it does not decide on, those
	// that every node has apart: nobody has to pay for them.
	EmptyNodes []string `json:"emptyNodes,omitempty"`
	// Unavailable says why the pool must not be used; empty when it may be.
	Unavailable string `json:"unavailable,omitempty"`
}

// PlanLoss is what would happen if a cloud were lost.
type PlanLoss struct {
	Cloud string `json:"cloud"`
	// Replicas that are lost, and Unplaced of these that have no place elsewhere.
	Replicas int `json:"replicas"`
	Unplaced int `json:"unplaced"`
	// Down are workloads without any replica until new ones are ready; Broken are those that cannot be replaced in full.
	Down   []string `json:"down"`
	Broken []string `json:"broken"`
	// Exposed are workloads that then cannot survive the next loss that their policies speak of.
	Exposed []string `json:"exposed"`
	// InvoiceUSD is what clouds would charge for the plan on what remains, in US dollars an hour, ValuedUSD what would be valued
	// besides, and HourlyUSD its total; the price of moving is in none. AddedNodes it would add.
	InvoiceUSD float64 `json:"invoiceUSD"`
	ValuedUSD  float64 `json:"valuedUSD"`
	HourlyUSD  float64 `json:"hourlyUSD"`
	AddedNodes int     `json:"addedNodes"`
	// Stopped says that the deadline ended the search early.
	Stopped bool `json:"stopped,omitempty"`
}

// maxRejections is how many rejections a printed plan holds in all before each workload keeps but a few.
const (
	maxRejections = 200000
	fewRejections = 16
)

// NewPlan makes a plan ready to be printed. explain says why a workload is where it is.
func NewPlan(result *planning.Result, plan *engine.Plan, explain func(workload int) engine.Explanation) *Plan {
	out := &Plan{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Plan", Objective: plan.Objective, HourlyUSD: planBill(plan), LowerBoundUSD: plan.LowerBoundUSD,
		Replicas: plan.Replicas, Unplaced: plan.Unplaced, Moves: plan.Moves, Stopped: plan.Stopped,
		Placements: make([]PlanPlacement, 0, len(plan.Placements)), Pools: make([]PlanPool, 0, len(plan.Pools)),
	}
	if !math.IsInf(plan.GapPercent, 0) && !math.IsNaN(plan.GapPercent) {
		out.GapPercent = &plan.GapPercent
	}
	few := len(plan.Placements)*len(plan.Pools) > maxRejections
	for i := range plan.Placements {
		out.Placements = append(out.Placements, planPlacement(result, i, plan, explain(i), few))
	}
	used := usedNodes(plan)
	for i := range plan.Pools {
		pool := planPool(&result.Pools[i], &result.Snapshot.Pools[i], &plan.Pools[i])
		for node, n := range result.Pools[i].Nodes {
			if !pool.Sunk && !used[poolNode{i, node}] && !result.Snapshot.Pools[i].Nodes[node].Kept {
				pool.EmptyNodes = append(pool.EmptyNodes, n.Name)
			}
		}
		out.Pools = append(out.Pools, pool)
	}
	return out
}

// poolNode is a node of a pool, both by their index.
type poolNode struct{ pool, node int }

// usedNodes are those that hold a replica of a plan.
func usedNodes(plan *engine.Plan) map[poolNode]bool {
	out := map[poolNode]bool{}
	for _, placement := range plan.Placements {
		for k := range placement.Decisions {
			for _, n := range placement.Decisions[k].Nodes {
				out[poolNode{placement.Decisions[k].Pool, n.Node}] = true
			}
		}
	}
	return out
}

func planBill(plan *engine.Plan) PlanBill {
	bill := &plan.Bill
	return PlanBill{
		Total: plan.Total(), Invoice: bill.Invoice(), Valued: bill.Valued(), Machines: bill.Machines, PlanParts: planParts(bill),
	}
}

func planShare(bill *engine.Bill) PlanShare {
	return PlanShare{Total: bill.Total(), Share: bill.Share(), Valued: bill.Valued(), PlanParts: planParts(bill)}
}

func planParts(bill *engine.Bill) PlanParts {
	return PlanParts{
		Compute: bill.Compute, Egress: bill.Egress, Latency: bill.Latency, Interruption: bill.Interruption, Disruption: bill.Disruption,
		Preference: bill.Preference,
	}
}

func planPlacement(result *planning.Result, i int, plan *engine.Plan, why engine.Explanation, few bool) PlanPlacement {
	w, placement := &result.Snapshot.Workloads[i], plan.Placements[i]
	out := PlanPlacement{
		Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, Replicas: w.Replicas, Unplaced: placement.Unplaced, Moves: placement.Moves,
		Held: placement.Held, HourlyUSD: planShare(&placement.Bill), Decisions: make([]PlanDecision, 0, len(placement.Decisions)),
		Rejected: make([]PlanRejection, 0, len(why.Rejected)),
	}
	for k := range placement.Decisions {
		out.Decisions = append(out.Decisions, planDecision(result, &placement.Decisions[k], why.Reasons[k]))
	}
	for k := range why.Rejected {
		r := &why.Rejected[k]
		at := &result.Pools[r.Pool]
		row := PlanRejection{Cluster: at.Cluster, Pool: at.Name, Rule: string(r.Rule), Message: r.Message}
		if r.Rule == engine.RulePrice {
			row.DeltaUSD = &r.DeltaUSD
		}
		out.Rejected = append(out.Rejected, row)
	}
	slices.SortStableFunc(out.Rejected, cheaperRejection)
	if few && len(out.Rejected) > fewRejections {
		out.RejectedMore = len(out.Rejected) - fewRejections
		out.Rejected = slices.Clip(out.Rejected[:fewRejections])
	}
	out.Unrecovered = unrecovered(result.Snapshot, placement)
	for k := range placement.Unkept {
		out.Unkept = append(out.Unkept, placement.Unkept[k].Message)
	}
	if c := placement.Conflict; c != nil {
		out.Conflict = &PlanConflict{Message: c.Message, Rules: make([]string, 0, len(c.Rules))}
		for k := range c.Rules {
			out.Conflict.Rules = append(out.Conflict.Rules, string(c.Rules[k].Rule))
		}
	}
	out.Estimates, out.Together = result.Estimates(plan, i), result.Together(placement, i)
	if w.Rules != nil {
		for k := range w.Rules.Latency {
			if limit := w.Rules.Latency[k].MaxMilliseconds; out.MaxLatencyMs == nil || limit < *out.MaxLatencyMs {
				out.MaxLatencyMs = &limit
			}
		}
		for _, source := range w.Rules.Sources {
			out.Policies = append(out.Policies, source.String())
		}
	}
	return out
}

// unrecovered are the losses after which a workload could not be made whole.
func unrecovered(snapshot *engine.Snapshot, placement *engine.Placement) []PlanUnrecovered {
	var out []PlanUnrecovered
	for k := range placement.Recoveries {
		r := &placement.Recoveries[k]
		if r.Missing == 0 {
			continue
		}
		left := 0
		for j := range placement.Decisions {
			d := &placement.Decisions[j]
			if in, known := snapshot.Pools[d.Pool].Domain(r.Domain.Kind); !known || in != r.Domain {
				left += d.Replicas
			}
		}
		out = append(out, PlanUnrecovered{Domain: r.Domain.String(), Left: left, Missing: r.Missing})
	}
	return out
}

// cheaperRejection orders rejections: those that have a price by it, then the others as they are.
func cheaperRejection(a, b PlanRejection) int {
	switch {
	case a.DeltaUSD == nil && b.DeltaUSD == nil:
		return 0
	case a.DeltaUSD == nil:
		return 1
	case b.DeltaUSD == nil:
		return -1
	case *a.DeltaUSD < *b.DeltaUSD:
		return -1
	case *a.DeltaUSD > *b.DeltaUSD:
		return 1
	}
	return 0
}

func planDecision(result *planning.Result, d *engine.Decision, reason string) PlanDecision {
	at := &result.Pools[d.Pool]
	out := PlanDecision{
		Cluster: at.Cluster, Pool: at.Name, Cloud: at.At.Cloud, Region: at.At.Region, Zone: at.At.Zone, InstanceType: at.At.InstanceType,
		CapacityType: at.At.CapacityType, Replicas: d.Replicas, HourlyUSD: d.Bill.Total(), Reason: reason, PriceAssumed: !d.PriceKnown,
		Parts: planShare(&d.Bill),
	}
	if d.LatencyKnown {
		out.LatencyMs = &d.LatencyMilliseconds
	}
	added := 0
	for _, n := range d.Nodes {
		if n.Node < len(at.Nodes) {
			out.Nodes = append(out.Nodes, PlanNode{Name: at.Nodes[n.Node].Name, Replicas: n.Replicas})
		} else {
			added += n.Replicas
		}
	}
	if added > 0 {
		out.Nodes = append(out.Nodes, PlanNode{Replicas: added})
	}
	return out
}

func planPool(info *planning.PoolInfo, pool *engine.Pool, use *engine.PoolUse) PlanPool {
	out := PlanPool{
		Cluster: info.Cluster, Pool: info.Name, Cloud: info.At.Cloud, Region: info.At.Region, Zone: info.At.Zone,
		InstanceType: info.At.InstanceType, CapacityType: info.At.CapacityType, Nodes: use.Existing, UsedNodes: use.Used,
		AddedNodes: use.Added, Replicas: use.Replicas, Sunk: pool.Sunk, Unavailable: info.Unavailable,
	}
	if use.PriceKnown {
		out.NodeHourlyUSD, out.NodesHourlyUSD, out.IdleHourlyUSD = &pool.Price.USD, &use.NodeUSD, &use.IdleUSD
		out.MachinesHourlyUSD = &use.MachinesUSD
	}
	return out
}

// workloadName is NAMESPACE/NAME, with the kind where it is no Deployment.
func (p *PlanPlacement) workloadName() string {
	name := p.Namespace + "/" + p.Name
	if p.Kind != "Deployment" {
		name = strings.ToLower(p.Kind) + " " + name
	}
	return name
}
