package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/kube/taints"
	"tradewind.dev/tradewind/pkg/loss"
)

// errAnswers says that a node is not certainly lost any more.
var errAnswers = errors.New("the node answers again")

// taint taints a node as out of service, and says whether it is tainted. The node and its lease are read from the API server
// itself, and the taint is written over what was read only, so that no sign of life is overlooked.
func (r *replacement) taint(ctx context.Context, pod *corev1.Pod, name string) (bool, error) {
	err := taints.EditFrom(ctx, r.Fresh, r.Client, name, func(node *corev1.Node) ([]corev1.Taint, error) {
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
	return taints.Edit(ctx, c.Client, node, func(has []corev1.Taint) []corev1.Taint { return slices.DeleteFunc(has, match) })
}
