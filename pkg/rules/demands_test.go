package rules

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDemands(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"disk": "ssd", "size": "9"}}}
	tainted := node.DeepCopy()
	tainted.Spec.Taints = []corev1.Taint{{Key: "soft", Effect: corev1.TaintEffectPreferNoSchedule}, {Key: "team", Value: "shop", Effect: corev1.TaintEffectNoSchedule}}
	required := func(key string, operator corev1.NodeSelectorOperator, values ...string) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: operator, Values: values}}}},
		}}}
	}
	for _, c := range []struct {
		name string
		spec corev1.PodSpec
		node *corev1.Node
		kind Kind
		want string
	}{
		{"nothing demanded", corev1.PodSpec{}, node, "", ""},
		{"selected", corev1.PodSpec{NodeSelector: map[string]string{"disk": "ssd"}}, node, "", ""},
		{"not selected", corev1.PodSpec{NodeSelector: map[string]string{"disk": "hdd", "arch": "arm64"}}, node, KindNodeSelector,
			"without the labels of the node selector arch=arm64,disk=hdd"},
		{"within the affinity", corev1.PodSpec{Affinity: required("size", corev1.NodeSelectorOpGt, "8")}, node, "", ""},
		{"outside the affinity", corev1.PodSpec{Affinity: required("size", corev1.NodeSelectorOpGt, "9")}, node, KindNodeAffinity,
			"outside the node affinity of the workload"},
		{"an affinity that cannot be read", corev1.PodSpec{Affinity: required("size", corev1.NodeSelectorOpGt, "nine")}, node, KindNodeAffinity,
			"outside the node affinity of the workload"},
		{"tainted", corev1.PodSpec{}, tainted, KindTaint, "with the taint team=shop:NoSchedule, which the workload does not tolerate"},
		{"tolerated", corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpExists}}}, tainted, "", ""},
		{"of two the taint", corev1.PodSpec{NodeSelector: map[string]string{"disk": "hdd"}}, tainted, KindTaint,
			"with the taint team=shop:NoSchedule, which the workload does not tolerate"},
	} {
		if kind, reason := DemandsOf(&c.spec).Excluded(c.node); kind != c.kind || reason != c.want {
			t.Errorf("%s: %s %q, want %s %q", c.name, kind, reason, c.kind, c.want)
		}
	}
}
