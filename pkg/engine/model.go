package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// The first dimensions of every vector of resources; extended resources follow in order of their names.
const (
	dimCPU = iota
	dimMemory
	dimGPU
	dimExtended
)

// model is a snapshot in dense form.
type model struct {
	snapshot *Snapshot
	options  Options
	dims     int
	extended []string
	ports    ports
	pools    []pool
	axes     []axis
	axisOf   map[string]int
	geo      geography
	noRules  *rules.Rules
	problems []Problem
	assumed  pricing.Rates // of pools without a known price
	least    []int64       // of each resource, the smallest request
	refund   float64       // what commitments cover at the pools' guides, see split

	profiles map[string]*profile
	requests map[string]*request
	rows     map[rowKey]*row
	cellSets map[string]*cells
	kindSets map[string]*kinds
	limits   map[limitKey]*limits
	hosts    map[*request][]int32 // see hostsOf
	spreads  map[string]*spreadDomains
	byName   map[workload.Key]int
}

// pool is a Pool in dense form.
type pool struct {
	class    *rules.Class
	node     *corev1.Node // one of them, as pods look at it
	rates    pricing.Rates
	priced   bool
	spot     bool
	restarts float64 // probability of an interruption in an hour
	place    int32
	nodes    int
	free     []int64 // of existing nodes
	template []int64
	spare    int32
	kinds    [][]int64 // distinct vectors of free, the template of nodes that can be added included
	total    []float64 // of all nodes, those that can be added included
	largest  []float64 // no node has more of a resource
	// machine is what one more machine in use costs, commitments apart; 0 where it is sunk, or shares are minimised.
	machine float64
	// kept says which existing nodes others keep in use (Node.Kept); nil for none.
	kept []bool
	// guide is what a unit of each resource costs of the machines' price; nil where shares are minimised. See split.
	guide []float64
}

// axis assigns pools to the domains of one topology key or of one kind of loss; -1 where it is not known.
type axis struct {
	of     []int32
	names  []string
	key    string              // topology key of a location label
	domain location.DomainKind // of a kind of loss
	fine   bool                // see coarse
}

func newModel(snapshot *Snapshot, options Options) (*model, error) {
	m := &model{
		snapshot: snapshot, options: options, axisOf: map[string]int{},
		profiles: map[string]*profile{}, requests: map[string]*request{}, rows: map[rowKey]*row{}, cellSets: map[string]*cells{}, kindSets: map[string]*kinds{},
		limits: map[limitKey]*limits{}, hosts: map[*request][]int32{}, spreads: map[string]*spreadDomains{}, byName: map[workload.Key]int{},
	}
	if snapshot.RoundTrips == nil {
		return nil, errors.New("snapshot: RoundTrips is nil; make them with placement.NewRoundTrips")
	}
	if m.options.OptimizeFor == "" {
		m.options.OptimizeFor = v1alpha1.OptimizeForBalanced
	}
	if m.options.Objective == "" {
		m.options.Objective = DefaultObjective
	}
	m.noRules = rules.NewRules(nil, snapshot.RoundTrips)
	names := map[string]bool{}
	for i := range snapshot.Pools {
		p := &snapshot.Pools[i]
		if p.Class == nil {
			return nil, fmt.Errorf("snapshot: pool %s/%s (Pools[%d]) has no class", p.Cluster, p.Name, i)
		}
		for name := range p.Allocatable.Extended {
			names[name] = true
		}
		for name := range p.Daemons.Extended {
			names[name] = true
		}
		for j := range p.Nodes {
			for name := range p.Nodes[j].Free.Extended {
				names[name] = true
			}
		}
	}
	for i := range snapshot.Commitments {
		for _, pool := range snapshot.Commitments[i].Pools {
			if pool < 0 || pool >= len(snapshot.Pools) {
				return nil, fmt.Errorf("snapshot: Commitments[%d] is of pool %d; there are %d", i, pool, len(snapshot.Pools))
			}
		}
	}
	for i := range snapshot.Workloads {
		for name := range snapshot.Workloads[i].Request.Extended {
			names[name] = true
		}
	}
	for name := range names {
		m.extended = append(m.extended, name)
	}
	slices.Sort(m.extended)
	m.ports = newPorts(snapshot, dimExtended+len(m.extended))
	m.dims = dimExtended + len(m.extended) + len(m.ports.list)
	m.buildPools()
	m.geo.build(snapshot)
	for i := range m.pools {
		m.pools[i].place = m.geo.placeOf(m.pools[i].class)
	}
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		name := workload.Key{Namespace: w.Namespace, Name: w.Name}
		if _, taken := m.byName[name]; !taken {
			m.byName[name] = i
		}
	}
	return m, nil
}

// invoices says that whole machines are minimised.
func (m *model) invoices() bool { return m.options.Objective != ObjectiveShares }

// vector is resources in dense form; negative numbers count as none.
func (m *model) vector(r *Resources) []int64 {
	out := make([]int64, m.dims)
	out[dimCPU], out[dimMemory], out[dimGPU] = max(r.MilliCPU, 0), max(r.MemoryBytes, 0), max(r.GPUs, 0)
	if len(r.Extended) > 0 {
		for i, name := range m.extended {
			out[dimExtended+i] = max(r.Extended[name], 0)
		}
	}
	return out
}

func (m *model) buildPools() {
	m.pools = make([]pool, len(m.snapshot.Pools))
	for i := range m.pools {
		m.buildPool(i)
	}
	for i := range m.pools {
		if rates := &m.pools[i].rates; m.pools[i].priced {
			m.assumed.PerMilliCPU = max(m.assumed.PerMilliCPU, rates.PerMilliCPU)
			m.assumed.PerByte = max(m.assumed.PerByte, rates.PerByte)
			m.assumed.PerGPU = max(m.assumed.PerGPU, rates.PerGPU)
		}
	}
	for i := range m.pools {
		if !m.pools[i].priced {
			m.pools[i].rates = m.assumed
		}
		m.pools[i].machine = m.machineUSD(i)
		if m.invoices() {
			m.pools[i].guide = make([]float64, m.dims)
		}
	}
}

func (m *model) buildPool(i int) {
	in, out := &m.snapshot.Pools[i], &m.pools[i]
	object := "pool " + in.Cluster + "/" + in.Name
	problem := func(field, format string, args ...any) {
		m.problems = append(m.problems, Problem{Object: object, Field: field, Message: fmt.Sprintf(format, args...)})
	}
	out.class = in.Class
	out.node = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: in.Labels}, Spec: corev1.NodeSpec{Taints: in.Taints}}
	out.priced = in.Price.Known
	if out.priced && (math.IsNaN(in.Price.USD) || in.Price.USD > maxRate || in.Price.USD < 0) {
		problem("Price", "%g is no price; give US dollars an hour, 0 or more; the price counts as unknown", in.Price.USD)
		out.priced = false
	}
	if in.Allocatable.MilliCPU < 0 || in.Allocatable.MemoryBytes < 0 || in.Allocatable.GPUs < 0 {
		problem("Allocatable", "is negative, which counts as nothing; give what a node can allocate")
	}
	size := m.vector(&in.Allocatable)
	if out.template = size; in.spare() > 0 {
		out.template = less(size, m.vector(&in.Daemons))
	}
	m.ports.open(out.template, in.HostPorts)
	if out.priced {
		out.rates = pricing.NewRates(in.Price.USD, pricing.Resources{
			MilliCPU: size[dimCPU], MemoryBytes: size[dimMemory], GPUs: size[dimGPU], GPUSlices: in.Allocatable.GPUSlices,
		})
	}
	if out.spot = in.Class.Spot(); out.spot {
		percent := in.Interruption.MonthlyPercent
		if in.Interruption.Known && !(percent >= 0 && percent <= 100) {
			problem("Interruption", "%g is no share in percent; it counts as unknown", percent)
			percent = UnknownInterruptionPercent
		}
		if !in.Interruption.Known {
			percent = UnknownInterruptionPercent
		}
		out.restarts = percent / 100 / HoursPerMonth
	}
	out.nodes = len(in.Nodes)
	for j := range in.Nodes {
		free := m.vector(&in.Nodes[j].Free)
		if in.Nodes[j].Kept {
			out.kept = append(out.kept, make([]bool, len(in.Nodes)-len(out.kept))...)
			out.kept[j] = true
		}
		m.ports.open(free, in.Nodes[j].HostPorts)
		out.free = append(out.free, free...)
	}
	if in.MinNodes < 0 || in.MaxNodes < 0 {
		problem("MaxNodes", "%d to %d is no number of nodes; a negative one counts as 0", in.MinNodes, in.MaxNodes)
	}
	spare := in.spare()
	if in.MinNodes > in.MaxNodes && in.MaxNodes > 0 {
		problem("MinNodes", "%d is above MaxNodes %d; MaxNodes counts", in.MinNodes, in.MaxNodes)
	}
	if spare > maxReplicas {
		problem("MaxNodes", "%d is beyond what is planned for; %d counts", in.MaxNodes, maxReplicas)
		spare = maxReplicas
	}
	out.spare = int32(max(spare, 0))
	m.sumUp(out)
}

// spare is how many nodes the pool may have more.
func (p *Pool) spare() int { return max(max(p.MaxNodes, 0)-len(p.Nodes), 0) }

// less is one vector without another; nothing becomes negative.
func less(from, amount []int64) []int64 {
	out := make([]int64, len(from))
	for d := range from {
		out[d] = max(from[d]-amount[d], 0)
	}
	return out
}

// sumUp computes the distinct sizes of nodes and the sum of their resources.
func (m *model) sumUp(p *pool) {
	p.total, p.largest = make([]float64, m.dims), make([]float64, m.dims)
	p.kinds = nil
	if p.spare > 0 {
		p.kinds = append(p.kinds, p.template)
		for d, have := range p.template {
			p.total[d], p.largest[d] = float64(have)*float64(p.spare), float64(have)
		}
	}
	for i := 0; i < len(p.free); i += m.dims {
		node := p.free[i : i+m.dims]
		for d, have := range node {
			p.total[d] += float64(have)
			p.largest[d] = max(p.largest[d], float64(have))
		}
		if !slices.ContainsFunc(p.kinds, func(kind []int64) bool { return dominates(kind, node) }) {
			p.kinds = append(slices.DeleteFunc(p.kinds, func(kind []int64) bool { return dominates(node, kind) }), node)
		}
	}
}

// dominates says that a has at least as much of everything as b.
func dominates(a, b []int64) bool {
	for d := range a {
		if a[d] < b[d] {
			return false
		}
	}
	return true
}

// holds says whether an empty node of the pool is large enough for one replica.
func (p *pool) holds(request []int64) bool {
	for _, kind := range p.kinds {
		if dominates(kind, request) {
			return true
		}
	}
	return false
}

// labelAxis is the axis of a location label.
func (m *model) labelAxis(key string) int {
	axis := m.axis("label "+key, func(p int) (string, bool) {
		value := m.pools[p].class.Labels[key]
		return value, value != ""
	})
	m.axes[axis].key = key
	return axis
}

// lossAxis is the axis of a kind of loss.
func (m *model) lossAxis(kind location.DomainKind) int {
	axis := m.axis("loss "+string(kind), func(p int) (string, bool) {
		domain, known := m.snapshot.Pools[p].Domain(kind)
		return domain.Name, known
	})
	m.axes[axis].domain = kind
	return axis
}

// spotPools is the key of the axis of spot pools.
const spotPools = "spot pool"

// spotAxis is the axis of spot pools, in none of which other capacity is.
func (m *model) spotAxis() int {
	return m.axis(spotPools, func(p int) (string, bool) {
		pool, spot := m.pools[p].class.SpotPool()
		return pool.String(), spot
	})
}

func (m *model) axis(key string, name func(pool int) (string, bool)) int {
	if known, ok := m.axisOf[key]; ok {
		return known
	}
	a := axis{of: make([]int32, len(m.pools))}
	ids := map[string]int32{}
	for p := range m.pools {
		domain, known := name(p)
		id, ok := ids[domain]
		switch {
		case !known:
			id = -1
		case !ok:
			id = int32(len(a.names))
			ids[domain] = id
			a.names = append(a.names, domain)
		}
		a.of[p] = id
	}
	m.axes = append(m.axes, a)
	m.axisOf[key] = len(m.axes) - 1
	return len(m.axes) - 1
}

// geography is the round trips and the prices of traffic between places.
type geography struct {
	ids     []int // PlaceIDs, sorted
	classes []*rules.Class
	// milliseconds between places, positive infinity where unknown; usdPerByte of traffic, -1 where unknown until assumed.
	milliseconds, usdPerByte [][]float64
	// guessed says of which pairs of places nobody measured the round trip.
	guessed [][]bool
	// nearest lists, for each place, all places in the order in which a caller prefers them.
	nearest [][]int32
	// assumedPerByte is the highest known price of traffic.
	assumedPerByte float64
	snapshot       *Snapshot
}

func (g *geography) build(snapshot *Snapshot) {
	g.snapshot = snapshot
	first := map[int]*rules.Class{}
	for i := range snapshot.Pools {
		class := snapshot.Pools[i].Class
		if known, ok := first[class.PlaceID]; !ok {
			g.ids = append(g.ids, class.PlaceID)
			first[class.PlaceID] = class
		} else if class.ID < known.ID {
			first[class.PlaceID] = class
		}
	}
	slices.Sort(g.ids)
	for _, id := range g.ids {
		g.classes = append(g.classes, first[id])
	}
	bytes, calls := false, false
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		bytes = bytes || w.ClientBytesPerRequest > 0
		calls = calls || len(w.Calls) > 0
	}
	if bytes || calls {
		g.price()
	}
	if calls {
		g.measure()
	}
}

func (g *geography) placeOf(class *rules.Class) int32 {
	index, _ := slices.BinarySearch(g.ids, class.PlaceID)
	return int32(index)
}

const bytesPerGB = 1e9

// egress is the price of traffic in US dollars a byte; -1 where it is not known.
func (g *geography) egress(from *rules.Class, toCloud, toRegion string) float64 {
	if g.snapshot.Egress == nil {
		return -1
	}
	price := g.snapshot.Egress.EgressPerGB(from.Place.Cloud, from.Place.Region, toCloud, toRegion)
	if !price.Known || !(price.USD >= 0) || price.USD > maxRate {
		return -1
	}
	return price.USD / bytesPerGB
}

// price fills in the prices of traffic between places and finds the highest, those to the internet included.
func (g *geography) price() {
	note := func(usd float64) float64 {
		g.assumedPerByte = max(g.assumedPerByte, usd)
		return usd
	}
	for _, from := range g.classes {
		prices := make([]float64, len(g.classes))
		for j, to := range g.classes {
			prices[j] = note(g.egress(from, to.Place.Cloud, to.Place.Region))
		}
		g.usdPerByte = append(g.usdPerByte, prices)
		note(g.egress(from, pricing.Internet, ""))
	}
	for _, prices := range g.usdPerByte {
		for j, usd := range prices {
			if usd < 0 {
				prices[j] = g.assumedPerByte
			}
		}
	}
}

// need fills in prices and round trips that an added workload needs and no other did.
func (g *geography) need(w *Workload) {
	if (w.ClientBytesPerRequest > 0 || len(w.Calls) > 0) && g.usdPerByte == nil {
		g.price()
	}
	if len(w.Calls) > 0 && g.milliseconds == nil {
		g.measure()
	}
}

// measure fills in the round trips between places.
func (g *geography) measure() {
	for i, from := range g.classes {
		trips, guessed := make([]float64, len(g.classes)), make([]bool, len(g.classes))
		order := make([]int32, len(g.classes))
		for j, to := range g.classes {
			trips[j], guessed[j] = g.snapshot.RoundTrips.Between(from, to).OrInfinite(), !g.snapshot.RoundTrips.Measured(from, to)
			order[j] = int32(j)
		}
		slices.SortFunc(order, func(a, b int32) int {
			return cmp.Or(cmp.Compare(trips[a], trips[b]), cmp.Compare(g.usdPerByte[i][a], g.usdPerByte[i][b]), cmp.Compare(a, b))
		})
		g.milliseconds, g.guessed = append(g.milliseconds, trips), append(g.guessed, guessed)
		g.nearest = append(g.nearest, order)
	}
}
