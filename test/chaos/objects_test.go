package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/test/chaos/faults"
)

// breakObject makes the faults of objects: workloads, policies, prices, and what the controller itself writes.
func (w *world) breakObject(ctx context.Context, f faults.Fault) (undo, error) {
	l := w.loads[f.Target]
	switch f.Kind {
	case faults.Election:
		return nil, notThere(w.client.CoordinationV1().Leases("tradewind-system").Delete(ctx, "tradewind-controller", metav1.DeleteOptions{}))
	case faults.Conflict:
		return w.conflict(l), nil
	case faults.Policy:
		changed := l.workload.policy.variants()[f.Other]
		if err := w.setPolicy(ctx, l, &changed); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.setPolicy(ctx, l, l.workload.policy) }, nil
	case faults.NoPolicy:
		if err := w.setPolicy(ctx, l, nil); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.setPolicy(ctx, l, l.workload.policy) }, nil
	case faults.Guard:
		w.setGuard(false)
		if err := notThere(w.objects.Resource(guardResource).Delete(ctx, "guard-rail", metav1.DeleteOptions{})); err != nil {
			w.setGuard(true)
			return nil, err
		}
		return func(ctx context.Context) error {
			err := w.cluster.TryApplyYAML(ctx, guard)
			if err == nil {
				w.setGuard(true)
			}
			return err
		}, nil
	case faults.Price:
		if err := w.cluster.TryApplyYAML(ctx, priceText(f.Target, f.Amount)); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.cluster.TryApplyYAML(ctx, priceText(f.Target, 100)) }, nil
	case faults.Placement:
		return nil, notThere(w.objects.Resource(placementResource).Namespace(l.namespace).Delete(ctx, l.placement(), metav1.DeleteOptions{}))
	case faults.Decision:
		return nil, w.forgeDecision(ctx, l)
	case faults.Pool, faults.PoolEdit:
		return nil, w.breakPool(ctx, f)
	case faults.Define:
		return w.breakDefinition(ctx, f.Target)
	case faults.Scale:
		return w.scale(ctx, l, f.Amount)
	case faults.Rollout:
		patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"chaos":%q}}}}}`, now())
		return nil, w.patchWorkload(ctx, l, patch)
	case faults.DeletePod:
		pods := w.podsOfLoad(f.Target)
		if len(pods) == 0 {
			return nil, errors.New("there is no pod to delete")
		}
		pod := pods[chance(f).IntN(len(pods))]
		return nil, notThere(w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}))
	case faults.DeleteAll:
		return nil, w.client.CoreV1().Pods(l.namespace).
			DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=" + l.name})
	}
	return nil, fmt.Errorf("nobody makes a fault %q", f.Kind)
}

// placement is the name of the workload's Placement.
func (w *workload) placement() string { return strings.ToLower(w.kind) + "-" + w.name }

// setPolicy puts a policy in force, or none. What is less strict holds from before the request, what is stricter from after
// it: in between both may.
func (w *world) setPolicy(ctx context.Context, l *load, p *policy) error {
	if p == nil {
		w.mu.Lock()
		before := l.policy
		l.policy = nil
		w.tellRulesLocked(l)
		w.mu.Unlock()
		err := notThere(w.objects.Resource(policyResource).Namespace(l.namespace).Delete(ctx, l.name, metav1.DeleteOptions{}))
		if err != nil {
			w.mu.Lock()
			l.policy = before
			w.tellRulesLocked(l)
			w.mu.Unlock()
		}
		return err
	}
	if err := w.cluster.TryApplyYAML(ctx, l.policyText(*p)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l.policy = p
	w.tellRulesLocked(l)
	return nil
}

func (w *world) setGuard(holds bool) {
	w.mu.Lock()
	w.guardHolds = holds
	w.mu.Unlock()
	w.tellAllRules()
}

// breakDefinition deletes a definition with all its objects, and puts both back, as far as people wrote them.
func (w *world) breakDefinition(ctx context.Context, name string) (undo, error) {
	hold := func(is bool) {
		if name == policyDefinition {
			w.mu.Lock()
			w.policiesHold = is
			w.mu.Unlock()
			w.tellAllRules()
		}
	}
	hold(false)
	if err := notThere(w.objects.Resource(definitionKind).Delete(ctx, name, metav1.DeleteOptions{})); err != nil {
		hold(true)
		return nil, err
	}
	return func(ctx context.Context) error {
		// Its objects go first; until then it is there and takes no new ones.
		if old, err := w.objects.Resource(definitionKind).Get(ctx, name, metav1.GetOptions{}); err == nil && old.GetDeletionTimestamp() != nil {
			return errors.New("it is still being deleted")
		}
		if err := w.cluster.TryApply(ctx, "../../deploy/crds"); err != nil {
			return err
		}
		switch name {
		case policyDefinition:
			for _, id := range w.loadIDs {
				w.mu.Lock()
				p := w.loads[id].policy
				w.mu.Unlock()
				if p == nil {
					continue
				}
				if err := w.cluster.TryApplyYAML(ctx, w.loads[id].policyText(*p)); err != nil {
					return err
				}
			}
		case "pricelists.tradewind.dev":
			for cloud := range basePrices {
				if err := w.cluster.TryApplyYAML(ctx, priceText(cloud, 100)); err != nil {
					return err
				}
			}
		}
		hold(true)
		return nil
	}, nil
}

func (w *world) patchWorkload(ctx context.Context, l *load, patch []byte) error {
	var err error
	if l.kind == "StatefulSet" {
		_, err = w.client.AppsV1().StatefulSets(l.namespace).Patch(ctx, l.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	} else {
		_, err = w.client.AppsV1().Deployments(l.namespace).Patch(ctx, l.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	}
	return err
}

// scale changes a workload's replicas, to one at least.
func (w *world) scale(ctx context.Context, l *load, by int) (undo, error) {
	set := func(ctx context.Context, replicas int) error {
		if err := w.patchWorkload(ctx, l, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)); err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		l.replicas = replicas
		w.tellRulesLocked(l)
		return nil
	}
	if err := set(ctx, max(1, l.workload.replicas+by)); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return set(ctx, l.workload.replicas) }, nil
}

// forgeDecision changes what a Placement says: one replica more in its first place, and another reason.
func (w *world) forgeDecision(ctx context.Context, l *load) error {
	placements := w.objects.Resource(placementResource).Namespace(l.namespace)
	object, err := placements.Get(ctx, l.placement(), metav1.GetOptions{})
	if err != nil {
		return notThere(err)
	}
	decisions, _, err := unstructured.NestedSlice(object.Object, "status", "decisions")
	if err != nil || len(decisions) == 0 {
		return err
	}
	first, is := decisions[0].(map[string]any)
	if !is {
		return nil
	}
	replicas, _ := first["replicas"].(int64)
	first["replicas"], first["reason"] = replicas+1, "somebody else says so"
	if err := unstructured.SetNestedSlice(object.Object, decisions, "status", "decisions"); err != nil {
		return err
	}
	_, err = placements.UpdateStatus(ctx, object, metav1.UpdateOptions{})
	return notThere(err)
}

// breakPool deletes or changes one of a cloud's CloudPools.
func (w *world) breakPool(ctx context.Context, f faults.Fault) error {
	pools := w.objects.Resource(poolResource)
	list, err := pools.List(ctx, metav1.ListOptions{})
	if err != nil {
		return notThere(err)
	}
	var names []string
	for i := range list.Items {
		if cloud, _, _ := unstructured.NestedString(list.Items[i].Object, "spec", "cloud"); cloud == f.Target {
			names = append(names, list.Items[i].GetName())
		}
	}
	if len(names) == 0 {
		return errors.New("there is no such CloudPool")
	}
	name := names[chance(f).IntN(len(names))]
	if f.Kind == faults.Pool {
		return notThere(pools.Delete(ctx, name, metav1.DeleteOptions{}))
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"chaos":%q}},"spec":{"instanceType":"nonsense"}}`, now())
	_, err = pools.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
		return nil // it was tried
	}
	return notThere(err)
}

// conflict lets somebody else write, over and over, what the controller writes, too.
func (w *world) conflict(l *load) undo {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			_ = w.patchWorkload(ctx, l, fmt.Appendf(nil, `{"metadata":{"annotations":{"chaos/touched":%q}}}`, now()))
			_ = w.forgeDecision(ctx, l)
			if pods := w.podsOfLoad(l.id()); len(pods) > 0 {
				pod := pods[i%len(pods)]
				touch := fmt.Appendf(nil, `{"metadata":{"annotations":{"chaos/touched":%q}}}`, now())
				_, _ = w.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, touch, metav1.PatchOptions{})
				// On a private site the label is what declares the country; elsewhere the controller writes it from the provider id.
				if m := w.machines[pod.Spec.NodeName]; m != nil && m.node.Labels["tradewind.dev/country"] == "" {
					label := []byte(`{"metadata":{"labels":{"tradewind.dev/country":null}}}`)
					_, _ = w.client.CoreV1().Nodes().Patch(ctx, pod.Spec.NodeName, types.MergePatchType, label, metav1.PatchOptions{})
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return func(context.Context) error {
		cancel()
		<-done
		return nil
	}
}
