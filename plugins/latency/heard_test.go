package latency_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/latency"
	"tradewind.dev/tradewind/plugins/plugintest"
)

// TestPodsAreHeardOfByHints: a hint is told of a pod by the scheduler, and may be before the state is told by its informers: the pod that
// it retries is counted beside that one all the same, and beside none that is gone or going meanwhile.
func TestPodsAreHeardOfByHints(t *testing.T) {
	version := func(of *corev1.Pod, version string) *corev1.Pod {
		of.ResourceVersion = version
		return of
	}
	placed := version(plugintest.Replica("web-1", "web", "ireland"), "1")
	going := version(plugintest.Replica("web-1", "web", "ireland"), "2")
	going.DeletionTimestamp = ptr.To(metav1.NewTime(plugintest.Now))
	anew := version(plugintest.Replica("web-1", "web", "ireland"), "3")
	anew.UID = "another"
	for _, tt := range []struct {
		name   string
		listed *corev1.Pod // what the scheduler's informers have
		want   int
	}{
		{"the state has not heard of it", placed, 1},
		{"it is going meanwhile", going, 0},
		{"it is gone meanwhile", nil, 0},
		{"another of its name is there", anew, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(t, near)
			if tt.listed != nil {
				c.Listed(tt.listed)
			}
			waiting := plugintest.Replica("web-9", "web", "")
			if !c.Hints(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Add}, waiting, nil, placed)[latency.Name] {
				t.Error("the pod is not retried")
			}
			if got := c.Live.Revision(workload.Revision(placed)).Placed(); got != tt.want {
				t.Errorf("it is counted beside %d", got)
			}
		})
	}
}
