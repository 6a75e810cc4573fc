package cluster

import (
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// pods counts live pods by namespace, labels and scheduler: pods alike are under the same rules, so that rules are looked
// up once for all replicas of a workload. Safe for concurrent use.
type pods struct {
	mu     sync.Mutex
	groups map[podKey]*podGroup
	byUID  map[types.UID]*podGroup
}

type podKey struct{ namespace, scheduler, labels string }

type podGroup struct {
	key   podKey
	probe *corev1.Pod // a pod with what the key says, to look rules up with
	count int
	// rules are those of the probe in a world, at a version of the namespaces' labels; nil when no policy selects it.
	rules      *rules.Rules
	world      *state.World
	namespaces uint64
}

func newPods() *pods {
	return &pods{groups: map[podKey]*podGroup{}, byUID: map[types.UID]*podGroup{}}
}

// alike says whether two versions of a pod count alike, at less cost than counting anew.
func alike(a, b *corev1.Pod) bool {
	return a.UID == b.UID && workload.Live(a) == workload.Live(b) && a.Spec.SchedulerName == b.Spec.SchedulerName && maps.Equal(a.Labels, b.Labels)
}

// set counts a pod that was added or changed and says whether that changed anything.
func (p *pods) set(pod *corev1.Pod) bool {
	if !workload.Live(pod) {
		return p.remove(pod.UID)
	}
	key := podKey{pod.Namespace, pod.Spec.SchedulerName, labels.Set(pod.Labels).String()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.byUID[pod.UID]; ok {
		if known.key == key {
			return false
		}
		p.drop(pod.UID, known)
	}
	group, ok := p.groups[key]
	if !ok {
		group = &podGroup{key: key, probe: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Labels: maps.Clone(pod.Labels)},
		}}
		p.groups[key] = group
	}
	group.count++
	p.byUID[pod.UID] = group
	return true
}

// remove forgets a pod and says whether it was counted.
func (p *pods) remove(uid types.UID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.byUID[uid]
	if ok {
		p.drop(uid, known)
	}
	return ok
}

func (p *pods) drop(uid types.UID, group *podGroup) {
	delete(p.byUID, uid)
	group.count--
	if group.count == 0 {
		delete(p.groups, group.key)
	}
}

// underRules returns the pods that a policy of the world selects. namespaces is the version of the namespaces' labels:
// while it and the world stay, rules that are known are not looked up again.
func (p *pods) underRules(store *state.Store, world *state.World, namespaces uint64) []PodGroup {
	type groupKey struct {
		ruled     *rules.Rules
		scheduler string
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[groupKey]int{}
	for _, group := range p.groups {
		if group.world != world || group.namespaces != namespaces {
			ruled, ok := store.RulesIn(world, group.probe)
			if !ok || len(ruled.Sources) == 0 {
				ruled = nil
			}
			group.rules, group.world, group.namespaces = ruled, world, namespaces
		}
		if group.rules != nil {
			counts[groupKey{group.rules, group.key.scheduler}] += group.count
		}
	}
	out := make([]PodGroup, 0, len(counts))
	for key, count := range counts {
		out = append(out, PodGroup{Rules: key.ruled, Scheduler: key.scheduler, Count: count})
	}
	return out
}
