package placement

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/apply"
	"tradewind.dev/tradewind/pkg/kube/status"
)

const (
	// writers of Placements at a time.
	writers = 16
	// maxNote is the longest note that an event takes, in bytes.
	maxNote = 1024
	// maxErrors is how many errors of one round are told.
	maxErrors = 5
)

// write brings the Placements to what they should say: first those whose decisions change, then the others, as far as
// no pressing change comes in between, and deletes those of workloads that are gone or that no policy selects any more. Those that
// somebody made by hand for nothing that is planned are told so.
// Where it is not explained yet why replicas have no place, only other decisions are written; explain writes the rest.
func (p *Planner) write(ctx context.Context, all []*wanted) error {
	p.left.take() // they are among all
	p.later.take()
	keep := make(map[client.ObjectKey]bool, len(all))
	for _, w := range all {
		keep[w.key] = true
	}
	var gone []*v1alpha1.Placement
	var failures failures
	for _, object := range p.objects.Placements.All() {
		switch {
		case keep[client.ObjectKeyFromObject(object)] || object.DeletionTimestamp != nil:
		case object.Labels[v1alpha1.LabelWorkloadKind] == "":
			failures.add(p.disown(ctx, object))
		default:
			gone = append(gone, object)
		}
	}
	return errors.Join(p.put(ctx, all, gone), failures.err())
}

// put writes those of some Placements that are not as they should be, and deletes others.
func (p *Planner) put(ctx context.Context, some []*wanted, gone []*v1alpha1.Placement) error {
	var first, then []*wanted
	for _, w := range some {
		switch {
		case w.unplaced >= 0 && (!w.moved() || w.last == nil && len(w.status.Decisions) == 0):
		case w.news:
			first = append(first, w)
		case !equality.Semantic.DeepEqual(*w.last, w.status) || !p.hasMetadata(w):
			then = append(then, w)
		}
	}
	var failures failures
	workqueue.ParallelizeUntil(ctx, writers, len(first), func(i int) { failures.add(p.writeOne(ctx, first[i])) })
	workqueue.ParallelizeUntil(ctx, writers, len(gone), func(i int) { failures.add(p.delete(ctx, gone[i])) })
	workqueue.ParallelizeUntil(ctx, writers, len(then), func(i int) {
		if p.givesWay() {
			p.left.add(then[i].key)
		} else {
			failures.add(p.writeOne(ctx, then[i]))
		}
	})
	return failures.err()
}

// leftover collects the keys of what several writers left to the next round. The zero value is ready for use.
type leftover struct {
	mu   sync.Mutex
	keys map[client.ObjectKey]bool
}

func (l *leftover) add(key client.ObjectKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set(&l.keys, key)
}

// take returns what was collected, and begins anew.
func (l *leftover) take() map[client.ObjectKey]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.keys
	l.keys = nil
	return out
}

// failures collects errors of several writers. The zero value is ready for use.
type failures struct {
	mu    sync.Mutex
	errs  []error
	count int
}

func (f *failures) add(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; f.count <= maxErrors {
		f.errs = append(f.errs, err)
	}
}

func (f *failures) err() error {
	if f.count > maxErrors {
		f.errs = append(f.errs, fmt.Errorf("and %d more", f.count-maxErrors))
	}
	return errors.Join(f.errs...)
}

// hasMetadata says whether a Placement that the cache shows has its labels and its owner.
func (p *Planner) hasMetadata(w *wanted) bool {
	object, ok := p.objects.Placements.Get(w.key.Namespace, w.key.Name)
	return !ok && w.last != nil || ok && labelled(object, &w.of.Workload)
}

// writeOne writes one Placement, and tells of a plan that changed.
func (p *Planner) writeOne(ctx context.Context, w *wanted) error {
	if w.last == nil || !p.hasMetadata(w) {
		if _, err := apply.Object(ctx, p.client, configurationOf(w.key, &w.of.Workload), fieldOwner); err != nil {
			return client.IgnoreNotFound(err) // the namespace is being deleted
		}
	}
	says, err := apply.As[applyv1alpha1.PlacementStatusApplyConfiguration](&w.status)
	if err != nil {
		return err
	}
	object, err := apply.Status(ctx, p.client, applyv1alpha1.Placement(w.key.Name, w.key.Namespace).WithStatus(says), fieldOwner)
	if apierrors.IsNotFound(err) { // somebody deleted it
		p.touched.note(func(c *changes) { set(&c.placements, w.key) })
		p.wake()
		return nil
	}
	if err != nil {
		return err
	}
	p.written.wrote(w.key, object.GetUID(), object.GetResourceVersion(), &w.status)
	p.tell(w, object.GetUID(), object.GetResourceVersion())
	said := w.status
	w.last, w.news = &said, false
	return nil
}

// delete deletes a Placement that nobody needs, unless it was made anew meanwhile.
func (p *Planner) delete(ctx context.Context, object *v1alpha1.Placement) error {
	err := p.client.Delete(ctx, object, client.Preconditions{UID: &object.UID})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("delete Placement %s/%s: %w", object.Namespace, object.Name, err)
}

// tell makes an event on the workload of a plan that changed or cannot be made. It is related to this version of the Placement, by which
// the recorder tells it from the one before: of events that differ in their words alone it keeps the first.
func (p *Planner) tell(w *wanted, uid types.UID, version string) {
	planned := meta.FindStatusCondition(w.status.Conditions, v1alpha1.ConditionPlanned)
	if planned == nil || !w.news || w.unplaced >= 0 || planned.Status == metav1.ConditionTrue && len(w.status.Decisions) == 0 {
		return
	}
	if planned.Status == metav1.ConditionUnknown && w.last == nil {
		return // the plan comes
	}
	kind := corev1.EventTypeNormal
	if planned.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	regarding := &corev1.ObjectReference{
		APIVersion: w.of.APIVersion, Kind: w.of.ObjectKind(), Namespace: w.of.Namespace, Name: w.of.Name, UID: w.of.UID,
	}
	related := &corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Placement", Namespace: w.key.Namespace, Name: w.key.Name, UID: uid, ResourceVersion: version,
	}
	p.recorder.Eventf(regarding, related, kind, planned.Reason, "Plan", "%s", status.Clip(planned.Message, maxNote))
}
