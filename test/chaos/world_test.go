package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"tradewind.dev/tradewind/test/chaos/faults"
	"tradewind.dev/tradewind/test/chaos/history"
	"tradewind.dev/tradewind/test/chaos/kubelet"
	"tradewind.dev/tradewind/test/testbed"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// world is the cluster that is broken, and the truth about it.
type world struct {
	*testing.T
	times   times
	bed     *testbed.Bed
	cluster *testbed.Cluster
	client  kubernetes.Interface
	objects dynamic.Interface
	record  *history.Recorder
	folder  string // of what a failed run leaves
	began   time.Time

	podCache cache.Indexer
	// placements are the Placements as the suite's own watch last saw them.
	placements cache.Store
	programs   map[string]*program
	down       *down
	scene      faults.Scene
	logs       map[string]*reader
	machines   map[string]*machine
	order      []string // of the machines
	loads      map[string]*load
	loadIDs    []string

	mu sync.Mutex // of the states of machines and loads, and of what follows
	// guardHolds and policiesHold say whether the guard-rail, and the definition of policies, are there.
	guardHolds, policiesHold bool
	secrets                  map[string]string // what must not be in a log, by what it is
}

// machine is a node and what the suite does to it.
type machine struct {
	node    *corev1.Node // as it was made
	truth   history.Node
	kubelet *kubelet.Machine
	own     kubernetes.Interface // with the node's identity
	// How many faults hold of each sort.
	dead, cutOff, deleted, shut int
}

// load is a workload and what is in force for it.
type load struct {
	workload
	policy   *policy // nil when it was deleted
	replicas int
}

// newWorld starts the cluster with everything in it.
func newWorld(t *testing.T, t0 times, folder string) *world {
	t.Helper()
	lines, err := os.Create(filepath.Join(folder, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lines.Close() })
	bed, err := testbed.New(t.Context(), testbed.Options{
		NoDefaultScheduler: true, NoKubelets: true, LossAfter: t0.lossAfter, Manifests: installation(t),
		ExtraArgs: map[string][]string{"kube-controller-manager": {"--node-monitor-period=" + t0.monitorPeriod.String()}},
	})
	if err != nil {
		t.Fatalf("starting a testbed: %v", err)
	}
	t.Cleanup(func() { // the logs of a failed run are kept in its folder, not printed
		if err := bed.Stop(); err != nil {
			t.Errorf("stopping the testbed: %v", err)
		}
	})
	w := &world{
		T: t, times: t0, bed: bed, cluster: bed.Cluster(t, ""), record: history.NewRecorder(lines), folder: folder, began: time.Now(),
		programs: map[string]*program{}, down: &down{names: map[string]bool{}}, logs: map[string]*reader{},
		machines: map[string]*machine{}, loads: map[string]*load{}, secrets: map[string]string{},
		guardHolds: true, policiesHold: true,
	}
	w.client = w.cluster.Client()
	if w.objects, err = dynamic.NewForConfig(w.cluster.Config()); err != nil {
		t.Fatal(err)
	}
	w.record.Add(history.Event{Times: &history.Times{Unreachable: t0.lossAfter + t0.monitorPeriod, Lease: t0.lease}})
	w.watch()
	w.makeMachines()
	w.makeLoads()
	w.scene = w.faultScene()
	w.startPrograms()
	return w
}

// installation is what deploy/install has, but the Deployments, whose programs the suite runs itself.
func installation(t *testing.T) []string {
	t.Helper()
	const install = "../../deploy/install"
	out := []string{"../../deploy/crds", filepath.Join(install, "namespace.yaml"), filepath.Join(install, "rbac")}
	files, err := filepath.Glob(filepath.Join(install, "*guard*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no admission guard in %s: %v", install, err)
	}
	return append(out, files...)
}

func (w *world) makeMachines() {
	w.Helper()
	file, err := nodes.Parse([]byte(sceneNodes))
	if err != nil {
		w.Fatal(err)
	}
	built, err := nodes.Build(file.Pools, nil)
	if err != nil {
		w.Fatal(err)
	}
	options := kubelet.Options{LeaseDuration: w.times.lease, Renewal: w.times.renewal}
	for i, node := range built {
		cloud := cloudOf(node)
		region, zone := node.Labels[corev1.LabelTopologyRegion], node.Labels[corev1.LabelTopologyZone]
		country, known := countries[cloud+"/"+region]
		if !known {
			w.Fatalf("node %s is in %q of %s, of which the scene does not know the country", node.Name, region, cloud)
		}
		own, err := kubernetes.NewForConfig(w.nodeConfig(node.Name))
		if err != nil {
			w.Fatal(err)
		}
		m := &machine{node: node, own: own, truth: history.Node{
			Name: node.Name, Cloud: cloud, Region: region, Zone: zone, Country: country, State: history.Alive, Takes: true,
			InstanceType: node.Labels[corev1.LabelInstanceTypeStable], Spot: strings.Contains(node.Name, "spot"),
		}}
		m.kubelet = kubelet.New(node, i, own, options, w.podsOf, w.ran)
		w.machines[node.Name] = m
		w.order = append(w.order, node.Name)
		truth := m.truth
		w.record.Add(history.Event{Node: &truth})
		if _, err := w.client.CoreV1().Nodes().Create(w.Context(), node.DeepCopy(), metav1.CreateOptions{}); err != nil {
			w.Fatal(err)
		}
		go m.kubelet.Run(w.Context())
	}
}

// cloudOf is the cloud that the scene made a node for.
func cloudOf(node *corev1.Node) string {
	cloud := ""
	for name := range basePrices {
		if strings.HasPrefix(node.Name, name+"-") {
			cloud = name
		}
	}
	return cloud
}

func (w *world) makeLoads() {
	w.Helper()
	for _, namespace := range []string{"shop", "bank", "states"} {
		w.cluster.ApplyYAML(w.T, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", namespace))
	}
	for cloud := range basePrices {
		w.cluster.ApplyYAML(w.T, priceText(cloud, 100))
	}
	w.cluster.ApplyYAML(w.T, guard)
	for _, load0 := range workloads() {
		l := &load{workload: load0, policy: load0.policy, replicas: load0.replicas}
		w.loads[l.id()] = l
		w.loadIDs = append(w.loadIDs, l.id())
		if l.policy != nil {
			w.cluster.ApplyYAML(w.T, l.policyText(*l.policy))
		}
		w.tellRules(l)
		testbed.WaitFor(w.T, time.Minute, "the service account of "+l.namespace, func(ctx context.Context) (bool, error) {
			_, err := w.client.CoreV1().ServiceAccounts(l.namespace).Get(ctx, "default", metav1.GetOptions{})
			return err == nil, err
		})
		w.cluster.ApplyYAML(w.T, l.manifest())
	}
}

// tellRules records what holds for a workload from now on.
func (w *world) tellRules(l *load) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tellRulesLocked(l)
}

func (w *world) tellRulesLocked(l *load) {
	inForce := l.policy
	if !w.policiesHold {
		inForce = nil
	}
	rules := l.rulesFor(inForce, l.replicas, w.guardHolds)
	w.record.Add(history.Event{Rules: &rules})
}

func (w *world) tellAllRules() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.loadIDs {
		w.tellRulesLocked(w.loads[id])
	}
}

// change changes what is true of a machine, and tells the machine and the history.
func (w *world) change(name string, f func(*machine)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.machines[name]
	f(m)
	before := m.truth
	switch {
	case m.deleted > 0:
		m.truth.State = history.Deleted
	case m.dead > 0:
		m.truth.State = history.Dead
	case m.cutOff > 0:
		m.truth.State = history.CutOff
	default:
		m.truth.State = history.Alive
	}
	m.truth.Takes = m.shut == 0
	m.kubelet.Set(m.dead+m.deleted > 0, m.cutOff > 0)
	if m.truth != before {
		truth := m.truth
		w.record.Add(history.Event{Node: &truth})
	}
}

// ran records that a pod's containers began or ended.
func (w *world) ran(pod *corev1.Pod, on bool) {
	run := &history.Run{UID: string(pod.UID), Workload: workloadOf(pod), Node: pod.Spec.NodeName, On: on}
	if strings.HasPrefix(run.Workload, "StatefulSet ") {
		run.Identity = pod.Namespace + "/" + pod.Name
	}
	w.record.Add(history.Event{Run: run})
}

// faultScene is the scene as faults are drawn from it.
func (w *world) faultScene() faults.Scene {
	s := faults.Scene{
		Programs:  []string{controller1, controller2, schedulerName},
		Control:   []string{"etcd", w.cluster.Name() + "-kube-apiserver", w.cluster.Name() + "-kube-controller-manager"},
		Workloads: w.loadIDs, Policies: map[string][]string{}, Definitions: definitions,
	}
	for _, name := range w.order {
		n := w.machines[name].truth
		region := n.Cloud + "/" + n.Region
		s.Nodes = append(s.Nodes, faults.Node{Name: name, Cloud: n.Cloud, Region: region, Zone: region + "/" + n.Zone})
	}
	for _, id := range w.loadIDs {
		if p := w.loads[id].policy; p != nil {
			s.Policies[id] = sortedKeys(p.variants())
		}
	}
	return s
}

// impatience is how long a fault is tried, and patience how long its end is.
const (
	impatience = 6 * time.Second
	patience   = 90 * time.Second
)

// retry calls f until it returns no error, for a time: the API server itself is broken at times. What was to be deleted and
// is not there is deleted.
func (w *world) retry(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := f(call)
		cancel()
		if err == nil || apierrors.IsInvalid(err) {
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tell prints a line for people.
func (w *world) tell(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}
