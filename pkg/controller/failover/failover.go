// Package failover takes note of lost nodes, domains and spot capacity, keeps them out of plans, and replaces the replicas
// that were there. What it knows survives a restart: it follows from nodes, their leases, and the condition Outage of
// CloudPools, which this package writes.
package failover

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state/informers"
)

const (
	// settle is how long a change waits for others that come with it.
	settle = 200 * time.Millisecond
	// lookInterval is how often is looked while a node is out of order or a pool does not count.
	lookInterval = time.Second
	// readInterval is how often is looked whether everything has been read.
	readInterval = 50 * time.Millisecond
	// leastPatience is the least that a policy can make a loss last for everybody: what one namespace's policy says must not let a
	// kubelet that starts anew count as the loss of its place for all others.
	leastPatience = 10 * time.Second
)

// Options are what the controller works with.
type Options struct {
	// Objects are the nodes and leases that it judges by.
	Objects *informers.Objects
	// Client reads from a cache made with informers.CacheOptions, and writes. Fresh asks the API server itself.
	Client   client.Client
	Fresh    client.Reader
	Recorder events.EventRecorder
	// Ledger says of workloads that they failed over.
	Ledger *ledger.Ledger
	// Location says which further node labels name the cloud.
	Location location.Options
	Clock    clock.Clock
	// MonitorPeriod is how often Kubernetes' node controller looks at the nodes: kube-controller-manager's
	// --node-monitor-period.
	MonitorPeriod time.Duration
	// SchedulerNames are Tradewind's profiles. Pods of other schedulers are left alone: these would not heed residency.
	SchedulerNames []string
}

// Controller implements rounds.Availability and rounds.Listener. Start works.
type Controller struct {
	Options
	loop   *loop.Loop
	replan atomic.Pointer[func()]
	round  atomic.Pointer[rounds.Round]
	// What others ask is answered from these, which nobody changes: the standing that was last looked at, how the path of leases
	// was until the latest renewal, the pools that do not count (nil until the first look), and the nodes that have got out of
	// order since the last look, with the reason why it is not known whether they are lost (empty for a drill, and where that has
	// ended already); nil where none has.
	standing atomic.Pointer[standing]
	path     atomic.Pointer[loss.Path]
	absent   atomic.Pointer[absent]
	turned   atomic.Pointer[map[string]string]
	count    atomic.Int64 // of nodes

	mu        sync.Mutex
	nodes     map[string]*facts
	renewals  *loss.Renewals
	resumed   bool      // the path of leases works again since the last look
	scattered time.Time // when most nodes last looked lost although it worked
	loaded    bool
	outages   map[string]*outage // by the ID of the pool
	// acted are the replicas that were found when a loss was acted on at first.
	acted map[action]map[types.UID]bool
	// pools of nodes as the latest round has them, also of nodes that are gone since.
	pools         map[string]string
	taken         map[string]time.Time // spot nodes that were taken back and whose pool is not known yet
	stabilization time.Duration
	// patience is the shortest time for which a policy lets a loss last, and no shorter than leastPatience; a doubt lasts
	// DoubtFactor times as long.
	patience time.Duration
	written  map[string]metav1.Condition // of pools

	blind string // what was last said; only Start uses it
}

// New returns a controller that does nothing until Start, but for listening to what it judges by.
func New(options Options) *Controller {
	c := &Controller{
		Options: options, loop: loop.New(options.Clock, settle, 0), nodes: map[string]*facts{},
		renewals: loss.NewRenewals(options.MonitorPeriod), acted: map[action]map[types.UID]bool{}, patience: loss.DefaultAfter,
		outages: map[string]*outage{}, pools: map[string]string{}, taken: map[string]time.Time{},
		stabilization: loss.DefaultStabilization, written: map[string]metav1.Condition{},
	}
	c.renewals.IsNode = func(name string) bool { return c.nodes[name] != nil } // c.mu is held where renewals are used
	c.standing.Store(&standing{Verdict: &loss.Verdict{}})
	c.publishPath()
	c.Objects.Nodes.OnChange(func(before, after *corev1.Node) {
		if after == nil {
			c.deleteNode(before)
		} else {
			c.setNode(after)
		}
	})
	c.Objects.Leases.OnChange(func(before, after *coordinationv1.Lease) {
		if after == nil {
			c.deleteLease(before)
		} else {
			c.setLease(after)
		}
	})
	return c
}

// OnChange sets what is called when something else must be planned on than before.
func (c *Controller) OnChange(replan func()) { c.replan.Store(&replan) }

func (c *Controller) setNode(node *corev1.Node) {
	now := factsOf(node, c.Location)
	c.mu.Lock()
	before := c.nodes[node.Name]
	if now.Turned = c.Clock.Now(); before != nil && before.Ready == now.Ready {
		now.Turned = before.Turned
	}
	c.nodes[node.Name] = now
	c.count.Store(int64(len(c.nodes)))
	switch {
	case now.Ready != loss.ReadyTrue && !now.Joining && (before == nil || before.Ready == loss.ReadyTrue):
		c.turn(node.Name, "node "+node.Name+" is not ready, and not judged yet")
	case now.Ready == loss.ReadyTrue && now.shunned != "" && (before == nil || before.shunned == "" || before.Ready != loss.ReadyTrue):
		c.turn(node.Name, now.stillShunned())
	case before != nil && before.Drill.IsZero() && !now.Drill.IsZero(), now.Ready == loss.ReadyTrue && now.shunned == "" && c.hasTurned(node.Name):
		c.turn(node.Name, "")
	}
	if now.spot && now.interrupted != "" && (before == nil || before.interrupted == "") {
		c.takenBack(node.Name, c.Clock.Now())
	}
	c.mu.Unlock()
	if before == nil || before.Ready != now.Ready || before.Drill != now.Drill || before.interrupted != now.interrupted || before.fenced != now.fenced ||
		before.shunned != now.shunned {
		c.loop.Changed()
	}
}

// hasTurned says whether a node has got out of order since the last look.
func (c *Controller) hasTurned(node string) bool {
	turned := c.turned.Load()
	if turned == nil {
		return false
	}
	_, has := (*turned)[node]
	return has
}

// turn lets others know of a node that is out of order before it is judged. c.mu is held.
func (c *Controller) turn(node, why string) {
	next := map[string]string{node: why}
	if before := c.turned.Load(); before != nil {
		for name, reason := range *before {
			if name != node {
				next[name] = reason
			}
		}
	}
	c.turned.Store(&next)
}

func (c *Controller) deleteNode(node *corev1.Node) {
	c.mu.Lock()
	before := c.nodes[node.Name]
	delete(c.nodes, node.Name)
	c.count.Store(int64(len(c.nodes)))
	if before != nil && before.spot && !before.removed {
		c.takenBack(node.Name, c.Clock.Now())
	}
	c.mu.Unlock()
	c.loop.Changed()
}

// takenBack takes note that the cloud took a spot node back. c.mu is held.
func (c *Controller) takenBack(node string, at time.Time) {
	pool, known := c.pools[node]
	if !known {
		c.taken[node] = at
		return
	}
	if o := c.outages[pool]; o == nil || o.taken && o.since.Before(at) {
		c.outages[pool] = &outage{taken: true, since: at}
		c.publishOutages()
	}
}

func (c *Controller) setLease(object *coordinationv1.Lease) {
	if object.Spec.RenewTime == nil {
		return
	}
	c.mu.Lock()
	resumed := c.renewals.Observe(object.Name, object.Spec.RenewTime.Time, holds(object), c.Clock.Now())
	c.resumed = c.resumed || resumed
	c.publishPath()
	c.mu.Unlock()
	if resumed {
		c.loop.Changed()
	}
}

func (c *Controller) deleteLease(object *coordinationv1.Lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewals.Forget(object.Name)
	c.publishPath()
}

// publishPath lets others know of the path of leases. c.mu is held.
func (c *Controller) publishPath() {
	path := c.renewals.Path()
	c.path.Store(&path)
}

// Unavailable implements rounds.Availability. What a node says of itself, planning.NodeUnavailable sees.
func (c *Controller) Unavailable(node *corev1.Node) string {
	if d := c.standing.Load().domainOf(node.Name); d != nil {
		return "is in " + d.String() + ", which is lost since " + d.Since.UTC().Format(time.RFC3339)
	}
	return ""
}

// PoolUnavailable implements rounds.Availability.
func (c *Controller) PoolUnavailable(pool *planning.PoolInfo) string {
	for _, d := range c.standing.Load().lost {
		if within(d, pool) {
			return d.String() + " is lost since " + d.Since.UTC().Format(time.RFC3339)
		}
	}
	absent := c.absentPools()
	for _, id := range []string{pool.ID(), pool.ObjectID()} { // the latter is what another process wrote
		if o := absent.outages[id]; o != nil {
			return o.text(absent.stabilization)
		}
	}
	return ""
}

// within says whether a pool is in a lost place, also when it has no node now.
func within(d *loss.Domain, pool *planning.PoolInfo) bool {
	if d.Kind == location.DomainPool {
		return pool.ID() == d.Name
	}
	at, known := pool.At.Domain(d.Kind, pool.Cluster)
	return known && at == d.Domain
}

// Planned implements rounds.Listener.
func (c *Controller) Planned(_ context.Context, round *rounds.Round) {
	c.round.Store(round)
	longest, patience, found := time.Duration(0), loss.DefaultAfter, false
	for i := range round.Result.Snapshot.Workloads {
		if rules := round.Result.Snapshot.Workloads[i].Rules; rules != nil && rules.Failover != nil {
			longest, found = max(longest, loss.Stabilization(rules.Failover)), true
			patience = max(min(patience, loss.After(rules.Failover)), leastPatience)
		}
	}
	if !found {
		longest = loss.DefaultStabilization
	}
	c.mu.Lock()
	// What concerns everybody waits no longer than by default, whatever the editor of one namespace writes; replicas of the
	// workload itself wait as long as its policy says.
	c.stabilization, c.patience = min(longest, loss.DefaultStabilization), patience
	c.publishOutages()
	for node := range c.pools {
		if c.nodes[node] == nil {
			delete(c.pools, node)
		}
	}
	for node, pool := range round.Result.PoolOf {
		c.pools[node] = round.Result.Pools[pool].ID()
	}
	for node, at := range c.taken {
		if _, known := c.pools[node]; known {
			c.takenBack(node, at)
		}
		delete(c.taken, node)
	}
	c.mu.Unlock()
	c.loop.Changed()
}

// Start works until the context ends.
func (c *Controller) Start(ctx context.Context) error {
	for len(c.Objects.Unread()) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-c.Clock.After(readInterval):
		}
	}
	c.loop.Run(ctx, func(ctx context.Context) loop.Next { return loop.Next{At: c.look(ctx)} })
	return nil
}
