package enginetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Size of a production-like snapshot.
type Size struct {
	// Pools and Workloads in all. Calls that each workload makes to others of its application.
	Pools, Workloads, Calls int
	// Share of the CPUs and of the GPUs that the workloads ask for, 0 to 1.
	Share float64
}

// Production is a snapshot of real instance types at real prices, with the requests of the 8,152 pods of a production cluster
// drawn with replacement, as many workloads as wanted. Twelve workloads make an application in a namespace of its own; half of
// the namespaces have a policy. One size gives one snapshot.
func Production(size Size) (*engine.Snapshot, error) {
	w, err := NewWorld()
	if err != nil {
		return nil, err
	}
	shapes, pods, err := readShapes()
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(7, uint64(size.Pools)))
	out := &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}
	var ruled []*rules.Rules
	for _, spec := range policies() {
		ruled = append(ruled, w.Rules(spec))
	}
	var cpu, gpus float64
	var chosen *rules.Rules
	for i := range size.Workloads {
		if i%appSize == 0 {
			chosen = nil
			if p := random.IntN(2 * len(ruled)); p < len(ruled) {
				chosen = ruled[p]
			}
		}
		at, k := random.IntN(pods), 0
		for ; at >= shapes[k].pods; k++ {
			at -= shapes[k].pods
		}
		w := engine.Workload{
			Namespace: "app" + strconv.Itoa(i/appSize), Name: "w" + strconv.Itoa(i), Kind: "Deployment", Rules: chosen,
			Replicas: 1 + int(random.ExpFloat64()*3), Request: shapes[k].request,
		}
		if chosen != nil && len(chosen.Spread) > 0 {
			w.Replicas = max(w.Replicas, 3)
			w.Availability = []policy.Availability{{Survive: location.DomainRegion, MinReplicasPercent: 30}}
		}
		for k := range min(size.Calls, i%appSize) {
			to := i - i%appSize + (random.IntN(i%appSize)+k)%(i%appSize)
			w.Calls = append(w.Calls, engine.Call{
				To: workload.Key{Name: "w" + strconv.Itoa(to)}, RequestsPerSecond: float64(1 + random.IntN(50)),
				BytesPerRequest: float64(500 + random.IntN(20000)),
			})
		}
		cpu += float64(w.Request.MilliCPU) * float64(w.Replicas)
		gpus += float64(w.Request.GPUs) * float64(w.Replicas)
		out.Workloads = append(out.Workloads, w)
	}
	fill(w, out, random, size.Pools, cpu/size.Share, gpus/size.Share)
	return out, nil
}

// appSize is how many workloads an application has: those of Google's Online Boutique, which many measure with.
const appSize = 12

// policies are the kinds that a company of several regions has.
func policies() []v1alpha1.PolicySpec {
	eu := &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	clouds := []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MinDomains: ptr.To(int32(2)), MaxSharePercent: ptr.To(int32(70))}}
	regions := []v1alpha1.Spread{{TopologyKey: corev1.LabelTopologyRegion, MinDomains: ptr.To(int32(3))}}
	even := []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSkew: ptr.To(int32(1))}}
	spot := func(percent int32) *v1alpha1.Cost {
		return &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: percent, Fallback: v1alpha1.SpotFallbackOnDemand}}
	}
	clients := &v1alpha1.Latency{
		Clients:         []v1alpha1.Client{{Location: "DE", SharePercent: 70}, {Location: "FR", SharePercent: 30}},
		MaxMilliseconds: ptr.To(int32(60)), RequestsPerSecond: ptr.To(int64(50)),
	}
	ceiling := resource.MustParse("200")
	locations := func(operator metav1.LabelSelectorOperator, key string, values ...string) metav1.LabelSelectorRequirement {
		return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
	}
	return []v1alpha1.PolicySpec{
		{Residency: eu},
		{Residency: eu, Spread: clouds},
		{Spread: clouds},
		{Spread: regions},
		{Spread: even},
		{Cost: spot(0)},
		{Cost: spot(50)},
		{Spread: clouds, Cost: spot(60)},
		{Latency: clients},
		{Latency: clients, OptimizeFor: v1alpha1.OptimizeForLatency},
		{Residency: eu, Cost: &v1alpha1.Cost{MaxHourlyUSD: &ceiling}},
		{Locations: &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{locations("NotIn", v1alpha1.LabelCloud, "azure")}}},
		{Locations: &v1alpha1.Locations{Preferred: []v1alpha1.PreferredLocation{
			{Weight: 10, LabelSelectorRequirement: locations("In", v1alpha1.LabelCountry, "DE", "FR")},
		}}},
	}
}

// offer is an instance type that can be bought.
type offer struct {
	cloud, region, kind string
	capacity            v1alpha1.CapacityType
	size                pricing.Instance
	price               pricing.Price
}

// offers are the instance types of some regions that hold the larger requests.
func offers(w *World) (general, accelerated []offer) {
	for _, place := range []string{
		"aws/eu-west-1", "aws/eu-central-1", "aws/us-east-1", "aws/us-west-2", "aws/ap-southeast-1", "gcp/europe-west1", "gcp/europe-west4",
		"gcp/us-central1", "gcp/us-east1", "azure/westeurope", "azure/northeurope", "azure/eastus", "azure/germanywestcentral",
	} {
		cloud, region, _ := strings.Cut(place, "/")
		for _, kind := range w.Catalog.Types(cloud, region) {
			size, ok := w.Catalog.Instance(cloud, region, kind)
			if !ok || size.MilliCPU < 16000 || size.MilliCPU > 200000 || size.MemoryBytes < 64<<30 {
				continue
			}
			for _, capacity := range []v1alpha1.CapacityType{v1alpha1.CapacityOnDemand, v1alpha1.CapacitySpot} {
				price := w.Catalog.Hourly(cloud, region, kind, capacity)
				o := offer{cloud, region, kind, capacity, size, price}
				switch {
				case !price.Known:
				case size.GPUs > 0:
					accelerated = append(accelerated, o)
				default:
					general = append(general, o)
				}
			}
		}
	}
	return general, accelerated
}

// fill adds pools with this many millicores and GPUs in all, half of them accelerated, a third of the nodes to be added by an
// autoscaler.
func fill(w *World, out *engine.Snapshot, random *rand.Rand, pools int, cpu, gpus float64) {
	general, accelerated := offers(w)
	for i := range pools {
		list := general
		if i%2 == 1 {
			list = accelerated
		}
		o := list[random.IntN(len(list))]
		want, have := cpu/float64(pools/2), float64(o.size.MilliCPU)
		if i%2 == 1 {
			want, have = gpus/float64(pools/2), float64(o.size.GPUs)
		}
		zone := o.region + string(rune('a'+random.IntN(3)))
		class := w.Class(o.cloud, o.region, zone, o.kind, o.capacity)
		nodes := max(int(want/have*(0.5+random.Float64())), 1)
		allocatable := engine.Resources{
			MilliCPU: o.size.MilliCPU - 100, MemoryBytes: o.size.MemoryBytes / 100 * 95, GPUs: int64(o.size.GPUs),
		}
		pool := engine.Pool{
			Cluster: "c" + o.cloud, Name: "pool-" + strconv.Itoa(i), Class: class, Labels: class.Labels, Price: o.price,
			Allocatable: allocatable, MaxNodes: nodes,
		}
		for j := range nodes * 2 / 3 {
			pool.Nodes = append(pool.Nodes, engine.Node{Name: fmt.Sprintf("n%d-%d", i, j), Free: allocatable})
		}
		low, high, known := w.Catalog.Interruption(o.cloud, o.region, o.kind)
		pool.Interruption = engine.Interruption{MonthlyPercent: (low + high) / 2, Known: known}
		out.Pools = append(out.Pools, pool)
	}
	slices.SortStableFunc(out.Pools, func(a, b engine.Pool) int { return cmp.Compare(a.Class.ID, b.Class.ID) })
}
