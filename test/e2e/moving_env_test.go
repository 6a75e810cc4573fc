package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// twoClouds is a cluster over two clouds, each with room for all.
const twoClouds = `
pools:
- {name: aws, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, count: 3}
- {name: gcp, cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 3}
`

// movingEnv is a cluster of its own in which scheduler and controller run, and nodes can be lost.
type movingEnv struct {
	*env
	controller *controllerEnv
	process    *controllerProcess
	starts     int
}

func newMovingEnv(t *testing.T, nodes string, flags ...string) *movingEnv {
	t.Helper()
	return newMovingEnvWith(t, nodes, 4*time.Second, 500*time.Millisecond, flags...)
}

// newMovingEnvWith is a cluster in which nodes are unreachable after a time, and looked at every period; flags are the controller's.
func newMovingEnvWith(t *testing.T, nodes string, lossAfter, monitor time.Duration, flags ...string) *movingEnv {
	t.Helper()
	flag := "--node-monitor-period=" + monitor.String()
	bed := testbed.Start(t, testbed.Options{
		Nodes: nodes, NoDefaultScheduler: true, LossAfter: lossAfter, ExtraArgs: map[string][]string{"kube-controller-manager": {flag}},
		Manifests: append([]string{"../../deploy/install/node-guard.yaml"}, installation...),
	})
	cluster := bed.Cluster(t, "")
	objects, err := dynamic.NewForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	e := &movingEnv{
		env:        &env{T: t, cluster: cluster, client: cluster.Client(), objects: objects},
		controller: &controllerEnv{T: t, cluster: cluster, objects: objects, flags: append(flags, flag)},
	}
	e.ns = e.namespace("e2e-", nil)
	t.Cleanup(func() {
		if t.Failed() {
			e.report()
			e.reportPlacements()
		}
	})
	e.startController()
	e.sched = startScheduler(t, cluster, "tradewind-scheduler")
	return e
}

func (e *movingEnv) startController() {
	e.Helper()
	e.starts++
	e.process = e.controller.start(fmt.Sprintf("tradewind-controller-%d", e.starts))
	e.controller.ready(e.process)
}

// placementOf reads the Placement of a workload of the test.
func (e *movingEnv) placementOf(ctx context.Context, name string) (*v1alpha1.Placement, error) {
	object, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace(e.ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var out v1alpha1.Placement
	return &out, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &out)
}

// says waits until a condition of a Placement has a status and a reason; an empty reason stands for any.
func (e *movingEnv) says(placement, kind string, status metav1.ConditionStatus, reason string) *v1alpha1.Placement {
	e.Helper()
	var found *v1alpha1.Placement
	e.wait(fmt.Sprintf("%s of Placement %s to be %s %s", kind, placement, status, reason), func(ctx context.Context) (err error) {
		if found, err = e.placementOf(ctx, placement); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(found.Status.Conditions, kind)
		if condition == nil {
			return errors.New("there is none")
		}
		if condition.Status != status || reason != "" && condition.Reason != reason {
			return fmt.Errorf("it is %s %s: %s", condition.Status, condition.Reason, condition.Message)
		}
		return nil
	})
	return found
}

// poolsSay waits until a condition of all CloudPools of a cloud has a status and a reason; an empty reason stands for any.
func (e *movingEnv) poolsSay(cloud, kind string, status metav1.ConditionStatus, reason string) {
	e.Helper()
	e.wait(fmt.Sprintf("%s of the pools of %s to be %s %s", kind, cloud, status, reason), func(ctx context.Context) error {
		list, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource("cloudpools")).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		seen := 0
		for i := range list.Items {
			var pool v1alpha1.CloudPool
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &pool); err != nil {
				return err
			}
			if pool.Spec.Cloud != cloud {
				continue
			}
			seen++
			condition := meta.FindStatusCondition(pool.Status.Conditions, kind)
			if condition == nil || condition.Status != status || reason != "" && condition.Reason != reason {
				return fmt.Errorf("pool %s: %+v", pool.Name, condition)
			}
		}
		if seen == 0 {
			return errors.New("there is none")
		}
		return nil
	})
}

// ready waits until the live replicas of a workload are all ready and, by the testbed's pools, where they should be.
func (e *movingEnv) ready(name string, want map[string]int) {
	e.Helper()
	replicas := 0
	for _, n := range want {
		replicas += n
	}
	e.wait(fmt.Sprintf("replicas of %s to be ready in %v", name, want), func(ctx context.Context) error {
		found, err := e.pods(ctx, name)
		if err != nil {
			return err
		}
		ready := 0
		for i := range found {
			if podReady(&found[i]) {
				ready++
			}
		}
		if got := e.byPool(found); len(found) != replicas || ready != replicas || !maps.Equal(got, want) {
			return fmt.Errorf("%d of %d are ready, in %v", ready, len(found), got)
		}
		return nil
	})
}

func podReady(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return pod.Status.Conditions[i].Status == corev1.ConditionTrue
		}
	}
	return false
}

// uids are the pods of a workload, by name.
func (e *movingEnv) uids(name string) map[string]string {
	e.Helper()
	found, err := e.pods(e.Context(), name)
	if err != nil {
		e.Fatal(err)
	}
	out := map[string]string{}
	for i := range found {
		out[found[i].Name] = string(found[i].UID)
	}
	return out
}

// lose stops the heartbeats of a pool's nodes.
func (e *movingEnv) lose(pool string) {
	e.Helper()
	e.cluster.SetNodesReady(e.T, pool, false)
}

func (e *movingEnv) restore(pool string) {
	e.Helper()
	e.cluster.SetNodesReady(e.T, pool, true)
}

// tainted says how many nodes of a pool have a taint.
func (e *movingEnv) tainted(pool, key string) int {
	e.Helper()
	n := 0
	for _, node := range e.cluster.NodesOf(e.T, "") {
		if node.Annotations[nodes.PoolAnnotation] != pool {
			continue
		}
		for i := range node.Spec.Taints {
			if node.Spec.Taints[i].Key == key {
				n++
			}
		}
	}
	return n
}

// reportPlacements prints what Placements and CloudPools say.
func (e *movingEnv) reportPlacements() {
	for _, resource := range []string{"placements", "cloudpools"} {
		list, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource(resource)).
			List(context.WithoutCancel(e.Context()), metav1.ListOptions{})
		if err != nil {
			e.Log(err)
			return
		}
		for i := range list.Items {
			e.Logf("%s %s: %v", list.Items[i].GetKind(), list.Items[i].GetName(), list.Items[i].Object["status"])
		}
	}
}
