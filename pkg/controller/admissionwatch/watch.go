// Package admissionwatch looks from time to time whether the admission policies of the installation are in force as they are
// shipped, and tells what it found.
package admissionwatch

import (
	"context"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/location"
)

const (
	// lookInterval is how often the policies are looked at. They are got by name and not watched: the right to watch
	// cannot be limited to several names.
	lookInterval = 10 * time.Second
	// lookTimeout is how long a look may take.
	lookTimeout = 5 * time.Second
)

// Options say how to look at the policies.
type Options struct {
	// Reader reads from the API server, not from a cache. Its scheme has admissionregistration.k8s.io/v1.
	Reader client.Reader
	Clock  clock.Clock
	// Location is how nodes' locations are read, SchedulerNames the profiles of tradewind-scheduler.
	Location       location.Options
	SchedulerNames []string
	// Report is told what was found, when it is not what was told before.
	Report func(admission.State)
}

// Watch looks at the policies until its context ends.
type Watch struct {
	options  Options
	expected *admission.Expectation
	last     *admission.State
}

// New returns what looks at the policies.
func New(options Options) (*Watch, error) {
	expected, err := admission.NewExpectation(options.Location, options.SchedulerNames)
	if err != nil {
		return nil, err
	}
	return &Watch{options: options, expected: expected}, nil
}

// Start implements manager.Runnable. The first look was the caller's, with Look.
func (w *Watch) Start(ctx context.Context) error {
	loop.Every(ctx, w.options.Clock, lookInterval, w.Look)
	return nil
}

// Look looks at the policies once. What cannot be read for a while leaves what was found before; what may not be read is
// not known.
func (w *Watch) Look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found := make(map[string]admission.Pair, len(admission.Names()))
	for _, name := range admission.Names() {
		one, err := w.get(ctx, name)
		switch {
		case apierrors.IsForbidden(err):
			unknown := admission.Verdict{Problems: []string{"the controller may not read the admission policies: " + err.Error()}}
			w.report(ctx, admission.State{Locations: unknown, Enforcement: unknown})
			return
		case err != nil:
			klog.FromContext(ctx).Info("Admission policies could not be read; what is said of them stays", "policy", name, "reason", err.Error())
			return
		}
		found[name] = one
	}
	w.report(ctx, w.expected.Inspect(found))
}

// get reads a policy and its binding; either is nil when there is none, or the API server does not serve the kind.
func (w *Watch) get(ctx context.Context, name string) (admission.Pair, error) {
	var out admission.Pair
	policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
	switch err := w.options.Reader.Get(ctx, client.ObjectKey{Name: name}, policy); {
	case err == nil:
		out.Policy = policy
	case !absent(err):
		return out, err
	}
	switch err := w.options.Reader.Get(ctx, client.ObjectKey{Name: name}, binding); {
	case err == nil:
		out.Binding = binding
	case !absent(err):
		return out, err
	}
	return out, nil
}

func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

func (w *Watch) report(ctx context.Context, state admission.State) {
	if w.last != nil && w.last.Equal(state) {
		return
	}
	w.last = &state
	log := klog.FromContext(ctx)
	switch {
	case state.Locations.InForce():
		log.Info("Nodes are kept from changing where they say they are")
	case state.Locations.Known:
		log.Info("Nodes may change where they say they are: apply deploy/install", "problems", state.Locations.Problems)
	default:
		log.Info("It is not known whether nodes may change where they say they are: apply deploy/install", "problems", state.Locations.Problems)
	}
	w.options.Report(state)
}
