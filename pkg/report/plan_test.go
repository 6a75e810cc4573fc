package report

import (
	"encoding/json"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

func figure(value float64) *float64 { return &value }

// plannedOn is a decision whose bill is compute and latency.
func plannedOn(pool, cloud string, replicas int, compute, latency float64) PlanDecision {
	return PlanDecision{
		Pool: pool, Cloud: cloud, Region: "r", Zone: "z", InstanceType: "t", CapacityType: v1alpha1.CapacityOnDemand, Replicas: replicas,
		HourlyUSD: compute + latency, Reason: "=cheapest", LatencyMs: figure(12.34),
		Parts: share(compute, latency, 0),
	}
}

// share is what a part of a plan costs.
func share(compute, latency, disruption float64) PlanShare {
	return PlanShare{
		Total: compute + latency + disruption, Share: compute, Valued: latency + disruption,
		PlanParts: PlanParts{Compute: compute, Latency: latency, Disruption: disruption},
	}
}

// bill is what a whole plan costs.
func bill(machines, compute, latency, disruption float64) PlanBill {
	parts := share(compute, latency, disruption)
	return PlanBill{Total: parts.Total, Invoice: machines, Valued: parts.Valued, Machines: machines, PlanParts: parts.PlanParts}
}

// shopPlan is a plan of three workloads: one over two clouds, one with replicas that have no place, one that is held.
func shopPlan() *Plan {
	web := PlanPlacement{
		Namespace: "shop", Name: "web", Kind: "Deployment", Replicas: 3, Moves: 1, MaxLatencyMs: figure(20),
		Decisions: []PlanDecision{plannedOn("aws-eu-west-1a-m7i.large", "aws", 2, 0.04, 0.01), plannedOn("gke-default-europe-west1-b", "gcp", 1, 0.015, 0.004)},
		HourlyUSD: share(0.055, 0.014, 0.0042),
	}
	db := PlanPlacement{
		Namespace: "shop", Name: "db", Kind: "StatefulSet", Replicas: 2, Unplaced: 2,
		Conflict: &PlanConflict{Rules: []string{"residency", "volume"}, Message: "its volumes are in us-east-1, and PlacementPolicy shop/db wants it in the EU"},
	}
	job := PlanPlacement{
		Namespace: "shop", Name: "report", Kind: "Job", Replicas: 1, Held: "PlacementPolicy/shop/p is not valid",
		Decisions: []PlanDecision{plannedOn("aws-eu-west-1a-m7i.large", "aws", 1, 12.5, 0)},
		HourlyUSD: share(12.5, 0, 0),
	}
	return &Plan{
		APIVersion: "tradewind.dev/v1alpha1", Kind: "Plan", Replicas: 4, Unplaced: 2, Moves: 1, Objective: engine.ObjectiveShares,
		HourlyUSD: bill(0.3369, 12.555, 0.014, 0.0042), LowerBoundUSD: 12.5, GapPercent: figure(0.5856),
		Placements: []PlanPlacement{db, job, web},
		Pools: []PlanPool{
			{Pool: "aws-eu-west-1a-m7i.large", Cloud: "aws", Nodes: 2, UsedNodes: 2, AddedNodes: 1, Replicas: 3, NodeHourlyUSD: figure(0.1123), NodesHourlyUSD: figure(0.3369), IdleHourlyUSD: figure(0.29), MachinesHourlyUSD: figure(0.3369)},
			{Pool: "gke-default-europe-west1-b", Cloud: "gcp", Nodes: 1, UsedNodes: 1, Replicas: 1, NodeHourlyUSD: figure(0.0738), NodesHourlyUSD: figure(0.0738), IdleHourlyUSD: figure(0.0588), MachinesHourlyUSD: figure(0), Sunk: true},
			{Pool: "rack", Nodes: 1},
		},
		Losses: []PlanLoss{
			{Cloud: "aws", Replicas: 3, Unplaced: 1, Down: []string{"shop/report"}, Broken: []string{"shop/web"}, InvoiceUSD: 0.05, ValuedUSD: 0.01, HourlyUSD: 0.06, AddedNodes: 0},
			{Cloud: "gcp", Replicas: 1, Down: []string{}, Broken: []string{}, InvoiceUSD: 0.55, ValuedUSD: 0.03, HourlyUSD: 12.58, AddedNodes: 2},
		},
	}
}

func TestPrintedPlan(t *testing.T) {
	plan := shopPlan()
	base := shopPlan()
	base.Placements[2].Decisions = []PlanDecision{plannedOn("azure-westeurope", "azure", 2, 0.1, 0.02)}
	base.Placements[2].HourlyUSD = share(0.1, 0.02, 0)
	base.Placements[2].Unplaced = 1
	base.HourlyUSD = bill(0.4, 12.6, 0.02, 0)
	base.Replicas, base.Unplaced, base.Moves = 3, 3, 0
	golden(t, "plan.txt", plan.Text)
	golden(t, "plan.csv", plan.CSV)
	plan.Compare(base, "base")
	golden(t, "plan_compared.txt", plan.Text)
	if c := plan.Comparison; c.Moved != 2 || c.Started != 1 || c.Stopped != 0 || len(c.Workloads) != 1 {
		t.Errorf("comparison %+v", c)
	}
	plan.Objective, plan.Comparison = engine.ObjectiveInvoice, nil
	plan.HourlyUSD.Total = plan.HourlyUSD.Invoice + plan.HourlyUSD.Valued
	plan.Pools[0].Nodes, plan.Pools[0].EmptyNodes = 7, []string{"a", "b", "c", "d", "e"}
	golden(t, "plan_invoice.txt", plan.Text)
	empty := &Plan{Placements: []PlanPlacement{}}
	golden(t, "plan_empty.txt", empty.Text)
}

// The names and the nesting of the contract with tools outside the repository.
func TestPlanAsJSON(t *testing.T) {
	plan := shopPlan()
	plan.Placements[2].Rejected = []PlanRejection{{Pool: "rack", Rule: "residency", Message: "outside residency EU"}}
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		`{"apiVersion":"tradewind.dev/v1alpha1","kind":"Plan","hourlyUSD":{"total":12.5732,"invoice":0.3369,"valued":0.0182,"machines":0.3369,"compute":12.555,"egress":0,"latency":0.014,"interruption":0,"disruption":0.0042,"preference":0},"lowerBoundUSD":12.5,"gapPercent":0.5856,`,
		`{"namespace":"shop","name":"web","kind":"Deployment","replicas":3,"decisions":[{"cluster":"","pool":"aws-eu-west-1a-m7i.large","cloud":"aws","region":"r","zone":"z","instanceType":"t","capacityType":"on-demand","replicas":2,"hourlyUSD":0.05,"latencyMs":12.34,"reason":"=cheapest"`,
		`"rejected":[{"pool":"rack","rule":"residency","message":"outside residency EU","deltaUSD":null}],"unplaced":0,`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("JSON without %s:\n%s", want, text)
		}
	}
}

func TestCompareCountsWorkloadsOfOnePlanOnly(t *testing.T) {
	plan, base := shopPlan(), shopPlan()
	plan.Placements = plan.Placements[1:]
	base.Placements = base.Placements[:2]
	plan.Compare(base, "b")
	if c := plan.Comparison; c.Moved != 0 || c.Started != 3 || c.Stopped != 0 || len(c.Workloads) != 2 {
		t.Errorf("comparison %+v", c)
	}
}
