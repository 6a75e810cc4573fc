package failover

import (
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/loss"
)

const (
	// taintValue tells the out-of-service taints of this package from those of others.
	taintValue = "tradewind-failover"
	// registration is how long after a node was made its kubelet reports at first, by another clock.
	registration = 5 * time.Second
	// defaultHolds is how long a kubelet's lease holds unless it says otherwise: Kubernetes' own default.
	defaultHolds = 40 * time.Second
)

// facts are what is looked at of a node.
type facts struct {
	loss.Node
	spot        bool
	interrupted string // the taint that says that the cloud takes it back
	removed     bool   // by an autoscaler, on purpose
	fenced      bool   // by this package's out-of-service taint
	shunned     string // the taint by which the node controller keeps pods away, since it is or was not ready
	drillEnds   time.Time
	labels      map[string]string
}

// factsOf reads a node.
func factsOf(node *corev1.Node, options location.Options) *facts {
	found := location.FromNode(node, options)
	f := &facts{
		Node: loss.Node{Name: node.Name, At: found.Location}, labels: node.Labels, interrupted: loss.Interrupted(node),
		spot: found.CapacityType == v1alpha1.CapacitySpot, removed: loss.Removed(node) != "",
	}
	f.Ready, f.Since = readiness(node)
	f.Joining = f.Ready == loss.ReadyFalse && f.Since.Sub(node.CreationTimestamp.Time) <= registration
	for i := range node.Spec.Taints {
		switch taint := &node.Spec.Taints[i]; taint.Key {
		case corev1.TaintNodeOutOfService:
			f.fenced = f.fenced || taint.Value == taintValue
		case corev1.TaintNodeUnreachable, corev1.TaintNodeNotReady:
			f.shunned = taint.Key
		case v1alpha1.TaintDrill:
			f.Drill, f.drillEnds = drillOf(taint)
		}
	}
	return f
}

// readiness reads the condition Ready. A node without one has not reported yet.
func readiness(node *corev1.Node) (loss.Ready, time.Time) {
	for i := range node.Status.Conditions {
		condition := &node.Status.Conditions[i]
		if condition.Type != corev1.NodeReady {
			continue
		}
		switch condition.Status {
		case corev1.ConditionTrue:
			return loss.ReadyTrue, condition.LastTransitionTime.Time
		case corev1.ConditionFalse:
			return loss.ReadyFalse, condition.LastTransitionTime.Time
		}
		return loss.ReadyUnknown, condition.LastTransitionTime.Time
	}
	return loss.ReadyFalse, node.CreationTimestamp.Time
}

// drillOf reads when a drill began and when it ends at the latest; see v1alpha1.TaintDrill. A value that cannot be read
// is no drill.
func drillOf(taint *corev1.Taint) (begun, ends time.Time) {
	seconds, err := strconv.ParseInt(taint.Value, 10, 64)
	if err != nil || taint.TimeAdded == nil {
		return time.Time{}, time.Time{}
	}
	return taint.TimeAdded.Time, time.Unix(seconds, 0)
}

// holds is for how long a lease holds once it is renewed.
func holds(object *coordinationv1.Lease) time.Duration {
	if object.Spec.LeaseDurationSeconds == nil || *object.Spec.LeaseDurationSeconds <= 0 {
		return defaultHolds
	}
	return time.Duration(*object.Spec.LeaseDurationSeconds) * time.Second
}
