package planning

import (
	"fmt"
	"math"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
)

// editor is what the editor of one namespace has made.
type editor struct {
	policies  []*v1alpha1.PlacementPolicy
	workloads []Workload
}

func (e *editor) policy(selector metav1.LabelSelector, change func(*v1alpha1.PolicySpec)) {
	name := fmt.Sprintf("p%d", len(e.policies))
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
	object.Spec.WorkloadSelector = selector
	change(&object.Spec)
	e.policies = append(e.policies, object)
}

func (e *editor) deploy(count int, change func(i int, w *Workload)) {
	for i := range count {
		w := deployment(fmt.Sprintf("w%d", len(e.workloads)), 2, "100m", "128Mi")
		if change != nil {
			change(i, &w)
		}
		e.workloads = append(e.workloads, w)
	}
}

func everything() metav1.LabelSelector { return metav1.LabelSelector{} }

func labelled(key string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}}
}

// notIn forbids a number of zones, a requirement each.
func notIn(first, count, values int) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		s.Locations = &v1alpha1.Locations{}
		for i := range count {
			requirement := metav1.LabelSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: metav1.LabelSelectorOpNotIn}
			for k := range values {
				requirement.Values = append(requirement.Values, fmt.Sprintf("zone-%d-%d", first+i, k))
			}
			s.Locations.Required = append(s.Locations.Required, requirement)
		}
	}
}

var countries = []string{"DE", "FR", "NL", "BE", "IT", "ES", "PT", "PL", "SE", "FI", "DK", "AT", "CZ", "HU", "RO", "BG", "GR", "IE", "LU", "SK", "SI", "HR",
	"EE", "LV", "LT", "CY", "MT", "NO", "CH", "GB", "US", "CA", "MX", "BR", "AR", "CL", "CO", "PE", "JP", "KR", "CN", "IN", "ID", "MY", "SG", "TH", "VN", "PH",
	"AU", "NZ", "ZA", "EG", "NG", "KE", "MA", "TR", "IL", "SA", "AE", "QA", "UA", "RS", "IS", "TW"}

// inputs are what an editor can make more of, each by a size that is doubled.
var inputs = []struct {
	name string
	from int
	make func(e *editor, size int)
}{
	{"workloads", 1000, func(e *editor, size int) {
		e.policy(everything(), notIn(0, 1, 1))
		e.deploy(size, nil)
	}},
	{"workloads without a place", 500, func(e *editor, size int) {
		e.policy(everything(), func(s *v1alpha1.PolicySpec) {
			notIn(0, 32, 1)(s)
			s.Residency = &v1alpha1.Residency{Jurisdictions: []string{"US"}}
		})
		e.deploy(size, nil)
	}},
	{"policies of one workload", 16, func(e *editor, size int) {
		for i := range size {
			e.policy(everything(), notIn(i, 4, 1))
		}
		e.deploy(100, nil)
	}},
	{"policies that select nothing", 2000, func(e *editor, size int) {
		for range size {
			e.policy(labelled("none"), notIn(0, 1, 1))
		}
		e.deploy(10, nil)
	}},
	{"combinations of policies", 50, func(e *editor, size int) {
		for i := range 8 {
			e.policy(labelled(fmt.Sprint("l", i)), notIn(32*i, 30, 4))
		}
		e.deploy(size, func(i int, w *Workload) {
			for bit := range 8 {
				if i>>bit&1 == 1 {
					w.Template.Labels[fmt.Sprint("l", bit)] = "x"
				}
			}
		})
	}},
	{"values of requirements", 16, func(e *editor, size int) {
		e.policy(everything(), notIn(0, 32, size))
		e.deploy(100, nil)
	}},
	{"clients", 16, func(e *editor, size int) {
		for k := range 8 {
			e.policy(everything(), func(s *v1alpha1.PolicySpec) {
				s.Latency = &v1alpha1.Latency{MaxMilliseconds: new(int32)}
				*s.Latency.MaxMilliseconds = 500
				for i := range size {
					share := 100 / size
					if i == k {
						share += 100 % size
					}
					s.Latency.Clients = append(s.Latency.Clients, v1alpha1.Client{Location: countries[i], SharePercent: int32(share)})
				}
			})
		}
		e.deploy(100, nil)
	}},
	{"calls", 16, func(e *editor, size int) {
		e.policy(everything(), func(s *v1alpha1.PolicySpec) {
			for i := range size {
				s.Traffic = append(s.Traffic, v1alpha1.Traffic{To: v1alpha1.WorkloadReference{Name: fmt.Sprintf("w%d", i)}, RequestsPerSecond: 1})
			}
		})
		e.deploy(100, nil)
	}},
	{"domains of a spread", 50, func(e *editor, size int) {
		domains, skew := int32(size), int32(1)
		e.policy(everything(), func(s *v1alpha1.PolicySpec) {
			for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone, v1alpha1.LabelCountry, corev1.LabelTopologyRegion, v1alpha1.LabelCloud} {
				s.Spread = append(s.Spread, v1alpha1.Spread{TopologyKey: key, MinDomains: &domains, MaxSkew: &skew})
			}
		})
		e.deploy(10, func(_ int, w *Workload) { w.Replicas = size })
	}},
	{"terms of a node affinity", 500, func(e *editor, size int) {
		e.policy(everything(), notIn(0, 1, 1))
		e.deploy(10, func(_ int, w *Workload) {
			var terms []corev1.NodeSelectorTerm
			for i := range size {
				terms = append(terms, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{fmt.Sprint("zone-", i)}},
				}})
			}
			w.Template.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
			}}
		})
	}},
	{"hosts selected by name", 50, func(e *editor, size int) {
		e.policy(everything(), notIn(0, 1, 1))
		e.deploy(size, func(i int, w *Workload) {
			w.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: fmt.Sprintf("n%d", i)}
		})
	}},
}

// BenchmarkEditor makes more of everything that the editor of a namespace can, plans, and explains what has no place. growth is
// the power of the size that the time grows with: 1 where twice as much takes twice as long.
func BenchmarkEditor(b *testing.B) {
	var nodes []*corev1.Node
	for i := range 200 {
		nodes = append(nodes, awsNode(fmt.Sprintf("n%d", i), "eu-west-1"+string(rune('a'+i%3))))
	}
	run := func(size int, fill func(e *editor, size int)) time.Duration {
		e := &editor{}
		fill(e, size)
		best := time.Duration(math.MaxInt64)
		for range 5 {
			began := time.Now()
			w := world(b, state.Objects{PlacementPolicies: e.policies})
			result := build(b, &Input{World: w, Nodes: nodes, Workloads: e.workloads})
			solver, err := engine.NewSolver(result.Snapshot, engine.Options{LateConflicts: true, Rounds: 20})
			if err != nil {
				b.Fatal(err)
			}
			for i, placement := range solver.Plan().Placements {
				if solver.Explain(i); placement.Unplaced > 0 && solver.Conflict(i, nil) == nil {
					b.Fatal("not explained")
				}
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	for _, input := range inputs {
		b.Run(input.name, func(b *testing.B) {
			for b.Loop() {
				small, large := run(input.from, input.make), run(4*input.from, input.make)
				b.ReportMetric(float64(large.Milliseconds()), "ms")
				b.ReportMetric(math.Log2(float64(large)/float64(small))/2, "growth")
			}
		})
	}
}
