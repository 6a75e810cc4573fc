package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Text writes the report as a table with footnotes, at most MaxColumns wide.
func (report *CostReport) Text(w io.Writer) error {
	var out strings.Builder
	t := newTable(0, report.header()...)
	for i := range report.Groups {
		t.add(report.cells(&report.Groups[i])...)
	}
	if len(report.Groups) != 1 {
		total := report.Total
		total.Name = "TOTAL"
		t.add(report.cells(&total)...)
	}
	out.WriteString(t.String())
	if bill := report.Nodes; bill != nil && bill.HourlyUSD != nil {
		out.WriteString("\n")
		nodes := newTable(0, "NODES", ">$/HOUR", ">$/MONTH", "")
		idle := *bill.IdleHourlyUSD * HoursPerMonth
		nodes.add("shares of replicas", dollarsOf(report.Total.HourlyUSD), cents(report.Total.MonthlyUSD), "")
		nodes.add("idle remainder", Dollars(*bill.IdleHourlyUSD), cents(&idle), tenths(*bill.IdlePercent)+" % of the nodes")
		nodes.add("whole nodes", Dollars(*bill.HourlyUSD), cents(bill.MonthlyUSD), count(bill.Nodes-bill.UnpricedNodes, "priced node"))
		month := *bill.InvoicedHourlyUSD * HoursPerMonth
		nodes.add("of them invoiced", Dollars(*bill.InvoicedHourlyUSD), cents(&month), invoicedNote(bill))
		out.WriteString(nodes.String())
	}
	if len(report.Unpriced) > 0 {
		out.WriteString("\nWithout a known price\n")
		t := newTable(2, ">NODES", ">REPLICAS", "WHY", "WHICH")
		for _, unpriced := range report.Unpriced {
			t.add(strconv.Itoa(len(unpriced.Nodes)), strconv.Itoa(unpriced.Replicas), unpriced.Reason, some(unpriced.Nodes))
		}
		out.WriteString(t.String())
	}
	out.WriteString("\n")
	if len(report.PriceSources) > 0 {
		paragraph(&out, "Prices: ", fmt.Sprintf("%s; the oldest is of %s.", strings.Join(report.PriceSources, "; "), orUnknown(report.OldestPriceDate)))
	}
	paragraph(&out, "", "A replica's share costs its node's price × its largest share of the node's CPU, memory or GPUs; clouds invoice whole nodes. "+
		"A month is 730 hours.")
	for _, note := range report.Notes {
		paragraph(&out, "Note: ", note+".")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// invoicedNote says of how many nodes an invoice is.
func invoicedNote(bill *NodeBill) string {
	text := count(bill.InvoicedNodes, "node")
	if sunk := bill.Nodes - bill.UnpricedNodes - bill.InvoicedNodes; sunk > 0 {
		text += fmt.Sprintf("; %d private, reserved or committed: paid in any case", sunk)
	}
	return text
}

func (report *CostReport) header() []string {
	header := []string{strings.ToUpper(string(report.GroupedBy)), ">REPLICAS", ">SPOT", ">UNPRICED", ">CPU", ">MEMORY GIB", ">$/HOUR", ">$/MONTH", ">SHARE"}
	if report.wholeNodes() {
		header = append(header, ">NODES $/HOUR")
	}
	return header
}

// wholeNodes says whether each group has whole nodes of its own.
func (report *CostReport) wholeNodes() bool { return report.Nodes != nil && report.GroupedBy.ofNodes() }

func (report *CostReport) cells(g *CostGroup) []string {
	share := "-"
	if g.SharePercent != nil {
		share = tenths(*g.SharePercent) + " %"
	}
	cells := []string{
		g.Name, strconv.Itoa(g.Replicas), strconv.Itoa(g.SpotReplicas), strconv.Itoa(g.UnpricedReplicas), cores(g.CPUMillicores),
		gibibytes(g.MemoryBytes), dollarsOf(g.HourlyUSD), cents(g.MonthlyUSD), share,
	}
	if report.wholeNodes() {
		cells = append(cells, dollarsOf(g.NodeHourlyUSD))
	}
	return cells
}

// CSV writes one row a group, with all digits; what is not known is empty.
func (report *CostReport) CSV(w io.Writer) error {
	rows := make([][]string, 0, len(report.Groups))
	for i := range report.Groups {
		g := &report.Groups[i]
		rows = append(rows, []string{
			g.Name, strconv.Itoa(g.Replicas), strconv.Itoa(g.OnDemandReplicas), strconv.Itoa(g.SpotReplicas), strconv.Itoa(g.ReservedReplicas),
			strconv.Itoa(g.UnpricedReplicas), strconv.FormatInt(g.CPUMillicores, 10), strconv.FormatInt(g.MemoryBytes, 10),
			strconv.FormatInt(g.GPUs, 10), csvNumber(g.HourlyUSD), csvNumber(g.MonthlyUSD), csvNumber(g.SharePercent),
			csvNumber(&g.SpotHourlyUSD), csvNumber(g.NodeHourlyUSD), strconv.Itoa(g.UnpricedNodes),
		})
	}
	return writeCSV(w, []string{
		string(report.GroupedBy), "replicas", "onDemandReplicas", "spotReplicas", "reservedReplicas", "unpricedReplicas", "cpuMillicores",
		"memoryBytes", "gpus", "hourlyUSD", "monthlyUSD", "sharePercent", "spotHourlyUSD", "nodeHourlyUSD",
		"unpricedNodes",
	}, rows)
}
