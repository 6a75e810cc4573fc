package nodelabels

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state/informers"
)

// Reasons of events on nodes.
const (
	reasonLocationKnown      = "LocationKnown"
	reasonLocationUnknown    = "LocationUnknown"
	reasonLocationIncomplete = "LocationIncomplete"
)

const (
	// writers of labels at a time.
	writers = 2
	// maxNote is the longest note that an event takes, in bytes.
	maxNote = 1024
)

// Controller keeps the labels of nodes as they should be.
type Controller struct {
	client   client.Client
	recorder events.EventRecorder
	options  location.Options

	mu sync.Mutex
	// told is what was last said of nodes whose location is not fully known.
	told map[string]told
}

type told struct {
	uid  types.UID
	text string
}

// New returns the controller, registered with a manager whose cache was made with informers.CacheOptions.
func New(mgr manager.Manager, options location.Options) (*Controller, error) {
	c := newController(mgr.GetClient(), mgr.GetEventRecorder("tradewind-controller"), options)
	err := builder.ControllerManagedBy(mgr).Named("node-labels").
		For(&corev1.Node{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: concerns})).
		WithOptions(controller.Options{MaxConcurrentReconciles: writers}).
		Complete(c)
	if err != nil {
		return nil, fmt.Errorf("controller node-labels: %w", err)
	}
	return c, nil
}

func newController(to client.Client, recorder events.EventRecorder, options location.Options) *Controller {
	return &Controller{client: to, recorder: recorder, options: options, told: map[string]told{}}
}

// concerns says whether an update could change where a node is, or its labels: most only tell that it is alive.
func concerns(update event.UpdateEvent) bool {
	before, okBefore := update.ObjectOld.(*corev1.Node)
	after, ok := update.ObjectNew.(*corev1.Node)
	return ok && okBefore && (before.UID != after.UID || before.Spec.ProviderID != after.Spec.ProviderID ||
		!maps.Equal(before.Labels, after.Labels) || !maps.Equal(before.Annotations, after.Annotations) ||
		!equality.Semantic.DeepEqual(ownedLabels(before), ownedLabels(after)))
}

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var node corev1.Node
	if err := c.client.Get(ctx, request.NamespacedName, &node); err != nil {
		if apierrors.IsNotFound(err) {
			c.forget(request.Name)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read the node: %w", err)
	}
	if node.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	v := judge(&node, c.options)
	c.tell(&node, &v.found)
	if !v.write {
		return reconcile.Result{}, nil
	}
	// The UID keeps a node that was just deleted from coming back as an empty one.
	wanted := applycorev1.Node(node.Name).WithUID(node.UID).WithLabels(v.apply)
	err := c.client.Apply(ctx, wanted, client.FieldOwner(informers.FieldOwner))
	switch {
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	case apierrors.IsConflict(err):
		return reconcile.Result{}, nil // somebody else set a label meanwhile; that update comes
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("write the labels: %w", err)
	}
	return reconcile.Result{}, nil
}

func (c *Controller) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.told, name)
}

// tell makes an event of what is unknown or contradictory about where a node is, once a change.
func (c *Controller) tell(node *corev1.Node, found *location.Node) {
	text := strings.Join(found.Problems, "; ")
	c.mu.Lock()
	last := c.told[node.Name]
	if last.uid != node.UID {
		last = told{}
	}
	if text == "" {
		delete(c.told, node.Name)
	} else {
		c.told[node.Name] = told{node.UID, text}
	}
	c.mu.Unlock()
	if text == last.text {
		return
	}
	kind, reason := corev1.EventTypeNormal, reasonLocationIncomplete
	switch {
	case text == "":
		reason, text = reasonLocationKnown, fmt.Sprintf("the node is in %s, country %s", found.Location, found.Country)
	case found.Cloud == "" || found.Country == "":
		kind, reason = corev1.EventTypeWarning, reasonLocationUnknown
	}
	c.recorder.Eventf(node, nil, kind, reason, "Locate", "%s", status.Clip(text, maxNote))
}
