package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/printable"
)

// explainFailures makes the event and the condition of a pod that cannot be placed say why in words, the most frequent
// reason first, each node counted once: "0/60 nodes: 40 outside residency EU, 12 over 50 ms from DE, 8 Insufficient cpu".
func explainFailures(s *scheduler.Scheduler) {
	quietUnplaced()
	handle := s.FailureHandler
	s.FailureHandler = func(ctx context.Context, profile framework.Framework, pod *framework.QueuedPodInfo,
		status *fwk.Status, nominating *fwk.NominatingInfo, start time.Time) {
		var fit *framework.FitError
		if errors.As(status.AsError(), &fit) {
			// What the queue needs to know of a FitError the default handler takes from its type alone.
			pod.UnschedulablePlugins, pod.PendingPlugins = fit.Diagnosis.UnschedulablePlugins, fit.Diagnosis.PendingPlugins
			status = fwk.NewStatus(status.Code()).WithError(&unplaced{message: explain(fit)})
		}
		handle(ctx, literalEvents{profile}, pod, status, nominating, start)
	}
}

// literalEvents is a profile whose events say what they are told: the default failure handler gives a message where the
// recorder takes a format, which would turn "60% of" into "60%!o(MISSING)f".
type literalEvents struct{ framework.Framework }

// EventRecorder implements fwk.Handle.
func (l literalEvents) EventRecorder() events.EventRecorder {
	return literalRecorder{l.Framework.EventRecorder()}
}

type literalRecorder struct{ events.EventRecorder }

// Eventf implements events.EventRecorder.
func (r literalRecorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	if len(args) > 0 {
		note = fmt.Sprintf(note, args...)
	}
	r.EventRecorder.Eventf(regarding, related, eventType, reason, action, "%s", printable.Line(note))
}

// unplaced is the error of a pod that no node fits. That is no error of the scheduler's.
type unplaced struct{ message string }

// Error is the message, which becomes the pod's condition.
func (u *unplaced) Error() string { return printable.Line(u.message) }

// quietUnplaced keeps unplaced pods out of the error log, where the default failure handler would write them because
// their error is none of its own type. They are in the pod's event and condition.
func quietUnplaced() {
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = []utilruntime.ErrorHandler{func(ctx context.Context, err error, message string, keysAndValues ...any) {
		if known := (*unplaced)(nil); errors.As(err, &known) {
			klog.FromContext(ctx).V(2).Info("Unable to place pod; waiting", append(keysAndValues, "reason", err.Error())...)
			return
		}
		for _, handle := range handlers {
			handle(ctx, err, message, keysAndValues...)
		}
	}}
}

// explain says why no node fits. Reasons of Kubernetes' own rules keep their words, which people and tools look for.
func explain(fit *framework.FitError) string {
	head := fmt.Sprintf("0/%d nodes: ", fit.NumAllNodes)
	if fit.NumAllNodes == 0 {
		return "0 nodes: the cluster has none"
	}
	if fit.Diagnosis.PreFilterMsg != "" {
		return head + fit.Diagnosis.PreFilterMsg
	}
	counts := map[string]int{}
	explicit := 0
	fit.Diagnosis.NodeToStatus.ForEachExplicitNode(func(_ string, status *fwk.Status) {
		explicit++
		counts[reason(status)]++
	})
	if absent := fit.NumAllNodes - explicit; absent > 0 {
		if status := fit.Diagnosis.NodeToStatus.AbsentNodesStatus(); status.IsRejected() {
			counts[reason(status)] += absent
		}
	}
	sorted := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	texts := make([]string, len(sorted))
	for i, text := range sorted {
		texts[i] = fmt.Sprintf("%d %s", counts[text], text)
	}
	return head + strings.Join(texts, ", ")
}

// reason is why one node does not fit, as it reads behind a number of nodes.
func reason(status *fwk.Status) string { return kubefilters.Words(status.Plugin(), status.Reasons()) }
