package failover

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/loss"
)

// FuzzFacts gives the taint of a drill, the condition Ready and the lease of a node whatever somebody may write. No node is
// taken for drilled without a time until which it is, and only one whose condition says so for ready.
func FuzzFacts(f *testing.F) {
	f.Add("1790000000", int64(1790000000), true, "True", int64(1790000000), int32(40), int64(1790000000))
	f.Add("", int64(0), false, "Unknown", int64(-1), int32(-1), int64(1<<62))
	f.Add("-9223372036854775808", int64(-1<<63), true, "False", int64(1<<62), int32(1<<31-1), int64(-1<<62))
	f.Add("1e9", int64(1), true, "unknown", int64(1), int32(0), int64(1))
	now := time.Unix(1790000100, 0)
	f.Fuzz(func(t *testing.T, value string, added int64, hasTime bool, ready string, since int64, seconds int32, renewed int64) {
		taint := corev1.Taint{Key: v1alpha1.TaintDrill, Value: value, Effect: corev1.TaintEffectNoSchedule}
		if hasTime {
			at := metav1.Unix(added, 0)
			taint.TimeAdded = &at
		}
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint}}}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionStatus(ready), LastTransitionTime: metav1.Unix(since, 0)}}
		read := factsOf(node, location.DefaultOptions())
		if !read.Drill.IsZero() && read.drillEnds.IsZero() || !hasTime && !read.Drill.IsZero() {
			t.Errorf("the taint %+v is a drill from %v to %v", taint, read.Drill, read.drillEnds)
		}
		at := metav1.NewMicroTime(time.Unix(renewed, 0))
		renewals := loss.NewRenewals(5 * time.Second)
		object := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{LeaseDurationSeconds: &seconds, RenewTime: &at}}
		renewals.Observe("a", object.Spec.RenewTime.Time, holds(object), now)
		renewals.Fill(&read.Node)
		if ready == string(corev1.ConditionTrue) != (read.Ready == loss.ReadyTrue) {
			t.Errorf("a node whose condition is %q is taken for %v", ready, read.Ready)
		}
		if !read.Leased || read.Holds <= 0 || read.Heard.After(now) {
			t.Errorf("a lease of %d s holds %s and was heard of at %s", seconds, read.Holds, read.Heard)
		}
	})
}
