package testbed

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// nodesTimeout limits how long nodes may take to become ready.
const nodesTimeout = 4 * time.Minute

// AddNodes adds the nodes of pools, waits until they are ready, and returns their names. Pools that exist grow.
func (c *Cluster) AddNodes(t testing.TB, pools ...nodes.Pool) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodesTimeout)
	defer cancel()
	list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for i := range list.Items {
		taken[list.Items[i].Name] = true
	}
	built, err := nodes.Build(pools, func(name string) bool { return taken[name] })
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cluster.AddNodes(ctx, built); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, node := range built {
		names = append(names, node.Name)
	}
	return names
}

// AddNodesYAML adds the nodes of the pools of a node file's text; see AddNodes.
func (c *Cluster) AddNodesYAML(t testing.TB, text string) []string {
	t.Helper()
	file, err := nodes.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.AddNodes(t, file.Pools...)
}

// NodesOf returns the nodes of a pool, by the pool's name (nodes.Pool.Name and its default), sorted by name; all nodes
// for an empty name.
func (c *Cluster) NodesOf(t testing.TB, pool string) []corev1.Node {
	t.Helper()
	list, err := c.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(n corev1.Node) bool { return pool != "" && n.Annotations[nodes.PoolAnnotation] != pool })
}

// RemoveNodes deletes the nodes of a pool, as a cloud's node controller does when the machines are gone.
func (c *Cluster) RemoveNodes(t testing.TB, pool string) {
	t.Helper()
	if err := c.cluster.RemoveNodes(t.Context(), c.poolNames(t, pool)); err != nil {
		t.Fatal(err)
	}
}

// SetNodesReady with ready=false simulates the loss of a pool's machines: their heartbeats stop and their pods stay as
// they are, until Kubernetes marks the nodes as unreachable after Options.LossAfter. With ready=true the heartbeats go
// on. It does not wait for the effect; see WaitForNodesReady.
func (c *Cluster) SetNodesReady(t testing.TB, pool string, ready bool) {
	t.Helper()
	set := c.cluster.LoseNodes
	if ready {
		set = c.cluster.RestoreNodes
	}
	if err := set(t.Context(), c.poolNames(t, pool)); err != nil {
		t.Fatal(err)
	}
}

// WaitForNodesReady waits until every node of a pool is ready, or none is.
func (c *Cluster) WaitForNodesReady(t testing.TB, pool string, ready bool) {
	t.Helper()
	what := fmt.Sprintf("nodes of pool %q to be ready=%v", pool, ready)
	WaitFor(t, c.bed.options.LossAfter+nodesTimeout, what, func(context.Context) (bool, error) {
		return !slices.ContainsFunc(c.NodesOf(t, pool), func(n corev1.Node) bool { return bed.NodeReady(&n) != ready }), nil
	})
}

func (c *Cluster) poolNames(t testing.TB, pool string) []string {
	t.Helper()
	var names []string
	for _, node := range c.NodesOf(t, pool) {
		names = append(names, node.Name)
	}
	if len(names) == 0 {
		t.Fatalf("cluster %s has no node of pool %q", c.Name(), pool)
	}
	return names
}

// pollInterval is how often WaitFor looks.
const pollInterval = 50 * time.Millisecond

// WaitFor waits until a condition holds and fails the test when it does not within the timeout; what completes the
// sentence "waiting for …". An error does not end the wait; the last one is part of the failure.
func WaitFor(t testing.TB, timeout time.Duration, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	for {
		holds, err := condition(ctx)
		if holds && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for %s: not so after %s (last error: %v)", what, timeout, err)
		case <-time.After(pollInterval):
		}
	}
}
