package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/workload"
)

// replace replaces the replicas of lost domains whose workloads' policies say so, once the loss has lasted.
func (c *Controller) replace(ctx context.Context, verdict *standing, now time.Time) error {
	round := c.round.Load()
	if round == nil || len(verdict.Domains) == 0 {
		return nil
	}
	policies := map[workload.Key]*v1alpha1.Failover{}
	for i := range round.Result.Workloads {
		w := &round.Result.Workloads[i]
		if rules := round.Result.Snapshot.Workloads[i].Rules; rules != nil && rules.Failover != nil {
			policies[w.Key] = rules.Failover
		}
	}
	type group struct {
		workload workload.Key
		domain   *loss.Domain
	}
	// The pods as they are now, also those that are ending: a StatefulSet waits for them.
	var pods corev1.PodList
	if err := c.Client.List(ctx, &pods); err != nil {
		return fmt.Errorf("read which pods were in %s: %w", &verdict.Domains[0], err)
	}
	victims := map[group][]*corev1.Pod{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		d := verdict.DomainOf(pod.Spec.NodeName)
		if d == nil {
			continue
		}
		key := workload.Of(pod, round.Owners)
		if policy := policies[key]; policy != nil && !now.Before(d.Due(loss.After(policy))) {
			victims[group{key, d}] = append(victims[group{key, d}], pod)
		}
	}
	for g, found := range victims {
		c.found(g.workload, g.domain, found)
	}
	var replacements []*replacement
	var work errgroup.Group
	work.SetLimit(parallelDeletions)
	for g, lost := range victims {
		r := &replacement{Controller: c, round: round, verdict: verdict, domain: g.domain, now: now, key: g.workload}
		replacements = append(replacements, r)
		for _, pod := range lost {
			work.Go(func() error {
				r.done(pod, r.pod(ctx, pod))
				return nil
			})
		}
	}
	_ = work.Wait() // errors are with the workloads
	var errs []error
	for _, r := range replacements {
		r.tell(ctx)
		errs = append(errs, r.errs...)
	}
	return errors.Join(errs...)
}

// parallelDeletions is how many pods are replaced at a time: when a cloud is lost every second counts.
const parallelDeletions = 32

// replacement replaces the replicas of one workload in one lost domain.
type replacement struct {
	*Controller
	key     workload.Key
	round   *rounds.Round
	verdict *standing
	domain  *loss.Domain
	now     time.Time

	result   sync.Mutex
	stays    string // why a replica could not be replaced
	replaced int
	errs     []error
}

func (r *replacement) done(pod *corev1.Pod, err error) {
	if err == nil {
		return
	}
	r.result.Lock()
	defer r.result.Unlock()
	r.errs = append(r.errs, fmt.Errorf("replace pod %s/%s: %w", pod.Namespace, pod.Name, err))
}

// stay notes why a replica is not replaced.
func (r *replacement) stay(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.result.Lock()
	defer r.result.Unlock()
	if r.stays == "" || text < r.stays { // the same one each time
		r.stays = text
	}
}

// tell says of the workload what was done.
func (r *replacement) tell(ctx context.Context) {
	key := r.key
	switch {
	case r.replaced > 0:
		text := fmt.Sprintf("%s replaced after the loss of %s at %s", printable.Number(r.replaced, "replica is", "replicas are"), r.domain, r.domain.Since.UTC().Format(time.RFC3339))
		klog.FromContext(ctx).Info("Replicas of a lost domain are replaced", "kind", key.Kind, "workload", key.Namespace+"/"+key.Name,
			"replicas", r.replaced, "domain", r.domain.String(), "lostFor", r.now.Sub(r.domain.Since).String())
		r.Ledger.Say(key, v1alpha1.ConditionFailedOver, true, "DomainLost", text)
		ledger.Event(r.Recorder, r.round, key, nil, corev1.EventTypeWarning, "FailedOver", text)
	case r.stays != "":
		if said := r.Ledger.Condition(key, v1alpha1.ConditionFailedOver); said == nil || said.Status == metav1.ConditionFalse {
			r.Ledger.Say(key, v1alpha1.ConditionFailedOver, false, loss.ReasonStays, "after the loss of "+r.domain.String()+": "+r.stays)
		}
	}
}

// pod replaces one replica, unless that is under way.
func (r *replacement) pod(ctx context.Context, pod *corev1.Pod) error {
	switch role := workload.RoleOf(pod); {
	case role == workload.Alone:
		r.stay("pod %s has no controller that would make it anew", pod.Name)
		return nil
	case role == workload.OfNode:
		return nil
	case !slices.Contains(r.SchedulerNames, pod.Spec.SchedulerName):
		r.stay("scheduler %q places pod %s, and it heeds no residency", pod.Spec.SchedulerName, pod.Name)
		return nil
	case role == workload.OfJob:
		r.stay("pods of Jobs are left to Kubernetes, since a Job may not run twice")
		return nil
	}
	uid, node := pod.UID, pod.Spec.NodeName
	if r.came(pod) {
		r.stay("pod %s was placed in %s after replicas there had been replaced, and none is replaced twice in one outage; "+
			"take away what lets it run on nodes that are not ready (tolerations, nodeName)", pod.Name, r.domain)
		return nil
	}
	if !r.still(node) { // what was seen since says otherwise; the next look judges anew
		return nil
	}
	options := client.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	claims := workload.Claims(pod)
	careful := workload.Revision(pod).Kind == workload.StatefulSet || len(claims) > 0
	if careful && r.verdict.States[node] != loss.Drilled {
		if ok, err := r.fence(ctx, pod, claims); !ok || err != nil {
			return err
		}
		// The API server lets go of the pod at once: its node is fenced, so its volumes are detached before they are
		// attached elsewhere, as the garbage collector of pods would do some 20 s later.
		zero := int64(0)
		options.GracePeriodSeconds = &zero
	} else if pod.DeletionTimestamp != nil {
		return nil
	} else if careful && !r.canFollow(pod, claims) {
		return nil
	}
	// What is read from the cache is shared, so it is not handed on.
	gone := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	if err := r.Client.Delete(ctx, gone, &options); err != nil {
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return fmt.Errorf("delete it from node %s: %w", node, err)
	}
	r.result.Lock()
	r.replaced++
	r.result.Unlock()
	r.Ledger.Moved(r.key, ledger.Move(r.now, pod.Name, r.poolOf(node), ledger.ReasonFailover))
	return nil
}

// still says whether a node is as it was judged, or worse, and the path by which that is known works.
func (r *replacement) still(node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.nodes[node]
	if f == nil {
		return false
	}
	now, path := r.Clock.Now(), r.renewals.Path()
	n := r.observed(node, f, now)
	return path.Down(now) == "" && loss.StateOf(&n, path, now) >= r.verdict.States[node]
}

// fence taints a node that is certainly lost as out of service, so that Kubernetes detaches its volumes before they are
// attached elsewhere. It says whether the node is fenced.
func (r *replacement) fence(ctx context.Context, pod *corev1.Pod, claims []string) (bool, error) {
	name := pod.Spec.NodeName
	if r.verdict.States[name] != loss.Lost {
		r.stay("pod %s stays: it is not certain that node %s is gone (its lease is renewed, or there is none), and its volumes must not be attached twice; "+
			"if the machine is off, taint it %s=nodeshutdown:NoExecute", pod.Name, name, corev1.TaintNodeOutOfService)
		return false, nil
	}
	if !r.canFollow(pod, claims) {
		return false, nil
	}
	return r.taint(ctx, pod, name)
}

// canFollow says whether the volumes of a replica can be attached to a node that is alive.
func (r *replacement) canFollow(pod *corev1.Pod, claims []string) bool {
	for _, name := range claims {
		bound := ""
		for _, claim := range r.round.Input.Claims {
			if claim.Namespace == pod.Namespace && claim.Name == name {
				bound = claim.Spec.VolumeName
			}
		}
		for _, pv := range r.round.Input.Volumes {
			if bound != "" && pv.Name == bound && !r.attachable(pv) {
				r.stay("pod %s stays: volume %s of claim %s can be attached to no node outside %s", pod.Name, pv.Name, name, r.domain)
				return false
			}
		}
	}
	return true
}

func (r *replacement) attachable(pv *corev1.PersistentVolume) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, f := range r.nodes {
		if r.verdict.States[name] == loss.Alive && volume.CheckNodeAffinity(pv, f.labels) == nil {
			return true
		}
	}
	return false
}

func (r *replacement) poolOf(node string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pools[node]
}

// unfence takes the taints of this package away from nodes that are back, and those of drills that have ended.
func (c *Controller) unfence(ctx context.Context) error {
	now := c.Clock.Now()
	var back, drilled []string
	c.mu.Lock()
	for name, f := range c.nodes {
		if f.fenced && f.Ready == loss.ReadyTrue {
			back = append(back, name)
		}
		if !f.drillEnds.IsZero() && !now.Before(f.drillEnds) {
			drilled = append(drilled, name)
		}
	}
	c.mu.Unlock()
	var errs []error
	remove := func(names []string, key string, match func(corev1.Taint) bool) {
		for _, name := range names {
			if err := c.removeTaint(ctx, name, match); err != nil {
				errs = append(errs, fmt.Errorf("take the taint %s from node %s: %w", key, name, err))
			}
		}
	}
	remove(back, corev1.TaintNodeOutOfService, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService && t.Value == taintValue })
	remove(drilled, v1alpha1.TaintDrill, func(t corev1.Taint) bool { return t.Key == v1alpha1.TaintDrill })
	return errors.Join(errs...)
}
