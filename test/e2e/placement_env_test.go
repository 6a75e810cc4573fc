package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

const placementNodes = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.large, count: 3}
- {cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 3}
- {cloud: azure, region: westeurope, zones: ["1"], instanceType: Standard_D2s_v5, count: 3}
- {cloud: aws, region: us-east-1, zones: [us-east-1a], instanceType: m7i.large, count: 3}
`

// placementEnv is a cluster in which scheduler and controller run, with the namespace shop.
type placementEnv struct {
	*controllerEnv
	controller *controllerProcess
	starts     int
}

func newPlacementEnv(t *testing.T, nodes string, flags ...string) *placementEnv {
	t.Helper()
	e := &placementEnv{controllerEnv: newControllerEnv(t, nodes)}
	e.flags = flags
	e.cluster.Apply(t, "../../deploy/crds")
	e.startController()
	// The scheduler looks at the Lease when it starts, and then every second: until it has seen one no pod waits for its plan.
	waitFor(t, "the controller to lead", func(ctx context.Context) error {
		lease, err := e.cluster.Client().CoordinationV1().Leases("tradewind-system").Get(ctx, state.PlannerLease, metav1.GetOptions{})
		if err == nil && lease.Labels[state.ObjectiveLabel] == "" {
			err = errors.New("its Lease does not say what its plans minimise")
		}
		return err
	})
	startScheduler(t, e.cluster, "tradewind-scheduler")
	e.cluster.ApplyYAML(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n"+
		"{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}")
	return e
}

func (e *placementEnv) startController() {
	e.Helper()
	e.starts++
	e.controller = e.start(fmt.Sprintf("tradewind-controller-%d", e.starts))
	e.ready(e.controller)
}

// policy applies a PlacementPolicy for the pods app=NAME.
func (e *placementEnv) policy(name, spec string) {
	e.Helper()
	e.cluster.ApplyYAML(e.T, strings.ReplaceAll(policyText("PlacementPolicy", name, spec), "NAMESPACE", "shop"))
}

// deployment applies a Deployment of pods app=NAME that each ask for a core.
func (e *placementEnv) deployment(name string, replicas int) {
	e.Helper()
	e.deploymentIn("shop", name, replicas)
}

func (e *placementEnv) deploymentIn(namespace, name string, replicas int) {
	e.Helper()
	e.cluster.ApplyYAML(e.T, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[3]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      schedulerName: tradewind
      containers: [{name: c, image: none, resources: {requests: {cpu: 500m, memory: 256Mi}}}]
`, name, replicas, namespace))
}

func (e *placementEnv) scale(name string, replicas int) {
	e.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := e.cluster.Client().AppsV1().Deployments("shop").
		Patch(e.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
}

// placement reads a Placement of the namespace shop.
func (e *placementEnv) placement(ctx context.Context, name string) (*v1alpha1.Placement, error) {
	object, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("shop").Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var out v1alpha1.Placement
	return &out, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &out)
}

// awaitPlacement waits until a Placement is as a condition wants it.
func (e *placementEnv) awaitPlacement(name, what string, condition func(*v1alpha1.Placement) error) *v1alpha1.Placement {
	e.Helper()
	var found *v1alpha1.Placement
	waitFor(e.T, "Placement "+name+" "+what, func(ctx context.Context) (err error) {
		if found, err = e.placement(ctx, name); err != nil {
			return err
		}
		if err := condition(found); err != nil {
			return fmt.Errorf("%w: %+v", err, found.Status)
		}
		return nil
	})
	return found
}

func conditionOf(p *v1alpha1.Placement, kind string) metav1.Condition {
	if found := meta.FindStatusCondition(p.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{}
}

// inPlace waits until every replica of a Deployment runs where its Placement says, and checks that against the pods.
func (e *placementEnv) inPlace(name string, replicas int) *v1alpha1.Placement {
	e.Helper()
	found := e.awaitPlacement("deployment-"+name, "to be in place", func(p *v1alpha1.Placement) error {
		if conditionOf(p, v1alpha1.ConditionPlanned).Status != metav1.ConditionTrue ||
			conditionOf(p, v1alpha1.ConditionInPlace).Status != metav1.ConditionTrue ||
			int(p.Status.Replicas) != replicas {
			return errors.New("it is not")
		}
		return nil
	})
	decided := map[string]int{}
	for _, d := range found.Status.Decisions {
		decided[strings.Join([]string{d.Cloud, d.Region, d.Zone, d.InstanceType}, "/")] += int(d.Replicas)
		if d.Running < d.Replicas || d.Reason == "" || d.Pool == "" ||
			(d.HourlyUSD == "") != (found.Status.PriceBasis != v1alpha1.PriceBasisInForce) {
			e.Errorf("%s: a decision reads %+v", name, d)
		}
	}
	if running := e.places(name); !maps.Equal(running, decided) {
		e.Errorf("%s: the pods are in %v, the Placement says %v", name, running, decided)
	}
	return found
}

// places counts the placed pods of a Deployment by the place of their nodes.
func (e *placementEnv) places(name string) map[string]int {
	e.Helper()
	list, err := e.cluster.Client().CoreV1().Pods("shop").List(e.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		e.Fatal(err)
	}
	nodes, err := e.cluster.Client().CoreV1().Nodes().List(e.Context(), metav1.ListOptions{})
	if err != nil {
		e.Fatal(err)
	}
	at := map[string]string{}
	for i := range nodes.Items {
		node := location.FromNode(&nodes.Items[i], location.DefaultOptions())
		at[nodes.Items[i].Name] = strings.Join([]string{node.Cloud, node.Region, node.Zone, node.InstanceType}, "/")
	}
	out := map[string]int{}
	for i := range list.Items {
		if pod := &list.Items[i]; pod.DeletionTimestamp == nil && pod.Spec.NodeName != "" {
			out[at[pod.Spec.NodeName]]++
		}
	}
	return out
}

func cloudsOf(p *v1alpha1.Placement) map[string]int {
	out := map[string]int{}
	for _, d := range p.Status.Decisions {
		out[d.Cloud] += int(d.Replicas)
	}
	return out
}

// rests waits until the controller writes nothing more, and returns how often it has written since it started.
func (e *placementEnv) rests() int {
	e.Helper()
	waitFor(e.T, "a plan of the controller", func(ctx context.Context) error {
		_, text, err := e.controller.scrape(ctx, e.token)
		if err == nil && !strings.Contains(text, `tradewind_placement_rounds_total{result="planned"}`) {
			err = errors.New("there is none")
		}
		return err
	})
	const looks = 3 // without a write between them, so that a pause of a busy machine is not taken for rest
	last, same := -1, 0
	waitFor(e.T, "the controller to come to rest", func(context.Context) error {
		before := last
		if last = e.writes(e.controller); last != before {
			same = 0
		}
		if same++; same < looks {
			time.Sleep(1500 * time.Millisecond)
			return fmt.Errorf("it has written %d times", last)
		}
		return nil
	})
	return last
}
