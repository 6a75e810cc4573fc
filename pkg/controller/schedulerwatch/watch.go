// Package schedulerwatch looks which policies the scheduler decides by, as it says in a Lease, and tells what it found.
package schedulerwatch

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/state"
)

const (
	// lookInterval is how often the Lease is looked at. People wait for what it says before they make pods.
	lookInterval = time.Second
	// lookTimeout is how long a look may take.
	lookTimeout = 5 * time.Second
)

// Options say how to look at the Lease.
type Options struct {
	// Reader reads from the API server, not from a cache. Its scheme has coordination.k8s.io/v1.
	Reader client.Reader
	Clock  clock.Clock
	// Namespace of the Lease.
	Namespace string
	// Report is told what the scheduler holds, or the problem that keeps it from being known, when it is not what was told
	// before.
	Report func(ctx context.Context, held state.Held, problem string)
}

// Watch looks at the Lease until its context ends.
type Watch struct {
	options Options
	told    bool
	held    state.Held
	problem string
}

// New returns what looks at the Lease.
func New(options Options) *Watch { return &Watch{options: options} }

// Start implements manager.Runnable. The first look was the caller's, with Look.
func (w *Watch) Start(ctx context.Context) error {
	loop.Every(ctx, w.options.Clock, lookInterval, w.Look)
	return nil
}

// Look looks at the Lease once. What cannot be read for a while leaves what was found before.
func (w *Watch) Look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: w.options.Namespace, Name: state.HeldLease}
	switch err := w.options.Reader.Get(asking, key, lease); {
	case apierrors.IsNotFound(err):
		w.tell(ctx, state.Held{}, fmt.Sprintf("no tradewind-scheduler has said which policies it has read (Lease %s): start it, or apply the roles of deploy/install, which let it", key))
	case apierrors.IsForbidden(err):
		w.tell(ctx, state.Held{}, fmt.Sprintf("the controller may not read which policies the scheduler has read (Lease %s): apply the roles of deploy/install", key))
	case err != nil:
		klog.FromContext(ctx).Info("Which policies the scheduler has read could not be read; what is said of them stays", "lease", key, "reason", err.Error())
	default:
		held, err := state.ParseHeld(lease.Annotations[state.HeldAnnotation])
		problem := ""
		if err != nil {
			problem = fmt.Sprintf("Lease %s: %v", key, err)
		}
		w.tell(ctx, held, problem)
	}
}

func (w *Watch) tell(ctx context.Context, held state.Held, problem string) {
	if w.told && w.problem == problem && w.held.Equal(held) {
		return
	}
	w.told, w.held, w.problem = true, held, problem
	w.options.Report(ctx, held, problem)
}
