package enginetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// program is a snapshot as a linear program with whole numbers, in the LP format of CPLEX that free solvers read. y_w_p_k is how
// many replicas of workload w are on node k of pool p; all of them are placed. u_p_k says that the node is in use. Prices are those of
// package verify.
type program struct {
	snapshot  *engine.Snapshot
	options   engine.Options
	objective []string
	rows      []string
	whole     []string
	binary    []string
	opened    map[string]bool // variables of places that hold a replica of a called workload
}

// Program writes the problem that a snapshot without volumes and calls of the caller alone poses.
func Program(snapshot *engine.Snapshot, options engine.Options) string {
	p := &program{snapshot: snapshot, options: options, opened: map[string]bool{}}
	for w := range snapshot.Workloads {
		p.workload(w)
		p.calls(w)
	}
	p.capacity(func(int) bool { return true }, nil)
	if cmp.Or(options.Objective, engine.DefaultObjective) == engine.ObjectiveInvoice {
		p.machines()
	}
	p.losses()
	var out strings.Builder
	out.WriteString("Minimize\n obj: " + sum(p.objective) + "\nSubject To\n")
	for i, row := range p.rows {
		fmt.Fprintf(&out, " r%d: %s\n", i, row)
	}
	out.WriteString("General\n " + strings.Join(p.whole, "\n ") + "\nBinary\n " + strings.Join(p.binary, "\n ") + "\nEnd\n")
	return out.String()
}

// sum joins terms; one of zero where there is none.
func sum(terms []string) string {
	if len(terms) == 0 {
		return "0 zero"
	}
	return strings.Join(terms, "\n  ")
}

func term(factor float64, variable string) string { return fmt.Sprintf("%+.12g %s", factor, variable) }

func (p *program) row(terms []string, relation string, right float64) {
	p.rows = append(p.rows, fmt.Sprintf("%s %s %.12g", sum(terms), relation, right))
}

// nodes is how many nodes a pool may have.
func (p *program) nodes(pool int) int {
	return max(len(p.snapshot.Pools[pool].Nodes), p.snapshot.Pools[pool].MaxNodes)
}

func replicas(w, pool, node int) string { return fmt.Sprintf("y_%d_%d_%d", w, pool, node) }

// on are the terms of a workload's replicas on the pools that a filter names.
func (p *program) on(w int, factor float64, filter func(pool int) bool) []string {
	var out []string
	for pool := range p.snapshot.Pools {
		if filter(pool) && verify.Eligible(p.snapshot, w, pool) {
			for node := range p.nodes(pool) {
				out = append(out, term(factor, replicas(w, pool, node)))
			}
		}
	}
	return out
}

func (p *program) rules(w int) *policy.Effective {
	if rules := p.snapshot.Workloads[w].Rules; rules != nil {
		return rules.Effective
	}
	return &policy.Effective{SpotMaxPercent: 100}
}

func (p *program) workload(w int) {
	n := float64(p.snapshot.Workloads[w].Replicas)
	every := func(int) bool { return true }
	p.row(p.on(w, 1, every), "=", n)
	rules := p.rules(w)
	var ceiling []string
	for pool := range p.snapshot.Pools {
		if !verify.Eligible(p.snapshot, w, pool) {
			continue
		}
		bill := p.price(w, pool)
		for node := range p.nodes(pool) {
			y := replicas(w, pool, node)
			p.objective = append(p.objective, term(cmp.Or(p.options.Objective, engine.DefaultObjective).Total(&bill), y))
			ceiling = append(ceiling, term(bill.Compute, y))
			p.whole = append(p.whole, y)
		}
	}
	if rules.HasMaxHourlyUSD {
		p.row(ceiling, "<=", rules.MaxHourlyUSD)
	}
	spot := func(pool int) bool { return p.snapshot.Pools[pool].Class.Spot() }
	most := math.Floor(n * float64(rules.SpotMaxPercent) / 100)
	p.row(p.on(w, 1, spot), "<=", most)
	if rules.SpotFallback == v1alpha1.SpotFallbackWait {
		p.row(p.on(w, 1, func(pool int) bool { return !spot(pool) }), "<=", n-most)
	}
	for _, name := range p.domains(p.spotPool) {
		if rules.SpotPoolMaxPercent > 0 && name != "" {
			in := func(pool int) bool { return p.spotPool(pool) == name }
			p.row(p.on(w, 1, in), "<=", max(1, math.Floor(n*float64(rules.SpotPoolMaxPercent)/100)))
		}
	}
	for _, a := range p.snapshot.Workloads[w].Availability {
		for _, name := range p.domains(func(pool int) string { return p.domain(a.Survive, pool) }) {
			in := func(pool int) bool { return p.domain(a.Survive, pool) == name }
			p.row(p.on(w, 1, in), "<=", math.Floor(n*float64(100-a.MinReplicasPercent)/100))
		}
	}
	p.spread(w, n)
	p.clients(w)
	p.moves(w, n)
}

// spotPool is the instance type and the zone of spot machines; empty for others.
func (p *program) spotPool(pool int) string {
	class := p.snapshot.Pools[pool].Class
	if !class.Spot() {
		return ""
	}
	return class.InstanceType + " in " + class.Location.String()
}

// price is the bill of one replica on a pool, moves apart.
func (p *program) price(w, pool int) engine.Bill {
	decisions := make([][]engine.Decision, len(p.snapshot.Workloads))
	decisions[w] = []engine.Decision{{Pool: pool, Replicas: 1}}
	bill := verify.Bill(p.snapshot, decisions, engine.Options{})
	bill.Disruption = 0
	return bill
}

// domains lists the names that pools have.
func (p *program) domains(of func(pool int) string) []string {
	var out []string
	for pool := range p.snapshot.Pools {
		if name := of(pool); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// spread limits shares, numbers of domains, and skews.
func (p *program) spread(w int, n float64) {
	for s, rule := range p.rules(w).Spread {
		most, need := max(1, math.Floor(n*float64(rule.MaxSharePercent)/100)), min(float64(rule.MinDomains), n)
		var used []string
		limit := func(id string, terms []string) {
			p.row(terms, "<=", most)
			z := fmt.Sprintf("z_%d_%d_%s", w, s, id)
			p.binary, used = append(p.binary, z), append(used, term(1, z))
			p.row(append([]string{term(-1, z)}, terms...), ">=", 0)
		}
		if rule.TopologyKey == corev1.LabelHostname {
			if rule.MaxSkew > 0 {
				most = min(most, float64(rule.MaxSkew))
			}
			for pool := range p.snapshot.Pools {
				for node := range p.nodes(pool) {
					if verify.Eligible(p.snapshot, w, pool) {
						limit(fmt.Sprintf("%d_%d", pool, node), []string{term(1, replicas(w, pool, node))})
					}
				}
			}
			p.row(used, ">=", need)
			continue
		}
		label := func(pool int) string { return p.snapshot.Pools[pool].Class.Labels[rule.TopologyKey] }
		var sums, negative [][]string
		for k, name := range p.domains(label) {
			in := func(pool int) bool { return label(pool) == name }
			if terms := p.on(w, 1, in); len(terms) > 0 {
				limit(fmt.Sprint(k), terms)
				sums, negative = append(sums, terms), append(negative, p.on(w, -1, in))
			}
		}
		p.row(used, ">=", need)
		for a := range sums {
			for b := range sums {
				if a != b && rule.MaxSkew > 0 {
					p.row(append(slices.Clone(sums[a]), negative[b]...), "<=", float64(rule.MaxSkew))
				}
			}
		}
	}
}

// clients makes 95 % of the clients of each limit have a replica in time.
func (p *program) clients(w int) {
	for l, limit := range p.rules(w).Latency {
		var reached []string
		total := 0.0
		for k, population := range limit.Populations {
			c := fmt.Sprintf("c_%d_%d_%d", w, l, k)
			p.binary = append(p.binary, c)
			reached = append(reached, term(float64(population.SharePercent), c))
			total += float64(population.SharePercent)
			near := p.on(w, 1, func(pool int) bool {
				trip := p.snapshot.RoundTrips.FromClient(population.Client, p.snapshot.Pools[pool].Class.Place)
				return trip.OrInfinite() <= limit.MaxMilliseconds && !(limit.Measured && trip.Basis == latency.BasisEstimate)
			})
			p.row(append([]string{term(-1, c)}, near...), ">=", 0)
		}
		p.row(reached, ">=", total*0.95)
	}
}

// moves prices replicas that run now and leave their pool: at least as many as are wanted still and stay on none.
func (p *program) moves(w int, n float64) {
	current := map[int]float64{}
	running := 0.0
	for _, c := range p.snapshot.Workloads[w].Current {
		current[c.Pool] += float64(c.Replicas)
		running += float64(c.Replicas)
	}
	moved := fmt.Sprintf("m_%d", w)
	terms := []string{term(1, moved)}
	for pool := range p.snapshot.Pools {
		if current[pool] > 0 {
			stay := fmt.Sprintf("s_%d_%d", w, pool)
			terms = append(terms, term(1, stay))
			p.row([]string{term(1, stay)}, "<=", current[pool])
			p.row(append([]string{term(1, stay)}, p.on(w, -1, func(i int) bool { return i == pool })...), "<=", 0)
		}
	}
	p.row(terms, ">=", min(running, n))
	p.objective = append(p.objective, term(engine.DefaultRestartUSD/engine.PaybackHours, moved))
}

// capacity limits what is on every node of the pools that a filter names; more are further terms by node.
func (p *program) capacity(filter func(pool int) bool, more func(w, pool, node int) string) {
	for i := range p.snapshot.Pools {
		pool := &p.snapshot.Pools[i]
		for node := range p.nodes(i) {
			if !filter(i) {
				continue
			}
			size := pool.Allocatable
			size.MilliCPU -= min(pool.Daemons.MilliCPU, size.MilliCPU)
			size.MemoryBytes -= min(pool.Daemons.MemoryBytes, size.MemoryBytes)
			size.GPUs -= min(pool.Daemons.GPUs, size.GPUs)
			if node < len(pool.Nodes) {
				size = pool.Nodes[node].Free
			}
			amounts := func(r *engine.Resources) [3]int64 { return [3]int64{r.MilliCPU, r.MemoryBytes >> 20, r.GPUs} }
			for d, have := range amounts(&size) {
				var terms []string
				for w := range p.snapshot.Workloads {
					want := float64(amounts(&p.snapshot.Workloads[w].Request)[d])
					if want == 0 || !verify.Eligible(p.snapshot, w, i) {
						continue
					}
					terms = append(terms, term(want, replicas(w, i, node)))
					if more != nil {
						if extra := more(w, i, node); extra != "" {
							terms = append(terms, term(want, extra))
						}
					}
				}
				if len(terms) > 0 {
					p.row(terms, "<=", float64(have))
				}
			}
		}
	}
}

// machines prices every machine that holds a replica, less those that commitments cover.
func (p *program) machines() {
	price := func(pool int) float64 {
		if in := &p.snapshot.Pools[pool]; !in.Sunk {
			return in.Price.USD
		}
		return 0
	}
	used := func(pool, node int) string { return fmt.Sprintf("u_%d_%d", pool, node) }
	for pool := range p.snapshot.Pools {
		if price(pool) == 0 {
			continue
		}
		for node := range p.nodes(pool) {
			u := used(pool, node)
			p.binary = append(p.binary, u)
			p.objective = append(p.objective, term(price(pool), u))
			for w := range p.snapshot.Workloads {
				if verify.Eligible(p.snapshot, w, pool) {
					p.row([]string{term(1, replicas(w, pool, node)), term(-float64(p.snapshot.Workloads[w].Replicas), u)}, "<=", 0)
				}
			}
			if node > len(p.snapshot.Pools[pool].Nodes) { // added ones are alike: they are used in order
				p.row([]string{term(1, u), term(-1, used(pool, node-1))}, "<=", 0)
			}
		}
	}
	covered := map[int][]string{}
	for k, c := range p.snapshot.Commitments {
		var all []string
		for _, pool := range c.Pools {
			if price(pool) == 0 {
				continue
			}
			v := fmt.Sprintf("v_%d_%d", k, pool)
			p.objective = append(p.objective, term(-price(pool), v))
			all, covered[pool] = append(all, term(1, v)), append(covered[pool], term(1, v))
		}
		p.row(all, "<=", float64(c.Nodes))
	}
	for pool := range p.snapshot.Pools {
		if terms := covered[pool]; len(terms) > 0 {
			for node := range p.nodes(pool) {
				terms = append(terms, term(-1, used(pool, node)))
			}
			p.row(terms, "<=", 0)
		}
	}
}

// domain is the place of a kind that a pool is in, empty where it is not known.
func (p *program) domain(kind location.DomainKind, pool int) string {
	domain, known := p.snapshot.Pools[pool].Domain(kind)
	if !known {
		return ""
	}
	return domain.String()
}

// losses makes room for what would be lost with each domain.
func (p *program) losses() {
	for _, kind := range []location.DomainKind{location.DomainCloud, location.DomainRegion, location.DomainZone, location.DomainCluster} {
		of := func(pool int) string { return p.domain(kind, pool) }
		survives := func(w int) bool {
			return slices.ContainsFunc(p.snapshot.Workloads[w].Availability, func(a policy.Availability) bool { return a.Survive == kind })
		}
		for k, name := range p.domains(of) {
			inside, outside := func(pool int) bool { return of(pool) == name }, func(pool int) bool { return of(pool) != name }
			refuge := func(w, pool, node int) string {
				if !survives(w) {
					return ""
				}
				return fmt.Sprintf("l_%s_%d_%d_%d_%d", kind, k, w, pool, node)
			}
			lost := false
			for w := range p.snapshot.Workloads {
				if !survives(w) {
					continue
				}
				lost = true
				terms := p.on(w, 1, inside)
				for pool := range p.snapshot.Pools {
					if outside(pool) && verify.Eligible(p.snapshot, w, pool) {
						for node := range p.nodes(pool) {
							terms = append(terms, term(-1, refuge(w, pool, node)))
							p.whole = append(p.whole, refuge(w, pool, node))
						}
					}
				}
				if len(terms) > 0 {
					p.row(terms, "<=", 0)
				}
			}
			if lost {
				p.capacity(outside, refuge)
			}
		}
	}
}
