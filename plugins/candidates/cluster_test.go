package candidates_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins"
	"tradewind.dev/tradewind/plugins/candidates"
)

// The profile as it is shipped; the same without TradewindCandidates, which looks at all nodes; and that one as kube-scheduler
// looks at nodes by default, a sample of them.
const (
	shipped  = "tradewind"
	allNodes = "all-nodes"
	sampled  = "sampled"
)

// now is when everything happens.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// cluster is kube-scheduler itself over nodes and pods that a test describes. Only its informers and the API server are left
// out: it is told of objects directly, and nothing is bound.
type cluster struct {
	t         testing.TB
	scheduler *scheduler.Scheduler
	informers informers.SharedInformerFactory
	live      *state.Live
	objects   state.Objects
	nodes     []*corev1.Node
	pods      int
	chooser   *candidates.Plugin // of the profile that is shipped
}

// newCluster makes a cluster without nodes; options change the scheduler's.
func newCluster(t testing.TB, options ...scheduler.Option) *cluster {
	t.Helper()
	live, err := state.NewLive(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	live.SetReady()
	c := &cluster{t: t, live: live}
	registry := runtime.Registry{}
	for name, factory := range plugins.Factories(func(context.Context, fwk.Handle) (*state.Live, error) { return live, nil }, clock.RealClock{}) {
		registry[name] = func(ctx context.Context, args apiruntime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			plugin, err := factory(ctx, args, handle)
			if chooser, ok := plugin.(*candidates.Plugin); ok && handle.ProfileName() == shipped {
				c.chooser = chooser
			}
			return plugin, err
		}
	}
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	made, err := scheduler.New(t.Context(), client, factory, nil,
		func(string) events.EventRecorder { return events.NewFakeRecorder(1000) },
		append([]scheduler.Option{
			scheduler.WithKubeConfig(&rest.Config{}), scheduler.WithProfiles(profiles(t)...), scheduler.WithFrameworkOutOfTreeRegistry(registry),
		}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.scheduler, c.informers = made, factory
	return c
}

func profiles(t testing.TB) []config.KubeSchedulerProfile {
	t.Helper()
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(deploy.SchedulerConfig, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	configured := object.(*config.KubeSchedulerConfiguration)
	whole := configured.Profiles[0].DeepCopy()
	whole.PercentageOfNodesToScore = configured.PercentageOfNodesToScore
	all, some := whole.DeepCopy(), whole.DeepCopy()
	all.SchedulerName, some.SchedulerName, some.PercentageOfNodesToScore = allNodes, sampled, nil
	for _, profile := range []*config.KubeSchedulerProfile{all, some} {
		for _, set := range []*config.PluginSet{&profile.Plugins.PreFilter, &profile.Plugins.PostFilter, &profile.Plugins.MultiPoint} {
			set.Enabled = slices.DeleteFunc(set.Enabled, func(p config.Plugin) bool { return p.Name == candidates.Name })
		}
	}
	return []config.KubeSchedulerProfile{*whole, *all, *some}
}

// policy puts a PlacementPolicy for all pods, whose spec is YAML, in force.
func (c *cluster) policy(spec string) {
	c.t.Helper()
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "policy", UID: "policy", Generation: 1}}
	if err := yaml.UnmarshalStrict([]byte(spec), &object.Spec); err != nil {
		c.t.Fatalf("%v in %s", err, spec)
	}
	c.objects.PlacementPolicies = []*v1alpha1.PlacementPolicy{object}
	if err := c.live.PutInForce(c.objects, now); err != nil {
		c.t.Fatal(err)
	}
}

// node adds nodes.
func (c *cluster) node(nodes ...*corev1.Node) {
	for _, node := range nodes {
		c.nodes = append(c.nodes, node)
		c.live.SetNode(node)
		c.scheduler.Cache.AddNode(klog.Background(), node)
	}
}

// change replaces a node.
func (c *cluster) change(name string, edit func(*corev1.Node)) {
	c.t.Helper()
	at := slices.IndexFunc(c.nodes, func(node *corev1.Node) bool { return node.Name == name })
	before, after := c.nodes[at], c.nodes[at].DeepCopy()
	edit(after)
	c.nodes[at] = after
	c.live.SetNode(after)
	c.scheduler.Cache.UpdateNode(klog.Background(), before, after)
}

// running puts a pod on a node.
func (c *cluster) running(pod *corev1.Pod, node string) {
	c.t.Helper()
	placed := pod.DeepCopy()
	placed.Spec.NodeName = node
	c.live.SetPod(placed)
	if err := c.scheduler.Cache.AddPod(klog.Background(), placed); err != nil {
		c.t.Fatal(err)
	}
}

// schedule runs a scheduling cycle of a pod, and puts it where the scheduler says; it returns the node and on how many
// all filters have said something.
func (c *cluster) schedule(pod *corev1.Pod, profile string) (node string, evaluated int, err error) {
	c.t.Helper()
	pod = pod.DeepCopy()
	pod.Spec.SchedulerName = profile
	result, err := c.scheduler.SchedulePod(c.t.Context(), c.scheduler.Profiles[profile], framework.NewCycleState(), pod)
	if err != nil {
		return "", 0, err
	}
	c.running(pod, result.SuggestedHost)
	return result.SuggestedHost, result.EvaluatedNodes, nil
}

// scores are the points of Tradewind's plugins together on each node that a pod may go to, when all nodes are looked at.
func (c *cluster) scores(pod *corev1.Pod) map[string]int64 {
	c.t.Helper()
	ctx, of := c.t.Context(), c.scheduler.Profiles[allNodes]
	pod = pod.DeepCopy()
	pod.Spec.SchedulerName = allNodes
	// The scheduler takes the snapshot that all profiles share when it begins a cycle; this pod fits nowhere and changes nothing.
	nowhere := pod.DeepCopy()
	nowhere.UID, nowhere.Spec.NodeSelector = "nowhere", map[string]string{"no": "where"}
	if _, err := c.scheduler.SchedulePod(ctx, of, framework.NewCycleState(), nowhere); err == nil {
		c.t.Fatal("a pod that selects no node was placed")
	}
	cycle := framework.NewCycleState()
	if _, status, _ := of.RunPreFilterPlugins(ctx, cycle, pod); !status.IsSuccess() {
		return nil
	}
	infos, err := of.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		c.t.Fatal(err)
	}
	infos = slices.DeleteFunc(slices.Clone(infos), func(info fwk.NodeInfo) bool {
		return !of.RunFilterPluginsWithNominatedPods(ctx, cycle, pod, info).IsSuccess()
	})
	if len(infos) == 0 {
		return nil
	}
	if status := of.RunPreScorePlugins(ctx, cycle, pod, infos); !status.IsSuccess() {
		c.t.Fatal(status.AsError())
	}
	scored, status := of.RunScorePlugins(ctx, cycle, pod, infos)
	if !status.IsSuccess() {
		c.t.Fatal(status.AsError())
	}
	ours := plugins.Factories(nil, clock.RealClock{})
	out := map[string]int64{}
	for _, node := range scored {
		out[node.Name] = 0
		for _, score := range node.Scores {
			if _, is := ours[score.Name]; is {
				out[node.Name] += score.Score
			}
		}
	}
	return out
}

// best are the nodes with the most points.
func best(scores map[string]int64) []string {
	var out []string
	for node, points := range scores {
		if len(out) == 0 || points > scores[out[0]] {
			out = out[:0]
		}
		if len(out) == 0 || points == scores[out[0]] {
			out = append(out, node)
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

// awsNode is a node of AWS of a machine type, with 4 cores and 16 GiB whatever its type says.
func awsNode(name, zone, instanceType string) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("50"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyRegion: zone[:len(zone)-1], corev1.LabelTopologyZone: zone,
			corev1.LabelInstanceTypeStable: instanceType, "eks.amazonaws.com/capacityType": "ON_DEMAND",
		}},
		Spec:   corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
}

// pod is another pod of the Deployment web, which asks for this CPU.
func (c *cluster) pod(cpu string) *corev1.Pod {
	c.pods++
	name := fmt.Sprintf("web-%d", c.pods)
	controller := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web", "pod-template-hash": "1"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "web-1", Controller: &controller}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("512Mi")},
		}}}},
	}
}
