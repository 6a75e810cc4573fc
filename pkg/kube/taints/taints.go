// Package taints changes the taints of nodes.
package taints

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

// Edit changes the taints of a node, of which edit gets a copy. A node that is gone is no error.
func Edit(ctx context.Context, c client.Client, name string, edit func([]corev1.Taint) []corev1.Taint) error {
	return client.IgnoreNotFound(EditFrom(ctx, c, c, name, func(node *corev1.Node) ([]corev1.Taint, error) {
		return edit(slices.Clone(node.Spec.Taints)), nil
	}))
}

// EditFrom changes the taints of a node as edit says. A node's taints are written as a whole, so it writes over the version
// that it has read only, and asks edit again when somebody else was faster.
func EditFrom(ctx context.Context, from client.Reader, to client.Writer, name string, edit func(*corev1.Node) ([]corev1.Taint, error)) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var node corev1.Node
		if err := from.Get(ctx, client.ObjectKey{Name: name}, &node); err != nil {
			return err
		}
		after, err := edit(&node)
		if err != nil {
			return err
		}
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
		return to.Patch(ctx, written, client.RawPatch(types.MergePatchType, data))
	})
}
