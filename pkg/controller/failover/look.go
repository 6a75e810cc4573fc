package failover

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/pkg/kube/apply"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/planning"
)

// fieldOwner is the field manager of the condition Outage of CloudPools.
const fieldOwner client.FieldOwner = "tradewind-failover"

// look judges the nodes, says what is out of order, and replaces replicas that are due. It returns when to look again;
// zero when nothing but a change could alter anything.
func (c *Controller) look(ctx context.Context) time.Time {
	now := c.Clock.Now()
	c.mu.Lock()
	first := !c.loaded
	c.load()
	verdict := c.assess()
	before := c.standing.Swap(verdict)
	for name, state := range verdict.States { // a silent spot node was most likely taken back
		if f := c.nodes[name]; f.spot && state == loss.Lost && verdict.Blind == "" && verdict.DomainOf(name) == nil {
			c.takenBack(name, verdict.Since[name])
		}
	}
	altered := c.account(verdict, now) || c.resumed || first
	c.resumed = false
	c.forget(verdict)
	c.publishOutages()
	altered = c.turned.Swap(nil) != nil || altered // what was asked meanwhile was answered by less than is known now
	busy := len(verdict.States) > 0 || len(c.outages) > 0 || verdict.Blind != ""
	c.mu.Unlock()

	if altered || !reflect.DeepEqual(before, verdict) {
		if replan := c.replan.Load(); replan != nil {
			(*replan)()
		}
	}
	if verdict.Blind != c.blind {
		c.blind = verdict.Blind
		if c.blind != "" {
			klog.FromContext(ctx).Info("Nothing is failed over", "reason", c.blind)
		}
	}
	err := errors.Join(c.report(ctx, now), c.unfence(ctx))
	if round := c.round.Load(); round != nil {
		err = errors.Join(err, c.returned(ctx, round))
	}
	err = errors.Join(err, c.replace(ctx, verdict, now), c.Ledger.Flush(ctx))
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Failing over is not complete; it is tried again")
		busy = true
	}
	if busy {
		return now.Add(lookInterval)
	}
	return time.Time{}
}

// account brings the outages of pools up to date and says whether one came, ended or turned. c.mu is held.
func (c *Controller) account(verdict *standing, now time.Time) bool {
	altered := false
	round := c.round.Load()
	if round == nil {
		return false
	}
	present, parts := map[string]bool{}, []string(nil)
	for i := range round.Result.Pools {
		pool := &round.Result.Pools[i]
		id := pool.ID()
		present[id] = true
		var lost *loss.Domain
		for _, d := range verdict.lost {
			if within(d, pool) {
				lost = d
				break
			}
		}
		o := c.outages[id]
		if object := pool.ObjectID(); o == nil && object != id && c.outages[object] != nil { // what another process wrote of all its parts
			o = c.outages[object]
			c.outages[id] = o
			parts = append(parts, object)
		}
		switch {
		case lost != nil:
			next := &outage{since: lost.Since, domain: lost.String()}
			altered = altered || o == nil || *o != *next
			c.outages[id] = next
		case o == nil:
		case !o.taken && o.back.IsZero():
			if back, all := c.returnedAt(id, verdict); all {
				returned := *o
				returned.back = back
				if back.Before(o.since) { // no node is left, or it was a drill: the nodes were ready all the time
					returned.back = now
				}
				c.outages[id], altered = &returned, true
			}
		default:
			if ends := o.ends(c.stabilization); !ends.IsZero() && !now.Before(ends) {
				delete(c.outages, id)
				altered = true
			}
		}
	}
	for _, object := range parts {
		delete(c.outages, object)
	}
	for pool, o := range c.outages { // spot capacity may come again under the same name
		if !present[pool] && (!o.taken || !now.Before(o.ends(c.stabilization))) {
			delete(c.outages, pool)
		}
	}
	return altered
}

// returnedAt says whether all nodes of a pool are there, and since when. c.mu is held.
func (c *Controller) returnedAt(pool string, verdict *standing) (since time.Time, all bool) {
	for name, f := range c.nodes {
		if c.pools[name] != pool {
			continue
		}
		if verdict.States[name] != loss.Alive {
			return time.Time{}, false
		}
		if f.Since.After(since) {
			since = f.Since
		}
	}
	return since, true
}

// report writes the conditions Outage that differ from what was last written.
func (c *Controller) report(ctx context.Context, now time.Time) error {
	round := c.round.Load()
	if round == nil {
		return nil
	}
	generations := make(map[string]int64, len(round.Input.Pools))
	for _, pool := range round.Input.Pools {
		generations[pool.Name] = pool.Generation
	}
	c.mu.Lock()
	wanted := map[string]metav1.Condition{} // by the ID of the CloudPool
	names := map[string]string{}
	for id, parts := range partsOf(round.Result.Pools) {
		names[id] = parts[0].Object()
		condition, some := c.outageOfParts(parts, now)
		condition.ObservedGeneration = generations[names[id]]
		last, known := c.written[id]
		if !known && !some {
			continue
		}
		if !known || last.Status != condition.Status || last.Reason != condition.Reason || last.Message != condition.Message ||
			last.ObservedGeneration != condition.ObservedGeneration {
			wanted[id] = condition
		}
	}
	c.mu.Unlock()
	var errs []error
	for id, condition := range wanted {
		switch err := c.writePool(ctx, names[id], condition); {
		case apierrors.IsNotFound(err): // it is yet to be made
		case err != nil:
			errs = append(errs, err)
		default:
			c.mu.Lock()
			c.written[id] = condition
			c.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// partsOf are the pools of each CloudPool, by its ID.
func partsOf(pools []planning.PoolInfo) map[string][]*planning.PoolInfo {
	out := map[string][]*planning.PoolInfo{}
	for i := range pools {
		id := pools[i].ObjectID()
		out[id] = append(out[id], &pools[i])
	}
	return out
}

// outageOfParts is the condition of a CloudPool, of which each part may be out by itself: only when all are is it no capacity. some says
// that one is. c.mu is held.
func (c *Controller) outageOfParts(parts []*planning.PoolInfo, now time.Time) (condition metav1.Condition, some bool) {
	var worst *outage
	var last time.Time // when that ends; zero while it is open
	var out []string
	for _, part := range parts {
		o := c.outages[part.ID()]
		if o == nil {
			continue
		}
		out = append(out, part.Name+": "+o.text(c.stabilization))
		if ends := o.ends(c.stabilization); worst == nil || ends.IsZero() || !last.IsZero() && ends.After(last) {
			worst, last = o, ends
		}
	}
	if len(out) == 0 || len(out) == len(parts) {
		return worst.condition(c.stabilization, now), worst != nil
	}
	condition = (*outage)(nil).condition(c.stabilization, now)
	condition.Reason = reasonPartly
	condition.Message = fmt.Sprintf("%d of its %d parts are out: %s", len(out), len(parts), strings.Join(out, "; "))
	return condition, true
}

func (c *Controller) writePool(ctx context.Context, name string, condition metav1.Condition) error {
	says, err := apply.As[applymetav1.ConditionApplyConfiguration](&condition)
	if err != nil {
		return err
	}
	pool := applyv1alpha1.CloudPool(name).WithStatus(applyv1alpha1.CloudPoolStatus().WithConditions(says))
	_, err = apply.Status(ctx, c.Client, pool, fieldOwner)
	return err
}
