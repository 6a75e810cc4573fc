package placement

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// changes are what has changed since the last round began. Which workloads and policies have, a round finds out itself.
type changes struct {
	// everything names something that changed and that all plans rest on, such as a node or a volume, the first of several; empty where
	// nothing did. room says that there is other room than was planned with, or that something is to be looked at again, which may wait.
	everything string
	room       bool
	// workloads says that some have changed.
	workloads bool
	// pods that came, went or changed, and Placements that somebody else wrote.
	pods, placements map[client.ObjectKey]bool
}

// touched collects changes. The zero value is ready for use.
type touched struct {
	mu sync.Mutex
	changes
}

func (t *touched) note(change func(c *changes)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.changes)
}

// canWait says whether nothing has changed but pods, the room that they leave, and Placements.
func (t *touched) canWait() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.everything == "" && !t.workloads
}

func (t *touched) pod(before, after *corev1.Pod) {
	t.note(func(c *changes) {
		for _, pod := range []*corev1.Pod{before, after} {
			if pod != nil {
				set(&c.pods, client.ObjectKeyFromObject(pod))
			}
		}
	})
}

// take returns what was collected, and begins anew.
func (t *touched) take() changes {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.changes
	t.changes = changes{}
	return out
}

// giveBack leaves pods, and room, to a later round.
func (t *touched) giveBack(pods map[client.ObjectKey]bool) {
	t.note(func(c *changes) {
		c.room = true
		for key := range pods {
			set(&c.pods, key)
		}
	})
}

func set(keys *map[client.ObjectKey]bool, key client.ObjectKey) {
	if *keys == nil {
		*keys = map[client.ObjectKey]bool{}
	}
	(*keys)[key] = true
}
