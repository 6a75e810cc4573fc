package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Text writes the explanation for people, at most MaxColumns wide.
func (e *Explanation) Text(w io.Writer) error {
	var out strings.Builder
	e.head(&out)
	if e.Bill != nil {
		e.bill(&out)
	}
	e.planned(&out)
	e.excluded(&out)
	e.feasible(&out)
	if len(e.Remedies) > 0 {
		out.WriteString("\nWhat would help\n")
		for _, remedy := range e.Remedies {
			paragraph(&out, "  - ", remedy)
		}
	}
	if len(e.Notes) > 0 {
		out.WriteString("\n")
		for _, note := range e.Notes {
			paragraph(&out, "Note: ", note)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (e *Explanation) head(out *strings.Builder) {
	paragraph(out, "", fmt.Sprintf("Pod %s/%s (workload %s, %s)", e.Namespace, e.Name, e.Workload, e.Revision))
	if e.Node != nil {
		paragraph(out, "  node       ", e.Node.String())
	} else {
		out.WriteString("  node       none yet: the pod is pending\n")
	}
	paragraph(out, "  scheduler  ", fmt.Sprintf("%s, optimizes for %s", orUnknown(e.SchedulerName), e.OptimizeFor))
	if e.Scheduler != nil {
		paragraph(out, "  last word  ", fmt.Sprintf("%s at %s: %s", e.Scheduler.Reason,
			e.Scheduler.Time.UTC().Format("2006-01-02 15:04:05 UTC"), e.Scheduler.Message))
	}
	for _, reason := range e.Waits {
		paragraph(out, "  not yet    ", "no scheduler looks at the pod: "+reason)
	}
	if len(e.Policies) == 0 {
		out.WriteString("  policies   none selects the pod: every node is allowed\n")
	}
	for i, policy := range e.Policies {
		label := "  policies   "
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		paragraph(out, label, policy.Name)
		for _, field := range policy.Overridden {
			paragraph(out, strings.Repeat(" ", len(label))+"  overridden: ", field)
		}
		for _, problem := range policy.Problems {
			paragraph(out, strings.Repeat(" ", len(label))+"  problem: ", problem)
		}
	}
	for _, obstacle := range e.NotToday {
		paragraph(out, "  not today  ", "placed now, this node would be left out as "+obstacle.String())
	}
}

// String is the node's name, location, country, instance type and capacity type.
func (n *NodeFacts) String() string {
	place := unknownText + " place"
	if n.Cloud != "" {
		place = n.Cloud + "/" + orUnknown(n.Region)
		if n.Zone != "" {
			place += "/" + n.Zone
		}
	}
	country := n.Country
	if country == "" {
		country = "unknown country"
	}
	return fmt.Sprintf("%s: %s, %s, %s, %s", n.Name, place, country,
		describe(n.InstanceType, "instance type"), describe(string(n.CapacityType), "capacity type"))
}

func describe(value, what string) string {
	if value == "" {
		return "unknown " + what
	}
	return value
}

func (e *Explanation) bill(out *strings.Builder) {
	out.WriteString("\nWhat it costs on this node\n")
	t := newTable(2, "PART", ">$/HOUR", "FROM")
	b := e.Bill
	compute := b.Compute.Reason
	if b.Compute.HourlyUSD != nil {
		compute = fmt.Sprintf("its share: %s %% of the node's %s, %s price %s", tenths(*b.NodeSharePercent), Dollars(*b.NodeHourlyUSD),
			b.Compute.Basis, origin(b.Compute.Source, b.Compute.Date))
	}
	t.add("compute", dollarsOf(b.Compute.HourlyUSD), compute)
	if len(b.Clients)+len(b.Calls) > 0 {
		t.add("round trips", dollarsOf(b.RoundTrips.HourlyUSD), orElse(b.RoundTrips.Reason, "valued, not invoiced: milliseconds weighed for "+string(e.OptimizeFor)))
	}
	if len(b.Unmet) > 0 {
		unmet := make([]string, len(b.Unmet))
		for i, u := range b.Unmet {
			unmet[i] = fmt.Sprintf("%s (weight %d)", u.Preference, u.Weight)
		}
		t.add("preferences", dollarsOf(b.Preferences.HourlyUSD), "valued, not invoiced: unmet "+strings.Join(unmet, ", "))
	}
	t.add("score", dollarsOf(b.Total.HourlyUSD), orElse(b.Total.Reason, "share and valued together, which the scheduler compares; no bill"))
	out.WriteString(t.String())
	if len(b.Clients)+len(b.Calls) == 0 {
		return
	}
	out.WriteString("\nRound trips\n")
	trips := newTable(2, "WHO", ">SHARE", ">MS", ">LIMIT", "BASIS", "SOURCE")
	add := func(who, share, limit string, ms *Milliseconds) {
		if ms.Milliseconds == nil {
			trips.add(who, share, unknownText, limit, "", ms.Reason)
			return
		}
		trips.add(who, share, tenths(*ms.Milliseconds), limit, ms.Basis, strings.Trim(origin(ms.Source, ms.Date), "()"))
	}
	for i := range b.Clients {
		c := &b.Clients[i]
		add("clients in "+c.Location, fmt.Sprintf("%d %%", c.SharePercent), "", &c.Milliseconds)
	}
	if b.Expected != nil && len(b.Clients) > 1 {
		add("clients, expected", "100 %", "", b.Expected)
	}
	for i := range b.Calls {
		c := &b.Calls[i]
		limit, share := "", ""
		if c.LimitMilliseconds != nil {
			limit = strconv.FormatFloat(*c.LimitMilliseconds, 'f', -1, 64)
			if measured := c.MeasuredLimitMilliseconds; measured != nil && *measured == *c.LimitMilliseconds {
				limit += " measured"
			} else if measured != nil {
				limit += ", " + strconv.FormatFloat(*measured, 'f', -1, 64) + " measured"
			}
		}
		if c.RequestsPerSecond > 0 {
			share = strconv.FormatFloat(c.RequestsPerSecond, 'f', -1, 64) + "/s"
		}
		add("calls to "+c.To, share, limit, &c.Milliseconds)
	}
	out.WriteString(trips.String())
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (e *Explanation) excluded(out *strings.Builder) {
	if len(e.Excluded) == 0 {
		return
	}
	total := 0
	for i := range e.Excluded {
		total += e.Excluded[i].Nodes
	}
	fmt.Fprintf(out, "\n%d of %s excluded\n", total, count(e.Nodes, "node"))
	t := newTable(2, ">NODES", "WHY", ">ONLY WHY", "WHERE")
	for i := range e.Excluded {
		group := &e.Excluded[i]
		where := make([]string, len(group.Places))
		for p, place := range group.Places {
			where[p] = fmt.Sprintf("%d %s", place.Nodes, place.Place)
		}
		t.add(strconv.Itoa(group.Nodes), group.String(), strconv.Itoa(group.Only), some(where))
	}
	out.WriteString(t.String())
}

func (e *Explanation) feasible(out *strings.Builder) {
	if len(e.Feasible) == 0 {
		return
	}
	total, calls := 0, false
	for i := range e.Feasible {
		total += e.Feasible[i].Nodes
		calls = calls || e.Feasible[i].MoreCallsMilliseconds != nil
	}
	than := "this node"
	if e.Node == nil {
		than = "the best of them"
	}
	fmt.Fprintf(out, "\n%d of %s could take the pod; how much dearer and slower than %s\n", total, count(e.Nodes, "node"), than)
	header := []string{">NODES", "WHERE", "COUNTRY", "TYPE", "CAPACITY", ">SCORE $", ">MORE $", ">OF IT COMPUTE", ">CLIENTS MS"}
	if calls {
		header = append(header, ">CALLS MS")
	}
	t := newTable(2, header...)
	for i := range e.Feasible {
		g := &e.Feasible[i]
		where := unknownText
		if g.Cloud != "" {
			where = g.Cloud + "/" + orUnknown(g.Region)
		}
		cells := []string{
			strconv.Itoa(g.Nodes), where, orUnknown(g.Country), orUnknown(g.InstanceType), orUnknown(string(g.CapacityType)),
			dollarsOf(g.HourlyUSD), signed(g.MoreHourlyUSD, signedDollars), signed(g.MoreComputeUSD, signedDollars),
			signed(g.MoreClientsMilliseconds, signedMilliseconds),
		}
		if calls {
			cells = append(cells, signed(g.MoreCallsMilliseconds, signedMilliseconds))
		}
		t.add(cells...)
	}
	out.WriteString(t.String())
	if e.Node != nil && e.Feasible[0].MoreHourlyUSD != nil && *e.Feasible[0].MoreHourlyUSD < -negligibleUSD {
		paragraph(out, "  ", "A cheaper node is free now: the pod was placed before, or Kubernetes' own scores outweighed the difference. "+
			"Running pods are not moved.")
	}
}

// negligibleUSD an hour is a difference that a report does not speak of: what four decimals do not show.
const negligibleUSD = 5e-5

func signed(value *float64, format func(float64) string) string {
	if value == nil {
		return "-"
	}
	return format(*value)
}
