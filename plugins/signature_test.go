package plugins_test

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/plugins/plugintest"
)

// Pods of one signature are placed alike by opportunistic batching, so those whose rules or whose fellow replicas differ must differ
// in it.
func TestSignaturesTellApartWhatIsPlacedDifferently(t *testing.T) {
	c := plugintest.New(t).Policy("web", selects("web", "residency: {jurisdictions: [EU]}"))
	sign := func(pod *corev1.Pod) []byte {
		signature := c.Framework.SignPod(t.Context(), pod, false)
		if len(signature) == 0 {
			t.Fatalf("pod %s has no signature", pod.Name)
		}
		return signature
	}
	bare := func(name, app string) *corev1.Pod {
		pod := plugintest.Replica(name, app, "")
		pod.OwnerReferences = nil
		return pod
	}
	later := plugintest.Replica("web-3", "web", "")
	later.Labels["pod-template-hash"], later.OwnerReferences[0].Name = "2", "web-2"
	elsewhere := plugintest.Replica("web-4", "web", "")
	elsewhere.Namespace = "other"
	for _, tt := range []struct {
		name     string
		one, two *corev1.Pod
		same     bool
	}{
		{"two replicas", plugintest.Replica("web-1", "web", ""), plugintest.Replica("web-2", "web", ""), true},
		{"another revision", plugintest.Replica("web-1", "web", ""), later, false},
		{"another workload", plugintest.Replica("db-1", "db", ""), plugintest.Replica("cache-1", "cache", ""), false},
		{"another namespace", plugintest.Replica("web-1", "web", ""), elsewhere, false},
		{"pods without a controller", bare("db-1", "db"), bare("db-2", "db"), true},
		{"pods without a controller, under other rules", bare("web-1", "web"), bare("db-1", "db"), false},
	} {
		if same := bytes.Equal(sign(tt.one), sign(tt.two)); same != tt.same {
			t.Errorf("%s: the same signature %t, want %t", tt.name, same, tt.same)
		}
	}
	pod := plugintest.Replica("web-1", "web", "")
	before := sign(pod)
	c.Policy("web", selects("web", "residency: {jurisdictions: [EU, US]}"))
	if bytes.Equal(before, sign(pod)) {
		t.Error("the rules changed, and the signature did not")
	}
}
