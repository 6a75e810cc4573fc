package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Text writes the plan for people, at most MaxColumns wide.
func (p *Plan) Text(w io.Writer) error {
	var out strings.Builder
	p.clouds(&out)
	p.money(&out)
	p.workloads(&out)
	p.unplaced(&out)
	p.replayed(&out)
	p.unkept(&out)
	p.exposed(&out)
	p.unrecovered(&out)
	p.estimates(&out)
	p.together(&out)
	p.added(&out)
	p.empty(&out)
	p.losses(&out)
	p.comparison(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (p *Plan) gap() string {
	switch {
	case p.GapPercent == nil:
		return "no lower bound is known"
	case p.Replicas == 0:
		return "and nothing has a place"
	case *p.GapPercent < 0.005:
		return "and no plan has a lower one"
	}
	return fmt.Sprintf("at most %.2f %% above the lowest possible", *p.GapPercent)
}

// worst is the longest round trip.
func (p *Plan) worst() string {
	text, most := "", -1.0
	for i := range p.Placements {
		for k := range p.Placements[i].Decisions {
			if d := &p.Placements[i].Decisions[k]; d.LatencyMs != nil && *d.LatencyMs > most {
				most = *d.LatencyMs
				text = fmt.Sprintf("at worst %s ms: %s on %s", tenths(most), p.Placements[i].workloadName(), d.place())
				if limit := p.Placements[i].MaxLatencyMs; limit != nil {
					text += fmt.Sprintf(" (limit %s ms)", strconv.FormatFloat(*limit, 'f', -1, 64))
				}
			}
		}
	}
	return text
}

func (d *PlanDecision) place() string { return placeName(d.Cluster, d.Pool) }

func placeName(cluster, pool string) string {
	if cluster == "" {
		return pool
	}
	return cluster + "/" + pool
}

// workloads is where every workload is.
func (p *Plan) workloads(out *strings.Builder) {
	if len(p.Placements) == 0 {
		out.WriteString("\nNo workloads to plan for.\n")
		return
	}
	out.WriteString("\n")
	t := newTable(0, "WORKLOAD", ">REPLICAS", "WHERE", ">SHARE $/HOUR", ">VALUED $/HOUR", ">MS", ">MOVES")
	for i := range p.Placements {
		w := &p.Placements[i]
		var where []string
		latency := "-"
		most := -1.0
		for k := range w.Decisions {
			d := &w.Decisions[k]
			where = append(where, fmt.Sprintf("%d× %s", d.Replicas, d.place()))
			if d.LatencyMs != nil && *d.LatencyMs > most {
				most = *d.LatencyMs
				latency = tenths(most)
			}
		}
		if w.Unplaced > 0 {
			where = append(where, fmt.Sprintf("%d× nowhere", w.Unplaced))
		}
		t.add(w.workloadName(), strconv.Itoa(w.Replicas), cmp.Or(strings.Join(where, ", "), "-"), Dollars(w.HourlyUSD.Share),
			Dollars(w.HourlyUSD.Valued), latency, strconv.Itoa(w.Moves))
	}
	out.WriteString(t.String())
}

// unplaced says why replicas have no place.
func (p *Plan) unplaced(out *strings.Builder) {
	if p.Unplaced == 0 {
		return
	}
	out.WriteString("\nWithout a place\n")
	for i := range p.Placements {
		w := &p.Placements[i]
		if w.Unplaced == 0 {
			continue
		}
		why := w.Held
		if w.Conflict != nil {
			why = w.Conflict.Message
		}
		paragraph(out, "  ", fmt.Sprintf("%s: %d of %d: %s", w.workloadName(), w.Unplaced, w.Replicas, cmp.Or(why, "no reason is known")))
	}
}

// unkept are the rules that volumes make impossible, and those that do not hold any more where replicas run.
func (p *Plan) unkept(out *strings.Builder) {
	title := "\nRules that are not kept\n"
	for i := range p.Placements {
		for _, rule := range p.Placements[i].Unkept {
			out.WriteString(title)
			paragraph(out, "  ", p.Placements[i].workloadName()+": "+rule)
			title = ""
		}
	}
}

// unrecovered are the losses after which a workload could not be made whole.
func (p *Plan) unrecovered(out *strings.Builder) {
	title := "\nWhat a loss takes and nothing has room for\n"
	for i := range p.Placements {
		w := &p.Placements[i]
		for _, loss := range w.Unrecovered {
			out.WriteString(title)
			title = ""
			paragraph(out, "  ", fmt.Sprintf("%s: after the loss of %s %d of %d are left, and %d more have no room",
				w.workloadName(), loss.Domain, loss.Left, w.Replicas, loss.Missing))
		}
	}
}

// exposed are the workloads that could not survive a further loss.
func (p *Plan) exposed(out *strings.Builder) {
	var names []string
	for i := range p.Placements {
		if p.Placements[i].Exposed {
			names = append(names, p.Placements[i].workloadName())
		}
	}
	if len(names) > 0 {
		out.WriteString("\n")
		paragraph(out, "Cannot survive the next loss: ", some(names))
	}
}

// estimates are the limits that only estimates meet.
func (p *Plan) estimates(out *strings.Builder) {
	head := "\nRests on estimates\n"
	for i := range p.Placements {
		for _, text := range p.Placements[i].Estimates {
			out.WriteString(head)
			head = ""
			paragraph(out, "  ", p.Placements[i].workloadName()+": "+text)
		}
	}
}

// mostTogether is how many workloads are named of which most replicas are in one spot pool.
const mostTogether = 10

// together are the workloads of which most replicas would be taken back at once.
func (p *Plan) together(out *strings.Builder) {
	said := 0
	for i := range p.Placements {
		text := p.Placements[i].Together
		if text == "" {
			continue
		}
		if said++; said == 1 {
			out.WriteString("\nTaken back together\n")
		}
		if said <= mostTogether {
			paragraph(out, "  ", p.Placements[i].workloadName()+": "+text)
		}
	}
	if said > mostTogether {
		paragraph(out, "  ", "and "+count(said-mostTogether, "workload")+" more")
	}
}

// added are the nodes to add.
func (p *Plan) added(out *strings.Builder) {
	t := newTable(2, "POOL", ">NODES", ">$/HOUR EACH")
	for i := range p.Pools {
		if pool := &p.Pools[i]; pool.AddedNodes > 0 {
			t.add(placeName(pool.Cluster, pool.Pool), "+"+strconv.Itoa(pool.AddedNodes), dollarsOf(pool.NodeHourlyUSD))
		}
	}
	if len(t.rows) > 0 {
		out.WriteString("\nNodes to add\n" + t.String())
	}
}

// empty are the nodes that hold no replica of the plan and need not be paid for.
func (p *Plan) empty(out *strings.Builder) {
	t := newTable(2, "POOL", ">NODES", ">$/HOUR EACH", "NAMES")
	if p.Replicas == 0 { // who has no place may need them
		return
	}
	for i := range p.Pools {
		if pool := &p.Pools[i]; len(pool.EmptyNodes) > 0 {
			t.add(placeName(pool.Cluster, pool.Pool), "-"+strconv.Itoa(len(pool.EmptyNodes)), dollarsOf(pool.NodeHourlyUSD), some(pool.EmptyNodes))
		}
	}
	if len(t.rows) > 0 {
		out.WriteString("\nNodes that hold none of these replicas and can go\n" + t.String())
	}
}

// losses is what would break.
func (p *Plan) losses(out *strings.Builder) {
	if len(p.Losses) == 0 {
		return
	}
	out.WriteString("\n")
	t := newTable(0, "IF LOST", ">REPLICAS LOST", ">TO ADD", ">THEN INVOICED $/HOUR", "WHAT BREAKS")
	for i := range p.Losses {
		loss := &p.Losses[i]
		var breaks []string
		if len(loss.Broken) > 0 {
			without := "without a place"
			if loss.Stopped {
				without = "for which no place was found in time"
			}
			breaks = append(breaks, fmt.Sprintf("%s %s: %s", count(loss.Unplaced, "replica"), without, some(loss.Broken)))
		}
		if len(loss.Down) > 0 {
			breaks = append(breaks, "down until replaced: "+some(loss.Down))
		}
		if len(loss.Exposed) > 0 {
			breaks = append(breaks, "could not survive the next loss: "+some(loss.Exposed))
		}
		if loss.Stopped {
			breaks = append(breaks, "the deadline ended the search early")
		}
		t.add(loss.Cloud, strconv.Itoa(loss.Replicas), strconv.Itoa(loss.AddedNodes), Dollars(loss.InvoiceUSD), cmp.Or(strings.Join(breaks, "; "), "nothing"))
	}
	out.WriteString(t.String())
}

// comparison is the two plans side by side.
func (p *Plan) comparison(out *strings.Builder) {
	c := p.Comparison
	if c == nil {
		return
	}
	out.WriteString("\n")
	t := newTable(0, "COMPARED", ">"+strings.ToUpper(c.Base), ">THIS PLAN", ">DIFFERENCE")
	money := func(name string, base, plan float64) {
		t.add(name, Dollars(base), Dollars(plan), signedDollars(plan-base))
	}
	base := &c.HourlyUSD
	money("machines $/hour", base.Machines, p.HourlyUSD.Machines)
	money("egress $/hour", base.Egress, p.HourlyUSD.Egress)
	money("invoice $/hour", base.Invoice, p.HourlyUSD.Invoice)
	money("valued, without moves $/hour", base.Valued-base.Disruption, p.HourlyUSD.Valued-p.HourlyUSD.Disruption)
	money("shares of machines $/hour", base.Compute, p.HourlyUSD.Compute)
	money("score, without moves $/hour", base.staying(), p.HourlyUSD.staying())
	number := func(name string, base, plan int) {
		t.add(name, strconv.Itoa(base), strconv.Itoa(plan), fmt.Sprintf("%+d", plan-base))
	}
	number("replicas placed", c.Replicas, p.Replicas)
	number("replicas unplaced", c.Unplaced, p.Unplaced)
	out.WriteString(t.String())
	verdict := fmt.Sprintf("would be invoiced $%s an hour less (%.1f %%)", Dollars(c.InvoiceSavingsUSD), c.InvoiceSavingsPercent)
	switch {
	case Dollars(c.InvoiceSavingsUSD) == Dollars(0):
		verdict = "would be invoiced the same"
	case c.InvoiceSavingsUSD < 0:
		verdict = fmt.Sprintf("would be invoiced $%s an hour more (%.1f %%)", Dollars(-c.InvoiceSavingsUSD), -c.InvoiceSavingsPercent)
	}
	verdict += fmt.Sprintf("; score %s (%+.1f %%); %s elsewhere", signedDollars(-c.SavingsUSD), noMinusZero(-c.SavingsPercent, 0.05), count(c.Moved, "replica"))
	if c.Started+c.Stopped > 0 {
		verdict += fmt.Sprintf(", %d more and %d fewer run", c.Started, c.Stopped)
	}
	paragraph(out, "This plan ", verdict+".")
	if len(c.Workloads) == 0 {
		return
	}
	out.WriteString("\n")
	moved := newTable(0, "WORKLOAD", "FROM", "TO", ">SHARE $/HOUR", ">VALUED $/HOUR")
	for i := range c.Workloads {
		d := &c.Workloads[i]
		moved.add(d.Namespace+"/"+d.Name, shifts(d.From, d.BaseUnplaced-d.Unplaced), shifts(d.To, d.Unplaced-d.BaseUnplaced),
			signedDollars(d.DeltaShareUSD), signedDollars(d.DeltaUSD-d.DeltaShareUSD))
	}
	out.WriteString(moved.String())
}

// shifts names places with their numbers of replicas; nowhere is how many have no place.
func shifts(list []PlanShift, nowhere int) string {
	parts := make([]string, 0, len(list)+1)
	for _, s := range list {
		parts = append(parts, fmt.Sprintf("%d× %s", s.Replicas, placeName(s.Cluster, s.Pool)))
	}
	if nowhere > 0 {
		parts = append(parts, fmt.Sprintf("%d× nowhere", nowhere))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// CSV writes one row a decision, with all digits, and one for unplaced replicas; what is not known is empty.
func (p *Plan) CSV(w io.Writer) error {
	var rows [][]string
	for i := range p.Placements {
		of := &p.Placements[i]
		for k := range of.Decisions {
			d := &of.Decisions[k]
			rows = append(rows, []string{
				of.Namespace, of.Name, of.Kind, d.Cluster, d.Pool, d.Cloud, d.Region, d.Zone, d.InstanceType, string(d.CapacityType),
				strconv.Itoa(d.Replicas), csvNumber(&d.HourlyUSD), csvNumber(&d.Parts.Compute), csvNumber(&d.Parts.Egress),
				csvNumber(&d.Parts.Latency), csvNumber(&d.Parts.Interruption), csvNumber(&d.Parts.Disruption), csvNumber(&d.Parts.Preference),
				csvNumber(d.LatencyMs), d.Reason, csvNumber(&d.Parts.Share), csvNumber(&d.Parts.Valued),
			})
		}
		if of.Unplaced > 0 {
			why := of.Held
			if of.Conflict != nil {
				why = of.Conflict.Message
			}
			rows = append(rows, append(append([]string{of.Namespace, of.Name, of.Kind}, make([]string, 7)...),
				strconv.Itoa(of.Unplaced), "", "", "", "", "", "", "", "", "unplaced: "+why, "", ""))
		}
	}
	return writeCSV(w, []string{
		"namespace", "name", "kind", "cluster", "pool", "cloud", "region", "zone", "instanceType", "capacityType", "replicas", "hourlyUSD",
		"computeUSD", "egressUSD", "latencyUSD", "interruptionUSD", "disruptionUSD", "preferenceUSD", "latencyMs", "reason",
		"shareUSD", "valuedUSD",
	}, rows)
}
