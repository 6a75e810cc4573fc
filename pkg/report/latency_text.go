package report

import (
	"io"
	"strconv"
	"strings"
)

// Text writes the report as a table with footnotes, at most MaxColumns wide.
func (report *LatencyReport) Text(w io.Writer) error {
	var out strings.Builder
	if len(report.Groups) == 0 {
		out.WriteString("No running workload is under a policy that names clients or traffic (spec.latency, spec.traffic).\n")
	} else if report.GroupedBy == ByWorkload {
		report.workloadTable(&out)
	} else {
		report.placeTable(&out)
	}
	out.WriteString("\n")
	if report.OldestDate != "" {
		paragraph(&out, "", "The oldest figure is of "+report.OldestDate+".")
	}
	for _, note := range report.Notes {
		paragraph(&out, "Note: ", note+".")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (report *LatencyReport) workloadTable(out *strings.Builder) {
	t := newTable(0, "WORKLOAD", ">REPLICAS", ">CLIENTS MS", ">95 % MS", ">LIMIT MS", "STATE", ">CALLS MS", "BASIS")
	for i := range report.Groups {
		g := &report.Groups[i]
		limit, state, reached := "-", "no limit", "-"
		if g.Limit != nil {
			limit = strconv.FormatFloat(*g.Limit, 'f', -1, 64)
		}
		if g.Within != nil {
			state = "OK"
			if !*g.Within {
				state = "OVER"
			}
		}
		if g.Percentile95 != nil {
			reached = tenths(*g.Percentile95)
		}
		t.add(g.Name, strconv.Itoa(g.Replicas), msCell(g.Nearest, len(g.workloads) > 0 && g.clients.weight == 0 && g.clients.unknown == 0), reached, limit, state,
			msCell(&g.Calls, g.calls.unknown == 0), bases(g))
	}
	out.WriteString(t.String())
	out.WriteString("\n")
	paragraph(out, "", "Clients ms: their expected round trip to the nearest replica. 95 %: that of the 95th percentile of them. "+
		"Calls ms: mean round trip to the nearest replica of the called workloads.")
	for i := range report.Groups {
		for _, over := range report.Groups[i].Over {
			paragraph(out, "Over: ", report.Groups[i].Name+": "+over+".")
		}
	}
}

func (report *LatencyReport) placeTable(out *strings.Builder) {
	t := newTable(0, strings.ToUpper(string(report.GroupedBy)), ">REPLICAS", ">WORKLOADS", ">OVER LIMIT", ">CLIENTS MS", ">CALLS MS", "BASIS")
	add := func(name string, g *LatencyGroup) {
		t.add(name, strconv.Itoa(g.Replicas), strconv.Itoa(g.Workloads), strconv.Itoa(g.WorkloadsOver),
			msCell(&g.Clients, g.clients.unknown == 0), msCell(&g.Calls, g.calls.unknown == 0), bases(g))
	}
	for i := range report.Groups {
		add(report.Groups[i].Name, &report.Groups[i])
	}
	if len(report.Groups) != 1 {
		add("TOTAL", &report.Total)
	}
	out.WriteString(t.String())
	out.WriteString("\n")
	paragraph(out, "", "Clients ms: the expected round trip of all clients to a replica, the mean over replicas: what the scheduler scores. "+
		"With --by workload it is that to the nearest replica.")
}

// msCell is a figure; "-" where there is nothing to measure, "unknown" where there is and nobody did.
func msCell(ms *Milliseconds, nothing bool) string {
	if ms == nil || ms.Milliseconds == nil && nothing {
		return "-"
	}
	return tenthsOf(ms.Milliseconds)
}

// bases are the worst bases of the clients' and the calls' figures.
func bases(g *LatencyGroup) string {
	clients, calls := g.Clients.Basis, g.Calls.Basis
	switch {
	case clients == "" && calls == "":
		return "-"
	case calls == "" || clients == calls:
		return clients
	case clients == "":
		return calls
	}
	return clients + "; calls " + calls
}

// CSV writes one row a group, with all digits; what is not known is empty.
func (report *LatencyReport) CSV(w io.Writer) error {
	rows := make([][]string, 0, len(report.Groups))
	for i := range report.Groups {
		g := &report.Groups[i]
		var nearest *float64
		if g.Nearest != nil {
			nearest = g.Nearest.Milliseconds
		}
		within := ""
		if g.Within != nil {
			within = strconv.FormatBool(*g.Within)
		}
		rows = append(rows, []string{
			g.Name, strconv.Itoa(g.Replicas), strconv.Itoa(g.Workloads), strconv.Itoa(g.WorkloadsOver), strconv.Itoa(g.UnknownReplicas),
			csvNumber(g.Clients.Milliseconds), g.Clients.Basis, csvNumber(g.Calls.Milliseconds), g.Calls.Basis,
			csvNumber(nearest), csvNumber(g.Percentile95), csvNumber(g.Limit), within,
		})
	}
	return writeCSV(w, []string{
		string(report.GroupedBy), "replicas", "workloads", "workloadsOver", "unknownReplicas", "clientsMilliseconds", "clientsBasis",
		"callsMilliseconds", "callsBasis", "nearestMilliseconds", "percentile95Milliseconds", "limitMilliseconds", "within",
	}, rows)
}
