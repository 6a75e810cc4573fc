package policystatus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Reasons of the condition TrafficAgreed.
const (
	reasonAgreed           = "Agreed"
	reasonNotAgreed        = "CalleeDoesNotAgree"
	reasonNotPlanned       = "NotPlanned"
	reasonNoForeignTraffic = "NoForeignTraffic"
)

// traffic is the calls that the workloads that they go to have not agreed to, by the policy that declares them.
type traffic struct {
	planned  bool
	unagreed map[policy.Source][]planning.Unagreed
}

// set takes note of a plan's and says whether it differs from what was known.
func (t *traffic) set(all []planning.Unagreed) bool {
	next := map[policy.Source][]planning.Unagreed{}
	for _, call := range all {
		next[call.Source] = append(next[call.Source], call)
	}
	same := t.planned && len(next) == len(t.unagreed)
	for source, calls := range next {
		slices.SortFunc(calls, func(a, b planning.Unagreed) int {
			return cmp.Or(strings.Compare(a.Callee.Namespace, b.Callee.Namespace), strings.Compare(a.Callee.Name, b.Callee.Name),
				strings.Compare(a.Caller.Name, b.Caller.Name))
		})
		same = same && slices.Equal(calls, t.unagreed[source])
	}
	t.planned, t.unagreed = true, next
	return !same
}

// judge says whether the other namespaces that a policy's traffic goes to agree to it; ok is false where it has no such traffic
// and the object does not say that it had.
func (t *traffic) judge(source policy.Source, alone *rules.Rules, known []metav1.Condition) (condition metav1.Condition, ok bool) {
	condition = metav1.Condition{Type: v1alpha1.ConditionTrafficAgreed, Status: metav1.ConditionTrue, Reason: reasonAgreed}
	foreign := slices.ContainsFunc(alone.Traffic, func(call policy.Traffic) bool {
		return source.Namespace != "" && call.Namespace != "" && call.Namespace != source.Namespace
	})
	switch {
	case !foreign:
		condition.Reason, condition.Message = reasonNoForeignTraffic, "it has no traffic to other namespaces"
		return condition, meta.FindStatusCondition(known, v1alpha1.ConditionTrafficAgreed) != nil
	case !t.planned:
		condition.Status, condition.Reason, condition.Message = metav1.ConditionUnknown, reasonNotPlanned, "no plan has been made yet"
	case len(t.unagreed[source]) == 0:
		condition.Message = "the workloads of other namespaces that it names agree, or none is there"
	default:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonNotAgreed
		var texts []string
		for _, call := range t.unagreed[source] {
			texts = append(texts, fmt.Sprintf("%s/%s does not agree to be moved by %s/%s", call.Callee.Namespace, call.Callee.Name,
				call.Caller.Namespace, call.Caller.Name))
		}
		condition.Message = status.Clip(status.Join(slices.Compact(texts), "; ", most)+"; this traffic moves the callers alone. To agree, set "+
			"spec.trafficFrom: [{namespace: "+source.Namespace+"}] in a PlacementPolicy that selects the called workload, or declare the "+
			"traffic in a ClusterPlacementPolicy", status.MaxMessage)
	}
	return condition, true
}
