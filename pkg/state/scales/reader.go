package scales

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/workload"
)

// servedTime is how long it is taken for granted what an API server serves of a group.
const servedTime = time.Minute

// page is where the right to read a scale is explained.
const page = "docs/placements.md"

// Reader reads scale subresources. It may be used concurrently.
type Reader struct {
	objects dynamic.Interface
	served  discovery.ServerResourcesInterface
	clock   clock.PassiveClock

	mu     sync.Mutex
	groups map[string]group
}

// group is what an API server serves of a group in one version, by kind, and when it said so.
type group struct {
	at     time.Time
	plural map[string]string // of the kinds that have a scale subresource
}

// NewReader returns a reader of the cluster of a configuration.
func NewReader(config *rest.Config, client *http.Client) (*Reader, error) {
	served, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("set up discovery: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("set up the reading of scales: %w", err)
	}
	return newReader(objects, served, clock.RealClock{}), nil
}

func newReader(objects dynamic.Interface, served discovery.ServerResourcesInterface, clock clock.PassiveClock) *Reader {
	return &Reader{objects: objects, served: served, clock: clock, groups: map[string]group{}}
}

// Scale implements state.ScaleReader.
func (r *Reader) Scale(ctx context.Context, of *workload.Owner) (out workload.Scale, ok bool, err error) {
	version, err := schema.ParseGroupVersion(of.APIVersion)
	if err != nil {
		return workload.Scale{}, false, nil // no owner can have it
	}
	kinds, err := r.scaling(version)
	if err != nil {
		return workload.Scale{}, false, err
	}
	plural, ok := kinds[of.ObjectKind()]
	if !ok {
		return workload.Scale{}, false, nil
	}
	resource := version.WithResource(plural)
	object, err := r.objects.Resource(resource).Namespace(of.Namespace).Get(ctx, of.Name, metav1.GetOptions{}, "scale")
	if err == nil {
		if replicas, found, wrong := unstructured.NestedInt64(object.Object, "spec", "replicas"); wrong == nil && found && replicas >= 0 {
			return workload.Scale{Replicas: int(replicas)}, true, nil
		}
		// A Scale leaves out the number when it is 0.
		return workload.Scale{}, true, nil
	}
	name := plural + "/scale." + version.Group
	switch {
	case apierrors.IsNotFound(err):
		return workload.Scale{}, false, nil
	case apierrors.IsForbidden(err):
		return workload.Scale{Counted: fmt.Sprintf("%s may not be read; grant the verb get on it (%s)", name, page)}, true, nil
	}
	return workload.Scale{}, true, fmt.Errorf("%s cannot be read: %w", name, err)
}

// scaling are the resources that have a scale subresource, by kind.
func (r *Reader) scaling(version schema.GroupVersion) (map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.groups[version.String()]
	if ok && r.clock.Since(known.at) < servedTime {
		return known.plural, nil
	}
	list, err := r.served.ServerResourcesForGroupVersion(version.String())
	switch {
	case apierrors.IsNotFound(err):
		list = &metav1.APIResourceList{}
	case err != nil:
		return nil, fmt.Errorf("ask the API server what it serves of %s: %w", version, err)
	}
	names := map[string]bool{}
	for i := range list.APIResources {
		names[list.APIResources[i].Name] = true
	}
	out := group{at: r.clock.Now(), plural: map[string]string{}}
	for i := range list.APIResources {
		if resource := &list.APIResources[i]; resource.Namespaced && names[resource.Name+"/scale"] {
			out.plural[resource.Kind] = resource.Name
		}
	}
	r.groups[version.String()] = out
	return out.plural, nil
}
