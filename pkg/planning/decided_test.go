package planning

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
)

// TestLastDecisions reads the last decisions of a workload: pools that are gone, numbers that make no sense and Placements under another name
// than the controller gives them say nothing.
func TestLastDecisions(t *testing.T) {
	pool := "aws-eu-west-1a-m7i.large"
	placement := func(name string, decisions ...v1alpha1.PlacementDecision) *v1alpha1.Placement {
		return &v1alpha1.Placement{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
			Status:     v1alpha1.PlacementStatus{Decisions: decisions},
		}
	}
	for _, c := range []struct {
		name       string
		placements []*v1alpha1.Placement
		want       []engine.PoolReplicas
	}{
		{"none", nil, nil},
		{"one", []*v1alpha1.Placement{placement("deployment-web", v1alpha1.PlacementDecision{Pool: pool, Replicas: 2})}, []engine.PoolReplicas{{Pool: 0, Replicas: 2}}},
		{"a pool that is gone", []*v1alpha1.Placement{placement("deployment-web",
			v1alpha1.PlacementDecision{Pool: "gone", Replicas: 1}, v1alpha1.PlacementDecision{Pool: pool, Replicas: 1})}, []engine.PoolReplicas{{Pool: 0, Replicas: 1}}},
		{"another cluster's", []*v1alpha1.Placement{placement("deployment-web", v1alpha1.PlacementDecision{ClusterName: "west", Pool: pool, Replicas: 1})}, nil},
		{"less than none", []*v1alpha1.Placement{placement("deployment-web", v1alpha1.PlacementDecision{Pool: pool, Replicas: -1})}, nil},
		{"made by hand", []*v1alpha1.Placement{placement("mine", v1alpha1.PlacementDecision{Pool: pool, Replicas: 2})}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := build(t, &Input{
				World: world(t, state.Objects{}), Nodes: []*corev1.Node{awsNode("a", "eu-west-1a")}, Workloads: []Workload{deployment("web", 2, "1", "1Gi")},
				Placements: c.placements,
			})
			if result.Pools[0].ID() != pool {
				t.Fatalf("the pool is %s", result.Pools[0].ID())
			}
			if got := result.Snapshot.Workloads[0].Planned; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
