package policystatus

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
	"tradewind.dev/tradewind/pkg/state/clustertest"
)

// The condition was True as soon as the controller had read a policy, whatever the scheduler knew of it: pods made then could be
// placed without it.
func TestInForceOnceTheSchedulerHasReadIt(t *testing.T) {
	const spec = "workloadSelector: {}\nresidency: {jurisdictions: [EU]}"
	before := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", spec).State()
	edited := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", spec).State()
	edited.Objects.PlacementPolicies[0].Generation = 2
	broken := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", "workloadSelector: {}\nresidency: {jurisdictions: [Atlantis]}").State()
	const notRead = "Unknown NotRead: the scheduler has not read this version of the policy yet: pods that it places now are placed as if the policy had not been made or changed"
	const enforced = "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet"
	held := state.HeldIn(&before.Objects)
	for _, tt := range []struct {
		name, problem, want string
		held                state.Held
		now                 *cluster.State
	}{
		{name: "nothing read", now: before, want: notRead},
		{name: "read", held: held, now: before, want: enforced},
		{name: "edited since", held: held, now: edited, want: notRead},
		{name: "read anew", held: state.HeldIn(&edited.Objects), now: edited, want: enforced},
		{name: "not known", held: held, problem: "no scheduler", now: before, want: "Unknown SchedulerUnknown: no scheduler"},
		{name: "broken, read or not", now: broken, want: "False Invalid: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEvaluator(schedulers)
			e.held, e.heldProblem = tt.held, tt.problem
			namespaced, _, counted := e.evaluate(tt.now)
			got := conditionText(namespaced[client.ObjectKey{Namespace: "shop", Name: "web"}], v1alpha1.ConditionInForce)
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if sum := counted.inForce + counted.invalid + counted.unread; sum != 1 || (counted.unread == 1) != strings.HasPrefix(tt.want, "Unknown") {
				t.Errorf("counted %+v", counted)
			}
		})
	}
}
