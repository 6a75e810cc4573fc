package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

const zoneKey = corev1.LabelTopologyZone

// of are the pods of workloads, by index.
func of(workloads ...int) engine.PodSet { return engine.PodSet{Workloads: workloads} }

func podRulesOf(w *engine.Workload) *engine.PodRules {
	if w.PodRules == nil {
		w.PodRules = &engine.PodRules{}
	}
	return w.PodRules
}

func apart(key string, from engine.PodSet) func(*engine.Workload) {
	return func(w *engine.Workload) {
		r := podRulesOf(w)
		r.Apart = append(r.Apart, engine.PodTerm{TopologyKey: key, Selector: "app=x", PodSet: from})
	}
}

func together(key string, with engine.PodSet) func(*engine.Workload) {
	return func(w *engine.Workload) {
		podRulesOf(w).Together = &engine.PodAffinity{TopologyKeys: []string{key}, Selector: "app=x", PodSet: with}
	}
}

func spread(key string, skew int, pods engine.PodSet, change ...func(*engine.PodSpread)) func(*engine.Workload) {
	return func(w *engine.Workload) {
		s := engine.PodSpread{TopologyKey: key, MaxSkew: skew, Selector: "app=x", PodSet: pods}
		for _, c := range change {
			c(&s)
		}
		podRulesOf(w).Spread = append(podRulesOf(w).Spread, s)
	}
}

func ports(list ...engine.HostPort) func(*engine.Workload) {
	return func(w *engine.Workload) { w.HostPorts = list }
}

func selects(cloud string) func(*engine.Workload) {
	return func(w *engine.Workload) { w.NodeSelector = map[string]string{v1alpha1.LabelCloud: cloud} }
}

// shape is where the replicas of each workload are, by pool, and how many have no place: "2,1,0 1,0,0-1".
func shape(snapshot *engine.Snapshot, plan *engine.Plan) string {
	var out []string
	for _, placement := range plan.Placements {
		at := replicasOf(placement)
		var pools []string
		for p := range snapshot.Pools {
			pools = append(pools, fmt.Sprint(at[p]))
		}
		text := strings.Join(pools, ",")
		if placement.Unplaced > 0 {
			text += fmt.Sprintf("-%d", placement.Unplaced)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// crossing has two racks in the first zone, with the last one's in no other, and one rack in the others, with room for one of 250 millicores
// on each node and for two on the first.
func (b *build) crossing() {
	b.Pools = append(b.Pools, b.Pools[0])
	for p, rack := range []string{"r2", "r2", "r0", "r1"} {
		pool := &b.Pools[p]
		pool.Nodes = slices.Clone(pool.Nodes[:1])
		pool.Name, pool.Labels, pool.Nodes[0].Free.MilliCPU = pool.Name+rack, withLabel(pool.Labels, "rack", rack), 250
	}
	b.Pools[0].Nodes[0].Free.MilliCPU = 500
}

// TestPodRules says where workloads with rules of pods are, and of the first one that has no place for all replicas why.
func TestPodRules(t *testing.T) {
	port := engine.HostPort{Number: 8080}
	for _, tt := range []struct {
		name  string
		build func(*build)
		want  string
		rules []engine.Rule
		says  string
	}{
		{"one replica a node", func(b *build) { b.workload("db", 3, 500, apart(corev1.LabelHostname, of(0))) }, "2,1,0", nil, ""},
		{"one replica a node that is added", func(b *build) {
			b.Pools[0].Nodes, b.Pools[0].MaxNodes = nil, 5
			b.workload("db", 5, 500, apart(corev1.LabelHostname, of(0)))
		}, "5,0,0", nil, ""},
		{"more replicas than nodes", func(b *build) {
			b.workload("db", 7, 500, apart(corev1.LabelHostname, of(0)))
		}, "2,2,2-1", []engine.Rule{engine.RulePodAntiAffinity}, "one replica a node"},
		{"one replica a zone", func(b *build) { b.workload("db", 2, 500, apart(zoneKey, of(0))) }, "1,1,0", nil, ""},
		{"more replicas than zones", func(b *build) {
			b.workload("db", 4, 500, apart(zoneKey, of(0)))
		}, "1,1,1-1", []engine.Rule{engine.RulePodAntiAffinity}, "one replica a domain"},
		{"replicas that only need each other's on a node, where a pod that both need is on another", func(b *build) {
			b.Pools[0].Nodes[0].HostPorts = []engine.HostPort{port}
			other := engine.PodSet{Workloads: []int{1}, Others: []engine.PodsAt{{Pool: 0, Node: 0, Pods: 1}}}
			b.workload("web", 2, 500, selects("aws"), together(corev1.LabelHostname, other), spread(corev1.LabelHostname, 1, of(0)))
			b.workload("cache", 1, 500, selects("aws"), together(corev1.LabelHostname, of(0, 1)), ports(port))
		}, "1,0,0-1 0,0,0-1", []engine.Rule{engine.RuleTopologySpread, engine.RulePodAffinity}, ""},
		{"apart over what no node has", func(b *build) { b.workload("db", 2, 500, apart("rack", of(0))) }, "2,0,0", nil, ""},
		{"apart over what some nodes have", func(b *build) {
			b.Pools[1].Labels = withLabel(b.Pools[1].Labels, "rack", "r1")
			b.workload("db", 6, 1500, apart("rack", of(0)))
		}, "4,1,1", nil, ""},
		{"spread over zones", func(b *build) { b.workload("web", 4, 250, spread(zoneKey, 1, of(0))) }, "2,1,1", nil, ""},
		{"a zone without room for one counts", func(b *build) {
			b.Pools[2].Nodes[0].Free.MilliCPU, b.Pools[2].Nodes[1].Free.MilliCPU = 100, 100
			b.workload("web", 4, 250, spread(zoneKey, 1, of(0)))
		}, "1,1,0-2", []engine.Rule{engine.RuleTopologySpread}, "skew of at most 1"},
		{"spread by two keys, and no order in which all could come beside those that run", func(b *build) {
			b.crossing()
			b.workload("web", 5, 250, spread(zoneKey, 2, of(0)), spread("rack", 2, of(0)), runsOn(0, 0, 2))
		}, "2,0,1,0-2", []engine.Rule{engine.RuleTopologySpread}, "in no order"},
		{"spread by two keys, and an order in which all can come", func(b *build) {
			b.crossing()
			b.workload("web", 5, 250, spread(zoneKey, 2, of(0)), spread("rack", 2, of(0)))
		}, "2,1,1,1", nil, ""},
		{"a zone of cordoned nodes counts", func(b *build) {
			b.Pools[2].Nodes, b.Pools[2].Closed = nil, 2
			b.workload("web", 4, 250, spread(zoneKey, 1, of(0)))
		}, "1,1,0-2", []engine.Rule{engine.RuleTopologySpread}, "counts nodes that are cordoned"},
		{"who runs stays when a zone is cordoned", func(b *build) {
			b.Pools[2].Nodes, b.Pools[2].Closed = nil, 2
			b.workload("web", 9, 250, spread(zoneKey, 1, of(0)), func(w *engine.Workload) {
				w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: 3}, {Pool: 1, Replicas: 3}}
				w.RunsOn = []engine.PodsAt{{Pool: 0, Node: 0, Pods: 3}, {Pool: 1, Node: 1, Pods: 3}}
			})
		}, "3,3,0-3", []engine.Rule{engine.RuleTopologySpread}, "counts nodes that are cordoned"},
		{"a tainted zone counts", func(b *build) {
			b.Pools[2].Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}
			b.workload("web", 4, 250, spread(zoneKey, 2, of(0)))
		}, "2,2,0", nil, ""},
		{"a tainted zone that is not to count", func(b *build) {
			b.Pools[2].Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}
			b.workload("web", 7, 250, spread(zoneKey, 1, of(0), func(s *engine.PodSpread) { s.HonorTaints = true }))
		}, "4,3,0", nil, ""},
		{"a zone outside the node selector", func(b *build) {
			b.workload("web", 3, 250, selects("aws"), spread(zoneKey, 1, of(0)))
		}, "3,0,0", nil, ""},
		{"a zone outside the node selector that is to count", func(b *build) {
			b.workload("web", 3, 250, selects("aws"), spread(zoneKey, 1, of(0), func(s *engine.PodSpread) { s.IgnoreNodeAffinity = true }))
		}, "1,0,0-2", []engine.Rule{engine.RuleNodeSelector, engine.RuleTopologySpread}, "skew"},
		{"fewer zones than there are to be", func(b *build) {
			b.workload("web", 4, 250, spread(zoneKey, 1, of(0), func(s *engine.PodSpread) { s.MinDomains = 5 }))
		}, "1,1,1-1", []engine.Rule{engine.RuleTopologySpread}, "skew"},
		{"spread over what no node has", func(b *build) {
			b.workload("web", 1, 250, spread("rack", 1, of(0)))
		}, "0,0,0-1", []engine.Rule{engine.RuleTopologySpread}, "no node has"},
		{"spread over nodes", func(b *build) { b.workload("web", 12, 250, spread(corev1.LabelHostname, 1, of(0))) }, "4,4,4", nil, ""},
		{"spread over nodes of which one has less room", func(b *build) {
			b.Pools[2].Nodes[1].Free.MilliCPU = 250
			b.workload("web", 12, 250, spread(corev1.LabelHostname, 1, of(0)))
		}, "4,4,3-1", []engine.Rule{engine.RuleTopologySpread}, "skew"},
		{"spread over zones and over their nodes", func(b *build) {
			b.workload("web", 12, 250, spread(zoneKey, 1, of(0)), spread(corev1.LabelHostname, 1, of(0)))
		}, "4,4,4", nil, ""},
		{"spread over nodes of which one has a pod that counts", func(b *build) {
			b.workload("web", 11, 250, spread(corev1.LabelHostname, 1, engine.PodSet{
				Workloads: []int{0}, Others: []engine.PodsAt{{Pool: 0, Node: 0, Pods: 1}},
			}))
		}, "3,4,4", nil, ""},
		{"spread over nodes in each cluster, of which one is full", func(b *build) {
			b.Pools[2].Cluster = "full"
			b.Pools[2].Nodes[0].Free.MilliCPU, b.Pools[2].Nodes[1].Free.MilliCPU = 0, 0
			b.workload("web", 8, 250, spread(corev1.LabelHostname, 1, of(0)))
		}, "4,4,0", nil, ""},
		{"spread over nodes that volumes hold replicas to", func(b *build) {
			b.workload("db", 6, 250, spread(corev1.LabelHostname, 1, of(0)), func(w *engine.Workload) {
				b.Pools = b.Pools[:1]
				b.Pools[0].Nodes = append(b.Pools[0].Nodes, engine.Node{Name: "aws-2", Free: b.Pools[0].Allocatable})
				w.Pins = []engine.Pin{{Replicas: 6, Pools: []int{0}, Made: true}}
			})
		}, "6", nil, ""},
		{"spread with others by more than one", func(b *build) {
			b.Pools[0].Price.USD, b.Pools[1].Price.USD, b.Pools[2].Price.USD = 0.30, 0.10, 0.20
			b.workload("web", 8, 250, spread(zoneKey, 2, of(0, 1))).workload("none", 0, 250)
		}, "2,4,2 0,0,0", nil, ""},
		{"a host port", func(b *build) { b.workload("ingress", 3, 250, ports(port)) }, "2,1,0", nil, ""},
		{"a host port on more replicas than nodes", func(b *build) {
			b.workload("ingress", 7, 250, ports(port))
		}, "2,2,2-1", []engine.Rule{engine.RuleHostPort}, "host port 8080/TCP"},
		{"a host port that daemons have", func(b *build) {
			b.Pools[0].Nodes[0].HostPorts, b.Pools[0].Nodes[1].HostPorts = []engine.HostPort{port}, []engine.HostPort{{Number: 8080, Address: "10.0.0.1"}}
			b.workload("ingress", 1, 250, ports(port))
		}, "0,1,0", nil, ""},
		{"the same port of other addresses, and of another protocol", func(b *build) {
			for i, p := range []engine.HostPort{{Number: 53, Address: "10.0.0.1"}, {Number: 53, Address: "10.0.0.2"}, {Number: 53, Protocol: "UDP"}} {
				b.Pools[0].Nodes = b.Pools[0].Nodes[:1]
				b.workload(fmt.Sprintf("dns%d", i), 1, 250, ports(p))
			}
		}, "1,0,0 1,0,0 1,0,0", nil, ""},
		{"away from another", func(b *build) {
			b.workload("db", 1, 3000).workload("web", 1, 250, apart(zoneKey, of(0)))
		}, "1,0,0 0,1,0", nil, ""},
		{"away from one that keeps away", func(b *build) {
			b.workload("db", 1, 3000, apart(zoneKey, of(1))).workload("web", 1, 250)
		}, "1,0,0 0,1,0", nil, ""},
		{"away from another's nodes", func(b *build) {
			b.workload("db", 1, 3000).workload("web", 2, 250, apart(corev1.LabelHostname, of(0)))
		}, "1,0,0 2,0,0", nil, ""},
		{"away from pods that stay", func(b *build) {
			b.workload("web", 1, 250, apart(zoneKey, engine.PodSet{Others: []engine.PodsAt{{Pool: 0, Node: -1, Pods: 1}}}))
		}, "0,1,0", nil, ""},
		{"away from the node of a pod that stays", func(b *build) {
			b.workload("web", 2, 2500, apart(corev1.LabelHostname, engine.PodSet{Others: []engine.PodsAt{{Pool: 0, Node: 1, Pods: 1}}}))
		}, "1,1,0", nil, ""},
		{"near another", func(b *build) {
			b.workload("cache", 1, 250, selects("azure")).workload("web", 2, 250, together(zoneKey, of(0)))
		}, "0,0,1 0,0,2", nil, ""},
		{"on the node of another", func(b *build) {
			b.workload("cache", 1, 250).workload("web", 3, 1500, together(corev1.LabelHostname, of(0)))
		}, "1,0,0 2,0,0-1", []engine.Rule{engine.RulePodAffinity}, "pod affinity over kubernetes.io/hostname"},
		{"with its own in one zone", func(b *build) {
			b.workload("web", 3, 1900, together(zoneKey, of(0))).workload("other", 1, 3000)
		}, "0,3,0 1,0,0", nil, ""},
		{"with its own on one node", func(b *build) {
			b.workload("web", 3, 1000, together(corev1.LabelHostname, of(0)))
		}, "3,0,0", nil, ""},
		{"all of two in one zone", func(b *build) {
			b.workload("a", 2, 1500, together(zoneKey, of(0, 1))).workload("b", 2, 1500, together(zoneKey, of(0, 1)))
		}, "2,0,0 2,0,0", nil, ""},
		{"near one that has no room beside it", func(b *build) {
			b.workload("cache", 1, 1000).workload("web", 2, 2900, together(zoneKey, of(0))).workload("other", 1, 3900, selects("aws"))
		}, "0,1,0 0,2,0 1,0,0", nil, ""},
		{"near one that keeps away", func(b *build) {
			b.workload("web", 1, 250, together(zoneKey, of(1))).workload("cache", 1, 250, apart(zoneKey, of(0)))
		}, "0,0,0-1 1,0,0", []engine.Rule{engine.RulePodAffinity, engine.RulePodAntiAffinity}, "Deployment shop/cache"},
		{"with its own, in two clusters", func(b *build) {
			b.Pools[1].Cluster = "other"
			runs := func(pool int) func(*engine.Workload) {
				return func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: pool, Replicas: 2}} }
			}
			b.workload("a", 2, 250, selects("aws"), together(zoneKey, of(0, 1)), runs(0)).
				workload("b", 2, 250, selects("gcp"), together(zoneKey, of(0, 1)), runs(1))
		}, "2,0,0 0,2,0", nil, ""},
		{"with its own where they run", func(b *build) {
			b.workload("web", 4, 250, together(zoneKey, of(0)), func(w *engine.Workload) {
				w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: 2}, {Pool: 1, Replicas: 2}}
				w.RestartUSD = 100
			})
		}, "2,2,0", nil, ""},
		{"with its own that a volume holds", func(b *build) {
			b.workload("db", 4, 250, together(zoneKey, of(0)), func(w *engine.Workload) {
				w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{1}, Made: true}}
			})
		}, "0,4,0", nil, ""},
		{"with its own that volumes hold apart", func(b *build) {
			b.workload("db", 2, 250, together(zoneKey, of(0)), func(w *engine.Workload) {
				w.Pins = []engine.Pin{
					{Replicas: 1, Pools: []int{0}, Volumes: []string{"volume a"}, Made: true}, {Replicas: 1, Pools: []int{1}, Volumes: []string{"volume b"}, Made: true},
				}
			})
		}, "1,0,0-1", []engine.Rule{engine.RuleVolume, engine.RulePodAffinity}, "held in place by volume a, volume b"},
		{"with its own on one node, that volumes hold apart", func(b *build) {
			b.workload("db", 2, 250, together(corev1.LabelHostname, of(0)), func(w *engine.Workload) {
				w.Pins = []engine.Pin{
					{Replicas: 1, Pools: []int{0}, Volumes: []string{"volume a"}, Made: true}, {Replicas: 1, Pools: []int{1}, Volumes: []string{"volume b"}, Made: true},
				}
			})
		}, "0,0,0-2", []engine.Rule{engine.RuleVolume, engine.RulePodAffinity}, "held in place by volume a, volume b"},
		{"a circle", func(b *build) {
			b.workload("a", 1, 250, together(zoneKey, of(1))).workload("b", 1, 250, together(zoneKey, of(0))).workload("c", 1, 250)
		}, "0,0,0-1 0,0,0-1 1,0,0", []engine.Rule{engine.RulePodAffinity}, "wait for its own in turn"},
		{"a circle that runs", func(b *build) {
			runs := func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 1, Replicas: 1}} }
			b.workload("a", 1, 250, together(zoneKey, of(1)), runs).workload("b", 1, 250, together(zoneKey, of(0)), runs)
		}, "0,1,0 0,1,0", nil, ""},
		{"near nobody", func(b *build) {
			b.workload("web", 1, 250, together(zoneKey, of()))
		}, "0,0,0-1", []engine.Rule{engine.RulePodAffinity}, "selects no pod"},
		{"near over what no node has", func(b *build) {
			b.workload("cache", 1, 250).workload("web", 1, 250, together("rack", of(0)))
		}, "1,0,0 0,0,0-1", []engine.Rule{engine.RulePodAffinity}, "no node has the label rack"},
		{"spread with others", func(b *build) {
			b.workload("a", 3, 250, selects("aws")).workload("b", 2, 250, spread(zoneKey, 1, of(0, 1)))
		}, "3,0,0 0,1,1", nil, ""},
		{"where others are too many", func(b *build) {
			b.workload("a", 3, 250, selects("aws")).workload("b", 2, 250, spread(zoneKey, 1, of(0)))
		}, "3,0,0 0,2,0", nil, ""},
		{"where a node for others would add a zone", func(b *build) {
			b.Pools[0].Price.USD, b.Pools[0].Nodes, b.Pools[0].MaxNodes = 0.01, nil, 2
			b.Pools[0].Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}
			b.workload("web", 4, 250, spread(zoneKey, 1, of(0)))
			for i := range 30 {
				b.workload(fmt.Sprintf("batch%d", i), 1, 100, func(w *engine.Workload) { w.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} })
			}
		}, "0,2,2" + strings.Repeat(" 0,1,0", 30), nil, ""},
		{"spread in each cluster", func(b *build) {
			b.Pools[1].Cluster, b.Pools[2].Cluster = "b", "b"
			b.workload("web", 4, 250, spread(zoneKey, 1, of(0)))
		}, "4,0,0", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			tt.build(b)
			plan := solve(t, b.Snapshot, byShares)
			if got := shape(b.Snapshot, plan); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for _, p := range plan.Placements {
				if p.Unplaced == 0 {
					continue
				}
				var kinds []engine.Rule
				for _, r := range p.Conflict.Rules {
					kinds = append(kinds, r.Rule)
				}
				if !slices.Equal(kinds, tt.rules) || !strings.Contains(p.Conflict.Message, tt.says) {
					t.Errorf("conflict %v, want %v and %q", p.Conflict, tt.rules, tt.says)
				}
				break
			}
		})
	}
}

func withLabel(set map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range set {
		out[k] = v
	}
	return out
}

// TestManyKeepAway plans 10,000 workloads of which no two may share a node, on 50 nodes, and says why the rest has no place.
func TestManyKeepAway(t *testing.T) {
	b := newBuild(t)
	b.Pools = b.Pools[:1]
	for i := range 48 {
		b.Pools[0].Nodes = append(b.Pools[0].Nodes, engine.Node{Name: fmt.Sprint(i), Free: b.Pools[0].Allocatable})
	}
	var all engine.PodSet
	for i := range 10_000 {
		all.Workloads = append(all.Workloads, i)
	}
	for i := range all.Workloads {
		b.workload(fmt.Sprintf("w%d", i), 1, 100, apart(corev1.LabelHostname, all))
	}
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{LateConflicts: true})
	if err != nil {
		t.Fatal(err)
	}
	if plan := solver.Plan(); plan.Replicas != 50 || plan.Unplaced != 9950 {
		t.Fatalf("%d placed, %d unplaced", plan.Replicas, plan.Unplaced)
	}
	conflict := solver.Conflict(slices.IndexFunc(solver.Plan().Placements, func(p *engine.Placement) bool { return p.Unplaced > 0 }), nil)
	if len(conflict.Rules) != 1 || conflict.Rules[0].Rule != engine.RulePodAntiAffinity {
		t.Errorf("conflict %+v", conflict)
	}
}

// TestHeldWorkloadsUseTheirNodes: where replicas run was known by pool, so that two on two nodes were billed as if they were on one.
func TestHeldWorkloadsUseTheirNodes(t *testing.T) {
	b := newBuild(t)
	b.workload("db", 2, 250, func(w *engine.Workload) {
		w.Hold = "as it runs now"
		w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: 2}}
		w.RunsOn = []engine.PodsAt{{Pool: 0, Node: 0, Pods: 1}, {Pool: 0, Node: 1, Pods: 1}}
	})
	plan := solve(t, b.Snapshot, engine.Options{})
	if plan.Pools[0].Used != 2 || plan.Replicas != 2 || plan.Bill.Machines != 0.2 {
		t.Errorf("%d replicas on %d nodes for $%g; want 2 on 2 for $0.2", plan.Replicas, plan.Pools[0].Used, plan.Bill.Machines)
	}
	b.Workloads[0].RunsOn = []engine.PodsAt{{Pool: 0, Node: 0, Pods: -1}, {Pool: 0, Node: 7, Pods: 1}, {Pool: 5, Node: 0, Pods: 1}, {Pool: 0, Node: 1, Pods: 9}}
	if plan = solve(t, b.Snapshot, engine.Options{}); plan.Pools[0].Used != 1 || plan.Replicas != 2 {
		t.Errorf("of nodes that there are not: %d replicas on %d nodes", plan.Replicas, plan.Pools[0].Used)
	}
}

// TestOrdersOfManyReplicas holds that the search for an order in which replicas can come tells kinds of places apart, and not nodes: else
// it takes seconds. What it takes is seen by what is allocated.
func TestOrdersOfManyReplicas(t *testing.T) {
	b := newBuild(t)
	b.crossing()
	for p, nodes := range []int{1600, 800, 800, 800} {
		pool := &b.Pools[p]
		one := pool.Nodes[0]
		one.Free.MilliCPU, pool.Nodes = 250, nil
		for k := range nodes {
			one.Name = fmt.Sprintf("%s-%d", pool.Name, k)
			pool.Nodes = append(pool.Nodes, one)
		}
	}
	b.workload("web", 3000, 250, spread(zoneKey, 1500, of(0)), spread("rack", 1500, of(0)))
	var plan *engine.Plan
	if n := testing.AllocsPerRun(1, func() { plan = solve(t, b.Snapshot, engine.Options{}) }); n > 1e6 || plan.Unplaced > 0 {
		t.Errorf("%g allocations, %d replicas without a place", n, plan.Unplaced)
	}
}
