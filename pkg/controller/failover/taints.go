package failover

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// setTaint adds a taint to a node, unless it has one of this key.
func (c *Controller) setTaint(ctx context.Context, node string, taint corev1.Taint) error {
	return EditTaints(ctx, c.Client, node, func(taints []corev1.Taint) []corev1.Taint {
		if slices.ContainsFunc(taints, func(t corev1.Taint) bool { return t.Key == taint.Key }) {
			return taints
		}
		return append(taints, taint)
	})
}

// removeTaint takes the taints that match from a node.
func (c *Controller) removeTaint(ctx context.Context, node string, match func(corev1.Taint) bool) error {
	return EditTaints(ctx, c.Client, node, func(taints []corev1.Taint) []corev1.Taint { return slices.DeleteFunc(taints, match) })
}

// EditTaints changes the taints of a node, of which edit gets a copy. A node's taints are written as a whole, so it writes
// over the version that it has read only, and tries again when somebody else was faster. A node that is gone is no error.
func EditTaints(ctx context.Context, c client.Client, name string, edit func([]corev1.Taint) []corev1.Taint) error {
	return client.IgnoreNotFound(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var node corev1.Node
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &node); err != nil {
			return err
		}
		after := edit(slices.Clone(node.Spec.Taints))
		if slices.EqualFunc(after, node.Spec.Taints, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }) {
			return nil
		}
		data, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": node.ResourceVersion}, "spec": map[string]any{"taints": after},
		})
		if err != nil {
			return fmt.Errorf("encode the taints: %w", err)
		}
		written := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}} // what is read from a cache is shared
		return c.Patch(ctx, written, client.RawPatch(types.MergePatchType, data))
	}))
}
