package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/workqueue"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
)

// The size of the cluster that the controller's memory is measured at.
const (
	benchNodes       = 1000
	benchDeployments = 200
	benchReplicas    = 50 // of each
)

// benchPools are 1,000 nodes over three clouds.
const benchPools = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b, eu-west-1c], instanceType: m7i.xlarge, count: 300}
- {cloud: aws, region: us-east-1, zones: [us-east-1a, us-east-1b], instanceType: m7i.xlarge, capacityType: spot, count: 100}
- {cloud: gcp, region: europe-west1, zones: [europe-west1-b, europe-west1-c], instanceType: n2-standard-4, count: 300}
- {cloud: azure, region: westeurope, zones: ["1", "2", "3"], instanceType: Standard_D4s_v5, count: 300}
`

// BenchmarkController measures tradewind-controller over 1,000 nodes and 10,000 pods of 200 Deployments, all under policies:
//
//	BENCH controller_rss_mib           the most memory that it had resident, from its start through all that follows
//	BENCH controller_first_plan_s      from its start until every Placement is written
//	BENCH controller_policy_visible_ms from a change of a policy until its Placement shows it, the median of nine; the nodes have the
//	                                   labels that the controller writes once
//	BENCH controller_price_visible_ms  from a change of one price until the Placement of a workload that it concerns shows it, the
//	                                   median of five
//	BENCH controller_price_settled_ms  until those of 98 % of all workloads do
//	BENCH controller_planning_ms       the mean time of a plan of everything
//	BENCH controller_update_ms         the mean time of a plan of what a change concerns
//
// Run it with -benchtime 1x. The controllers of Kubernetes that make pods are off: the benchmark makes what they would.
func BenchmarkController(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchController(b)
	}
}

func benchController(b *testing.B) {
	path, err := controllerProgram() // before the cluster, which takes minutes
	if err != nil {
		b.Fatal(err)
	}
	bed := testbed.Start(b, testbed.Options{
		NoDefaultScheduler: true, Timeout: 10 * time.Minute,
		LossAfter: 10 * time.Minute, // a busy machine renews the leases of 1,000 nodes late, and a node that comes and goes is planned anew
		Manifests: []string{"../../deploy/crds", "../../deploy/install/namespace.yaml", "../../deploy/install/rbac",
			"../../deploy/install/node-guard.yaml"},
		ExtraArgs: map[string][]string{"kube-controller-manager": {"--controllers=*,-deployment-controller,-replicaset-controller"}},
	})
	cluster := bed.Cluster(b, "")
	var nodes []string
	for range 4 { // a part at a time: each part has to be ready within two minutes
		nodes = append(nodes, cluster.AddNodesYAML(b, quarter(b))...)
	}
	fillCluster(b, cluster, nodes)
	objects, err := dynamic.NewForConfig(cluster.Config())
	if err != nil {
		b.Fatal(err)
	}
	placements := objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("bench")

	began := time.Now()
	pidFile := filepath.Join(b.TempDir(), "pid")
	metrics := startBenchController(b, cluster, path, pidFile)
	testbed.WaitFor(b, 5*time.Minute, "every Placement", func(ctx context.Context) (bool, error) {
		list, err := placements.List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		planned := 0
		for i := range list.Items {
			if decisions, _, _ := unstructured.NestedSlice(list.Items[i].Object, "status", "decisions"); len(decisions) > 0 {
				planned++
			}
		}
		if planned != benchDeployments {
			return false, fmt.Errorf("%d of %d are there", planned, benchDeployments)
		}
		return true, nil
	})
	first := time.Since(began)
	testbed.WaitFor(b, 5*time.Minute, "the labels of every node", func(ctx context.Context) (bool, error) {
		list, err := cluster.Client().CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "!" + v1alpha1.LabelCountry})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("%d have none yet", len(list.Items))
		}
		return err == nil, err
	})

	var visible []float64
	for i := range 9 {
		visible = append(visible, changePolicy(b, objects, fmt.Sprintf("web-%d", i)))
		time.Sleep(time.Second)
	}
	slices.Sort(visible)
	prices, settled := changePrices(b, objects)
	text, err := os.ReadFile(pidFile)
	if err != nil {
		b.Fatal(err)
	}
	rss := peakRSS(b, strings.TrimSpace(string(text)))
	fmt.Printf("BENCH controller_rss_mib %.0f MiB\n", rss)
	fmt.Printf("BENCH controller_first_plan_s %.1f s\n", first.Seconds())
	fmt.Printf("BENCH controller_policy_visible_ms %.0f ms\n", visible[len(visible)/2])
	fmt.Printf("BENCH controller_price_visible_ms %.0f ms\n", prices[len(prices)/2])
	fmt.Printf("BENCH controller_price_settled_ms %.0f ms\n", settled[len(settled)/2])
	fmt.Printf("BENCH controller_planning_ms %.0f ms\n", meanTime(b, metrics, "tradewind_placement_planning_seconds"))
	fmt.Printf("BENCH controller_update_ms %.0f ms\n", meanTime(b, metrics, "tradewind_placement_update_seconds"))
}

// quarter is a quarter of the nodes of each pool.
func quarter(b *testing.B) string {
	b.Helper()
	out := benchPools
	for _, count := range []int{300, 100} {
		out = strings.ReplaceAll(out, fmt.Sprintf("count: %d}", count), fmt.Sprintf("count: %d}", count/4))
	}
	return out
}

// fillCluster makes Deployments with their ReplicaSets and pods, and a policy for each.
func fillCluster(b *testing.B, cluster *testbed.Cluster, nodes []string) {
	b.Helper()
	if len(nodes) != benchNodes {
		b.Fatalf("there are %d nodes", len(nodes))
	}
	cluster.ApplyYAML(b,
		"{apiVersion: v1, kind: Namespace, metadata: {name: bench}}\n---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: bench}}")
	client, ctx := cluster.Client(), b.Context()
	var failure atomic.Pointer[error]
	workqueue.ParallelizeUntil(ctx, 16, benchDeployments, func(i int) {
		err := func() error {
			name := fmt.Sprintf("web-%d", i)
			replicas := int32(benchReplicas)
			selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
			deployment, err := client.AppsV1().Deployments("bench").Create(ctx, &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector, Template: benchTemplate(name)},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			set, err := client.AppsV1().ReplicaSets("bench").Create(ctx, &appsv1.ReplicaSet{
				ObjectMeta: metav1.ObjectMeta{Name: name + "-5d9", OwnerReferences: []metav1.OwnerReference{
					*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment")),
				}},
				Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: selector, Template: benchTemplate(name)},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			for k := range benchReplicas {
				template := benchTemplate(name)
				template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "5d9"
				template.Spec.NodeName = nodes[(i*benchReplicas+k*7)%len(nodes)]
				pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
				pod.Name = fmt.Sprintf("%s-5d9-%d", name, k)
				pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
				pod, err := client.CoreV1().Pods("bench").Create(ctx, pod, metav1.CreateOptions{})
				if err != nil {
					return err
				}
				pod.Status = benchStatus()
				if _, err := client.CoreV1().Pods("bench").UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
					return err
				}
			}
			return nil
		}()
		if err != nil {
			failure.Store(&err)
		}
	})
	if err := failure.Load(); err != nil {
		b.Fatal(*err)
	}
	var policies strings.Builder
	for i := range benchDeployments {
		fmt.Fprintf(&policies,
			"---\n{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: web-%[1]d, namespace: bench}, spec: "+
				"{workloadSelector: {matchLabels: {app: web-%[1]d}}, %[2]s}}\n", i, benchRules)
	}
	cluster.ApplyYAML(b, policies.String())
}

// benchStatus is what a kubelet says of a running pod.
func benchStatus() corev1.PodStatus {
	now := metav1.Now()
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now, HostIP: "10.0.0.1", PodIP: "10.1.0.1"}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, name := range []string{"main", "proxy"} {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
			Image: "registry.example.com/team/" + name + ":v1.2.3", ContainerID: "containerd://" + strings.Repeat("0123456789abcdef", 4),
		})
	}
	return status
}

const benchRules = "residency: {jurisdictions: [EU]}, spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 60}], " +
	"availability: {survive: cloud, minReplicasPercent: 40}, latency: {clients: [{location: DE, sharePercent: 70}, {location: FR, sharePercent: 30}]}"

// benchTemplate is a pod of the size that pods of real clusters have.
func benchTemplate(name string) corev1.PodTemplateSpec {
	var env []corev1.EnvVar
	for i := range 12 {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: "https://service.example.com:8443/path/" + strconv.Itoa(i)})
	}
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{}}, PeriodSeconds: 10}
	probe.TCPSocket.Port.IntVal = 8080
	requests := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("512Mi")}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench"},
			// The testbed would start the pods one after another; the benchmark says that they run.
			Annotations: map[string]string{"testbed.tradewind.dev/start-after": "24h", "prometheus.io/scrape": "true",
				"checksum/config": strings.Repeat("0123456789abcdef", 4)},
		},
		Spec: corev1.PodSpec{
			SchedulerName: "tradewind",
			Containers: []corev1.Container{
				{
					Name: "main", Image: "registry.example.com/team/main:v1.2.3", Env: env, ReadinessProbe: probe, LivenessProbe: probe,
					Resources: corev1.ResourceRequirements{Requests: requests, Limits: requests},
				},
				{Name: "proxy", Image: "registry.example.com/mesh/proxy:v1.2.3", Env: env},
			},
		},
	}
}

// startBenchController runs the controller as its installation does, and returns the address of its metrics.
func startBenchController(b *testing.B, cluster *testbed.Cluster, path, pidFile string) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		b.Fatal(err)
	}
	cluster.StartProgram(b, testbed.ProgramSpec{
		Name: "tradewind-controller", Path: "/bin/sh", User: testbed.TradewindController, Env: []string{"GOMEMLIMIT=450MiB", "GOGC=80"},
		Args: []string{
			"-c", `echo $$ > "$0"; exec "$@"`, pidFile, path, "--kubeconfig={kubeconfig}", "--metrics-bind-address=" + address,
			"--metrics-secure=false",
			"--health-probe-bind-address=0",
		},
	})
	return address
}

// changePolicy turns a workload to one cloud and returns the time until its Placement shows it, in milliseconds.
func changePolicy(b *testing.B, objects dynamic.Interface, name string) float64 {
	b.Helper()
	policies := objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace("bench")
	placements := objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("bench")
	began := time.Now()
	patch := []byte(`{"spec":{"spread":null,"availability":null,"locations":{"required":[{"key":"tradewind.dev/cloud","operator":"In","values":["azure"]}]}}}`)
	if _, err := policies.Patch(b.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		b.Fatal(err)
	}
	for {
		object, err := placements.Get(b.Context(), "deployment-"+name, metav1.GetOptions{})
		if err != nil {
			b.Fatal(err)
		}
		decisions, _, err := unstructured.NestedSlice(object.Object, "status", "decisions")
		if err != nil {
			b.Fatal(err)
		}
		elsewhere := slices.ContainsFunc(decisions, func(d any) bool { return d.(map[string]any)["cloud"] != "azure" })
		if len(decisions) > 0 && !elsewhere {
			return float64(time.Since(began).Microseconds()) / 1000
		}
		if time.Since(began) > patience {
			b.Fatalf("the changed policy of %s is not visible: %v", name, decisions)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// peakRSS is the most memory that a process has had resident, in MiB.
func peakRSS(b *testing.B, pid string) float64 {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal(errors.New("the kernel does not tell the memory of the controller"))
	return 0
}

// changePrices makes the nodes of AWS in the EU dear and cheap in turn. It returns, sorted, the times until the Placement of one
// workload shows that its replicas go from there or come back, and until those of 98 % do, in milliseconds.
func changePrices(b *testing.B, objects dynamic.Interface) (one, all []float64) {
	b.Helper()
	lists := objects.Resource(v1alpha1.GroupVersion.WithResource("pricelists"))
	placements := objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("bench")
	events, err := placements.Watch(b.Context(), metav1.ListOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer events.Stop()
	onAWS := map[string]bool{}
	for i := range 6 {
		dear := i%2 == 0
		usd := map[bool]string{true: "9", false: "0.01"}[dear]
		list := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "PriceList", "metadata": map[string]any{"name": "bench"},
			"spec": map[string]any{"instances": []any{map[string]any{
				"cloud": "aws", "region": "eu-west-1", "instanceType": "m7i.xlarge", "hourlyUSD": usd,
			}}},
		}}
		began := time.Now()
		if _, err := lists.Apply(b.Context(), "bench", list, metav1.ApplyOptions{FieldManager: "bench", Force: true}); err != nil {
			b.Fatal(err)
		}
		first, last := time.Duration(0), time.Duration(0)
		for last == 0 {
			select {
			case event := <-events.ResultChan():
				object, ok := event.Object.(*unstructured.Unstructured)
				if !ok {
					b.Fatalf("watching Placements ended: %v", event.Object)
				}
				decisions, _, err := unstructured.NestedSlice(object.Object, "status", "decisions")
				if err != nil {
					b.Fatal(err)
				}
				onAWS[object.GetName()] = slices.ContainsFunc(decisions, func(d any) bool { return d.(map[string]any)["cloud"] == "aws" })
			case <-time.After(time.Until(began.Add(patience))):
				b.Fatalf("prices of AWS are not visible (dear: %t): %v", dear, onAWS)
			}
			if len(onAWS) < benchDeployments {
				continue // a watch begins with what is there
			}
			wrong := 0
			for k := 9; k < benchDeployments; k++ { // the others' policies name a cloud
				if onAWS[fmt.Sprintf("deployment-web-%d", k)] == dear {
					wrong++
				}
			}
			if first == 0 && onAWS[fmt.Sprintf("deployment-web-%d", benchDeployments/2)] != dear {
				first = time.Since(began)
			}
			if first > 0 && wrong <= benchDeployments/50 { // where room is short a few find none on what is cheap
				last = time.Since(began)
			}
		}
		if i > 0 { // the first one also learns what Placements say
			one, all = append(one, float64(first.Microseconds())/1000), append(all, float64(last.Microseconds())/1000)
		}
		time.Sleep(2 * time.Second)
	}
	slices.Sort(one)
	slices.Sort(all)
	return one, all
}

// meanTime is the mean of a histogram of the controller's, in milliseconds.
func meanTime(b *testing.B, address, name string) float64 {
	b.Helper()
	var text strings.Builder
	if _, err := get(b.Context(), http.DefaultClient, "http://"+address+"/metrics", "", &text); err != nil {
		b.Fatal(err)
	}
	value := func(name string) float64 {
		_, after, _ := strings.Cut(text.String(), "\n"+name+" ")
		number, _, _ := strings.Cut(after, "\n")
		out, err := strconv.ParseFloat(number, 64)
		if err != nil {
			b.Fatalf("metric %s: %v", name, err)
		}
		return out
	}
	return 1000 * value(name+"_sum") / max(value(name+"_count"), 1)
}
