package bed

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"golang.org/x/sync/errgroup"
)

// parallelRequests is how many requests run at a time where many objects are written.
const parallelRequests = 16

// AddNodes creates the nodes and returns when every one of them is ready for pods.
func (c *Cluster) AddNodes(ctx context.Context, nodes []*corev1.Node) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := createNodes(ctx, client, nodes); err != nil {
		return err
	}
	return waitForNodes(ctx, client, nodes)
}

// RemoveNodes deletes the nodes, as a cloud's node controller does when the machines are gone.
func (c *Cluster) RemoveNodes(ctx context.Context, names []string) error {
	return c.eachNode(ctx, names, func(ctx context.Context, client kubernetes.Interface, name string) error {
		return client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// LoseNodes takes the simulated kubelets of the nodes away: their heartbeats stop and their pods stay as they are. The
// node life-cycle controller marks the nodes as unreachable when the loss time of the bed has passed.
func (c *Cluster) LoseNodes(ctx context.Context, names []string) error {
	return c.patchNodes(ctx, names, fmt.Sprintf(`{"metadata":{"labels":{%q:"true"}}}`, LostLabel))
}

// RestoreNodes gives the nodes their simulated kubelets back.
func (c *Cluster) RestoreNodes(ctx context.Context, names []string) error {
	return c.patchNodes(ctx, names, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, LostLabel))
}

func (c *Cluster) patchNodes(ctx context.Context, names []string, patch string) error {
	return c.eachNode(ctx, names, func(ctx context.Context, client kubernetes.Interface, name string) error {
		_, err := client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}

func (c *Cluster) eachNode(ctx context.Context, names []string, f func(context.Context, kubernetes.Interface, string) error) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for _, name := range names {
		group.Go(func() error { return f(ctx, client, name) })
	}
	return group.Wait()
}

func createNodes(ctx context.Context, client kubernetes.Interface, nodes []*corev1.Node) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for _, node := range nodes {
		group.Go(func() error {
			_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
			return err
		})
	}
	return group.Wait()
}

// waitForNodes returns when every node is ready and free of the taints that keep pods off until then.
func waitForNodes(ctx context.Context, client kubernetes.Interface, nodes []*corev1.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	waiting := map[string]bool{}
	for _, node := range nodes {
		waiting[node.Name] = true
	}
	for {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err == nil {
			for i := range list.Items {
				if NodeReady(&list.Items[i]) {
					delete(waiting, list.Items[i].Name)
				}
			}
			if len(waiting) == 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d of %d nodes to be ready: %w", len(waiting), len(nodes), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// NodeReady reports whether a node is ready and free of the taints that keep pods off until then.
func NodeReady(node *corev1.Node) bool {
	if slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable
	}) {
		return false
	}
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
