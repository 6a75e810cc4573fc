// Package ledger keeps in Placements what is said of replicas that move: the conditions Rebalancing and FailedOver, the latest
// moves, and how many replicas a failover moved away from where. The rebalancer and the failover controller write through it, as one field owner of server-side apply beside
// the placement controller's.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/apply"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// fieldOwner is the field manager of what this package writes.
const fieldOwner client.FieldOwner = "tradewind-mover"

// ReasonFailover is the reason of moves from a lost place.
const ReasonFailover = "Failover"

// maxMoves are kept in a Placement.
const maxMoves = 8

// Ledger is what is said of all workloads. Safe for concurrent use.
type Ledger struct {
	client client.Client
	clock  clock.PassiveClock

	writing sync.Mutex // one Flush at a time, so that none overtakes a later one

	mu      sync.Mutex
	loaded  bool
	records map[workload.Key]*record
}

type record struct {
	conditions []metav1.Condition
	moves      []v1alpha1.PlacementMove // the newest first
	away       []v1alpha1.PlacementAway // by pool
	dirty      bool
}

// New returns a ledger that reads Placements from a client's cache.
func New(c client.Client, clock clock.PassiveClock) *Ledger {
	return &Ledger{client: c, clock: clock, records: map[workload.Key]*record{}}
}

// Load takes over what the Placements say, once; until it has succeeded nothing is known, and nothing must be decided.
func (l *Ledger) Load(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loaded {
		return nil
	}
	var list v1alpha1.PlacementList
	if err := l.client.List(ctx, &list); err != nil {
		return fmt.Errorf("read what Placements say of moves: %w", err)
	}
	for i := range list.Items {
		p := &list.Items[i]
		r := &record{moves: slices.Clone(p.Status.Moved), away: slices.Clone(p.Status.Away)}
		for _, kind := range []string{v1alpha1.ConditionRebalancing, v1alpha1.ConditionFailedOver} {
			if found := meta.FindStatusCondition(p.Status.Conditions, kind); found != nil {
				condition := *found              // the list may share it with a cache
				condition.ObservedGeneration = 0 // write says what it is
				r.conditions = append(r.conditions, condition)
			}
		}
		l.records[state.PlacementOf(p)] = r
	}
	l.loaded = true
	return nil
}

func (l *Ledger) record(key workload.Key) *record {
	r, ok := l.records[key]
	if !ok {
		r = &record{}
		l.records[key] = r
	}
	return r
}

// Say sets a condition of a workload. The time of its transition is kept while the status stays. Once FailedOver does not
// hold any more no replica is away.
func (l *Ledger) Say(key workload.Key, kind string, holds bool, reason, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	condition := metav1.Condition{
		Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: status.Clip(message, status.MaxMessage),
		LastTransitionTime: metav1.NewTime(l.clock.Now()),
	}
	if holds {
		condition.Status = metav1.ConditionTrue
	}
	r := l.record(key)
	if meta.SetStatusCondition(&r.conditions, condition) {
		r.dirty = true
	}
	if kind == v1alpha1.ConditionFailedOver && !holds && len(r.away) > 0 {
		r.away, r.dirty = nil, true
	}
}

// Condition returns what was last said; nil when nothing was.
func (l *Ledger) Condition(key workload.Key, kind string) *metav1.Condition {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.records[key]; ok {
		if found := meta.FindStatusCondition(r.conditions, kind); found != nil {
			out := *found
			return &out
		}
	}
	return nil
}

// Moved records a replica that was moved. One that was failed over is away from the pool that it left, until Returned.
func (l *Ledger) Moved(key workload.Key, move v1alpha1.PlacementMove) {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved.WithLabelValues(move.Reason).Inc()
	r := l.record(key)
	r.moves = append([]v1alpha1.PlacementMove{move}, r.moves...)
	r.moves = r.moves[:min(len(r.moves), maxMoves)]
	r.dirty = true
	if move.Reason == ReasonFailover {
		r.add(move.From, 1)
	}
}

// Returned records that a replica was sent back to where a failover moved it away from a pool.
func (l *Ledger) Returned(key workload.Key, pool string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.record(key)
	r.add(pool, -1)
	r.dirty = true
}

// add counts replicas that are away from a pool.
func (r *record) add(pool string, replicas int32) {
	at, found := slices.BinarySearchFunc(r.away, pool, func(a v1alpha1.PlacementAway, pool string) int { return strings.Compare(a.Pool, pool) })
	if !found {
		r.away = slices.Insert(r.away, at, v1alpha1.PlacementAway{Pool: pool})
	}
	r.away[at].Replicas = max(0, r.away[at].Replicas+replicas)
}

// Away are the replicas of a workload that failovers moved away from pools and that have not been sent back, by pool. A pool to
// which all have been sent back is among them until FailedOver ends.
func (l *Ledger) Away(key workload.Key) []v1alpha1.PlacementAway {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.records[key]; ok {
		return slices.Clone(r.away)
	}
	return nil
}

// Moves are the latest moves of a workload, the newest first.
func (l *Ledger) Moves(key workload.Key) []v1alpha1.PlacementMove {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.records[key]; ok {
		return slices.Clone(r.moves)
	}
	return nil
}

// Flush writes what has changed. What could not be written is tried again next time.
func (l *Ledger) Flush(ctx context.Context) error {
	type pending struct {
		key  workload.Key
		says *applyv1alpha1.PlacementStatusApplyConfiguration
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	var todo []pending
	l.mu.Lock()
	for key, r := range l.records {
		if !r.dirty {
			continue
		}
		says, err := statusOf(r)
		if err != nil {
			l.mu.Unlock()
			return err
		}
		r.dirty = false
		todo = append(todo, pending{key, says})
	}
	l.mu.Unlock()
	if len(todo) == 0 {
		return nil
	}
	var errs []error
	placements, err := l.placements(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	for _, p := range todo {
		placement, ok := placements[p.key]
		if ok {
			if err = l.write(ctx, placement, p.says); err == nil {
				continue
			}
			errs = append(errs, err)
		}
		l.mu.Lock()
		if r, known := l.records[p.key]; known {
			r.dirty = true // its Placement is yet to come, or to be reached
		}
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

// placements are the Placements of workloads.
func (l *Ledger) placements(ctx context.Context) (map[workload.Key]*v1alpha1.Placement, error) {
	var list v1alpha1.PlacementList
	if err := l.client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("find the Placements of workloads: %w", err)
	}
	out := make(map[workload.Key]*v1alpha1.Placement, len(list.Items))
	for i := range list.Items {
		out[state.PlacementOf(&list.Items[i])] = &list.Items[i]
	}
	return out, nil
}

// statusOf is the part of a Placement's status that the ledger writes.
func statusOf(r *record) (*applyv1alpha1.PlacementStatusApplyConfiguration, error) {
	return apply.As[applyv1alpha1.PlacementStatusApplyConfiguration](&struct {
		Conditions []metav1.Condition       `json:"conditions,omitempty"`
		Moved      []v1alpha1.PlacementMove `json:"moved,omitempty"`
		Away       []v1alpha1.PlacementAway `json:"away,omitempty"`
	}{r.conditions, r.moves, r.away})
}

// write writes the ledger's part of a Placement's status. Its conditions are of the generation that is there.
func (l *Ledger) write(ctx context.Context, to *v1alpha1.Placement, says *applyv1alpha1.PlacementStatusApplyConfiguration) error {
	for i := range says.Conditions {
		says.Conditions[i].WithObservedGeneration(to.Generation)
	}
	_, err := apply.Status(ctx, l.client, applyv1alpha1.Placement(to.Name, to.Namespace).WithStatus(says), fieldOwner)
	return client.IgnoreNotFound(err)
}

// Forget drops workloads that are not kept any more.
func (l *Ledger) Forget(keep func(workload.Key) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.records {
		if !keep(key) {
			delete(l.records, key)
		}
	}
}

// Move is the entry of a replica that leaves a pool.
func Move(at time.Time, pod, from, reason string) v1alpha1.PlacementMove {
	return v1alpha1.PlacementMove{Time: metav1.NewTime(at), Pod: pod, From: from, Reason: reason}
}
