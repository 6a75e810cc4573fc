package failover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/loss"
)

// errAnswers says that a node is not certainly lost any more.
var errAnswers = errors.New("the node answers again")

// taint taints a node as out of service, and says whether it is tainted. The node and its lease are read from the API server
// itself, and the taint is written over what was read only, so that no sign of life is overlooked.
func (r *replacement) taint(ctx context.Context, pod *corev1.Pod, name string) (bool, error) {
	err := editTaints(ctx, r.Fresh, r.Client, name, func(node *corev1.Node) ([]corev1.Taint, error) {
		for i := range node.Spec.Taints {
			if node.Spec.Taints[i].Key == corev1.TaintNodeOutOfService {
				return node.Spec.Taints, nil // also when somebody else did it
			}
		}
		var lease coordinationv1.Lease
		if err := r.Fresh.Get(ctx, client.ObjectKey{Namespace: corev1.NamespaceNodeLease, Name: name}, &lease); err != nil {
			return nil, fmt.Errorf("read its lease: %w", err)
		}
		if ready, _ := readiness(node); ready != loss.ReadyUnknown || node.DeletionTimestamp != nil || !r.unrenewed(&lease) || !r.certain(name) {
			return nil, errAnswers
		}
		return append(slices.Clone(node.Spec.Taints), corev1.Taint{
			Key: corev1.TaintNodeOutOfService, Value: taintValue, Effect: corev1.TaintEffectNoExecute,
		}), nil
	})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errAnswers):
		r.stay("pod %s stays: node %s is not certainly lost any more, and its volumes must not be attached twice", pod.Name, name)
		return false, nil
	case apierrors.IsNotFound(err):
		return false, nil // the node is gone, or its lease: then nothing vouches for the loss
	}
	return false, fmt.Errorf("taint node %s as out of service: %w", name, err)
}

// unrenewed says whether a lease is as old as this controller knows it.
func (r *replacement) unrenewed(lease *coordinationv1.Lease) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lease.Spec.RenewTime != nil && lease.Spec.RenewTime.Time.Equal(r.renewals.Renewed(lease.Name))
}

// certain says whether a node is in a domain that is certainly lost now.
func (r *replacement) certain(node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.assess()
	d := s.DomainOf(node)
	return d != nil && d.Certain && s.States[node] == loss.Lost
}

// removeTaint takes the taints that match from a node.
func (c *Controller) removeTaint(ctx context.Context, node string, match func(corev1.Taint) bool) error {
	return EditTaints(ctx, c.Client, node, func(taints []corev1.Taint) []corev1.Taint { return slices.DeleteFunc(taints, match) })
}

// EditTaints changes the taints of a node, of which edit gets a copy. A node that is gone is no error.
func EditTaints(ctx context.Context, c client.Client, name string, edit func([]corev1.Taint) []corev1.Taint) error {
	return client.IgnoreNotFound(editTaints(ctx, c, c, name, func(node *corev1.Node) ([]corev1.Taint, error) {
		return edit(slices.Clone(node.Spec.Taints)), nil
	}))
}

// editTaints changes the taints of a node as edit says. A node's taints are written as a whole, so it writes over the version
// that it has read only, and asks edit again when somebody else was faster.
func editTaints(ctx context.Context, from client.Reader, to client.Writer, name string, edit func(*corev1.Node) ([]corev1.Taint, error)) error {
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
