package scales

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

const (
	// settle is how long a change of pods waits for others, and pace how often is read at most.
	settle = 100 * time.Millisecond
	pace   = time.Second
	// interval is how often everything is read though no pod has changed: pods that cannot be made change none.
	interval = time.Minute
	// retry is how long what failed waits, and wait how often is looked whether all pods have been read.
	retry = 5 * time.Second
	wait  = 50 * time.Millisecond
	// readers of scales at a time.
	readers = 8
)

// Feed keeps the scales among the objects true: it reads that of each owner when pods of it come or go, and of all from time to time.
type Feed struct {
	objects *informers.Objects
	reader  state.ScaleReader
	clock   clock.Clock
	loop    *loop.Loop
	read    atomic.Bool // all once
	due     time.Time   // of the next reading of all

	mu      sync.Mutex
	changed map[workload.Key]bool // owners of which pods came or went
	owners  map[workload.Key]workload.Owner
}

// NewFeed returns a feed. Call it before the objects are watched; they count as unread until it has read.
func NewFeed(objects *informers.Objects, from *Reader, clock clock.Clock) *Feed {
	return newFeed(objects, from, clock)
}

func newFeed(objects *informers.Objects, from state.ScaleReader, clock clock.Clock) *Feed {
	f := &Feed{
		objects: objects, reader: from, clock: clock, loop: loop.New(clock, settle, 0), changed: map[workload.Key]bool{}, owners: map[workload.Key]workload.Owner{},
	}
	objects.Pods.OnChange(f.podChanged)
	objects.Await("scale", f.read.Load)
	return f
}

// podChanged notes the owner of a pod that came or went.
func (f *Feed) podChanged(before, after *corev1.Pod) {
	if before != nil && after != nil && before.UID == after.UID && workload.Live(before) == workload.Live(after) {
		return
	}
	noted := false
	for _, pod := range []*corev1.Pod{before, after} {
		if pod == nil {
			continue
		}
		if of, ok := workload.OwnerOf(pod); ok {
			f.mu.Lock()
			f.changed[of.Key], f.owners[of.Key], noted = true, of, true
			f.mu.Unlock()
		}
	}
	if noted {
		f.loop.Changed()
	}
}

// Start reads until the context ends.
func (f *Feed) Start(ctx context.Context) error {
	f.loop.Run(ctx, f.work)
	return nil
}

// work reads what is to be read now.
func (f *Feed) work(ctx context.Context) loop.Next {
	if !f.read.Load() && len(f.objects.Unread()) > 1 { // but this
		return loop.Next{At: f.clock.Now().Add(wait)}
	}
	began := f.clock.Now()
	all := !began.Before(f.due)
	if all {
		f.due = began.Add(interval)
	}
	if all {
		f.prune()
	}
	owners := f.take(all)
	var failed atomic.Bool
	workqueue.ParallelizeUntil(ctx, readers, len(owners), func(i int) {
		if !f.readOne(ctx, &owners[i]) {
			failed.Store(true)
		}
	})
	if ctx.Err() != nil {
		return loop.Next{}
	}
	f.read.Store(true)
	next := f.due
	if failed.Load() {
		next = began.Add(retry)
	}
	return loop.Next{At: next, NotBefore: began.Add(pace)}
}

// prune forgets the owners that have neither pods nor a scale any more.
func (f *Feed) prune() {
	runs := map[workload.Key]bool{}
	for _, pod := range f.objects.Pods.All() {
		if of, ok := workload.OwnerOf(pod); ok {
			runs[of.Key] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.owners {
		if _, known := f.objects.Scales.Get(key); !known && !runs[key] && !f.changed[key] {
			delete(f.owners, key)
		}
	}
}

// take returns the owners to be read, and begins anew.
func (f *Feed) take(all bool) []workload.Owner {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []workload.Owner
	for key, of := range f.owners {
		if all || f.changed[key] {
			out = append(out, of)
		}
	}
	clear(f.changed)
	return out
}

// readOne reads one scale. It returns false where that is to be tried again soon.
func (f *Feed) readOne(ctx context.Context, of *workload.Owner) bool {
	scale, ok, err := f.reader.Scale(ctx, of)
	switch {
	case err != nil:
		klog.FromContext(ctx).V(1).Info("Reading how many replicas a workload wants failed; it is tried again", "workload", of.Key, "error", err)
		f.doubt(of, ok, err)
		f.mu.Lock()
		f.changed[of.Key] = true
		f.mu.Unlock()
		return false
	case ok:
		f.objects.Scales.Set(of.Key, scale)
	default:
		f.objects.Scales.Remove(of.Key)
	}
	return true
}

// doubt leaves what is known of a workload whose scale cannot be read now. Where nothing is, the pods are counted of one that has a
// scale, or was planned, as its Placement tells.
func (f *Feed) doubt(of *workload.Owner, scales bool, err error) {
	if _, known := f.objects.Scales.Get(of.Key); known {
		return
	}
	if _, planned := f.objects.Placements.Get(of.Namespace, state.PlacementName(of.Kind, of.Name)); scales || planned {
		f.objects.Scales.Set(of.Key, workload.Scale{Counted: err.Error()})
	}
}
