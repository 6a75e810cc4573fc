package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/report"
)

// record writes what a plan is made from into a folder of the demo's own, as `tradewind snapshot` does for anyone.
func (d *demo) record(ctx context.Context, namespace string) (string, error) {
	if d.records == "" {
		folder, err := os.MkdirTemp("", "tradewind-demo-")
		if err != nil {
			return "", err
		}
		d.records = folder
	}
	folder := filepath.Join(d.records, namespace)
	_, err := d.ask(ctx, "tradewind", "snapshot", "-o", folder, "-n", namespace)
	return folder, err
}

// someUnplaced is the exit status of tradewind simulate when replicas have no place.
const someUnplaced = 2

// simulate plans a recorded cluster with the program and reads its answer.
func (d *demo) simulate(ctx context.Context, folder string, arguments ...string) (*report.Plan, error) {
	text, err := d.ask(ctx, "tradewind", append([]string{"simulate", "-f", folder, "-o", "json"}, arguments...)...)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == someUnplaced) {
		return nil, err
	}
	plan := &report.Plan{}
	if err := json.Unmarshal([]byte(text), plan); err != nil {
		return nil, fmt.Errorf("tradewind simulate -o json: %w", err)
	}
	return plan, nil
}

// plan sets what the default scheduler and Tradewind's scheduler made of the shop beside the best that there could be.
func (d *demo) plan(ctx context.Context) error {
	d.heading("8. How good could it be?")
	d.paragraph("", "A scheduler sees one pod at a time. The plan sees all of them, all machines, prices and round trips at once, says how "+
		"far it can be from the best there is, and what would break if a cloud were lost:")
	d.blank()
	folder, err := d.record(ctx, shopNamespace)
	if err != nil {
		return err
	}
	d.prompt("tradewind", "snapshot", "-o", folder, "-n", shopNamespace)
	if err := d.tell(ctx, "tradewind", "simulate", "-f", folder); err != nil {
		return err
	}
	planned, err := d.simulate(ctx, folder)
	if err != nil {
		return err
	}
	d.blank()
	d.line("The same pods on the same machines, placed three ways:")
	d.blank()
	d.table([]string{"", ">DEFAULT SCHEDULER", ">TRADEWIND'S SCHEDULER", ">THE PLAN"}, d.threeWays(planned))
	return nil
}

// threeWays compares what ran with what could.
func (d *demo) threeWays(plan *report.Plan) [][]string {
	rows := [][]string{
		{"clouds' invoice for machines in use, $/month", dollars(d.before.invoiceMonthlyUSD), dollars(d.after.invoiceMonthlyUSD),
			dollars(plan.HourlyUSD.Machines * report.HoursPerMonth)},
		{"pods' shares of their machines, $/month", dollars(d.before.monthlyUSD), dollars(d.after.monthlyUSD), dollars(plan.HourlyUSD.Compute * report.HoursPerMonth)},
		{"pods that break a rule", fmt.Sprint(d.before.brokenPods), fmt.Sprint(d.after.brokenPods), fmt.Sprint(plan.Unplaced)},
		{"workloads down if the worst cloud were lost", d.before.down(), d.after.down(), down(planned(plan))},
	}
	worst := 0.0
	for i := range plan.Placements {
		if w := &plan.Placements[i]; w.Name == "frontend" {
			for k := range w.Decisions {
				worst = max(worst, value(w.Decisions[k].LatencyMs))
			}
		}
	}
	ran := func(t *tally) string {
		if group := t.latencyOf("frontend"); group != nil {
			return fmt.Sprintf("%.1f", value(group.Clients.Milliseconds))
		}
		return "-"
	}
	return append(rows, []string{"shoppers to a front end, ms (expected; of the plan the farthest)", ran(d.before), ran(d.after), fmt.Sprintf("%.1f", worst)})
}

// homes are the clouds that each workload has replicas in.
type homes map[string]map[string]int

func planned(plan *report.Plan) homes {
	out := homes{}
	for i := range plan.Placements {
		w := &plan.Placements[i]
		out[w.Name] = map[string]int{}
		for k := range w.Decisions {
			out[w.Name][w.Decisions[k].Cloud] += w.Decisions[k].Replicas
		}
	}
	return out
}

// down is how many workloads lose every replica when the worst of the clouds is lost, and which cloud that is.
func down(workloads homes) string {
	lost := map[string]int{}
	for _, clouds := range workloads {
		if len(clouds) == 1 {
			for cloud := range clouds {
				lost[cloud]++
			}
		}
	}
	worst := ""
	for cloud, n := range lost {
		if n > lost[worst] || n == lost[worst] && cloud < worst {
			worst = cloud
		}
	}
	if worst == "" {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", lost[worst], worst)
}

func (t *tally) down() string {
	out := homes{}
	for i := range t.workloads {
		w := &t.workloads[i]
		out[w.name] = map[string]int{}
		for at, n := range w.places {
			out[w.name][at.cloud] += n
		}
	}
	return down(out)
}

// whatIf plans the loss of each cloud, and a rise of each cloud's prices.
func (d *demo) whatIf(ctx context.Context) error {
	d.heading("9. What if?")
	folder, err := d.record(ctx, shopNamespace)
	if err != nil {
		return err
	}
	base, err := d.simulate(ctx, folder, "--no-losses")
	if err != nil {
		return err
	}
	clouds := map[string]bool{}
	for i := range base.Pools {
		clouds[base.Pools[i].Cloud] = true
	}
	var names []string
	for cloud := range clouds {
		names = append(names, cloud)
	}
	slices.Sort(names)
	var rows [][]string
	for _, change := range []string{"--lose", "--price"} {
		for _, cloud := range names {
			argument := "cloud=" + cloud
			if change == "--price" {
				argument += "=x1.5"
			}
			plan, err := d.simulate(ctx, folder, "--no-losses", change, argument)
			if err != nil {
				return err
			}
			rows = append(rows, []string{
				change + " " + argument, fmt.Sprint(plan.Moves), fmt.Sprint(plan.Unplaced),
				dollars(plan.HourlyUSD.Invoice * report.HoursPerMonth), percent(base.HourlyUSD.Invoice, plan.HourlyUSD.Invoice),
				dollars(plan.HourlyUSD.Compute * report.HoursPerMonth), unplacedNames(plan),
			})
		}
	}
	d.line("What clouds would invoice for the machines that the plan uses and for traffic:")
	d.blank()
	d.line("$ tradewind simulate -f %s …", folder)
	d.table([]string{"", ">MOVES", ">WITHOUT A PLACE", ">INVOICE $/MONTH", ">CHANGE", ">SHARES $/MONTH", "WHY"}, rows)
	return nil
}

// unplacedNames says which workloads have no place, and the first reason.
func unplacedNames(plan *report.Plan) string {
	for i := range plan.Placements {
		if w := &plan.Placements[i]; w.Unplaced > 0 && w.Conflict != nil {
			why, _, _ := strings.Cut(w.Conflict.Message, "; not to be used now: ") // which the row says
			return fmt.Sprintf("%s: %s", w.Name, why)
		}
	}
	return "-"
}
