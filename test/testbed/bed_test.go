package testbed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"tradewind.dev/tradewind/test/testbed"
)

// patience is how long a test waits for what takes a second on an idle machine. It fails no test that a busy machine makes late.
const patience = 4 * time.Minute

const threeClouds = `
pools:
- {name: aws, cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.large, count: 2}
- {name: gcp, cloud: gcp, region: europe-west1, instanceType: e2-standard-4, capacityType: spot, count: 2}
- {name: lux, cloud: lux-dc, country: LU, cpu: 16, memory: 64Gi}
`

func TestBed(t *testing.T) {
	bed := testbed.Start(t, testbed.Options{Nodes: threeClouds, LossAfter: 6 * time.Second})
	cluster := bed.Cluster(t, "")
	t.Logf("ready after %s", bed.StartTime().Round(time.Millisecond))
	t.Run("nodes", func(t *testing.T) { testNodes(t, cluster) })
	t.Run("workloads", func(t *testing.T) { testWorkloads(t, cluster) })
	t.Run("access", func(t *testing.T) { testAccess(t, cluster) })
	t.Run("custom resources", func(t *testing.T) { testCustomResources(t, cluster) })
	t.Run("programs", func(t *testing.T) { testPrograms(t, bed, cluster) })
	t.Run("loss of a cloud", func(t *testing.T) { testLoss(t, cluster) })
	t.Logf("memory of all programs: %d MiB", bed.Memory(t)>>20)
}

func testNodes(t *testing.T, cluster *testbed.Cluster) {
	all := cluster.NodesOf(t, "")
	if len(all) != 5 {
		t.Fatalf("%d nodes, want 5", len(all))
	}
	for _, node := range all {
		ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if !ready || len(node.Spec.Taints) > 0 {
			t.Errorf("node %s: conditions %v, taints %v; want it ready and free of taints", node.Name, node.Status.Conditions, node.Spec.Taints)
		}
		if _, err := cluster.Client().CoordinationV1().Leases("kube-node-lease").Get(t.Context(), node.Name, metav1.GetOptions{}); err != nil {
			t.Errorf("node %s has no lease: %v", node.Name, err)
		}
	}
	added := cluster.AddNodesYAML(t,
		`pools: [{name: aws, cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m7i.large, count: 2}]`)
	if len(cluster.NodesOf(t, "aws")) != 4 || len(added) != 2 {
		t.Errorf("pool aws has %d nodes after 2 were added to 2: %v", len(cluster.NodesOf(t, "aws")), added)
	}
	cluster.AddNodesYAML(t, `pools: [{name: short-lived, cloud: hetzner, region: fsn1, instanceType: cx22, cpu: 2, memory: 4Gi}]`)
	cluster.RemoveNodes(t, "short-lived")
	if left := cluster.NodesOf(t, "short-lived"); len(left) > 0 {
		t.Errorf("removed node is still there: %s", left[0].Name)
	}
}

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, resources: {requests: {cpu: 100m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: default}
spec:
  replicas: 2
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      initContainers: [{name: prepare, image: prepare}]
      containers: [{name: store, image: store}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: work, namespace: default}
spec:
  completions: 2
  template:
    spec: {restartPolicy: Never, containers: [{name: work, image: work}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec: {minAvailable: 5, selector: {matchLabels: {app: web}}}
`

func testWorkloads(t *testing.T, cluster *testbed.Cluster) {
	cluster.ApplyYAML(t, workloads)
	client := cluster.Client()
	testbed.WaitFor(t, patience, "the workloads to run", func(ctx context.Context) (bool, error) {
		web, err1 := client.AppsV1().Deployments("default").Get(ctx, "web", metav1.GetOptions{})
		store, err2 := client.AppsV1().StatefulSets("default").Get(ctx, "store", metav1.GetOptions{})
		work, err3 := client.BatchV1().Jobs("default").Get(ctx, "work", metav1.GetOptions{})
		budget, err4 := client.PolicyV1().PodDisruptionBudgets("default").Get(ctx, "web", metav1.GetOptions{})
		slicesOf, err5 := client.DiscoveryV1().EndpointSlices("default").
			List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=web"})
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			return false, err
		}
		endpoints := 0
		for _, s := range slicesOf.Items {
			endpoints += len(s.Endpoints)
		}
		state := fmt.Errorf("web %d/6, store %d/2, work %d/2, budget allows %d of 1, %d/6 endpoints", web.Status.ReadyReplicas,
			store.Status.ReadyReplicas, work.Status.Succeeded, budget.Status.DisruptionsAllowed, endpoints)
		if web.Status.ReadyReplicas == 6 && store.Status.ReadyReplicas == 2 && work.Status.Succeeded == 2 &&
			budget.Status.DisruptionsAllowed == 1 && endpoints == 6 {
			return true, nil
		}
		return false, state
	})
	pods, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app in (web,store)"})
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{}
	for _, pod := range pods.Items {
		if pod.Spec.NodeName == "" || pod.Status.PodIP == "" {
			t.Errorf("pod %s: node %q, address %q", pod.Name, pod.Spec.NodeName, pod.Status.PodIP)
		}
		if other := addresses[pod.Status.PodIP]; other != "" {
			t.Errorf("pods %s and %s have the same address %s", pod.Name, other, pod.Status.PodIP)
		}
		addresses[pod.Status.PodIP] = pod.Name
	}
	if err := client.AppsV1().Deployments("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	testbed.WaitFor(t, patience, "the garbage collector to remove the pods of a deleted deployment", func(ctx context.Context) (bool, error) {
		left, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		return err == nil && len(left.Items) == 0, err
	})
}

func testAccess(t *testing.T, cluster *testbed.Cluster) {
	anonymous := cluster.Config()
	anonymous.CertData, anonymous.KeyData, anonymous.CertFile, anonymous.KeyFile = nil, nil, "", ""
	cluster.ApplyYAML(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: readers, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: readers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers}
- {kind: ServiceAccount, name: tradewind-scheduler, namespace: tradewind-system}
`)
	testbed.WaitFor(t, patience, "the role to be in force", func(ctx context.Context) (bool, error) {
		return true, listPods(ctx, cluster.ConfigFor(t, "bob", "readers"), "default")
	})
	for _, c := range []struct {
		name      string
		config    *rest.Config
		namespace string
		allowed   bool
	}{
		{"nobody", anonymous, "default", false},
		{"user without a role", cluster.ConfigFor(t, "alice"), "default", false},
		{"user in a group with a role", cluster.ConfigFor(t, "bob", "readers"), "default", true},
		{"the same in another namespace", cluster.ConfigFor(t, "bob", "readers"), "kube-system", false},
		{"service account with a role", cluster.ConfigFor(t, testbed.TradewindScheduler), "default", true},
		{"the same by its full name", cluster.ConfigFor(t, "system:serviceaccount:tradewind-system:tradewind-scheduler"), "default", true},
		{"service account without a role", cluster.ConfigFor(t, testbed.TradewindController), "default", false},
		{"kube-scheduler", cluster.ConfigFor(t, "kube-scheduler"), "default", true},
		{"simulated kubelets", cluster.ConfigFor(t, "kwok"), "default", true},
		{"administrator", cluster.Config(), "default", true},
	} {
		err := listPods(t.Context(), c.config, c.namespace)
		if c.allowed && err != nil || !c.allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s lists pods in %s: error %v, want allowed=%v", c.name, c.namespace, err, c.allowed)
		}
	}
	kwok, err := kubernetes.NewForConfig(cluster.ConfigFor(t, "kwok"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kwok.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("simulated kubelets read secrets: error %v, want forbidden", err)
	}
	forged := cluster.Config()
	forged.CAData, forged.CAFile = nil, ""
	if err := listPods(t.Context(), forged, "default"); err == nil {
		t.Error("the API server's certificate is trusted without the cluster's authority")
	}
}

func listPods(ctx context.Context, config *rest.Config, namespace string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	return err
}

func testCustomResources(t *testing.T, cluster *testbed.Cluster) {
	// The object comes before its definition, which Apply puts first.
	cluster.ApplyYAML(t, `
apiVersion: example.tradewind.dev/v1
kind: Gadget
metadata: {name: one, namespace: default}
spec: {size: 3}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.tradewind.dev}
spec:
  group: example.tradewind.dev
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {size: {type: integer, maximum: 5}}}}
`)
	err := cluster.TryApplyYAML(t.Context(), `
apiVersion: example.tradewind.dev/v1
kind: Gadget
metadata: {name: two, namespace: default}
spec: {size: 7}
`)
	if err == nil || !strings.Contains(err.Error(), "spec.size") {
		t.Errorf("an object against its schema: error %v, want one about spec.size", err)
	}
}

func testPrograms(t *testing.T, bed *testbed.Bed, cluster *testbed.Cluster) {
	program := cluster.StartProgram(t, testbed.ProgramSpec{
		Name: "greeter", Path: "/bin/sh", User: "alice",
		Args: []string{"-c",
			`test {kubeconfig} = "$KUBECONFIG" && echo "$GREETING" && trap 'echo bye; exit 0' TERM && while :; do sleep 0.05; done`},
		Env: []string{"GREETING=hello"},
	})
	testbed.WaitFor(t, patience, "the program's greeting", func(context.Context) (bool, error) {
		return strings.Contains(program.Log(t), "hello"), nil
	})
	if !program.Running(t) {
		t.Error("the program has ended")
	}
	program.Stop(t)
	if program.Running(t) || !strings.Contains(program.Log(t), "bye") {
		t.Errorf("after Stop: running %v, log %q; want the end of a program that was asked to end", program.Running(t), program.Log(t))
	}
	testSignals(t, bed, cluster)
	failing := cluster.StartProgram(t, testbed.ProgramSpec{Name: "failing", Path: "/bin/sh", Args: []string{"-c", "exit 3"}})
	if exit := failing.WaitForEnd(t, patience); exit != "exit status 3" {
		t.Errorf("exit %q, want exit status 3", exit)
	}
}

// testSignals kills a program as a crash would and starts it anew.
func testSignals(t *testing.T, bed *testbed.Bed, cluster *testbed.Cluster) {
	program := cluster.StartProgram(t, testbed.ProgramSpec{
		Name: "crasher", Path: "/bin/sh", Args: []string{"-c", "echo begun; while :; do sleep 0.05; done"},
	})
	begun := func(times int) {
		t.Helper()
		testbed.WaitFor(t, patience, fmt.Sprintf("the program to begin %d times", times), func(context.Context) (bool, error) {
			return strings.Count(program.Log(t), "begun") == times, nil
		})
	}
	begun(1)
	if err := bed.Signal(t.Context(), "crasher", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit := program.WaitForEnd(t, patience); exit != "signal: killed" {
		t.Errorf("exit %q, want signal: killed", exit)
	}
	if err := bed.Signal(t.Context(), "crasher", syscall.SIGKILL); err == nil {
		t.Error("a program that has ended takes a signal; its process id may be another's")
	}
	if err := bed.Restart(t.Context(), "crasher"); err != nil {
		t.Fatal(err)
	}
	begun(2)
	all, err := bed.Processes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(p testbed.Process) bool { return p.Name == "crasher" && p.Running && p.PID > 1 }) {
		t.Errorf("the programs are %v", all)
	}
	program.Stop(t)
}

func testLoss(t *testing.T, cluster *testbed.Cluster) {
	client := cluster.Client()
	for _, name := range []string{"on-gcp", "stays"} {
		ordinary := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
			Spec: corev1.PodSpec{
				NodeSelector: map[string]string{"topology.kubernetes.io/region": "europe-west1"},
				Containers:   []corev1.Container{{Name: "c", Image: "c"}},
			},
		}
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), ordinary, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		waitForPod(t, cluster, name, corev1.ConditionTrue)
	}
	cluster.SetNodesReady(t, "gcp", false)
	cluster.WaitForNodesReady(t, "gcp", false)
	// The node controller writes the taint of a lost node after its condition.
	testbed.WaitFor(t, patience, "every lost node to be tainted as unreachable", func(context.Context) (bool, error) {
		for _, node := range cluster.NodesOf(t, "gcp") {
			if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnreachable }) {
				return false, fmt.Errorf("node %s has the taints %v", node.Name, node.Spec.Taints)
			}
		}
		return true, nil
	})
	waitForPod(t, cluster, "stays", corev1.ConditionFalse)
	for _, node := range cluster.NodesOf(t, "aws") {
		if len(node.Spec.Taints) > 0 {
			t.Errorf("node %s of another cloud has the taints %v", node.Name, node.Spec.Taints)
		}
	}
	// Nobody is there to confirm the end of a pod on a lost node.
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "on-gcp", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	scale := []byte(`{"spec":{"replicas":0}}`) // the other pods are in the way of nobody, but keep the log short
	if _, err := client.AppsV1().StatefulSets("default").
		Patch(t.Context(), "store", types.MergePatchType, scale, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("default").Get(t.Context(), "on-gcp", metav1.GetOptions{}); err != nil {
		t.Errorf("the pod on a lost node is gone: %v", err)
	}
	cluster.SetNodesReady(t, "gcp", true)
	cluster.WaitForNodesReady(t, "gcp", true)
	testbed.WaitFor(t, patience, "the pod to end on the restored node", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Pods("default").Get(ctx, "on-gcp", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	// Its containers have run all the time, and the kubelet says so again.
	waitForPod(t, cluster, "stays", corev1.ConditionTrue)
}

// waitForPod waits until a pod runs and is ready, or runs and is not.
func waitForPod(t *testing.T, cluster *testbed.Cluster, name string, ready corev1.ConditionStatus) {
	t.Helper()
	testbed.WaitFor(t, patience, fmt.Sprintf("pod %s to be ready: %s", name, ready), func(ctx context.Context) (bool, error) {
		pod, err := cluster.Client().CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		if err != nil || pod.Status.Phase != corev1.PodRunning {
			return false, err
		}
		if !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == ready
		}) {
			return false, fmt.Errorf("its conditions are %+v", pod.Status.Conditions)
		}
		return true, nil
	})
}

// TestClusters checks that the clusters of one bed are strangers to each other.
func TestClusters(t *testing.T) {
	t.Parallel() // with TestMemory: beds do not get in each other's way
	bed := testbed.Start(t, testbed.Options{NoDefaultScheduler: true, Nodes: `
clusters:
- {name: hub, pools: []}
- {name: member, pools: [{cloud: scaleway, region: fr-par, instanceType: PRO2-S, cpu: 4, memory: 16Gi}]}
`})
	hub, member := bed.Cluster(t, "hub"), bed.Cluster(t, "member")
	if len(hub.NodesOf(t, "")) != 0 || len(member.NodesOf(t, "")) != 1 {
		t.Errorf("hub has %d nodes and member %d, want 0 and 1", len(hub.NodesOf(t, "")), len(member.NodesOf(t, "")))
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "only-in-hub"}}
	if _, err := hub.Client().CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := member.Client().CoreV1().Namespaces().Get(t.Context(), namespace.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a namespace of one cluster in the other: error %v, want not found", err)
	}
	stranger := member.Config()
	stranger.CAData = hub.Config().CAData
	stranger.CertData, stranger.KeyData = hub.Config().CertData, hub.Config().KeyData
	if err := listPods(t.Context(), stranger, "default"); err == nil {
		t.Error("one cluster accepts the administrator of another")
	}
}

// TestBadOptions checks that mistakes are told before anything is started.
func TestBadOptions(t *testing.T) {
	for name, c := range map[string]struct {
		options testbed.Options
		want    string
	}{
		"two sources of nodes": {testbed.Options{Nodes: "pools: [{}]", NodeFile: "x"}, "one of Nodes, NodeFile and Pools"},
		"unknown field":        {testbed.Options{Nodes: "pools: [{clod: aws}]"}, `unknown field "pools[0].clod"`},
		"missing file":         {testbed.Options{NodeFile: "no-such-file.yaml"}, "no such file"},
		"cluster name":         {testbed.Options{Clusters: []string{"A B"}}, `cluster name "A B"`},
		"loss time":            {testbed.Options{LossAfter: time.Second}, "at least 4s"},
		"unknown program":      {testbed.Options{ExtraArgs: map[string][]string{"kubelet": nil}}, `"kubelet"`},
	} {
		t.Run(name, func(t *testing.T) {
			bed, err := testbed.New(t.Context(), c.options)
			if err == nil {
				_ = bed.Stop()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestFailedStart checks that a bed that cannot start says why and leaves nothing.
func TestFailedStart(t *testing.T) {
	folder := alone(t)
	_, err := testbed.New(t.Context(), testbed.Options{ExtraArgs: map[string][]string{"kube-apiserver": {"--no-such-flag"}}})
	if err == nil || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
		t.Errorf("error %v, want the API server's complaint", err)
	}
	if left := processesIn(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// closed reports whether nothing listens at a server's address any more.
func closed(t testing.TB, server string) bool {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
