package enginetest

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// service is one workload of an application: what it asks for, and which of the services before it call it, how often for each
// call that the caller itself gets.
type service struct {
	name     string
	replicas int
	request  engine.Resources
	calledBy []callFrom
}

type callFrom struct {
	caller int
	factor float64
}

// clientRequests are the requests a second that an application gets from its clients.
const clientRequests = 60

// Application draws an application of microservices on few nodes of several clouds: 20 to 50 services, of which a few are called by
// many (hubs), some call many (fan-out), and some call one after the other (chains). Calls, capacity and rules bind.
func (w *World) Application(random *rand.Rand) *engine.Snapshot {
	services := []service{{name: "frontend", replicas: 2 + random.IntN(3), request: w.small(random)}}
	count := 20 + random.IntN(31)
	hubs := 1 + random.IntN(3)
	for i := 1; i < count; i++ {
		s := service{name: fmt.Sprintf("s%d", i), replicas: 1 + random.IntN(3), request: w.small(random)}
		parent := 0
		switch random.IntN(5) {
		case 0, 1: // a chain: the last one calls it
			parent = i - 1
		case 2: // fan-out: one that calls several already
			parent = random.IntN(1 + i/6)
		default:
			parent = random.IntN(i)
		}
		s.calledBy = append(s.calledBy, callFrom{parent, 0.2 + random.Float64()})
		if i >= count-hubs { // a hub: a database, a cache, a broker
			for caller := 1; caller < i; caller++ {
				if caller != parent && random.IntN(4) == 0 {
					s.calledBy = append(s.calledBy, callFrom{caller, 0.2 + 1.5*random.Float64()})
				}
			}
		} else if random.IntN(5) == 0 {
			if other := random.IntN(i); other != parent {
				s.calledBy = append(s.calledBy, callFrom{other, 0.1 + 0.5*random.Float64()})
			}
		}
		services = append(services, s)
	}
	return w.run(random, services)
}

// small draws a request as services have them.
func (w *World) small(random *rand.Rand) engine.Resources {
	return engine.Resources{
		MilliCPU: pick[int64](random, 50, 100, 100, 200, 250, 500, 500, 1000), MemoryBytes: pick[int64](random, 64, 128, 128, 256, 512, 1024, 2048) << 20,
	}
}

// OnlineBoutique is Google's demonstration of microservices with the requests of its public manifests, and its calls, on nodes and
// under rules that are drawn.
func (w *World) OnlineBoutique(random *rand.Rand) *engine.Snapshot {
	of := func(name string, replicas int, milliCPU, mebibytes int64, calledBy ...callFrom) service {
		return service{name, replicas, engine.Resources{MilliCPU: milliCPU, MemoryBytes: mebibytes << 20}, calledBy}
	}
	const frontend, checkout, recommendation, cart = 0, 1, 2, 3
	return w.run(random, []service{
		of("frontend", 3, 100, 64),
		of("checkoutservice", 2, 100, 64, callFrom{frontend, 0.05}),
		of("recommendationservice", 2, 100, 220, callFrom{frontend, 0.7}),
		of("cartservice", 2, 200, 64, callFrom{frontend, 1}, callFrom{checkout, 2}),
		of("productcatalogservice", 2, 100, 64, callFrom{frontend, 3}, callFrom{recommendation, 1}, callFrom{checkout, 1.5}),
		of("currencyservice", 2, 100, 64, callFrom{frontend, 4}, callFrom{checkout, 2}),
		of("shippingservice", 1, 100, 64, callFrom{frontend, 0.3}, callFrom{checkout, 2}),
		of("paymentservice", 1, 100, 64, callFrom{checkout, 1}),
		of("emailservice", 1, 100, 64, callFrom{checkout, 1}),
		of("adservice", 2, 200, 180, callFrom{frontend, 0.8}),
		of("redis-cart", 1, 70, 200, callFrom{cart, 1}),
	})
}

// run makes a snapshot of services: calls, rules, and pools of which one place's hold nearly what is asked for, or little more.
func (w *World) run(random *rand.Rand, services []service) *engine.Snapshot {
	out := &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}
	optimize := pick(random, v1alpha1.OptimizeForCost, v1alpha1.OptimizeForBalanced, v1alpha1.OptimizeForBalanced, v1alpha1.OptimizeForLatency)
	plain := w.Rules(v1alpha1.PolicySpec{OptimizeFor: optimize})
	asked, gets := engine.Resources{}, make([]float64, len(services))
	gets[0] = clientRequests
	for i, s := range services {
		in := engine.Workload{Namespace: "shop", Name: s.name, Kind: "Deployment", Replicas: s.replicas, Request: s.request, Rules: plain}
		if i == 0 || random.IntN(4) == 0 {
			w.ruleService(random, &in, i == 0, optimize)
		}
		for _, from := range s.calledBy {
			rate := gets[from.caller] * from.factor
			gets[i] += rate
			call := engine.Call{
				To: workload.Key{Name: s.name}, RequestsPerSecond: rate, BytesPerRequest: float64(500 + random.IntN(20000)),
			}
			if random.IntN(8) == 0 {
				call.MaxMilliseconds = float64(5 + random.IntN(60))
			}
			out.Workloads[from.caller].Calls = append(out.Workloads[from.caller].Calls, call)
		}
		asked.MilliCPU += s.request.MilliCPU * int64(s.replicas)
		asked.MemoryBytes += s.request.MemoryBytes * int64(s.replicas)
		out.Workloads = append(out.Workloads, in)
	}
	w.host(random, out, asked)
	return out
}

// ruleService gives a service rules of its own; the first one has clients.
func (w *World) ruleService(random *rand.Rand, in *engine.Workload, first bool, optimize v1alpha1.OptimizeFor) {
	spec := v1alpha1.PolicySpec{OptimizeFor: optimize}
	if first {
		spec.Latency = &v1alpha1.Latency{
			Clients:           []v1alpha1.Client{{Location: "DE", SharePercent: 60}, {Location: "US", SharePercent: 40}},
			RequestsPerSecond: ptr.To(int64(clientRequests)),
		}
		in.ClientBytesPerRequest = 20000
	}
	switch random.IntN(6) {
	case 0:
		spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	case 1:
		spec.Spread = []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MinDomains: ptr.To(int32(2))}}
		in.Replicas = max(in.Replicas, 2)
	case 2:
		spec.Spread = []v1alpha1.Spread{{TopologyKey: corev1.LabelTopologyRegion, MaxSharePercent: ptr.To(int32(50))}}
		in.Replicas = max(in.Replicas, 2)
	case 3:
		spec.Cost = &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: int32(50 * random.IntN(2)), Fallback: v1alpha1.SpotFallbackOnDemand}}
	case 4:
		in.Availability = []policy.Availability{{Survive: location.DomainCloud, MinReplicasPercent: 50}}
		in.Replicas = max(in.Replicas, 2)
	}
	in.Rules = w.Rules(spec)
}

// host adds pools of real instance types, each of one node, on which no more than a part of the services has room.
func (w *World) host(random *rand.Rand, out *engine.Snapshot, asked engine.Resources) {
	places := [][3]string{
		{"aws", "eu-west-1", "eu-west-1a"}, {"aws", "eu-central-1", "eu-central-1a"}, {"aws", "us-east-1", "us-east-1a"},
		{"gcp", "europe-west1", "europe-west1-b"}, {"gcp", "us-central1", "us-central1-a"}, {"gcp", "europe-west4", "europe-west4-a"},
		{"azure", "westeurope", "1"}, {"azure", "northeurope", "1"}, {"azure", "eastus", "1"},
	}
	types := map[string][]string{
		"aws":   {"m5.xlarge", "m5.2xlarge", "c5.2xlarge", "r5.xlarge"},
		"gcp":   {"n2-standard-4", "n2-standard-8", "e2-standard-8", "n2-highmem-4"},
		"azure": {"Standard_D4s_v5", "Standard_D8s_v5", "Standard_E4s_v5"},
	}
	random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	places = places[:4+random.IntN(4)]
	const system = 400 // millicores of daemons on a node
	// As clusters have it, one place is the main one: it holds nearly all, or somewhat more.
	slack := 0.9 + 0.8*random.Float64()
	var have engine.Resources // there
	for i := 0; i < len(places) || float64(have.MilliCPU) < slack*float64(asked.MilliCPU) || float64(have.MemoryBytes) < slack*float64(asked.MemoryBytes); i++ {
		main := i == 0 || i >= len(places)
		at := places[0]
		if !main {
			at = places[i]
		}
		kind := pick(random, types[at[0]]...)
		capacity := pick(random, v1alpha1.CapacityOnDemand, v1alpha1.CapacityOnDemand, v1alpha1.CapacitySpot)
		size, known := w.Catalog.Instance(at[0], at[1], kind)
		price := w.Catalog.Hourly(at[0], at[1], kind, capacity)
		if !known || !price.Known {
			capacity, price = v1alpha1.CapacityOnDemand, w.Catalog.Hourly(at[0], at[1], kind, v1alpha1.CapacityOnDemand)
		}
		if !known || !price.Known {
			size, price = pricing.Instance{MilliCPU: 4000, MemoryBytes: 16 << 30}, pricing.Price{USD: 0.2, Known: true}
		}
		class := w.Class(at[0], at[1], at[2], kind, capacity)
		allocatable := engine.Resources{MilliCPU: size.MilliCPU - system, MemoryBytes: size.MemoryBytes / 100 * 90}
		pool := engine.Pool{
			Cluster: at[0], Name: fmt.Sprintf("p%d", i), Class: class, Labels: class.Labels, Price: price, Allocatable: allocatable,
			Interruption: engine.Interruption{MonthlyPercent: float64(5 + random.IntN(15)), Known: true},
		}
		pool.Nodes = []engine.Node{{Name: fmt.Sprintf("n%d", i), Free: allocatable}}
		if main {
			have.MilliCPU += allocatable.MilliCPU
			have.MemoryBytes += allocatable.MemoryBytes
		}
		out.Pools = append(out.Pools, pool)
	}
}
