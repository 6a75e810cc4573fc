package topologyspread

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/parallelize"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	metrics.Register()
	os.Exit(m.Run())
}

// handle is what the plugins use of a scheduler's framework.
type handle struct {
	fwk.Handle
	snapshot  *cache.Snapshot
	informers informers.SharedInformerFactory
}

// lister lists the snapshot of the moment, as that of a scheduler does which is brought up to date in each cycle.
type lister struct{ *handle }

func (l lister) NodeInfos() fwk.NodeInfoLister       { return l.snapshot.NodeInfos() }
func (l lister) StorageInfos() fwk.StorageInfoLister { return l.snapshot.StorageInfos() }

func (h *handle) SnapshotSharedLister() fwk.SharedLister                 { return lister{h} }
func (h *handle) SharedInformerFactory() informers.SharedInformerFactory { return h.informers }
func (h *handle) Parallelizer() fwk.Parallelizer                         { return parallelize.NewParallelizer(2) }

// cluster is nodes of zones and racks, some without one, and pods of two applications.
func cluster(t *rapid.T) (nodes []*corev1.Node, pods []*corev1.Pod) {
	for i := range rapid.IntRange(1, 30).Draw(t, "nodes") {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: map[string]string{}}}
		label := func(key string, values ...string) {
			if value := rapid.SampledFrom(values).Draw(t, key); value != "" {
				node.Labels[key] = value
			}
		}
		node.Labels[corev1.LabelHostname] = node.Name
		label(corev1.LabelTopologyZone, "a", "b", "c", "")
		label("rack", "1", "2", "")
		if rapid.IntRange(0, 5).Draw(t, "tainted") == 0 {
			node.Spec.Taints = []corev1.Taint{{Key: "team", Effect: corev1.TaintEffectNoSchedule}}
		}
		nodes = append(nodes, node)
		for k := range rapid.IntRange(0, 4).Draw(t, "pods") {
			app := rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")
			pods = append(pods, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("p%d-%d", i, k), Labels: map[string]string{"app": app}},
				Spec:       corev1.PodSpec{NodeName: node.Name},
			})
		}
	}
	return nodes, pods
}

// constraints of the pod's own, some of which are wishes; mostly none.
func constraints(t *rapid.T) (out []corev1.TopologySpreadConstraint) {
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(t, "constraints") {
		c := corev1.TopologySpreadConstraint{
			TopologyKey: rapid.SampledFrom([]string{corev1.LabelTopologyZone, corev1.LabelHostname, "rack", "nobody/has"}).Draw(t, "key"),
			MaxSkew:     int32(rapid.IntRange(1, 3).Draw(t, "skew")), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			WhenUnsatisfiable: rapid.SampledFrom([]corev1.UnsatisfiableConstraintAction{corev1.ScheduleAnyway, corev1.ScheduleAnyway, corev1.DoNotSchedule}).Draw(t, "action"),
		}
		if policy := corev1.NodeInclusionPolicyHonor; rapid.Bool().Draw(t, "honors taints") {
			c.NodeTaintsPolicy = &policy
		}
		out = append(out, c)
	}
	return out
}

// scores are what a plugin gives the nodes that were filtered, normalized; nil where it skips.
func scores(t *rapid.T, p fwk.ScorePlugin, pod *corev1.Pod, nodes []fwk.NodeInfo) map[string]int64 {
	ctx, state := context.Background(), framework.NewCycleState()
	if status := p.(fwk.PreScorePlugin).PreScore(ctx, state, pod, nodes); status.IsSkip() {
		return nil
	} else if !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	list := fwk.NodeScoreList{}
	for _, node := range nodes {
		score, status := p.Score(ctx, state, pod, node)
		if !status.IsSuccess() {
			t.Fatal(status.AsError())
		}
		list = append(list, fwk.NodeScore{Name: node.Node().Name, Score: score})
	}
	if status := p.ScoreExtensions().NormalizeScore(ctx, state, pod, list); !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	out := map[string]int64{}
	for _, score := range list {
		out[score.Name] = score.Score
	}
	return out
}

// TestPropertyScoresAreKubernetes asks Kubernetes' own plugin.
func TestPropertyScoresAreKubernetes(t *testing.T) {
	scored := 0
	rapid.Check(t, func(t *rapid.T) {
		nodes, pods := cluster(t)
		h := &handle{snapshot: cache.NewSnapshot(pods, nodes), informers: informers.NewSharedInformerFactory(nil, 0)}
		if rapid.IntRange(0, 3).Draw(t, "service") > 0 {
			service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
			if err := h.informers.Core().V1().Services().Informer().GetStore().Add(service); err != nil {
				t.Fatal(err)
			}
		}
		args, raw := &config.PodTopologySpreadArgs{DefaultingType: config.SystemDefaulting}, ""
		if rapid.IntRange(0, 3).Draw(t, "defaults") == 0 {
			args = &config.PodTopologySpreadArgs{DefaultingType: config.ListDefaulting, DefaultConstraints: []corev1.TopologySpreadConstraint{
				{TopologyKey: "rack", MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway},
			}}
			raw = "{defaultingType: List, defaultConstraints: [{topologyKey: rack, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}]}"
		}
		theirs, err := podtopologyspread.New(context.Background(), args, h, feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := New(context.Background(), &apiruntime.Unknown{Raw: []byte(raw)}, h)
		if err != nil {
			t.Fatal(err)
		}
		for cycle := range rapid.IntRange(1, 3).Draw(t, "cycles") { // nodes come, go and change their labels meanwhile
			if cycle > 0 {
				nodes, pods = cluster(t)
				h.snapshot = cache.NewSnapshot(pods, nodes)
			}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}}}
			pod.Spec.TopologySpreadConstraints = constraints(t)
			all, err := h.snapshot.NodeInfos().List()
			if err != nil {
				t.Fatal(err)
			}
			var filtered []fwk.NodeInfo
			for _, node := range all {
				if rapid.Bool().Draw(t, "filtered") {
					filtered = append(filtered, node)
				}
			}
			if len(filtered) == 0 {
				filtered = all[:1]
			}
			want, got := scores(t, theirs.(fwk.ScorePlugin), pod, filtered), scores(t, ours.(fwk.ScorePlugin), pod, filtered)
			if !maps.Equal(want, got) {
				t.Fatalf("scores %v, Kubernetes' are %v", got, want)
			}
			scored += len(want)
		}
	})
	if scored == 0 {
		t.Error("nothing was scored")
	}
}

func TestArguments(t *testing.T) {
	h := &handle{snapshot: cache.NewEmptySnapshot(), informers: informers.NewSharedInformerFactory(nil, 0)}
	for raw, want := range map[string]string{
		"": "", "{defaultingType: List}": "", "{defaulting: List}": "unknown field", "{defaultingType: Often}": "Often",
		"{defaultConstraints: [{topologyKey: rack, maxSkew: 0, whenUnsatisfiable: ScheduleAnyway}], defaultingType: List}": "maxSkew",
	} {
		_, err := New(t.Context(), &apiruntime.Unknown{Raw: []byte(raw)}, h)
		if (err == nil) != (want == "") || err != nil && !(strings.Contains(err.Error(), want) && strings.Contains(err.Error(), Name)) {
			t.Errorf("%s: error %v, want %q", raw, err, want)
		}
	}
}

// BenchmarkPreScore is a cycle of a pod of 5,000 nodes in 50 zones, 100 of which, in one zone, have passed the filters.
func BenchmarkPreScore(b *testing.B) {
	var nodes []*corev1.Node
	for i := range 5000 {
		name := fmt.Sprintf("n%d", i)
		nodes = append(nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%50), corev1.LabelTopologyRegion: "here",
		}}})
	}
	h := &handle{snapshot: cache.NewSnapshot(nil, nodes), informers: informers.NewSharedInformerFactory(nil, 0)}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	if err := h.informers.Core().V1().Services().Informer().GetStore().Add(service); err != nil {
		b.Fatal(err)
	}
	theirs, err := podtopologyspread.New(b.Context(), &config.PodTopologySpreadArgs{DefaultingType: config.SystemDefaulting}, h,
		feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
	if err != nil {
		b.Fatal(err)
	}
	ours, err := New(b.Context(), nil, h)
	if err != nil {
		b.Fatal(err)
	}
	all, err := h.snapshot.NodeInfos().List()
	if err != nil {
		b.Fatal(err)
	}
	var filtered []fwk.NodeInfo
	for _, node := range all {
		if node.Node().Labels[corev1.LabelTopologyZone] == "zone-7" {
			filtered = append(filtered, node)
		}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}}}
	for name, p := range map[string]fwk.Plugin{"kubernetes": theirs, "tradewind": ours} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if status := p.(fwk.PreScorePlugin).PreScore(b.Context(), framework.NewCycleState(), pod, filtered); !status.IsSuccess() {
					b.Fatal(status.AsError())
				}
			}
		})
	}
}
