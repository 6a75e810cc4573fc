package placement

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state/informers"
)

// written remembers what was written last, since a cache shows it some time later. The zero value is ready for use.
type written struct {
	mu   sync.Mutex
	last map[client.ObjectKey]version
}

type version struct {
	uid             types.UID
	resourceVersion string
	status          v1alpha1.PlacementStatus
}

// own is the part of a status that the planner writes.
func own(status *v1alpha1.PlacementStatus) v1alpha1.PlacementStatus {
	out := *status
	out.Moved, out.Away = nil, nil
	out.Conditions = slices.DeleteFunc(slices.Clone(status.Conditions), func(c metav1.Condition) bool {
		return c.Type != v1alpha1.ConditionPlanned && c.Type != v1alpha1.ConditionInPlace
	})
	sortConditions(out.Conditions)
	return out
}

// wrote takes note of a write, and of the version that the API server gave it.
func (w *written) wrote(key client.ObjectKey, uid types.UID, resourceVersion string, status *v1alpha1.PlacementStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[client.ObjectKey]version{}
	}
	w.last[key] = version{uid, resourceVersion, *status}
}

// seen takes note of an object that the cache shows, and says whether its own part is what was written.
func (w *written) seen(object *v1alpha1.Placement) bool {
	key, status := client.ObjectKeyFromObject(object), own(&object.Status)
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[key]
	if ok && last.uid == object.UID {
		if older(object.ResourceVersion, last.resourceVersion) || equality.Semantic.DeepEqual(last.status, status) {
			return true
		}
	}
	delete(w.last, key) // what the cache shows is newer
	return false
}

// forget takes note of an object that is gone.
func (w *written) forget(object *v1alpha1.Placement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := client.ObjectKeyFromObject(object); w.last[key].uid == object.UID {
		delete(w.last, key)
	}
}

// latest is the own part of what a Placement says now; nil when there is none.
func (w *written) latest(key client.ObjectKey, cached *informers.Table[*v1alpha1.Placement]) *v1alpha1.PlacementStatus {
	object, ok := cached.Get(key.Namespace, key.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	last, wrote := w.last[key]
	switch {
	case wrote && (!ok || last.uid == object.UID && older(object.ResourceVersion, last.resourceVersion)):
		return &last.status
	case ok:
		status := own(&object.Status)
		return &status
	default:
		return nil
	}
}

// older says whether the first version is the older one. Versions that are no numbers are not compared.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}
