package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/report"
)

// why explains one pod of each policy in a line or two, and one in full.
func (d *demo) why(ctx context.Context) error {
	d.heading("4. Why is it there?")
	d.line("One pod of each policy, in short:")
	d.blank()
	explained := map[string]bool{}
	for i := range d.after.workloads {
		w := &d.after.workloads[i]
		if policy := policyOf(w); !explained[policy] {
			explained[policy] = true
			d.paragraph(fmt.Sprintf("  %-24s", w.name), reasons(w.example))
		}
	}
	d.blank()
	d.line("And one in full. Ask it of any pod:")
	d.blank()
	frontend := d.after.workload("frontend")
	if frontend == nil {
		return fmt.Errorf("the shop has no frontend; is examples/online-boutique complete?")
	}
	return d.tell(ctx, "tradewind", "explain", "pod", frontend.example.Name, "-n", shopNamespace)
}

// reasons says in a sentence why a pod is where it is: what its place costs, what was left out and by how much the next
// best place loses.
func reasons(e *report.Explanation) string {
	text := fmt.Sprintf("on %s %s", e.Node.Cloud, e.Node.CapacityType)
	if e.Bill.Compute.HourlyUSD != nil {
		text += fmt.Sprintf(" at $%s an hour", report.Dollars(*e.Bill.Compute.HourlyUSD))
	}
	var out []string
	for _, group := range e.Excluded {
		out = append(out, fmt.Sprintf("%d %s", group.Nodes, group.Message))
	}
	if len(out) > 0 {
		text += fmt.Sprintf(". Left out of %d nodes: %s", e.Nodes, strings.Join(out, "; "))
	}
	for _, group := range e.Feasible {
		if group.Cloud == e.Node.Cloud && group.CapacityType == e.Node.CapacityType || group.MoreComputeUSD == nil {
			continue
		}
		text += fmt.Sprintf(". Next best: %s %s, %+.4f $/h", group.Cloud, group.CapacityType, *group.MoreComputeUSD)
		if group.MoreClientsMilliseconds != nil {
			text += fmt.Sprintf(" and %+.1f ms for the clients", *group.MoreClientsMilliseconds)
		}
		break
	}
	return text + "."
}

func (d *demo) bill(ctx context.Context) error {
	d.heading("5. The bill")
	if err := d.tell(ctx, "tradewind", "report", "cost"); err != nil {
		return err
	}
	d.blank()
	d.line("The same %d pods on the same %d machines:", d.after.pods, d.after.nodesInAll)
	d.blank()
	d.table([]string{"", ">DEFAULT SCHEDULER", ">TRADEWIND", ">CHANGE"}, d.comparison())
	d.blank()
	d.farther()
	d.dearer()
	return nil
}

// farther says why shoppers have it farther to their nearest front end, where they have.
func (d *demo) farther() {
	before, after := d.before.latencyOf("frontend"), d.after.latencyOf("frontend")
	if before == nil || after == nil || before.Nearest == nil || after.Nearest == nil ||
		value(after.Nearest.Milliseconds) <= value(before.Nearest.Milliseconds) {
		return
	}
	var left []string
	now := d.after.workload("frontend")
	for at := range d.before.workload("frontend").places {
		stays := false
		for there := range now.places {
			stays = stays || there.cloud == at.cloud
		}
		if !stays && !slices.Contains(left, at.cloud) {
			left = append(left, at.cloud)
		}
	}
	slices.Sort(left)
	if len(left) > 0 {
		d.paragraph("", fmt.Sprintf("Some shoppers' nearest front end is farther than before: the default scheduler had some in %s, where the policy wants none.",
			strings.Join(left, " and ")))
	}
}

// comparison is the two runs side by side.
func (d *demo) comparison() [][]string {
	b, a := d.before, d.after
	rows := [][]string{
		{"clouds' invoice for machines in use, $/month", dollars(b.invoiceMonthlyUSD), dollars(a.invoiceMonthlyUSD), percent(b.invoiceMonthlyUSD, a.invoiceMonthlyUSD)},
		{"pods' shares of their machines, $/month", dollars(b.monthlyUSD), dollars(a.monthlyUSD), percent(b.monthlyUSD, a.monthlyUSD)},
		{"machines in use, whole, private ones too, $/month", dollars(b.nodesMonthlyUSD), dollars(a.nodesMonthlyUSD), percent(b.nodesMonthlyUSD, a.nodesMonthlyUSD)},
		{"machines in use (an autoscaler can remove the others)", fmt.Sprint(b.nodes), fmt.Sprint(a.nodes), fmt.Sprintf("%+d", a.nodes-b.nodes)},
		{"pods on spot machines", fmt.Sprint(b.spot), fmt.Sprint(a.spot), fmt.Sprintf("%+d", a.spot-b.spot)},
		{"pods that break a rule", fmt.Sprint(b.brokenPods), fmt.Sprint(a.brokenPods), fmt.Sprintf("%+d", a.brokenPods-b.brokenPods)},
	}
	for _, figure := range []struct {
		title, workload string
		of              func(*report.LatencyGroup) *float64
	}{
		{"shoppers to a front end, expected ms", "frontend", func(g *report.LatencyGroup) *float64 { return g.Clients.Milliseconds }},
		{"shoppers to their nearest front end, expected ms", "frontend", func(g *report.LatencyGroup) *float64 {
			if g.Nearest == nil {
				return nil
			}
			return g.Nearest.Milliseconds
		}},
		{"cart to its store, mean ms", "cartservice", func(g *report.LatencyGroup) *float64 { return g.Calls.Milliseconds }},
	} {
		before, after := b.latencyOf(figure.workload), a.latencyOf(figure.workload)
		if before == nil || after == nil {
			continue
		}
		was, is := figure.of(before), figure.of(after)
		if was != nil && is != nil {
			rows = append(rows, []string{figure.title, fmt.Sprintf("%.1f", *was), fmt.Sprintf("%.1f", *is), percent(*was, *is)})
		}
	}
	return rows
}

// dearer says what obeying the rules costs: the workloads that are dearer than before, and the rules that made them so.
func (d *demo) dearer() {
	type rise struct {
		usd  float64
		text string
	}
	var rises []rise
	for i := range d.after.workloads {
		w := &d.after.workloads[i]
		before := d.before.workload(w.name)
		if before == nil || w.monthlyUSD-before.monthlyUSD < 0.01 {
			continue
		}
		usd := w.monthlyUSD - before.monthlyUSD
		why := strings.Join(ruledOut(w.strictest), "; ")
		if why == "" {
			why = "no rule: another pod had the cheaper machine"
		}
		rises = append(rises, rise{usd, fmt.Sprintf("%s +$%.2f (%s)", w.name, usd, why)})
	}
	if len(rises) == 0 {
		d.line("No workload is dearer than under the default scheduler.")
		return
	}
	slices.SortFunc(rises, func(a, b rise) int { return strings.Compare(fmt.Sprintf("%9.2f", b.usd), fmt.Sprintf("%9.2f", a.usd)) })
	d.line("Obeying rules has a price. Dearer a month than under the scheduler that ignores them, and what was left out:")
	for _, r := range rises {
		d.paragraph("  - ", r.text+".")
	}
}

// ruledOut lists the rules that left nodes out, each with how many.
func ruledOut(e *report.Explanation) []string {
	var out []string
	for _, group := range e.Excluded {
		if slices.Contains(policyRules, group.Rule) {
			out = append(out, printable.Number(group.Nodes, "node", "nodes")+" "+group.Message)
		}
	}
	return out
}

func (d *demo) latency(ctx context.Context) error {
	d.heading("6. How fast it answers")
	return d.tell(ctx, "tradewind", "report", "latency", "-n", shopNamespace)
}

func (d *demo) refusal(ctx context.Context) error {
	d.heading("7. A rule that says no")
	d.paragraph("", "Patient records may be in Germany or the Netherlands, on machines that a European company operates. There are none here, "+
		"so the pod waits rather than break the rule, and its event says why:")
	d.blank()
	if err := d.kubectl(ctx, "apply", "--server-side", "-n", shopNamespace, "-f", "examples/residency-refused.yaml"); err != nil {
		return err
	}
	if err := d.awaitMessage(ctx, shopNamespace, "patient-records"); err != nil {
		return err
	}
	if err := d.tell(ctx, "kubectl", "get", "events", "-n", shopNamespace, "--field-selector", "involvedObject.kind=Pod,involvedObject.name=patient-records",
		"-o", "custom-columns=REASON:.reason,MESSAGE:.message"); err != nil {
		return err
	}
	d.blank()
	return d.tell(ctx, "tradewind", "explain", "pod", "patient-records", "-n", shopNamespace)
}

// epilogue says what to try next.
func (d *demo) epilogue() {
	b, a := d.before, d.after
	d.heading("In short")
	d.paragraph("", fmt.Sprintf("The same %d pods on the same machines: %d that break a rule instead of %d, on %d machines instead "+
		"of %d. Clouds would invoice $%s a month for those in use instead of $%s (%s); the pods' shares of their machines cost $%s instead of $%s (%s).",
		a.pods, a.brokenPods, b.brokenPods, a.nodes, b.nodes, dollars(a.invoiceMonthlyUSD), dollars(b.invoiceMonthlyUSD),
		percent(b.invoiceMonthlyUSD, a.invoiceMonthlyUSD), dollars(a.monthlyUSD), dollars(b.monthlyUSD), percent(b.monthlyUSD, a.monthlyUSD)))
	d.line("The demo took %.0f s.", time.Since(d.begun).Seconds())
	if !d.keep {
		d.blank()
		d.line("Next:")
		d.line("  make demo KEEP=1                     the same, and the cluster stays up for you to try things")
		d.line("  docs/getting-started.md              install Tradewind on a cluster of your own")
		d.line("  examples/three-clouds/policies.yaml  the policies that you have just seen")
		return
	}
	d.blank()
	d.line("The cluster is up. Try:")
	d.line("  export PATH=%s:$PATH KUBECONFIG=%s", d.bin, d.kubeconfig)
	d.line("  kubectl get pods -n %s -o wide", shopNamespace)
	d.line("  tradewind report cost --by workload -n %s", shopNamespace)
	d.line("  tradewind catalog show aws eu-west-1 m7i.large")
	d.line(`  kubectl patch placementpolicy backends -n %s --type merge -p '{"spec":{"cost":{"spot":{"maxPercent":0}}}}'`, shopNamespace)
	d.line("  kubectl rollout restart deployment -n %s          # new pods follow the new rule", shopNamespace)
	d.line("  tradewind-testbed down %s                          # removes everything", bedName)
}
