package placement

import (
	"encoding/json"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestUnknownPrices: where nobody knows a price of a pool no amount is named, and the basis and the message say why.
func TestUnknownPrices(t *testing.T) {
	for _, runs := range []bool{false, true} {
		b := newBench(t)
		private := aws("p", "lux")
		private.Spec.ProviderID = ""
		private.Labels[v1alpha1.LabelCloud] = "acme"
		b.nodes(private)
		b.deployment("web", 2, "500m")
		if runs {
			b.pods("web", "p", "500m", 2)
		}
		b.policy("web", "{optimizeFor: Cost}")
		b.mustPlan()
		status := b.get("web").Status
		if status.PriceBasis != v1alpha1.PriceBasisUnknown || len(status.Decisions) != 1 || status.Decisions[0].Replicas != 2 {
			t.Fatalf("runs %t: basis %q, decisions %+v; want Unknown and 2 replicas in one place", runs, status.PriceBasis, status.Decisions)
		}
		if status.HourlyUSD != nil || status.CurrentHourlyUSD != "" || status.SavingsHourlyUSD != "" || status.SavingsValuedHourlyUSD != "" ||
			status.Decisions[0].HourlyUSD != "" {
			t.Errorf("runs %t: amounts are named: %+v", runs, status)
		}
		text, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		if said := string(text) + strings.Join(b.said(), "\n"); !strings.Contains(said, "a price is not known") || strings.Contains(said, "$") {
			t.Errorf("runs %t: said is %s", runs, said)
		}
	}
}
