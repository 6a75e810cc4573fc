package state

import (
	"sync"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// newest keeps of each object what was made of its newest version. More than one may tell of an object, an informer's handler
// and a queueing hint, and none of them waits for the other. It is ready for use, and safe for concurrent use.
type newest[T any] struct{ byKey sync.Map } // string → *told[T]

type told[T any] struct {
	of   string // the object's resource version
	made T
}

// newer says whether this version came after another. Versions without an order, as objects of files have none, come as they are told.
func (v *told[T]) newer(than string) bool {
	order, err := resourceversion.CompareResourceVersion(v.of, than)
	return err == nil && order > 0
}

// set keeps what was made of a version of an object, unless a newer one is known.
func (v *newest[T]) set(key, of string, made T) {
	next := &told[T]{of: of, made: made}
	for {
		known, exists := v.byKey.LoadOrStore(key, next)
		if !exists || known.(*told[T]).newer(of) || v.byKey.CompareAndSwap(key, known, next) {
			return
		}
	}
}

// remove forgets an object of which this was the last version, unless another of its name is known that is newer.
func (v *newest[T]) remove(key, last string) {
	for {
		known, exists := v.byKey.Load(key)
		if !exists || known.(*told[T]).newer(last) || v.byKey.CompareAndDelete(key, known) {
			return
		}
	}
}

func (v *newest[T]) get(key string) (made T, ok bool) {
	known, ok := v.byKey.Load(key)
	if !ok {
		return made, false
	}
	return known.(*told[T]).made, true
}
