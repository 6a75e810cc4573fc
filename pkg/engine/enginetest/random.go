package enginetest

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Random draws a snapshot small enough for an exact solver, on few nodes, so that rules and capacity bind: every kind of rule
// but calls and volumes.
func (w *World) Random(random *rand.Rand) *engine.Snapshot {
	out := &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}
	pools := 3 + random.IntN(6)
	for i := range pools {
		out.Pools = append(out.Pools, w.randomPool(random, i))
		out.Pools[i].Sunk = i%4 == 3
	}
	out.Pools[2].Price = out.Pools[0].Price // a commitment is of one type of machine
	out.Commitments = []engine.Commitment{{Pools: []int{0, 2}, Nodes: 2}}
	for i := range 2 + random.IntN(9) {
		out.Workloads = append(out.Workloads, w.randomWorkload(random, i, pools))
	}
	return out
}

func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

func (w *World) randomPool(random *rand.Rand, i int) engine.Pool {
	at := pick(random, [3]string{"aws", "eu-west-1", "eu-west-1a"}, [3]string{"aws", "eu-west-1", "eu-west-1b"},
		[3]string{"aws", "us-east-1", "us-east-1a"}, [3]string{"gcp", "europe-west1", "europe-west1-b"},
		[3]string{"gcp", "us-central1", "us-central1-a"}, [3]string{"azure", "westeurope", "1"})
	capacity := pick(random, v1alpha1.CapacityOnDemand, v1alpha1.CapacityOnDemand, v1alpha1.CapacitySpot)
	class := w.Class(at[0], at[1], at[2], [...]string{"test.large", "test.large", "test.xlarge"}[i%3], capacity)
	size := engine.Resources{
		MilliCPU: pick[int64](random, 4000, 8000, 16000), MemoryBytes: pick[int64](random, 8, 16, 32) << 30, GPUs: pick[int64](random, 0, 0, 2),
	}
	pool := engine.Pool{
		Cluster: pick(random, "a", "b"), Name: fmt.Sprintf("p%d", i), Class: class, Labels: class.Labels, Allocatable: size,
		Price:        pricing.Price{USD: float64(5+random.IntN(56)) / 100, Known: true},
		Interruption: engine.Interruption{MonthlyPercent: float64(random.IntN(31)), Known: random.IntN(2) == 0},
	}
	for j := range random.IntN(4) {
		free := size
		free.MilliCPU -= int64(500 * random.IntN(4))
		pool.Nodes = append(pool.Nodes, engine.Node{Name: fmt.Sprintf("n%d", j), Free: free})
	}
	pool.MaxNodes = 2 + random.IntN(5)
	return pool
}

func (w *World) randomWorkload(random *rand.Rand, i, pools int) engine.Workload {
	out := engine.Workload{
		Namespace: "shop", Name: fmt.Sprintf("w%d", i), Kind: "Deployment", Replicas: 1 + random.IntN(5),
		Request: engine.Resources{
			MilliCPU: int64(250 * (1 + random.IntN(12))), MemoryBytes: int64(random.IntN(5)) << 30, GPUs: pick[int64](random, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
		},
	}
	if random.IntN(3) > 0 {
		out.Rules = w.Rules(randomPolicy(random))
		out.ClientBytesPerRequest = pick(random, 0.0, 1000)
	}
	if random.IntN(6) == 0 {
		out.Availability = []policy.Availability{{
			Survive:            pick(random, location.DomainCloud, location.DomainRegion, location.DomainZone, location.DomainCluster),
			MinReplicasPercent: pick(random, 0, 25, 50),
		}}
	}
	if i%6 == 0 { // drawn by the index, so that older seeds draw what they drew
		out.PreferredNodes = []corev1.PreferredSchedulingTerm{{Weight: int32(1 + i*37%100), Preference: corev1.NodeSelectorTerm{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: v1alpha1.LabelCloud, Operator: corev1.NodeSelectorOpIn, Values: []string{"gcp"}}},
		}}}
	}
	for range random.IntN(3) {
		out.Current = append(out.Current, engine.PoolReplicas{Pool: random.IntN(pools), Replicas: random.IntN(3)})
	}
	return out
}

func randomPolicy(random *rand.Rand) v1alpha1.PolicySpec {
	var spec v1alpha1.PolicySpec
	one := func(in int) bool { return random.IntN(in) == 0 }
	if one(4) {
		spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	}
	if one(5) {
		spec.Locations = &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{
			{Key: v1alpha1.LabelCloud, Operator: "NotIn", Values: []string{"azure"}}}}
	}
	for _, key := range []string{v1alpha1.LabelCloud, corev1.LabelTopologyZone, corev1.LabelHostname} {
		if !one(4) {
			continue
		}
		rule := v1alpha1.Spread{TopologyKey: key, MinDomains: ptr.To(int32(1 + random.IntN(3))), MaxSharePercent: ptr.To(int32(30 + random.IntN(71)))}
		if one(2) {
			rule.MaxSkew = ptr.To(int32(1 + random.IntN(3)))
		}
		spec.Spread = append(spec.Spread, rule)
	}
	if one(3) {
		spec.Latency = &v1alpha1.Latency{Clients: []v1alpha1.Client{{Location: "DE", SharePercent: 70}, {Location: "US", SharePercent: 30}}}
		if one(2) {
			most := int32(20 + random.IntN(131))
			spec.Latency.MaxMilliseconds = &most
			if most%3 == 0 {
				spec.Latency.Figures = v1alpha1.LatencyFiguresMeasured
			}
		}
	}
	if one(3) {
		most := int32(random.IntN(101))
		spec.Cost = &v1alpha1.Cost{Spot: &v1alpha1.Spot{
			MaxPercent: most, Fallback: pick(random, v1alpha1.SpotFallbackOnDemand, v1alpha1.SpotFallbackWait),
		}}
		if most%4 > 0 {
			spec.Cost.Spot.MaxPoolSharePercent = ptr.To(1 + most*most%97)
		}
		if one(2) {
			spec.Cost.MaxHourlyUSD = ptr.To(resource.MustParse("1"))
		}
	}
	return spec
}
