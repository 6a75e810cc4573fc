package informers

import (
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/state"
)

// Table holds the objects of one kind as an informer reports them. Safe for concurrent use; the objects are shared and must not
// be changed.
type Table[T client.Object] struct {
	mu        sync.RWMutex
	objects   map[client.ObjectKey]T
	listeners []func(before, after T)
}

func newTable[T client.Object]() *Table[T] { return &Table[T]{objects: map[client.ObjectKey]T{}} }

// OnChange calls a function after every change, in the informer's order: before is nil for a new object, after for one that is
// gone. Add listeners before objects arrive; they are not taken away.
func (t *Table[T]) OnChange(listener func(before, after T)) {
	t.listeners = append(t.listeners, listener)
}

// handler feeds the table.
func (t *Table[T]) handler() toolscache.ResourceEventHandler { return state.Handler(t.Set, t.Remove) }

// Set records an object that was added or changed.
func (t *Table[T]) Set(after T) {
	key := client.ObjectKeyFromObject(after)
	t.mu.Lock()
	before := t.objects[key]
	t.objects[key] = after
	t.mu.Unlock()
	t.tell(before, after)
}

// Remove forgets an object.
func (t *Table[T]) Remove(object T) {
	key := client.ObjectKeyFromObject(object)
	t.mu.Lock()
	delete(t.objects, key)
	t.mu.Unlock()
	var none T
	t.tell(object, none)
}

func (t *Table[T]) tell(before, after T) {
	for _, listener := range t.listeners {
		listener(before, after)
	}
}

// Get returns the object of a name.
func (t *Table[T]) Get(namespace, name string) (object T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	object, ok = t.objects[client.ObjectKey{Namespace: namespace, Name: name}]
	return object, ok
}

// All are the objects as they are now, in no order.
func (t *Table[T]) All() []T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]T, 0, len(t.objects))
	for _, object := range t.objects {
		out = append(out, object)
	}
	return out
}
