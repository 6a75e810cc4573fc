package policystatus

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state/clustertest"
	"tradewind.dev/tradewind/pkg/workload"
)

func TestTrafficAgreed(t *testing.T) {
	const calls = "workloadSelector: {}\ntraffic: [{to: {name: db, namespace: data}, requestsPerSecond: 10}]"
	unagreed := []planning.Unagreed{{
		Source: policy.Source{Namespace: "shop", Name: "web"},
		Caller: workload.Key{Namespace: "shop", Name: "cart"}, Callee: workload.Key{Namespace: "data", Name: "db"},
	}}
	for _, c := range []struct {
		name, spec, want string
		planned          bool
		unagreed         []planning.Unagreed
	}{
		{name: "no plan yet", spec: calls, want: "Unknown NotPlanned: no plan has been made yet"},
		{name: "agreed", spec: calls, planned: true, want: "True Agreed: "},
		{name: "not agreed", spec: calls, planned: true, unagreed: unagreed,
			want: "False CalleeDoesNotAgree: data/db does not agree to be moved by shop/cart; this traffic moves the callers alone. " +
				"To agree, set spec.trafficFrom: [{namespace: shop}]"},
		{name: "own namespace", spec: "workloadSelector: {}\ntraffic: [{to: {name: db}, requestsPerSecond: 10}]", planned: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := clustertest.New(t).Policy("shop", "web", c.spec).State()
			e := newEvaluator(schedulers)
			if c.planned && (!e.traffic.set(c.unagreed) || e.traffic.set(c.unagreed)) {
				t.Error("a plan is news once")
			}
			namespaced, _, _ := e.evaluate(state)
			got := conditionText(namespaced[client.ObjectKey{Namespace: "shop", Name: "web"}], v1alpha1.ConditionTrafficAgreed)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
