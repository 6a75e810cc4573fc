package planning

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

func placementPolicy(namespace, app string, spec v1alpha1.PolicySpec) *v1alpha1.PlacementPolicy {
	spec.WorkloadSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	return &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app}, Spec: spec}
}

// TestAgreement says whose calls move the called workload.
func TestAgreement(t *testing.T) {
	limit := int32(5)
	callsDB := []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db", Namespace: "data"}, RequestsPerSecond: 10, MaxMilliseconds: &limit}}
	web := placementPolicy("shop", "web", v1alpha1.PolicySpec{Traffic: callsDB})
	from := func(sources ...v1alpha1.TrafficSource) *v1alpha1.PlacementPolicy {
		return placementPolicy("data", "db", v1alpha1.PolicySpec{TrafficFrom: sources})
	}
	to := workload.Key{Namespace: "data", Name: "db"}
	alone := []engine.Call{{To: to, RequestsPerSecond: 10, MaxMilliseconds: 5, CallerOnly: true}}
	both := []engine.Call{{To: to, RequestsPerSecond: 10, MaxMilliseconds: 5}}
	measured := func(milliseconds int32) []v1alpha1.Traffic {
		return []v1alpha1.Traffic{{To: callsDB[0].To, RequestsPerSecond: 10, MaxMilliseconds: &milliseconds, Figures: v1alpha1.LatencyFiguresMeasured}}
	}
	admin := func(traffic []v1alpha1.Traffic) []*v1alpha1.ClusterPlacementPolicy {
		return []*v1alpha1.ClusterPlacementPolicy{{
			ObjectMeta: metav1.ObjectMeta{Name: "traffic"}, Spec: v1alpha1.ClusterPolicySpec{PolicySpec: v1alpha1.PolicySpec{
				WorkloadSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Traffic: traffic}},
		}}
	}
	agreed := from(v1alpha1.TrafficSource{Namespace: "shop"})
	for _, tt := range []struct {
		name     string
		objects  state.Objects
		want     []engine.Call
		unagreed int
	}{
		{"measured figures", state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{placementPolicy("shop", "web", v1alpha1.PolicySpec{Traffic: measured(9)}), agreed}},
			[]engine.Call{{To: to, RequestsPerSecond: 10, MaxMilliseconds: 9, Measured: true}}, 0},
		{"measured figures of an administrator beside a lower limit without", state.Objects{
			PlacementPolicies: []*v1alpha1.PlacementPolicy{web, agreed}, ClusterPlacementPolicies: admin(measured(9))},
			[]engine.Call{{To: to, RequestsPerSecond: 10, MaxMilliseconds: 5}, {To: to, LimitOnly: true, MaxMilliseconds: 9, Measured: true}}, 0},
		{"measured figures beside those of an administrator", state.Objects{
			PlacementPolicies:        []*v1alpha1.PlacementPolicy{placementPolicy("shop", "web", v1alpha1.PolicySpec{Traffic: measured(3)}), agreed},
			ClusterPlacementPolicies: admin(measured(9))},
			[]engine.Call{{To: to, RequestsPerSecond: 10, MaxMilliseconds: 3, Measured: true}}, 0},
		{"nobody agrees", state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{web}}, alone, 1},
		{"the callee's policy allows the namespace",
			state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{web, from(v1alpha1.TrafficSource{Namespace: "shop"})}}, both, 0},
		{"the caller by name",
			state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{web, from(v1alpha1.TrafficSource{Namespace: "shop", Name: "web"})}}, both, 0},
		{"another caller",
			state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{web, from(v1alpha1.TrafficSource{Namespace: "shop", Name: "cart"}, v1alpha1.TrafficSource{Namespace: "other"})}}, alone, 1},
		{"a policy of another workload does not speak for it",
			state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{web, placementPolicy("data", "cache", v1alpha1.PolicySpec{TrafficFrom: []v1alpha1.TrafficSource{{Namespace: "shop"}}})}}, alone, 1},
		{"the caller's own word is none",
			state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{placementPolicy("shop", "web", v1alpha1.PolicySpec{Traffic: callsDB, TrafficFrom: []v1alpha1.TrafficSource{{Namespace: "shop"}}})}}, alone, 1},
		{"an administrator declares it", state.Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{{
			ObjectMeta: metav1.ObjectMeta{Name: "traffic"}, Spec: v1alpha1.ClusterPolicySpec{PolicySpec: v1alpha1.PolicySpec{
				WorkloadSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Traffic: callsDB}},
		}}}, both, 0},
		{"beyond what an administrator declares", state.Objects{
			PlacementPolicies: []*v1alpha1.PlacementPolicy{placementPolicy("shop", "web", v1alpha1.PolicySpec{Traffic: []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db", Namespace: "data"}, RequestsPerSecond: 1e9}}})},
			ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{{
				ObjectMeta: metav1.ObjectMeta{Name: "traffic"}, Spec: v1alpha1.ClusterPolicySpec{PolicySpec: v1alpha1.PolicySpec{
					WorkloadSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Traffic: callsDB}},
			}}}, []engine.Call{{To: to, RequestsPerSecond: 1e9, CallerOnly: true}, {To: to, LimitOnly: true, MaxMilliseconds: 5}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := deployment("db", 1, "100m", "128Mi")
			db.Namespace = "data"
			result := build(t, &Input{World: world(t, tt.objects), Workloads: []Workload{deployment("web", 1, "100m", "128Mi"), db}})
			for i := range result.Workloads {
				if result.Workloads[i].Name == "web" && !reflect.DeepEqual(result.Snapshot.Workloads[i].Calls, tt.want) {
					t.Errorf("got %+v, want %+v", result.Snapshot.Workloads[i].Calls, tt.want)
				}
			}
			if len(result.Unagreed) != tt.unagreed {
				t.Errorf("not agreed: %+v", result.Unagreed)
			}
		})
	}
}
