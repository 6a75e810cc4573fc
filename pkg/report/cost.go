package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/state"
)

// CostReport says what the replicas of a cluster cost, and what its nodes do.
type CostReport struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	// GroupedBy is cloud, region, node, namespace, workload or policy. Namespace is empty for all.
	GroupedBy Grouping `json:"groupedBy"`
	Namespace string   `json:"namespace,omitempty"`
	// Groups add up to Total, in every figure.
	Groups []CostGroup `json:"groups"`
	Total  CostGroup   `json:"total"`
	// Nodes is what whole nodes cost; null in the report of one namespace.
	Nodes *NodeBill `json:"nodes"`
	// Unpriced are nodes with replicas or without whose price is not known, grouped by why.
	Unpriced []Unpriced `json:"unpriced,omitempty"`
	// PendingPods have no node and are in no figure.
	PendingPods int `json:"pendingPods"`
	// OldestPriceDate is the date of the oldest price that went in.
	OldestPriceDate string `json:"oldestPriceDate,omitempty"`
	// PriceSources are all sources of the prices that went in.
	PriceSources []string `json:"priceSources,omitempty"`
	Notes        []string `json:"notes,omitempty"`
}

// CostGroup is one line of a CostReport.
type CostGroup struct {
	Name string `json:"name"`
	// Replicas on nodes, by capacity type; UnpricedReplicas of them are on nodes without a known price.
	Replicas         int `json:"replicas"`
	OnDemandReplicas int `json:"onDemandReplicas"`
	SpotReplicas     int `json:"spotReplicas"`
	ReservedReplicas int `json:"reservedReplicas"`
	UnpricedReplicas int `json:"unpricedReplicas"`
	// CPUMillicores, MemoryBytes and GPUs that they request.
	CPUMillicores int64 `json:"cpuMillicores"`
	MemoryBytes   int64 `json:"memoryBytes"`
	GPUs          int64 `json:"gpus"`
	// HourlyUSD of the priced replicas: each costs its node's price × its largest share of the node. Null when there are
	// replicas and none is priced. MonthlyUSD is 730 hours of it, SharePercent its share of the total.
	HourlyUSD    *float64 `json:"hourlyUSD"`
	MonthlyUSD   *float64 `json:"monthlyUSD"`
	SharePercent *float64 `json:"sharePercent"`
	// SpotHourlyUSD is the part of HourlyUSD that is on spot capacity.
	SpotHourlyUSD float64 `json:"spotHourlyUSD"`
	// NodeHourlyUSD is the price of the group's whole nodes without the UnpricedNodes among them; null where no price is
	// known, and where nodes are not in one group.
	NodeHourlyUSD *float64 `json:"nodeHourlyUSD"`
	UnpricedNodes int      `json:"unpricedNodes"`

	usd float64
}

// NodeBill is what whole nodes cost.
type NodeBill struct {
	Nodes         int `json:"nodes"`
	UnpricedNodes int `json:"unpricedNodes"`
	// HourlyUSD of all priced nodes; MonthlyUSD is 730 hours of it. Null, as are the other amounts, when no node has a known
	// price.
	HourlyUSD  *float64 `json:"hourlyUSD"`
	MonthlyUSD *float64 `json:"monthlyUSD"`
	// InvoicedNodes of the priced nodes are in clouds' invoices, for InvoicedHourlyUSD: those that somebody could stop paying for.
	// Private, reserved and committed ones are paid in any case.
	InvoicedNodes     int      `json:"invoicedNodes"`
	InvoicedHourlyUSD *float64 `json:"invoicedHourlyUSD"`
	// IdleHourlyUSD is HourlyUSD less what replicas cost. Below zero where replicas that mostly use CPU share nodes with
	// ones that mostly use memory: each pays for its own largest share.
	IdleHourlyUSD *float64 `json:"idleHourlyUSD"`
	IdlePercent   *float64 `json:"idlePercent"`
}

// Unpriced is nodes whose price is not known.
type Unpriced struct {
	Reason   string   `json:"reason"`
	Nodes    []string `json:"nodes"`
	Replicas int      `json:"replicas"`
}

// Cost adds up what replicas cost. namespace limits it to one; empty is all.
func Cost(snapshot *state.Snapshot, by Grouping, namespace string) (*CostReport, error) {
	placed, pending, err := replicas(snapshot, namespace)
	if err != nil {
		return nil, err
	}
	report := &CostReport{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "CostReport", Time: snapshot.Time, GroupedBy: by, Namespace: namespace,
		PendingPods: pending, Total: CostGroup{Name: "total"},
	}
	groups := map[string]*CostGroup{}
	groupNamed := func(name string) *CostGroup {
		if groups[name] == nil {
			groups[name] = &CostGroup{Name: name}
		}
		return groups[name]
	}
	origins := &priceOrigins{}
	onNode := map[string]int{}
	free := 0
	for i := range placed {
		r := &placed[i]
		onNode[r.node.Name]++
		request := state.Request(r.pod)
		usd, known := r.node.HourlyUSD(request)
		if known {
			origins.add(r.node)
		}
		if known && request == (pricing.Resources{}) {
			free++
		}
		for _, group := range []*CostGroup{groupNamed(by.group(r)), &report.Total} {
			group.add(r, usd, known)
		}
	}
	if namespace == "" {
		report.nodeBill(snapshot, by, groupNamed, origins)
	}
	report.unpriced(snapshot, onNode, namespace == "")
	for _, group := range groups {
		report.Groups = append(report.Groups, *group)
	}
	report.finish(origins, free)
	return report, nil
}

func (g *CostGroup) add(r *replica, usd float64, known bool) {
	request := state.Request(r.pod)
	g.Replicas++
	g.CPUMillicores += request.MilliCPU
	g.MemoryBytes += request.MemoryBytes
	g.GPUs += request.GPUs
	switch r.node.Class.CapacityType {
	case v1alpha1.CapacityOnDemand:
		g.OnDemandReplicas++
	case v1alpha1.CapacitySpot:
		g.SpotReplicas++
		g.SpotHourlyUSD += usd
	case v1alpha1.CapacityReserved:
		g.ReservedReplicas++
	}
	g.usd += usd
	if !known {
		g.UnpricedReplicas++
	}
}

// nodeBill adds up whole nodes.
func (report *CostReport) nodeBill(snapshot *state.Snapshot, by Grouping, groupNamed func(string) *CostGroup, origins *priceOrigins) {
	bill, sum, invoice := &NodeBill{Nodes: len(snapshot.Nodes)}, 0.0, 0.0
	invoiced := planning.NewInvoiced(snapshot.World().Prices)
	for _, object := range snapshot.Nodes {
		node := snapshot.Node(object)
		group := &CostGroup{}
		if by.ofNodes() {
			group = groupNamed(by.groupOfNode(node))
		}
		if !node.Price.Known {
			bill.UnpricedNodes++
			group.UnpricedNodes++
			continue
		}
		origins.add(node)
		sum += node.Price.USD
		if invoiced.Next(&node.Class.Node) {
			bill.InvoicedNodes++
			invoice += node.Price.USD
		}
		if group.NodeHourlyUSD == nil {
			group.NodeHourlyUSD = new(float64)
		}
		*group.NodeHourlyUSD += node.Price.USD
	}
	report.Nodes, report.Total.UnpricedNodes = bill, bill.UnpricedNodes
	if bill.UnpricedNodes == bill.Nodes {
		return
	}
	monthly, idle, percent := sum*HoursPerMonth, sum-report.Total.usd, 0.0
	if sum > 0 {
		percent = 100 * idle / sum
	}
	bill.HourlyUSD, bill.MonthlyUSD, bill.IdleHourlyUSD, bill.IdlePercent, bill.InvoicedHourlyUSD = &sum, &monthly, &idle, &percent, &invoice
	report.Total.NodeHourlyUSD = &sum
}

// unpriced names the nodes without a price; of the report of one namespace those that its replicas are on.
func (report *CostReport) unpriced(snapshot *state.Snapshot, onNode map[string]int, empty bool) {
	byReason := map[string]*Unpriced{}
	for _, object := range snapshot.Nodes {
		node := snapshot.Node(object)
		if node.Price.Known || !empty && onNode[node.Name] == 0 {
			continue
		}
		reason := unpricedReason(node)
		if byReason[reason] == nil {
			byReason[reason] = &Unpriced{Reason: reason}
		}
		byReason[reason].Nodes = append(byReason[reason].Nodes, node.Name)
		byReason[reason].Replicas += onNode[node.Name]
	}
	for _, unpriced := range byReason {
		slices.Sort(unpriced.Nodes)
		report.Unpriced = append(report.Unpriced, *unpriced)
	}
	slices.SortFunc(report.Unpriced, func(a, b Unpriced) int {
		return cmp.Or(b.Replicas-a.Replicas, len(b.Nodes)-len(a.Nodes), strings.Compare(a.Reason, b.Reason))
	})
}

// finish turns sums into figures, sorts the groups, the dearest first, and writes the notes.
func (report *CostReport) finish(origins *priceOrigins, free int) {
	total := report.Total.usd
	for i := range report.Groups {
		report.Groups[i].settle(total)
	}
	report.Total.settle(total)
	slices.SortFunc(report.Groups, func(a, b CostGroup) int {
		return cmp.Or(cmp.Compare(b.usd, a.usd), b.Replicas-a.Replicas, strings.Compare(a.Name, b.Name))
	})
	report.OldestPriceDate, report.PriceSources = origins.oldest, origins.sources
	if n := report.Total.UnpricedReplicas; n > 0 {
		report.Notes = append(report.Notes, count(n, "replica")+" on nodes without a known price: in no sum of dollars")
	}
	if free > 0 {
		report.Notes = append(report.Notes, count(free, "replica")+" without requests: no share of a node, so no dollars; give them requests")
	}
	if report.PendingPods > 0 {
		report.Notes = append(report.Notes, count(report.PendingPods, "pod")+" without a node: in no figure")
	}
	if report.Nodes != nil && report.Nodes.IdleHourlyUSD != nil && *report.Nodes.IdleHourlyUSD < -negligibleUSD {
		report.Notes = append(report.Notes, "the idle remainder is below zero: replicas that mostly use CPU share nodes with ones that mostly use "+
			"memory, and each pays for its own largest share")
	}
	if origins.undated > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("the prices of %s have no date; give the PriceList one", count(origins.undated, "node")))
	}
}

func (g *CostGroup) settle(total float64) {
	if g.Replicas > 0 && g.UnpricedReplicas == g.Replicas {
		return
	}
	hourly, monthly := g.usd, g.usd*HoursPerMonth
	g.HourlyUSD, g.MonthlyUSD = &hourly, &monthly
	share := 0.0
	if total > 0 {
		share = 100 * g.usd / total
	}
	g.SharePercent = &share
}

// priceOrigins collects where the prices of nodes come from.
type priceOrigins struct {
	oldest  string
	sources []string
	undated int
	seen    map[string]bool
}

func (o *priceOrigins) add(node *state.Node) {
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	if o.seen[node.Name] {
		return
	}
	o.seen[node.Name] = true
	price := &node.Price
	switch {
	case price.Date == "":
		o.undated++
	case o.oldest == "" || price.Date < o.oldest:
		o.oldest = price.Date
	}
	text := strings.Trim(origin(price.Source, price.Date), "()")
	if at, found := slices.BinarySearch(o.sources, text); !found && text != "" {
		o.sources = slices.Insert(o.sources, at, text)
	}
}
