package e2e

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pod that may evict others does so only where its own rules let it run.
func TestPreemptionKeepsToTheJurisdiction(t *testing.T) {
	e := newEnv(t)
	e.apply(`
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: e2e-low}
value: 100
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: e2e-high}
value: 100000
`)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large, count: 3}
- {name: undeclared, cloud: some-dc, region: somewhere, cpu: 2, memory: 8Gi, count: 2}
`)
	fill := func(pool string) {
		for _, node := range e.cluster.NodesOf(t, pool) {
			e.pod("low-"+node.Name, label("tier", "low"), cpu("1500m"), priority("e2e-low"), onNode(node.Name))
		}
	}
	fill("virginia")
	fill("undeclared")
	alive := func(ctx context.Context) (map[string]int, error) {
		list, err := e.client.CoreV1().Pods(e.ns).List(ctx, metav1.ListOptions{LabelSelector: "tier=low"})
		if err != nil {
			return nil, err
		}
		var living = list.Items[:0]
		for _, pod := range list.Items {
			if pod.DeletionTimestamp == nil {
				living = append(living, pod)
			}
		}
		return e.byPool(living), nil
	}

	e.policy("high", "residency: {jurisdictions: [EU]}")
	e.pod("high", cpu("1"), priority("e2e-high"))
	e.waits("high", "0/5 nodes: 3 outside residency EU, 2 without a known country (residency EU)")
	if got, err := alive(t.Context()); err != nil || got["virginia"] != 3 || got["undeclared"] != 2 {
		t.Fatalf("pods of low priority after a pod that preemption cannot help: %v, %v; want 3 and 2", got, err)
	}

	e.cluster.AddNodesYAML(t,
		`pools: [{name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.large, taints: [{key: e2e, effect: NoSchedule}]}]`)
	fill("ireland")
	e.wait("the pods in Ireland to run", func(ctx context.Context) error {
		if got, err := alive(ctx); err != nil || got["ireland"] != 1 {
			return fmt.Errorf("%v: %w", got, err)
		}
		return nil
	})
	node := e.cluster.NodesOf(t, "ireland")[0].Name
	e.patchNode(node, `{"spec":{"taints":null}}`)
	if got := e.placed("high"); got != "ireland" {
		t.Errorf("the pod of high priority is in %s", got)
	}
	if got, err := alive(t.Context()); err != nil || got["virginia"] != 3 || got["undeclared"] != 2 || got["ireland"] != 0 {
		t.Errorf("pods of low priority after preemption: %v, %v; want those in virginia and undeclared only", got, err)
	}
}
