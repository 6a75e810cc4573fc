package cycle

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

const (
	// PlanPatience is how long the pods of a workload wait for its plan, from when the first of them came that waits.
	PlanPatience = 5 * time.Second
	// sayAfter is after how long one of them says in an event that it waits. Most have their plan before.
	sayAfter = time.Second
	// awaitAgain is how long after it had no plan in time a workload may be waited for again.
	awaitAgain = 10 * time.Minute
)

// awaited are the workloads of which pods wait for a plan: the first one, or one for more replicas than the last. A plan by whole machines has
// weighed the pods of all workloads together; a pod that is placed before by what it costs by itself would stay where the plan does not have
// it, since nothing moves it unless a policy says so. All profiles of a scheduler share it.
//
// It is asked under the lock of the scheduler's queue, which those who wake pods take: nobody is told anything under its own.
type awaited struct {
	live  *state.Live
	clock clock.WithDelayedExecution

	mu    sync.Mutex
	waits map[workload.Key]*wait
	// onEnd are called after the pods of a workload need not wait any more. They are added before any pod waits.
	onEnd []func(workload.Key)
}

// wait is that for the plan of one workload.
type wait struct {
	until time.Time
	// replicas that the plan is to be for.
	replicas int
	// end ends it, and lets it be forgotten when it is over without a plan; say says that it lasts.
	end, say clock.Timer
}

func newAwaited(live *state.Live, clock clock.WithDelayedExecution) *awaited {
	a := &awaited{live: live, clock: clock, waits: map[workload.Key]*wait{}}
	live.OnPlacement(func(of workload.Key) {
		a.finish(of, "planned", func(w *wait) bool { return live.Decided(of, w.replicas) })
	})
	live.OnNoPlans(func() {
		for _, of := range a.all() {
			a.finish(of, "stopped", func(*wait) bool { return true })
		}
	})
	return a
}

// AwaitsPlan says whether a new pod is to wait for a plan of its workload, which has none, or one for fewer replicas than it wants: while
// plans are expected that are made by whole machines, where a policy selects the pod, and not for long.
func (p *Profile) AwaitsPlan(pod *corev1.Pod) bool {
	a := p.awaited
	now := a.clock.Now()
	if !p.Live.PlansExpected(now) || !p.Live.Ready() {
		return false
	}
	if role := workload.RoleOf(pod); role != workload.Replica && role != workload.OfJob {
		return false // nobody plans for it
	}
	rules, ok := p.Live.Rules(pod)
	if !ok || len(rules.Sources) == 0 {
		return false
	}
	of, replicas := p.Live.WorkloadOf(pod), p.wanted(pod)
	return !p.Live.Decided(of, replicas) && a.begin(of, replicas, now, func() { p.sayThatItAwaits(pod, of) })
}

// wanted is how many replicas the revision of a pod wants, which is at least one.
func (p *Profile) wanted(pod *corev1.Pod) int {
	revision := workload.Revision(pod)
	if !workload.Declares(revision.Kind) {
		p.hearPod(pod) // else it may not be counted yet
	}
	return max(p.Live.Revision(revision).Desired, 1)
}

// begin says whether to wait for a plan of so many replicas of a workload. The wait begins with the first pod that asks.
func (a *awaited) begin(of workload.Key, replicas int, now time.Time, say func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, waits := a.waits[of]; waits {
		known.replicas = max(known.replicas, replicas)
		return now.Before(known.until) && !a.live.Decided(of, replicas)
	}
	if a.live.Decided(of, replicas) || !a.live.PlansExpected(now) { // since it was asked; who says so ends waits under the lock afterwards
		return false
	}
	w := &wait{until: now.Add(PlanPatience), replicas: replicas, say: a.clock.AfterFunc(sayAfter, say)}
	w.end = a.clock.AfterFunc(PlanPatience, func() { a.expire(of, w) })
	a.waits[of] = w
	return true
}

// expire lets the pods of a workload go that has no plan in time. It is not waited for again for a while.
func (a *awaited) expire(of workload.Key, was *wait) {
	a.mu.Lock()
	waits := a.waits[of] == was // else a plan came at that moment, and perhaps another wait began
	if waits {
		was.end = a.clock.AfterFunc(awaitAgain, func() { a.forget(of, was) })
	}
	a.mu.Unlock()
	if waits {
		awaitedPlans.WithLabelValues("late").Inc()
		klog.Background().Info("No plan was made in time; the pods are placed without", "workload", of.String(), "waited", PlanPatience)
		a.tell(of)
	}
}

func (a *awaited) forget(of workload.Key, was *wait) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waits[of] == was {
		delete(a.waits, of)
	}
}

// finish ends the wait for a workload, if there is one and it is over.
func (a *awaited) finish(of workload.Key, result string, over func(*wait) bool) {
	a.mu.Lock()
	known, waits := a.waits[of]
	waits = waits && over(known)
	if waits {
		delete(a.waits, of)
	}
	a.mu.Unlock()
	if !waits {
		return
	}
	known.end.Stop()
	known.say.Stop()
	if a.clock.Now().Before(known.until) {
		awaitedPlans.WithLabelValues(result).Inc()
		a.tell(of)
	}
}

func (a *awaited) tell(of workload.Key) {
	for _, listener := range a.onEnd {
		listener(of)
	}
}

// all are the workloads of which pods wait, or waited in vain a short while ago.
func (a *awaited) all() []workload.Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]workload.Key, 0, len(a.waits))
	for of := range a.waits {
		out = append(out, of)
	}
	return out
}

// sayThatItAwaits says in an event of a pod what it waits for, and until when.
func (p *Profile) sayThatItAwaits(pod *corev1.Pod, of workload.Key) {
	p.Handle.EventRecorder().Eventf(pod, nil, corev1.EventTypeNormal, "AwaitingPlan", "Scheduling",
		"New pods of %s wait for the plan that tradewind-controller makes of it, for %s at most; then they are placed without", of, PlanPatience)
}
