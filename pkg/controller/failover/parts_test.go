package failover

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// TestOutageOfADeclaredPoolOfParts: the outage of a CloudPool that is declared over two zones, and so is two pools, was written nowhere,
// and a controller that started anew counted on it at once.
func TestOutageOfADeclaredPoolOfParts(t *testing.T) {
	b := shop(t)
	declared := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "workers"}, Spec: v1alpha1.CloudPoolSpec{Cloud: "aws", Region: "eu-west-1"}}
	if err := b.api.Create(t.Context(), declared); err != nil {
		t.Fatal(err)
	}
	parts := []planning.PoolInfo{{Name: "workers-eu-west-1a", Declared: declared}, {Name: "workers-eu-west-1b", Declared: declared}}
	b.Controller.round.Store(&rounds.Round{Input: &planning.Input{Pools: []*v1alpha1.CloudPool{declared}}, Result: &planning.Result{Pools: parts}})
	for i, want := range []string{"False Partly: 1 of its 2 parts are out: workers-eu-west-1a: zone", "True Lost: zone"} {
		b.outages[parts[i].ID()] = &outage{since: b.Clock.Now(), domain: "zone " + parts[i].Name}
		if err := b.report(t.Context(), b.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		if err := b.api.Get(t.Context(), client.ObjectKeyFromObject(declared), declared); err != nil {
			t.Fatal(err)
		}
		c := meta.FindStatusCondition(declared.Status.Conditions, v1alpha1.ConditionOutage)
		if c == nil || !strings.HasPrefix(string(c.Status)+" "+c.Reason+": "+c.Message, want) {
			t.Errorf("%d of 2 parts are out: %+v, want %q", i+1, c, want)
		}
	}
	b.Objects.CloudPools.Set(declared)
	b.outages, b.loaded = map[string]*outage{}, false // another process begins
	b.absent.Store(nil)
	for i := range parts {
		if why := b.PoolUnavailable(&parts[i]); why == "" {
			t.Errorf("%s counts before anything was looked at", parts[i].Name)
		}
	}
	b.load()
	b.account(&standing{}, b.Clock.Now())
	if len(b.outages) != 2 || b.outages[parts[0].ID()] == nil || b.outages[parts[1].ID()] == nil {
		t.Errorf("the outages are of %v", b.outages)
	}
}
