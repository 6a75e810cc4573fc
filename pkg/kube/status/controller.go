package status

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// writers of statuses at a time.
	writers = 4
	// staleInterval is when a write over an outdated version is tried again.
	staleInterval = 200 * time.Millisecond
	// maxNote is the longest note that an event takes, in bytes.
	maxNote = 1024
)

// Object is a pointer to one of Tradewind's types.
type Object[T any] interface {
	*T
	client.Object
}

// Controller keeps the statuses of all objects of one kind as they should be.
type Controller[T any, P Object[T]] struct {
	client   client.Client
	recorder events.EventRecorder
	fields   func(P) Fields
	wanted   atomic.Pointer[map[client.ObjectKey]*Status]
	changes  chan event.TypedGenericEvent[change]
}

// change is an object whose status should change. Counts and wording can wait behind the rest.
type change struct {
	key    client.ObjectKey
	urgent bool
}

// New returns a controller of one kind, registered with a manager under a name. Objects read through the manager's cache
// may be shared. fields points into an object's status.
func New[T any, P Object[T]](mgr manager.Manager, name string, fields func(P) Fields) (*Controller[T, P], error) {
	c := newController[T, P](mgr.GetClient(), mgr.GetEventRecorder("tradewind-controller"), fields)
	err := builder.ControllerManagedBy(mgr).Named(name).
		For(P(new(T)), builder.WithPredicates(predicate.Funcs{
			// Objects that are new or have a new spec come by Set. Here comes a status that somebody else changed.
			CreateFunc: func(event.CreateEvent) bool { return false },
			DeleteFunc: func(event.DeleteEvent) bool { return false },
			UpdateFunc: c.statusChanged,
		})).
		WatchesRawSource(source.TypedChannel(c.changes, enqueue())).
		WithOptions(controller.Options{MaxConcurrentReconciles: writers}).
		Complete(c)
	if err != nil {
		return nil, fmt.Errorf("controller %s: %w", name, err)
	}
	return c, nil
}

func newController[T any, P Object[T]](to client.Client, recorder events.EventRecorder, fields func(P) Fields) *Controller[T, P] {
	return &Controller[T, P]{client: to, recorder: recorder, fields: fields, changes: make(chan event.TypedGenericEvent[change])}
}

func (c *Controller[T, P]) statusChanged(update event.UpdateEvent) bool {
	before, okBefore := update.ObjectOld.(P)
	after, ok := update.ObjectNew.(P)
	return ok && okBefore && !equality.Semantic.DeepEqual(c.fields(before), c.fields(after))
}

func enqueue() handler.TypedEventHandler[change, reconcile.Request] {
	return handler.TypedFuncs[change, reconcile.Request]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[change], queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			request := reconcile.Request{NamespacedName: e.Object.key}
			byPriority, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
			if ok && !e.Object.urgent {
				byPriority.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(handler.LowPriority)}, request)
				return
			}
			queue.Add(request)
		},
	}
}

// Set says what the statuses of all objects of the kind should be. It returns when those that differ from the last time
// are queued for writing. The map must not be changed afterwards.
func (c *Controller[T, P]) Set(ctx context.Context, wanted map[client.ObjectKey]*Status) {
	var last map[client.ObjectKey]*Status
	if previous := c.wanted.Swap(&wanted); previous != nil {
		last = *previous
	}
	for key, status := range wanted {
		before, known := last[key]
		if known && before.Equal(status) {
			continue
		}
		select {
		case c.changes <- event.TypedGenericEvent[change]{Object: change{key, !known || !before.sameVerdicts(status)}}:
		case <-ctx.Done():
			return
		}
	}
}

// Reconcile implements reconcile.Reconciler: it writes one object's status when it is not as it should be.
func (c *Controller[T, P]) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	wanted := c.wanted.Load()
	if wanted == nil {
		return reconcile.Result{}, nil
	}
	status, ok := (*wanted)[request.NamespacedName]
	if !ok {
		return reconcile.Result{}, nil
	}
	cached := P(new(T))
	if err := c.client.Get(ctx, request.NamespacedName, cached); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !status.speaksOf(cached.GetUID(), cached.GetGeneration()) {
		return reconcile.Result{}, nil // the status of this generation comes
	}
	object, ok := cached.DeepCopyObject().(P)
	if !ok {
		return reconcile.Result{}, fmt.Errorf("copy of %T is of another type", cached)
	}
	changed, turned := status.apply(c.fields(object))
	if !changed {
		return reconcile.Result{}, nil
	}
	patch, err := statusPatch(object)
	if err != nil {
		return reconcile.Result{}, err
	}
	switch err := c.client.Status().Patch(ctx, object, patch); {
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	case apierrors.IsConflict(err):
		return reconcile.Result{RequeueAfter: staleInterval}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("write the status: %w", err)
	}
	for i := range turned {
		c.tell(object, &turned[i])
	}
	return reconcile.Result{}, nil
}

// statusPatch writes the whole status, counts of zero too, over this version of the object only.
func statusPatch(object client.Object) (client.Patch, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()}, "status": fields["status"],
	})
	if err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	return client.RawPatch(types.MergePatchType, data), nil
}

// tell makes an event of a condition.
func (c *Controller[T, P]) tell(object P, condition *metav1.Condition) {
	kind := corev1.EventTypeNormal
	if bad(condition) && condition.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	c.recorder.Eventf(object, nil, kind, condition.Reason, "Check", "%s", Clip(condition.Message, maxNote))
}
