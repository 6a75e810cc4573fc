package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

const (
	// crdInterval is how often the controller looks whether the CRDs are there, crdWarnings how many looks lie between two
	// lines in the log.
	crdInterval = 2 * time.Second
	crdWarnings = 15
)

// resources are what the controller needs the API server to serve.
func resources() []string {
	return []string{"cloudpools", "clusterplacementpolicies", "latencymaps", "placementpolicies", "placements", "pricelists"}
}

// crds looks for Tradewind's CRDs.
type crds struct {
	discovery.ServerResourcesInterface
}

// missing says which resources the API server does not serve, or is nil.
func (c crds) missing() error {
	served, err := c.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("ask the API server what it serves: %w", err)
	}
	missing := resources()
	if err == nil {
		for i := range served.APIResources {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == served.APIResources[i].Name })
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the API server does not serve %s of %s; install the CRDs: kubectl apply -f deploy/crds",
		strings.Join(missing, ", "), v1alpha1.GroupVersion)
}

// awaitCRDs returns when the CRDs are installed, or the context has ended. Until then the log and /readyz say what is
// missing.
func (w *work) awaitCRDs(ctx context.Context) {
	tries := 0
	_ = wait.PollUntilContextCancel(ctx, crdInterval, true, func(ctx context.Context) (bool, error) { // fails only when the context has ended
		err := w.crds.missing()
		if err == nil {
			w.obstacle.Store(nil)
			if tries > 0 {
				klog.FromContext(ctx).Info("The API server serves Tradewind's objects now")
			}
			return true, nil
		}
		obstacle := func() error { return err }
		w.obstacle.Store(&obstacle)
		if tries%crdWarnings == 0 {
			klog.FromContext(ctx).Info("Waiting until Tradewind's objects are served", "reason", err.Error())
		}
		tries++
		return false, nil
	})
}
