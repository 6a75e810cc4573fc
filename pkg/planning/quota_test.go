package planning

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

func quotaOf(namespace string, hard map[corev1.ResourceName]string, change ...func(*corev1.ResourceQuotaSpec)) *corev1.ResourceQuota {
	out := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	for name, amount := range hard {
		out.Spec.Hard[name] = resource.MustParse(amount)
	}
	for _, c := range change {
		c(&out.Spec)
	}
	return out
}

// TestQuotas says how many replicas of web and of urgent, which has a higher priority, cannot run. Each wants 10 of 500m and
// 1Gi, 2 of web run, and a pod of nobody.
func TestQuotas(t *testing.T) {
	scope := func(scope corev1.ResourceQuotaScope) func(*corev1.ResourceQuotaSpec) {
		return func(s *corev1.ResourceQuotaSpec) { s.Scopes = append(s.Scopes, scope) }
	}
	ofClass := func(names ...string) func(*corev1.ResourceQuotaSpec) {
		return func(s *corev1.ResourceQuotaSpec) {
			s.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
				{ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: corev1.ScopeSelectorOpIn, Values: names}}}
		}
	}
	type hard = map[corev1.ResourceName]string
	for _, tt := range []struct {
		name        string
		quotas      []*corev1.ResourceQuota
		web, urgent int
	}{
		{"none", nil, 0, 0},
		{"of another namespace", []*corev1.ResourceQuota{quotaOf("other", hard{"pods": "1"})}, 0, 0},
		{"pods: running ones count, then the higher priority", []*corev1.ResourceQuota{quotaOf("shop", hard{"pods": "15"})}, 6, 0},
		{"CPUs", []*corev1.ResourceQuota{quotaOf("shop", hard{"requests.cpu": "5"})}, 8, 3},
		{"the tightest of several", []*corev1.ResourceQuota{quotaOf("shop", hard{"cpu": "100", "requests.memory": "12Gi"}), quotaOf("shop", hard{"pods": "100"})}, 8, 1},
		{"used up by others' pods", []*corev1.ResourceQuota{quotaOf("shop", hard{"pods": "3"})}, 8, 10},
		{"limits, which they have none of", []*corev1.ResourceQuota{quotaOf("shop", hard{"limits.cpu": "1"})}, 0, 0},
		{"of a class", []*corev1.ResourceQuota{quotaOf("shop", hard{"pods": "4"}, ofClass("urgent"))}, 0, 6},
		{"of pods that ask for nothing", []*corev1.ResourceQuota{quotaOf("shop", hard{"pods": "0"}, scope(corev1.ResourceQuotaScopeBestEffort))}, 0, 0},
		{"of pods without a deadline", []*corev1.ResourceQuota{quotaOf("shop", hard{"pods": "13"}, scope(corev1.ResourceQuotaScopeNotTerminating))}, 7, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			web, urgent := deployment("web", 10, "500m", "1Gi"), deployment("urgent", 10, "500m", "1Gi")
			urgent.Template.Spec.PriorityClassName = "urgent"
			bare := podOf(&web, "bare", "a")
			bare.Workload = workload.Key{}
			result := build(t, &Input{
				World: world(t, state.Objects{}), Workloads: []Workload{web, urgent}, Quotas: tt.quotas,
				Nodes:           []*corev1.Node{awsNode("a", "eu-west-1a")},
				Pods:            []Pod{podOf(&web, "web-1", "a"), podOf(&web, "web-2", "a"), bare},
				PriorityClasses: []*schedulingv1.PriorityClass{{ObjectMeta: metav1.ObjectMeta{Name: "urgent"}, Value: 1000}},
			})
			for i, w := range result.Snapshot.Workloads {
				want := map[string]int{"web": tt.web, "urgent": tt.urgent}[result.Workloads[i].Name]
				if w.Refused != want || (w.Refused > 0) != (w.RefusedBy != "") {
					t.Errorf("%s: %d cannot run (%s), want %d", w.Name, w.Refused, w.RefusedBy, want)
				}
			}
		})
	}
}

// A template's own number is that of no pod: the API server refuses pods that have another priority than their class.
func TestPriorityIsThatOfTheClass(t *testing.T) {
	for _, tt := range []struct {
		class    string
		priority *int32
		want     int32
	}{
		{"", nil, 5}, {"urgent", nil, 1000}, {"unknown", nil, 5}, {"system-node-critical", nil, 2_000_001_000},
		{"", ptr.To[int32](2_000_000_000), 5}, {"urgent", ptr.To[int32](2_000_000_000), 1000},
	} {
		w := deployment("web", 1, "1", "1Gi")
		w.Template.Spec.PriorityClassName, w.Template.Spec.Priority = tt.class, tt.priority
		result := build(t, &Input{
			World: world(t, state.Objects{}), Workloads: []Workload{w}, Nodes: []*corev1.Node{awsNode("a", "eu-west-1a")},
			PriorityClasses: []*schedulingv1.PriorityClass{
				{ObjectMeta: metav1.ObjectMeta{Name: "urgent"}, Value: 1000}, {ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 5, GlobalDefault: true},
			},
		})
		if got := result.Snapshot.Workloads[0].Priority; got != tt.want {
			t.Errorf("class %q, priority %v: %d, want %d", tt.class, ptr.Deref(tt.priority, 0), got, tt.want)
		}
	}
}
