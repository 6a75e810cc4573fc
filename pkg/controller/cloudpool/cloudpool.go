// Package cloudpool keeps CloudPools: it makes one for every pool that is found from nodes, and says of all of them, also
// of those that people declared, how many nodes they have, what these cost and what the plan uses of them.
package cloudpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/apply"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// fieldOwner is the field manager of what this package writes to CloudPools. minNodes and maxNodes are never among it.
const fieldOwner client.FieldOwner = "tradewind-cloudpool"

const (
	// keepFor is how long a pool that was found from nodes stays after the last of them is gone.
	keepFor = time.Hour
	// sweepInterval is how often is looked for pools that have been without nodes for so long.
	sweepInterval = time.Minute
)

// Controller keeps CloudPools. It is a rounds.Listener, which tells it the pools of each plan, and a manager.Runnable.
type Controller struct {
	client client.Client
	clock  clock.Clock

	mu sync.Mutex
	// applied are the specs that were applied last, by name.
	applied map[string]v1alpha1.CloudPoolSpec
	// last are the pools of the latest round by name, as the cache showed them.
	last map[string]*v1alpha1.CloudPool
	// alive are those of them that have nodes, or that somebody gave limits.
	alive map[string]bool
}

var (
	_ rounds.Listener  = &Controller{}
	_ manager.Runnable = &Controller{}
)

// New returns a controller that writes through a client. Add it to the manager, for it to remove pools that have lost their
// nodes.
func New(to client.Client, clock clock.Clock) *Controller {
	return &Controller{client: to, clock: clock, applied: map[string]v1alpha1.CloudPoolSpec{}}
}

// Planned implements rounds.Listener.
func (c *Controller) Planned(ctx context.Context, round *rounds.Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pools := observe(round)
	c.last, c.alive = map[string]*v1alpha1.CloudPool{}, map[string]bool{}
	for _, pool := range round.Input.Pools {
		c.last[pool.Name] = pool
		c.alive[pool.Name] = !discovered(pool) || pool.Spec.MinNodes != nil || pool.Spec.MaxNodes != nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		found := pools[name]
		c.alive[name] = c.alive[name] || found.status.Nodes > 0
		errs = append(errs, c.write(ctx, name, found))
	}
	for name, pool := range c.last {
		if _, known := pools[name]; !known {
			errs = append(errs, c.writeStatus(ctx, name, pool, without(round.Time)))
		}
	}
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Writing CloudPools failed; the next round tries again")
	}
}

func discovered(pool *v1alpha1.CloudPool) bool {
	return pool.Labels[v1alpha1.LabelDiscovered] == "true"
}

// write brings a CloudPool to what was found. The spec of one that somebody declared is theirs.
func (c *Controller) write(ctx context.Context, name string, found *found) error {
	cached := c.last[name]
	if found.spec != nil && (cached == nil || discovered(cached)) && !c.upToDate(name, cached, found.spec) {
		spec, err := apply.As[applyv1alpha1.CloudPoolSpecApplyConfiguration](found.spec)
		if err != nil {
			return err
		}
		pool := applyv1alpha1.CloudPool(name).WithLabels(map[string]string{v1alpha1.LabelDiscovered: "true"}).WithSpec(spec)
		if _, err := apply.Object(ctx, c.client, pool, fieldOwner); err != nil {
			return err
		}
		c.applied[name] = *found.spec
	} else if cached == nil {
		return nil // it cannot be declared: its cloud is not known
	}
	return c.writeStatus(ctx, name, cached, found.status)
}

// upToDate says whether a CloudPool says what was found. What others added to it stays.
func (c *Controller) upToDate(name string, cached *v1alpha1.CloudPool, want *v1alpha1.CloudPoolSpec) bool {
	if cached == nil {
		return false
	}
	have := cached.Spec
	have.MinNodes, have.MaxNodes = nil, nil
	if equality.Semantic.DeepEqual(have, *want) {
		return true
	}
	applied, ok := c.applied[name]
	if !ok || !equality.Semantic.DeepEqual(applied, *want) {
		return false
	}
	for key, value := range want.Labels {
		if got, ok := have.Labels[key]; !ok || got != value {
			return false
		}
	}
	have.Labels = want.Labels
	return equality.Semantic.DeepEqual(have, *want)
}

func (c *Controller) writeStatus(ctx context.Context, name string, cached *v1alpha1.CloudPool, want v1alpha1.CloudPoolStatus) error {
	generation := int64(1) // of a pool that was just made
	if cached != nil {
		generation = max(generation, cached.Generation)
	}
	want.Conditions = slices.Clone(want.Conditions)
	for i := range want.Conditions {
		want.Conditions[i].ObservedGeneration = generation
	}
	if cached != nil {
		since(&want, &cached.Status)
		if equality.Semantic.DeepEqual(cached.Status, want) {
			return nil
		}
	}
	says, err := apply.As[applyv1alpha1.CloudPoolStatusApplyConfiguration](&want)
	if err != nil {
		return err
	}
	_, err = apply.Status(ctx, c.client, applyv1alpha1.CloudPool(name).WithStatus(says), fieldOwner)
	return client.IgnoreNotFound(err)
}

// Start implements manager.Runnable: it removes pools that have been without nodes for long, until the context ends.
func (c *Controller) Start(ctx context.Context) error {
	loop.Every(ctx, c.clock, sweepInterval, func(ctx context.Context) {
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Removing CloudPools that have lost their nodes failed; it is tried again")
		}
	})
	return nil
}

// sweep removes pools that were found from nodes, have had none for keepFor, and were given no limits.
func (c *Controller) sweep(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for name, pool := range c.last {
		if c.alive[name] || !emptySince(pool, c.clock.Now().Add(-keepFor)) {
			continue
		}
		err := c.client.Delete(ctx, pool, client.Preconditions{UID: &pool.UID, ResourceVersion: &pool.ResourceVersion})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete CloudPool %s: %w", name, err))
			continue
		}
		delete(c.applied, name)
	}
	return errors.Join(errs...)
}
