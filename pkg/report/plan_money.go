package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/engine"
)

// cloudSum is what one cloud holds and costs.
type cloudSum struct {
	replicas, nodes, inUse, added int
	// invoice is machines in use and egress, shares the replicas' shares of machines, empty the machines that are left empty
	// and invoiced for as long as nobody removes them.
	invoice, shares, empty float64
	// sunk says that nobody can stop paying for its machines.
	unpriced, sunk bool
}

func (s *cloudSum) add(other *cloudSum) {
	s.replicas += other.replicas
	s.nodes += other.nodes
	s.inUse += other.inUse
	s.added += other.added
	s.invoice += other.invoice
	s.shares += other.shares
	s.empty += other.empty
	s.unpriced = s.unpriced || other.unpriced
}

// notes are what the figures leave out.
func (s *cloudSum) notes() string {
	var notes []string
	if s.sunk {
		notes = append(notes, "paid in any case")
	}
	if s.unpriced {
		notes = append(notes, "some prices unknown")
	}
	return strings.Join(notes, ", ")
}

// clouds is what each cloud holds and costs.
func (p *Plan) clouds(out *strings.Builder) {
	of := map[string]*cloudSum{}
	get := func(cloud string) *cloudSum {
		name := orUnknown(cloud)
		if of[name] == nil {
			of[name] = &cloudSum{sunk: true}
		}
		return of[name]
	}
	for i := range p.Pools {
		pool := &p.Pools[i]
		s := get(pool.Cloud)
		s.sunk = s.sunk && pool.Sunk
		s.replicas += pool.Replicas
		s.nodes += pool.Nodes
		s.inUse += pool.UsedNodes
		s.added += pool.AddedNodes
		if pool.MachinesHourlyUSD == nil {
			s.unpriced = s.unpriced || pool.Nodes+pool.AddedNodes > 0
			continue
		}
		s.invoice += *pool.MachinesHourlyUSD
		if !pool.Sunk {
			s.empty += *pool.NodeHourlyUSD * float64(len(pool.EmptyNodes))
		}
	}
	for i := range p.Placements {
		for k := range p.Placements[i].Decisions {
			d := &p.Placements[i].Decisions[k]
			s := get(d.Cloud)
			s.invoice += d.Parts.Egress
			s.shares += d.Parts.Compute
		}
	}
	t := newTable(0, "CLOUD", ">REPLICAS", ">NODES", ">IN USE", ">TO ADD", ">INVOICE $/HOUR", ">SHARES $/HOUR", ">EMPTY $/HOUR", "")
	row := func(name string, s *cloudSum) {
		t.add(name, strconv.Itoa(s.replicas), strconv.Itoa(s.nodes), strconv.Itoa(s.inUse), strconv.Itoa(s.added),
			Dollars(s.invoice), Dollars(s.shares), Dollars(s.empty), s.notes())
	}
	total := cloudSum{}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		row(name, of[name])
		total.add(of[name])
	}
	if len(of) != 1 {
		row("TOTAL", &total)
	}
	out.WriteString(t.String())
}

// sum writes an amount and its parts: "$0.3000 an hour = machines 0.2000 + egress 0.1000".
func sum(usd float64, parts ...moneyPart) string {
	var texts []string
	for _, part := range parts {
		if part.usd != 0 {
			texts = append(texts, part.name+" "+Dollars(part.usd))
		}
	}
	text := "$" + Dollars(usd) + " an hour"
	if len(texts) > 0 {
		text += " = " + strings.Join(texts, " + ")
	}
	return text
}

type moneyPart struct {
	name string
	usd  float64
}

// unpriced says how many machines in use the invoice leaves out, since nobody knows what they cost.
func (p *Plan) unpriced() string {
	nodes := 0
	for i := range p.Pools {
		if pool := &p.Pools[i]; pool.MachinesHourlyUSD == nil {
			nodes += pool.UsedNodes + pool.AddedNodes
		}
	}
	if nodes == 0 {
		return ""
	}
	return ", but for " + count(nodes, "node") + " in use whose price is not known"
}

// money is what clouds invoice, what is only valued, how good the plan is, and what is worst.
func (p *Plan) money(out *strings.Builder) {
	out.WriteString("\n")
	b := &p.HourlyUSD
	paragraph(out, "Invoice  ", sum(b.Invoice, moneyPart{"machines", b.Machines}, moneyPart{"egress", b.Egress})+
		": whole machines in use, and traffic"+p.unpriced()+".")
	if b.Valued != 0 {
		paragraph(out, "Valued   ", sum(b.Valued, moneyPart{"latency", b.Latency}, moneyPart{"interruption", b.Interruption},
			moneyPart{"disruption", b.Disruption}, moneyPart{"unmet preferences", b.Preference})+": weighed against money, never invoiced.")
	}
	parts := []moneyPart{{"invoice", b.Invoice}, {"valued", b.Valued}}
	if p.Objective == engine.ObjectiveShares {
		parts = []moneyPart{{"shares of machines", b.Compute}, {"egress", b.Egress}, {"valued", b.Valued}}
	}
	paragraph(out, "Score    ", sum(b.Total, parts...)+": what a plan minimises, "+p.gap()+".")
	paragraph(out, "Replicas ", fmt.Sprintf("%d placed, %d unplaced, %s.", p.Replicas, p.Unplaced, count(p.Moves, "move")))
	if worst := p.worst(); worst != "" {
		paragraph(out, "Latency  ", worst+".")
	}
	if p.Stopped {
		paragraph(out, "Note     ", "the deadline ended the search early; more time may find a better plan.")
	}
}
