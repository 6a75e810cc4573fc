// Package rebalance moves replicas towards the plan through the Eviction API, as pkg/moves decides, and
// says in Placements what it does, or why it does nothing.
package rebalance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/workload"
)

const (
	// retryInterval is how soon is tried again what a PodDisruptionBudget or the API server refused.
	retryInterval = 5 * time.Second
	// settle is how soon a decision is made anew at the earliest.
	settle = 200 * time.Millisecond
)

// Options are what the controller works with.
type Options struct {
	// Client reads from a cache made with informers.CacheOptions, and writes.
	Client   client.Client
	Recorder events.EventRecorder
	Ledger   *ledger.Ledger
	Clock    clock.Clock
	// SchedulerNames are Tradewind's profiles: only their pods come back by the plan.
	SchedulerNames []string
	// Losses says why nothing must be moved at all, and why nothing is moved but for a drain; empty when it may.
	Losses func() (hold, pause string)
}

// Controller implements rounds.Listener. Start works.
type Controller struct {
	Options
	round atomic.Pointer[rounds.Round]
	loop  *loop.Loop

	// Only Start uses these: what is remembered of workloads, and what moving them brings by the round that was valued last.
	memories map[workload.Key]*moves.Memory
	valued   *rounds.Round
	worths   map[int]moves.Worth
	// The round that the appraiser is of.
	appraised *rounds.Round
	appraiser *engine.Appraiser
}

// New returns a controller that does nothing until Start.
func New(options Options) *Controller {
	return &Controller{Options: options, loop: loop.New(options.Clock, 0, 0), memories: map[workload.Key]*moves.Memory{}}
}

// Planned implements rounds.Listener.
func (c *Controller) Planned(_ context.Context, round *rounds.Round) {
	c.round.Store(round)
	c.loop.Changed()
}

// Start works until the context ends.
func (c *Controller) Start(ctx context.Context) error {
	c.loop.Run(ctx, c.work)
	return nil
}

// work decides by the latest round. The plan holds until something changes; pods and the time are looked at anew when that may
// alter anything.
func (c *Controller) work(ctx context.Context) loop.Next {
	round := c.round.Load()
	if round == nil {
		return loop.Next{}
	}
	again, err := c.decide(ctx, round)
	now := c.Clock.Now()
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Rebalancing is not complete; it is tried again")
		again = soonest(again, now.Add(retryInterval))
	}
	if earliest := now.Add(settle); !again.IsZero() && again.Before(earliest) {
		again = earliest
	}
	return loop.Next{At: again}
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// decide goes through the workloads of a round, evicts what is to be moved, and returns when to decide anew.
func (c *Controller) decide(ctx context.Context, round *rounds.Round) (time.Time, error) {
	if err := c.Ledger.Load(ctx); err != nil {
		return time.Time{}, err
	}
	v, err := c.view(ctx, round)
	if err != nil {
		return time.Time{}, err
	}
	defer v.close()
	var again time.Time
	var errs []error
	kept := make(map[workload.Key]bool, len(round.Result.Workloads))
	for i := range round.Result.Workloads {
		key := round.Result.Workloads[i].Key
		kept[key] = true
		if !v.concerns(i) {
			if said := c.Ledger.Condition(key, v1alpha1.ConditionRebalancing); said != nil && said.Reason != string(moves.CodeInPlace) {
				c.Ledger.Say(key, v1alpha1.ConditionRebalancing, false, string(moves.CodeInPlace), "no replica is to be moved")
			}
			continue
		}
		next, err := c.workload(ctx, v, i)
		again = soonest(again, next)
		errs = append(errs, err)
	}
	for key := range c.memories {
		if !kept[key] {
			delete(c.memories, key)
		}
	}
	c.Ledger.Forget(func(key workload.Key) bool { return kept[key] })
	errs = append(errs, c.Ledger.Flush(ctx))
	return again, errors.Join(errs...)
}

func (c *Controller) memory(key workload.Key) *moves.Memory {
	m, ok := c.memories[key]
	if !ok {
		m = &moves.Memory{}
		var past []moves.Past
		for _, move := range c.Ledger.Moves(key) {
			past = append(past, moves.Past{Time: move.Time.Time, From: move.From, Reason: moves.Reason(move.Reason)})
		}
		m.Recall(past)
		c.memories[key] = m
	}
	return m
}

// workload decides about one workload and carries the decision out.
func (c *Controller) workload(ctx context.Context, v *view, i int) (time.Time, error) {
	key := v.round.Result.Workloads[i].Key
	memory := c.memory(key)
	s := v.situation(i)
	decision := memory.Decide(s, v.room(i))
	var errs []error
	moved := 0
	for k := range decision.Moves {
		move := &decision.Moves[k]
		refused, err := c.evict(ctx, key.Namespace, move)
		switch {
		case err != nil:
			errs = append(errs, err)
		case refused == "":
			moved++
			memory.Moved(s, move)
			c.Ledger.Moved(key, ledger.Move(s.Now, move.Replica.Name, move.From, string(move.Reason)))
			if move.Returns != "" {
				c.Ledger.Returned(key, move.Returns)
			}
			c.tell(v, key, s, move)
			continue
		default:
			decision.Again = s.Now.Add(retryInterval)
		}
		if moved == 0 && refused != "" {
			decision.Active, decision.Code = false, moves.CodeProtected
			decision.Message = fmt.Sprintf("replica %s stays for now: %s", move.Replica.Name, refused)
		}
	}
	if len(errs) == 0 {
		c.Ledger.Say(key, v1alpha1.ConditionRebalancing, decision.Active, string(decision.Code), decision.Message)
	}
	return decision.Again, errors.Join(errs...)
}

// evict asks for the eviction of a replica. refused is what a PodDisruptionBudget says against it.
func (c *Controller) evict(ctx context.Context, namespace string, move *moves.Move) (refused string, err error) {
	uid := types.UID(move.Replica.ID)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: move.Replica.Name, UID: types.UID(move.Replica.ID)}}
	err = c.Client.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: namespace, Name: move.Replica.Name, UID: types.UID(move.Replica.ID)},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}},
	})
	switch {
	case err == nil, apierrors.IsNotFound(err), apierrors.IsConflict(err): // it is gone by itself
		return "", nil
	case apierrors.IsTooManyRequests(err):
		return budgetText(err), nil
	}
	return "", fmt.Errorf("evict pod %s/%s: %w", namespace, move.Replica.Name, err)
}

// budgetText is what the API server says of the budget that forbids an eviction.
func budgetText(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Message != "" {
				return cause.Message
			}
		}
	}
	return err.Error()
}

func (c *Controller) tell(v *view, key workload.Key, s *moves.Situation, move *moves.Move) {
	text := fmt.Sprintf("replica %s moves from pool %s to %s", move.Replica.Name, move.From, move.To)
	switch {
	case move.Mends != "":
		text += ": a rule is broken (" + move.Mends + ")"
	case s.Worth.Known && s.Worth.SavingsUSD > 0 && !s.Worth.Confidential:
		text += "; the whole plan saves " + s.Worth.String()
	}
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: workload.Pod, Namespace: key.Namespace, Name: move.Replica.Name, UID: types.UID(move.Replica.ID)}
	ledger.Event(c.Recorder, v.round, key, pod, corev1.EventTypeNormal, string(move.Reason), text)
	klog.Background().Info("A replica is moved", "kind", key.Kind, "workload", key.Namespace+"/"+key.Name, "pod", move.Replica.Name,
		"from", move.From, "to", move.To, "reason", string(move.Reason))
}
