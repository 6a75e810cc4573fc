package engine_test

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

type randomPlace struct{ cloud, region, zone string }

// randomPlaces are where random pools are; the last but one is no cloud whose round trips were measured, the last one is nowhere known.
var randomPlaces = []randomPlace{
	{"aws", "eu-west-1", "eu-west-1a"}, {"aws", "eu-west-1", "eu-west-1b"}, {"aws", "us-east-1", "us-east-1a"},
	{"gcp", "europe-west1", "europe-west1-b"}, {"gcp", "us-central1", "us-central1-a"}, {"azure", "westeurope", "1"},
	{"scaleway", "fr-par", "fr-par-1"}, {"acme", "lux", ""},
}

// bounds limit the size of a random snapshot.
type bounds struct {
	pools, nodes, workloads, replicas int
	calls, survive, pins, current     bool
	pods                              bool          // rules of pods, and host ports
	wishes                            bool          // replicas that prefer to be apart
	spreadless                        bool          // none of these is a topology spread constraint, and no policy limits a skew
	places                            []randomPlace // where pools are; randomPlaces for none
}

// randomSnapshot draws a snapshot with every kind of rule, on few small nodes, so that rules bind.
func randomSnapshot(t *rapid.T, b bounds) *engine.Snapshot {
	w := newWorld(t)
	out := &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}
	for i := range rapid.IntRange(1, b.pools).Draw(t, "pools") {
		out.Pools = append(out.Pools, randomPool(t, w, i, b))
	}
	for i := range rapid.IntRange(1, b.workloads).Draw(t, "workloads") {
		out.Workloads = append(out.Workloads, randomWorkload(t, w, out, i, b))
	}
	return out
}

func randomPool(t *rapid.T, w *enginetest.World, i int, b bounds) engine.Pool {
	places := b.places
	if len(places) == 0 {
		places = randomPlaces
	}
	at := rapid.SampledFrom(places).Draw(t, "place")
	capacity := rapid.SampledFrom([]v1alpha1.CapacityType{"on-demand", "on-demand", "spot", ""}).Draw(t, "capacity")
	kind := rapid.SampledFrom([]string{"test.large", "test.large", "test.xlarge"}).Draw(t, "type")
	class := w.Class(at.cloud, at.region, at.zone, kind, capacity)
	size := engine.Resources{
		MilliCPU: int64(rapid.SampledFrom([]int{2000, 4000, 8000}).Draw(t, "cpu")), MemoryBytes: int64(rapid.SampledFrom([]int{4, 8, 16}).Draw(t, "memory")) << 30,
		GPUs: int64(rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(t, "gpus")), Extended: map[string]int64{"pods": 6},
	}
	pool := engine.Pool{
		Cluster: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "cluster"), Name: fmt.Sprintf("p%d", i), Class: class, Labels: class.Labels, Allocatable: size,
		Price: pricing.Price{USD: float64(rapid.IntRange(5, 60).Draw(t, "cents")) / 100, Known: rapid.IntRange(0, 9).Draw(t, "priced") > 0},
	}
	if rapid.IntRange(0, 3).Draw(t, "daemons") == 0 {
		pool.Daemons = engine.Resources{MilliCPU: 700, MemoryBytes: 1 << 29, Extended: map[string]int64{"pods": 2}}
	}
	for j := range rapid.IntRange(0, b.nodes).Draw(t, "nodes") {
		free := size
		free.MilliCPU = max(0, free.MilliCPU-int64(500*rapid.IntRange(0, 3).Draw(t, "used")))
		pool.Nodes = append(pool.Nodes, engine.Node{Name: fmt.Sprintf("n%d", j), Free: free})
	}
	pool.MaxNodes = rapid.IntRange(0, b.nodes+1).Draw(t, "maxNodes")
	if b.pods && rapid.IntRange(0, 5).Draw(t, "cordoned") == 0 {
		pool.Closed = rapid.IntRange(1, 2).Draw(t, "closed")
	}
	if b.pods && len(pool.Nodes) > 0 && rapid.IntRange(0, 5).Draw(t, "taken") == 0 {
		pool.Nodes[0].HostPorts = []engine.HostPort{randomPort}
	}
	if rapid.IntRange(0, 5).Draw(t, "tainted") == 0 {
		pool.Taints = []corev1.Taint{{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule}}
	}
	pool.Interruption = engine.Interruption{MonthlyPercent: float64(rapid.IntRange(0, 30).Draw(t, "interruption")), Known: rapid.Bool().Draw(t, "known")}
	return pool
}

func randomWorkload(t *rapid.T, w *enginetest.World, s *engine.Snapshot, i int, b bounds) engine.Workload {
	out := engine.Workload{
		Namespace: rapid.SampledFrom([]string{"shop", "shop", "others"}).Draw(t, "namespace"), Name: fmt.Sprintf("w%d", i), Kind: "Deployment", Replicas: rapid.IntRange(0, b.replicas).Draw(t, "replicas"),
		Request: engine.Resources{
			MilliCPU: int64(250 * rapid.IntRange(0, 10).Draw(t, "request")), MemoryBytes: int64(rapid.IntRange(0, 4).Draw(t, "gib")) << 30,
			GPUs: int64(rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(t, "gpu")), Extended: map[string]int64{"pods": 1},
		},
	}
	out.Priority = int32(rapid.SampledFrom([]int{0, 0, 0, 1000}).Draw(t, "priority"))
	if rapid.IntRange(0, 4).Draw(t, "refused") == 0 {
		out.Refused, out.RefusedBy = rapid.IntRange(0, out.Replicas).Draw(t, "of"), "the quota is used up"
	}
	if rapid.IntRange(0, 3).Draw(t, "policy") > 0 {
		spec := randomPolicy(t)
		for k := range spec.Spread {
			if b.spreadless {
				spec.Spread[k].MaxSkew = nil
			}
		}
		out.Rules = w.Rules(spec)
		out.ClientBytesPerRequest = float64(rapid.SampledFrom([]int{0, 1000}).Draw(t, "bytes"))
	}
	if rapid.Bool().Draw(t, "tolerates") {
		out.Tolerations = []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}}
	}
	if rapid.IntRange(0, 9).Draw(t, "selects") == 0 {
		out.NodeSelector = map[string]string{v1alpha1.LabelCloud: "aws"}
	}
	for b.survive && rapid.IntRange(0, 2).Draw(t, "survives") == 0 {
		out.Availability = append(out.Availability, policy.Availability{
			Survive:            rapid.SampledFrom([]location.DomainKind{location.DomainCloud, location.DomainRegion, location.DomainZone, location.DomainCluster}).Draw(t, "domain"),
			MinReplicasPercent: rapid.SampledFrom([]int{0, 1, 25, 50, 75}).Draw(t, "percent"),
		})
	}
	if b.current && rapid.Bool().Draw(t, "runs") {
		for range rapid.IntRange(1, 2).Draw(t, "places") {
			out.Current = append(out.Current, engine.PoolReplicas{
				Pool: rapid.IntRange(0, len(s.Pools)-1).Draw(t, "pool"), Replicas: rapid.IntRange(0, 2).Draw(t, "running"),
			})
		}
	}
	if b.pins && rapid.IntRange(0, 4).Draw(t, "pinned") == 0 {
		out.Pins = []engine.Pin{{Replicas: min(1, out.Replicas), Pools: poolsNear(t, s)}}
		if rapid.IntRange(0, 3).Draw(t, "attachable") == 0 {
			out.Attachable = slices.Sorted(slices.Values(append(poolsNear(t, s), out.Pins[0].Pools...)))
			out.Attachable = slices.Compact(out.Attachable)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "calls") {
		if b.calls {
			out.Calls = append(out.Calls, engine.Call{
				To: workload.Key{Namespace: rapid.SampledFrom([]string{"", "shop"}).Draw(t, "to"), Name: fmt.Sprintf("w%d", rapid.IntRange(0, b.workloads).Draw(t, "callee"))}, RequestsPerSecond: float64(rapid.IntRange(0, 200).Draw(t, "rps")),
				BytesPerRequest: 10000, MaxMilliseconds: float64(rapid.SampledFrom([]int{0, 0, 0, 30, 120}).Draw(t, "limit")),
				CallerOnly: rapid.IntRange(0, 2).Draw(t, "alone") == 0, Measured: rapid.Bool().Draw(t, "measured"),
			})
		}
	}
	if b.wishes && rapid.IntRange(0, 2).Draw(t, "wishes") == 0 {
		for range rapid.IntRange(1, 2).Draw(t, "wished") {
			out.PreferredSpread = append(out.PreferredSpread, engine.PreferredSpread{
				TopologyKey: rapid.SampledFrom(podKeys).Draw(t, "wished key"),
				Weight:      int32(rapid.SampledFrom([]int{1, 10, 50, 100}).Draw(t, "weight")), MaxSkew: rapid.IntRange(0, 2).Draw(t, "free"),
			})
		}
	}
	if b.pods {
		randomPods(t, &out, s, i, b)
	}
	return out
}

// poolsNear are the pools in the region of one of them, to which a volume could be attached.
func poolsNear(t *rapid.T, s *engine.Snapshot) []int {
	var out []int
	at := s.Pools[rapid.IntRange(0, len(s.Pools)-1).Draw(t, "pool")].Class.Location
	for k := range s.Pools {
		if l := s.Pools[k].Class.Location; l.Cloud == at.Cloud && l.Region == at.Region {
			out = append(out, k)
		}
	}
	return out
}

func randomPolicy(t *rapid.T) v1alpha1.PolicySpec {
	var spec v1alpha1.PolicySpec
	one := func(name string, in int) bool { return rapid.IntRange(1, in).Draw(t, name) == 1 }
	if one("residency", 4) {
		spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
	}
	if one("location", 6) {
		spec.Locations = &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{{Key: v1alpha1.LabelCloud, Operator: "NotIn", Values: []string{"azure"}}}}
	}
	if one("preference", 4) {
		spec.Locations = &v1alpha1.Locations{Preferred: []v1alpha1.PreferredLocation{{Weight: 20,
			LabelSelectorRequirement: metav1.LabelSelectorRequirement{Key: v1alpha1.LabelCloud, Operator: "In", Values: []string{"gcp"}}}}}
	}
	for _, key := range []string{v1alpha1.LabelCloud, corev1.LabelTopologyZone, corev1.LabelHostname} {
		if one("spread", 5) {
			rule := v1alpha1.Spread{
				TopologyKey: key, MinDomains: ptr(int32(rapid.IntRange(1, 3).Draw(t, "minDomains"))), MaxSharePercent: ptr(int32(rapid.IntRange(30, 100).Draw(t, "share"))),
			}
			if skew := rapid.IntRange(0, 3).Draw(t, "skew"); skew > 0 {
				rule.MaxSkew = ptr(int32(skew))
			}
			spec.Spread = append(spec.Spread, rule)
		}
	}
	if one("latency", 3) {
		spec.Latency = &v1alpha1.Latency{Clients: []v1alpha1.Client{{Location: "DE", SharePercent: 70}, {Location: "US", SharePercent: 30}}}
		if one("limit", 3) {
			spec.Latency.MaxMilliseconds = ptr(int32(rapid.IntRange(20, 150).Draw(t, "milliseconds")))
			spec.Latency.Figures = rapid.SampledFrom([]v1alpha1.LatencyFigures{"", "Any", "Measured"}).Draw(t, "figures")
		}
	}
	if one("cost", 3) {
		spec.Cost = &v1alpha1.Cost{Spot: &v1alpha1.Spot{
			MaxPercent: int32(rapid.IntRange(0, 100).Draw(t, "spot")), Fallback: rapid.SampledFrom([]v1alpha1.SpotFallback{"OnDemand", "Wait"}).Draw(t, "fallback"),
		}}
		if one("poolShare", 2) {
			spec.Cost.Spot.MaxPoolSharePercent = ptr(int32(rapid.IntRange(1, 100).Draw(t, "ofPool")))
		}
		if one("ceiling", 2) {
			spec.Cost.MaxHourlyUSD = ptr(resource.MustParse("0.3"))
		}
	}
	return spec
}

// byHost says whether a rule spreads over nodes.
func byHost(s policy.Spread) bool { return s.TopologyKey == corev1.LabelHostname }
