package placement

import (
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/state"
)

// table holds the objects of one kind as an informer reports them. Safe for concurrent use.
type table[T client.Object] struct {
	mu      sync.RWMutex
	objects map[client.ObjectKey]T
	// changed is told every change: before is nil for a new object, after for one that is gone.
	changed func(before, after T)
}

func newTable[T client.Object](changed func(before, after T)) *table[T] {
	return &table[T]{objects: map[client.ObjectKey]T{}, changed: changed}
}

// handler feeds the table.
func (t *table[T]) handler() toolscache.ResourceEventHandler {
	return state.Handler(t.set, t.remove)
}

func (t *table[T]) set(after T) {
	key := client.ObjectKeyFromObject(after)
	t.mu.Lock()
	before := t.objects[key]
	t.objects[key] = after
	t.mu.Unlock()
	t.changed(before, after)
}

func (t *table[T]) remove(object T) {
	key := client.ObjectKeyFromObject(object)
	t.mu.Lock()
	delete(t.objects, key)
	t.mu.Unlock()
	var none T
	t.changed(object, none)
}

func (t *table[T]) get(namespace, name string) (object T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	object, ok = t.objects[client.ObjectKey{Namespace: namespace, Name: name}]
	return object, ok
}

// all are the objects, in no order.
func (t *table[T]) all() []T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]T, 0, len(t.objects))
	for _, object := range t.objects {
		out = append(out, object)
	}
	return out
}
