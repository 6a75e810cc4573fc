package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/report"
)

const priceRise = "examples/three-clouds-price-rise/prices.yaml"

// settled is how long no replica must have moved for the moves to be over.
const settled = 3 * time.Second

// prices raises the prices of a cloud, and lets replicas follow.
func (d *demo) prices(ctx context.Context) error {
	d.heading("10. A price rises")
	d.paragraph("", "One cloud's on-demand machines become five times as dear. What would that mean? The same file answers before it is true:")
	d.blank()
	folder, err := d.record(ctx, shopNamespace)
	if err != nil {
		return err
	}
	forecast, err := d.simulate(ctx, folder, "-f", priceRise, "--no-losses", "--compare", "current")
	if err != nil {
		return err
	}
	d.prompt("tradewind", "simulate", "-f", folder, "-f", priceRise, "--compare", "current")
	c := forecast.Comparison
	month := func(usd float64) string { return dollars(usd * report.HoursPerMonth) }
	now, then := &c.HourlyUSD, &forecast.HourlyUSD
	d.line("  as it runs clouds would invoice $%s a month, by the plan $%s, with %d of %d replicas elsewhere", month(now.Invoice), month(then.Invoice),
		c.Moved, forecast.Replicas)
	d.line("  (the pods' shares of their machines: $%s, by the plan $%s)", month(now.Compute), month(then.Compute))
	d.blank()
	d.paragraph("", "Now it is true. Replicas move only where a policy sets rebalance, here all, since a machine saves its price when everybody "+
		"has left it: one of each workload at a time, by the Eviction API, the next when the replacement is ready.")
	d.blank()
	before, err := d.listPlacements(ctx)
	if err != nil {
		return err
	}
	if err := d.kubectl(ctx, "apply", "--server-side", "-f", priceRise); err != nil {
		return err
	}
	if err := d.awaitMoves(ctx, len(evicted(before))+1); err != nil {
		return err
	}
	clouds := map[string]string{}
	for i := range forecast.Pools {
		clouds[forecast.Pools[i].Pool] = forecast.Pools[i].Cloud
	}
	return d.moved(ctx, clouds, evicted(before))
}

// evicted are the pods that Placements say were moved.
func evicted(placements []v1alpha1.Placement) map[string]bool {
	out := map[string]bool{}
	for i := range placements {
		for k := range placements[i].Status.Moved {
			out[placements[i].Status.Moved[k].Pod] = true
		}
	}
	return out
}

// awaitMoves waits until no replica moves any more, or is left alone for a while after it was moved, and so many have been.
func (d *demo) awaitMoves(ctx context.Context, least int) error {
	return d.step("replicas move to where they are cheaper", func(say func(string)) error {
		calm, count := time.Now(), 0
		return await(ctx, "the moves to be over", func(ctx context.Context) (bool, error) {
			placements, err := d.listPlacements(ctx)
			if err != nil {
				return false, err
			}
			moved, moving := 0, false
			for i := range placements {
				status := &placements[i].Status
				moved += len(status.Moved)
				said := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRebalancing)
				moving = moving || said != nil && (said.Status == metav1.ConditionTrue || said.Reason == string(moves.CodeSettling))
			}
			if moving || moved != count {
				calm, count = time.Now(), moved
			}
			say(fmt.Sprintf("%d moved", moved))
			return moved >= least && time.Since(calm) > settled, nil
		})
	})
}

func (d *demo) listPlacements(ctx context.Context) ([]v1alpha1.Placement, error) {
	var list v1alpha1.PlacementList
	err := d.client.List(ctx, &list, client.InNamespace(shopNamespace))
	slices.SortFunc(list.Items, func(a, b v1alpha1.Placement) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, err
}

// moved says what was moved since earlier moves, and what it brought. clouds are the pools' by their names.
func (d *demo) moved(ctx context.Context, clouds map[string]string, earlier map[string]bool) error {
	placements, err := d.listPlacements(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for i := range placements {
		p := &placements[i]
		from, now, moved := map[string]int{}, map[string]int{}, 0
		for k := range p.Status.Moved {
			if move := &p.Status.Moved[k]; !earlier[move.Pod] {
				from[clouds[move.From]]++
				moved++
			}
		}
		if moved == 0 {
			continue
		}
		for k := range p.Status.Decisions {
			now[p.Status.Decisions[k].Cloud] += int(p.Status.Decisions[k].Running)
		}
		rows = append(rows, []string{p.Spec.Workload.Name, fmt.Sprint(moved), names(from), names(now)})
	}
	d.table([]string{"WORKLOAD", ">MOVED", "FROM", "NOW IN"}, rows)
	snapshot, err := d.snapshot(ctx)
	if err != nil {
		return err
	}
	now, err := take(snapshot, shopNamespace)
	if err != nil {
		return err
	}
	d.blank()
	d.line("Clouds' invoice for machines in use: $%s a month at the new prices, the pods' shares $%s; %d pods break a rule.",
		dollars(now.invoiceMonthlyUSD), dollars(now.monthlyUSD), now.brokenPods)
	if now.brokenPods > 0 {
		return fmt.Errorf("%d pods break a rule after the moves, which is a fault in Tradewind: please report it", now.brokenPods)
	}
	return nil
}

// drill loses a cloud on purpose.
func (d *demo) drill(ctx context.Context) error {
	d.heading("11. A cloud is lost")
	d.paragraph("", "A drill on purpose: the controller takes all machines of one cloud for lost and replaces what ran there, by the policies' rules; "+
		"everything is put back at the end.")
	d.blank()
	var measured bytes.Buffer
	err := d.tellTo(ctx, &measured, "tradewind", "drill", "--lose", "cloud=gcp", "--yes")
	// The command fails when a workload was late, as on a busy machine. The table says so; the demo goes on.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && strings.HasPrefix(measured.String(), "DRILL: ") {
		return nil
	}
	return err
}
