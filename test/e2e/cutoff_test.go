package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// renewals are when the first and the last of the nodes of a pool last renewed their leases.
func (e *movingEnv) renewals(pool string) (first, last time.Time) {
	e.Helper()
	for _, node := range e.cluster.NodesOf(e.T, pool) {
		lease, err := e.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(e.Context(), node.Name, metav1.GetOptions{})
		if err != nil {
			e.Fatal(err)
		}
		at := lease.Spec.RenewTime.Time
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// belief is what was made of what nodes seem to be: the pods, the nodes that are fenced, the pools that do not count, and where
// Placements want replicas.
func (e *movingEnv) belief(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	pods, err := e.client.CoreV1().Pods(e.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		out["pod "+pods.Items[i].Name] = fmt.Sprint(pods.Items[i].UID, pods.Items[i].DeletionTimestamp != nil)
	}
	nodes, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range nodes.Items {
		for _, taint := range nodes.Items[i].Spec.Taints {
			if taint.Key == corev1.TaintNodeOutOfService {
				out["node "+nodes.Items[i].Name] = taint.ToString()
			}
		}
	}
	for _, resource := range []string{"placements", "cloudpools"} {
		list, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource(resource)).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			var placement v1alpha1.Placement
			var pool v1alpha1.CloudPool
			name := resource + " " + list.Items[i].GetName()
			if resource == "placements" {
				err = runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &placement)
				for _, d := range placement.Status.Decisions {
					out[name] += fmt.Sprintf("%d in %s ", d.Replicas, d.Pool)
				}
			} else if err = runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &pool); err == nil {
				out[name] = fmt.Sprint("outage: ", meta.IsStatusConditionTrue(pool.Status.Conditions, v1alpha1.ConditionOutage))
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// keeps looks until it is stopped whether what is believed stays as it was, and returns what else was seen.
func (e *movingEnv) keeps(before map[string]string) (stop func() []string) {
	ctx, cancel := context.WithCancel(e.Context())
	seen := make(chan []string, 1)
	go func() {
		var others []string
		for ctx.Err() == nil {
			now, err := e.belief(ctx)
			if err == nil && !maps.Equal(now, before) {
				for _, name := range slices.Sorted(maps.Keys(now)) {
					if text := fmt.Sprintf("%s: %q, before %q", name, now[name], before[name]); now[name] != before[name] &&
						!slices.Contains(others, text) {
						others = append(others, text)
					}
				}
				for _, name := range slices.Sorted(maps.Keys(before)) {
					if _, there := now[name]; !there && !slices.Contains(others, name+" is gone") {
						others = append(others, name+" is gone")
					}
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		seen <- others
	}()
	return func() []string {
		cancel()
		return <-seen
	}
}

// TestAllCutOff cuts all nodes off from the API server at once. Their leases have phases, as real ones do: those of aws are
// nearly due, those of gcp just renewed, so that Kubernetes calls aws unreachable well before gcp. Nothing must follow from
// it; and when all are back everything is as it was, at once.
func TestAllCutOff(t *testing.T) {
	const lossAfter, interval = 25 * time.Second, 5 * time.Second // a lease holds for 20 s
	e := newMovingEnvWith(t, twoClouds, lossAfter, 200*time.Millisecond)
	e.apply(dearGCP)
	for _, name := range []string{"web", "db"} {
		e.policy(name, `failover: {after: 3s, stabilization: 10m}`)
	}
	e.deployment("web", 4)
	e.apply(fmt.Sprintf(statefulSet, "db", ""))
	e.ready("web", map[string]int{"aws": 4})
	e.ready("db", map[string]int{"aws": 1})
	for _, name := range []string{"deployment-web", "statefulset-db"} {
		e.says(name, v1alpha1.ConditionInPlace, metav1.ConditionTrue, "")
	}
	e.poolsSay("aws", v1alpha1.ConditionAvailable, metav1.ConditionTrue, "")

	// A machine that is back renews its lease at once, and then every 5 s.
	e.lose("aws")
	e.lose("gcp")
	lost := time.Now()
	e.restore("aws")
	e.wait("the nodes of aws to renew their leases", func(context.Context) error {
		if first, _ := e.renewals("aws"); !first.After(lost) {
			return fmt.Errorf("one was renewed last at %s", first)
		}
		return nil
	})
	_, aws := e.renewals("aws")
	time.Sleep(time.Until(aws.Add(interval - 700*time.Millisecond)))
	e.restore("gcp")
	e.wait("the nodes of gcp to renew their leases", func(context.Context) error {
		if first, _ := e.renewals("gcp"); !first.After(lost) {
			return fmt.Errorf("one was renewed last at %s", first)
		}
		return nil
	})
	before, err := e.belief(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop := e.keeps(before)
	// That those of aws are let go first is how it is made sure that none of them renews its lease once more.
	e.wait("the leases of aws to be renewed some time before those of gcp", func(context.Context) error {
		_, aws = e.renewals("aws")
		if first, _ := e.renewals("gcp"); time.Since(aws) > time.Second || first.After(aws) {
			return fmt.Errorf("aws at %s, gcp from %s", aws, first)
		}
		return nil
	})
	e.lose("aws")
	e.wait("the leases of gcp to be renewed", func(context.Context) error {
		if first, _ := e.renewals("gcp"); !first.After(aws.Add(interval / 2)) {
			return fmt.Errorf("one was renewed last at %s, those of aws at %s", first, aws)
		}
		return nil
	})
	e.lose("gcp")
	_, aws = e.renewals("aws")
	first, last := e.renewals("gcp")
	t.Logf("the leases of gcp were renewed %.1f to %.1f s after those of aws", first.Sub(aws).Seconds(), last.Sub(aws).Seconds())

	e.cluster.WaitForNodesReady(t, "", false)
	e.says("deployment-web", v1alpha1.ConditionPlanned, metav1.ConditionUnknown, "Uncertain")
	e.restore("aws")
	e.restore("gcp")
	e.cluster.WaitForNodesReady(t, "", true)
	for _, name := range []string{"deployment-web", "statefulset-db"} {
		e.says(name, v1alpha1.ConditionPlanned, metav1.ConditionTrue, "Planned")
	}
	for _, text := range stop() {
		t.Error(text)
	}
}
