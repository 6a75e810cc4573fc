package placement

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
	"tradewind.dev/tradewind/pkg/state/informers"
)

const (
	// settle is how long a change waits for others that come with it.
	settle = 200 * time.Millisecond
	// pace is how often rounds come at most that nothing but pods asks for: listeners look at the whole cluster after each,
	// however little was planned in it. A new workload does not wait for it, since its pods wait for its plan, and not for long.
	pace = time.Second
	// rest is how many times as long as a round took it rests after it, so that planning takes at most a fifth of one
	// processor however large the cluster is. A change of policies, prices or availability does not wait for it. Explanations,
	// whose time is limited, are not counted: who makes them long delays others by them, and not by five times as much. Nor is
	// what writes waited for the API server, which takes no processor here: that server is left alone as long as it took.
	rest = 4
	// retryInterval is how long a round that failed waits before it is tried again.
	retryInterval = 2 * time.Second
	// readInterval is how often is looked whether everything has been read.
	readInterval = 50 * time.Millisecond
	// maxSearch is how long the search for a better plan may take.
	maxSearch = 10 * time.Second
)

// Options of a Planner.
type Options struct {
	// Objects are what it plans from.
	Objects *informers.Objects
	// Location says which further node labels name the cloud.
	Location location.Options
	// Objective is what plans minimise; engine.DefaultObjective when empty.
	Objective engine.Objective
	// Listeners are told of each round, in order.
	Listeners []rounds.Listener
	// Availability says what must not be planned on besides nodes that say so themselves; nil when nothing.
	Availability rounds.Availability
	// Clock is the real one when nil.
	Clock clock.Clock
}

// Planner keeps Placements true. It is a cluster.Observer, which tells it the policies, prices and round-trip times in
// force, and a manager.Runnable.
type Planner struct {
	options  Options
	client   client.Client
	recorder events.EventRecorder
	clock    clock.Clock
	objects  *informers.Objects
	shapes   planning.Shapes
	metrics  *planMetrics

	world atomic.Pointer[state.World]
	loop  *loop.Loop
	// urgent says that a pressing change came since the round began; gaveWay that the round left something for it, and owed
	// that the round before did.
	urgent, gaveWay atomic.Bool
	owed            bool
	// touched is what has changed, kept the last plan with what it was made from, and left the Placements that gave way. later are those
	// of which a pressing change left alone what moving brings, for the next round that nothing presses for.
	touched      touched
	paced        time.Time // until when what pods ask for waits
	kept         *kept
	left, later  leftover
	written      written
	explanations *explanations
	waited       time.Duration // for the API server, in the last round
}

var (
	_ cluster.Observer               = &Planner{}
	_ manager.Runnable               = &Planner{}
	_ manager.LeaderElectionRunnable = &Planner{}
)

// New returns a planner that writes through a manager, with its metrics registered. Give it to a cluster.Watcher as an
// observer before the objects are watched, and add it to the manager.
func New(mgr manager.Manager, options Options) (*Planner, error) {
	p := newPlanner(mgr.GetClient(), mgr.GetEventRecorder("tradewind-controller"), options)
	if err := p.metrics.register(metrics.Registry); err != nil {
		return nil, err
	}
	return p, nil
}

func newPlanner(to client.Client, recorder events.EventRecorder, options Options) *Planner {
	p := &Planner{
		options: options, client: to, recorder: recorder, clock: options.Clock, objects: options.Objects, metrics: newPlanMetrics(),
		explanations: newExplanations(),
	}
	if p.clock == nil {
		p.clock = clock.RealClock{}
	}
	p.loop = loop.New(p.clock, settle, 0)
	listen(p.objects, options.Location, notices{
		everything: func(what string) {
			p.touched.note(func(c *changes) { c.everything = cmp.Or(c.everything, what) })
			p.wake()
		},
		workload: func() { p.touched.note(func(c *changes) { c.workloads = true }); p.wake() },
		room:     p.signal, placement: p.placementChanged,
		pod: func(before, after *corev1.Pod) {
			if before != nil && (after == nil || before.UID != after.UID) {
				p.shapes.Forget(before)
			}
			p.touched.pod(before, after)
			p.wake()
		},
	})
	return p
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Planner) NeedLeaderElection() bool { return true }

// Observe implements cluster.Observer: policies, prices or round-trip times that changed are planned with at once.
func (p *Planner) Observe(_ context.Context, state *cluster.State) {
	if p.world.Swap(state.World) != state.World {
		p.press()
	}
}

// Replan asks for a plan of everything at once: what rounds.Availability says has changed.
func (p *Planner) Replan() {
	p.touched.note(func(c *changes) { c.everything = cmp.Or(c.everything, "what can be used changed") })
	p.press()
}

func (p *Planner) press() {
	p.urgent.Store(true)
	p.loop.Press()
}

// signal asks for a plan of everything, which may wait.
func (p *Planner) signal() {
	p.touched.note(func(c *changes) { c.room = true })
	p.wake()
}

// wake asks for a round, which may wait.
func (p *Planner) wake() { p.loop.Changed() }

// Start plans, at once and after changes, until the context ends.
func (p *Planner) Start(ctx context.Context) error {
	p.loop.Run(ctx, p.work)
	return nil
}

// work does a round once everything has been read.
func (p *Planner) work(ctx context.Context) loop.Next {
	if len(p.objects.Unread()) > 0 || p.world.Load() == nil {
		return loop.Next{At: p.clock.Now().Add(readInterval)}
	}
	began := p.clock.Now()
	if began.Before(p.paced) && !p.urgent.Load() && p.touched.canWait() {
		return loop.Next{At: p.paced}
	}
	pause := time.Duration(0)
	if err := p.round(ctx); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Keeping Placements failed; the decisions stay, and it is tried again")
		pause = retryInterval
		p.signal()
	}
	now := p.clock.Now()
	took := now.Sub(began)
	p.paced = began.Add(pace)
	next := loop.Next{At: p.kept.due(), NotBefore: now.Add(max(pause, rest*(took-p.explanations.took-p.waited)+p.waited))}
	if !next.At.IsZero() && next.At.Before(next.NotBefore) {
		next.At = next.NotBefore
	}
	return next
}

// givesWay says that what can wait is left to the next round, since a pressing change came. That round finishes what this one
// leaves, so that whoever makes one pressing change after the other keeps nothing from ever being done.
func (p *Planner) givesWay() bool {
	if p.owed || !p.urgent.Load() {
		return false
	}
	p.gaveWay.Store(true)
	p.wake()
	return true
}

// round plans once, what changed or everything, writes what changed, tells the listeners, and then explains what has no place.
func (p *Planner) round(ctx context.Context) error {
	urgent := p.urgent.Swap(false)
	p.owed = p.gaveWay.Swap(false)
	p.explanations.took, p.waited = 0, 0
	world := p.world.Load()
	why, err := p.update(ctx, world, p.touched.take(), urgent)
	if why == "" {
		return err
	}
	klog.FromContext(ctx).V(2).Info("Everything is planned", "why", why)
	return p.planAll(ctx, world)
}

// planAll plans everything.
func (p *Planner) planAll(ctx context.Context, world *state.World) error {
	p.touched.take() // what was given back is seen below
	d := p.gather(world)
	var s *solution
	var err error
	if d.uncertain == "" {
		began := p.clock.Now()
		if s, err = solve(d, p.options.Objective, p.clock); err != nil {
			s, d.uncertain = nil, fmt.Sprintf("planning failed: %s", err)
		}
		p.metrics.planned(p.clock.Since(began), err)
	}
	wanted := p.statuses(d, s)
	var open []unplaced
	if s != nil {
		open = p.explanations.recall(world, s, d, wanted)
	}
	writeErr := p.waits(func() error { return p.write(ctx, wanted) })
	if s == nil {
		return errors.Join(err, writeErr)
	}
	p.publish(ctx, d, s, wanted)
	err = errors.Join(writeErr, p.explain(ctx, d, s, open))
	if err == nil { // what could not be written is wanted anew
		p.keep(d, s, wanted)
	}
	return err
}

// waits does what waits for the API server, and takes note of how long.
func (p *Planner) waits(do func() error) error {
	began := p.clock.Now()
	err := do()
	p.waited += p.clock.Since(began)
	return err
}

// publish tells metrics and listeners of a plan. Those that take long write.
func (p *Planner) publish(ctx context.Context, d *draft, s *solution, all []*wanted) {
	p.metrics.observe(s, all)
	round := &rounds.Round{Time: d.now, Input: d.input, Result: s.result, Plan: s.plan, World: d.input.World, Owners: p.objects.OwnerOf}
	_ = p.waits(func() error {
		for _, listener := range p.options.Listeners {
			listener.Planned(ctx, round)
		}
		return nil
	})
}

// placementChanged takes note of what was written, and puts right what somebody else changed.
func (p *Planner) placementChanged(before, after *v1alpha1.Placement) {
	edited := func(object *v1alpha1.Placement) {
		p.touched.note(func(c *changes) { set(&c.placements, client.ObjectKeyFromObject(object)) })
		p.wake()
	}
	if after == nil {
		p.written.forget(before)
		edited(before)
		return
	}
	written := p.written.seen(after)
	if before != nil && before.Generation != after.Generation { // the conditions are of another
		edited(after)
		return
	}
	if before != nil && before.UID == after.UID && equality.Semantic.DeepEqual(own(&before.Status), own(&after.Status)) {
		return
	}
	if !written {
		edited(after)
	}
}
