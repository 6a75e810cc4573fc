package placement

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
)

// Whatever price a PriceList gives: as long as the decisions are the same, nothing that is written for the namespace differs,
// so that nobody can compute the price from it.
func TestNegotiatedPricesCannotBeRecovered(t *testing.T) {
	for _, tt := range []struct {
		name, list   string // PRICE stands for the price
		prices       [2]string
		policy       string
		basis        v1alpha1.PriceBasis
		private, run bool
	}{
		{
			name: "an instance type", list: `{instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: "PRICE"}]}`,
			prices: [2]string{"0.0777", "0.0717"}, policy: "{optimizeFor: Cost}", basis: v1alpha1.PriceBasisList, run: true,
		},
		{
			name: "dearer, so that others are chosen", list: `{instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: "PRICE"}]}`,
			prices: [2]string{"7.77", "7.17"}, policy: "{optimizeFor: Cost}", basis: v1alpha1.PriceBasisInForce,
		},
		{
			name: "it runs at a dear price", list: `{instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: "PRICE"}]}`,
			prices: [2]string{"7.77", "7.17"}, policy: "{optimizeFor: Cost}", basis: v1alpha1.PriceBasisList, run: true,
		},
		{
			name: "a private cloud", list: `{resources: [{cloud: acme, cpuHourlyUSD: "PRICE", memoryGiBHourlyUSD: "0.0001"}]}`,
			prices: [2]string{"0.00777", "0.00717"}, policy: "{optimizeFor: Cost}", basis: v1alpha1.PriceBasisHidden, private: true,
		},
		{
			name: "traffic", list: `{egress: [{from: aws, to: internet, usdPerGB: "PRICE"}]}`, prices: [2]string{"0.0777", "0.0717"},
			policy: "{latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 100, bytesPerRequest: 100000}}",
			basis:  v1alpha1.PriceBasisList,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var said [2]string
			for k, price := range tt.prices {
				b := newBench(t)
				nodes := []*corev1.Node{aws("a", "eu-west-1"), aws("b", "eu-west-1"), aws("c", "us-east-1"), gcp("d")}
				if tt.private {
					private := aws("p", "lux")
					private.Spec.ProviderID = ""
					private.Labels[v1alpha1.LabelCloud] = "acme"
					nodes = append(nodes, private)
				}
				b.nodes(nodes...)
				list := v1alpha1.PriceList{ObjectMeta: metav1.ObjectMeta{Name: "negotiated"}}
				if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(tt.list, "PRICE", price)), &list.Spec); err != nil {
					t.Fatal(err)
				}
				b.world.PriceLists = []v1alpha1.PriceList{list}
				b.deployment("web", 2, "500m")
				if tt.run {
					b.pods("web", "a", "500m", 2)
				}
				b.policy("web", tt.policy)
				b.mustPlan()
				status := b.get("web").Status
				if status.PriceBasis != tt.basis {
					t.Fatalf("basis %q, want %q: %+v", status.PriceBasis, tt.basis, status)
				}
				if (status.HourlyUSD == nil) != (tt.basis == v1alpha1.PriceBasisHidden) {
					t.Errorf("hourlyUSD is %v", status.HourlyUSD)
				}
				text, err := json.Marshal(status)
				if err != nil {
					t.Fatal(err)
				}
				said[k] = string(text) + strings.Join(b.said(), "\n")
			}
			if said[0] != said[1] {
				t.Errorf("it tells prices apart:\n%s\n%s", said[0], said[1])
			}
		})
	}
}

// Without a PriceList that concerns a workload all amounts are exact.
func TestPublicPricesStayExact(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a", "eu-west-1"), gcp("d"))
	b.world.PriceLists = []v1alpha1.PriceList{{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}, Spec: v1alpha1.PriceListSpec{
		Instances: []v1alpha1.InstancePrice{{Cloud: "azure", InstanceType: "Standard_D2s_v5", HourlyUSD: resource.MustParse("0.01")}},
	}}}
	b.deployment("web", 2, "500m")
	b.policy("web", "{optimizeFor: Cost}")
	b.mustPlan()
	status := b.get("web").Status
	if status.PriceBasis != v1alpha1.PriceBasisInForce || status.Decisions[0].HourlyUSD == "" || !strings.Contains(status.Decisions[0].Reason, "$") {
		t.Errorf("got %+v", status)
	}
}

// Two workloads that call each other run where they are dear, and move together. Their Placements named what each saves by itself,
// at prices of calls that no move of one alone would have; the mover, of both, something else.
func TestStatusAndMoverNameTheSameSaving(t *testing.T) {
	for _, objective := range objectives {
		t.Run(string(objective), func(t *testing.T) { testStatusAndMover(t, objective) })
	}
}

func testStatusAndMover(t *testing.T, objective engine.Objective) {
	b := newBench(t)
	b.options.Objective = objective
	b.nodes(aws("a", "eu-west-1"), aws("b", "eu-west-1"), gcp("d"))
	for name, node := range map[string]string{"web": "a", "cart": "b"} {
		b.deployment(name, 3, "500m")
		b.pods(name, node, "500m", 3)
	}
	const rebalance = "optimizeFor: Cost, rebalance: {minSavingsPercent: 1}"
	b.policy("cart", "{"+rebalance+"}")
	b.policy("web", "{"+rebalance+", traffic: [{to: {name: cart}, requestsPerSecond: 100, bytesPerRequest: 1000}]}")
	b.mustPlan()
	round := b.rounds[0]
	appraiser, err := engine.NewAppraiser(round.Result.Snapshot, engine.Options{Objective: round.Plan.Objective})
	if err != nil {
		t.Fatal(err)
	}
	worths := moves.Worths(appraiser, round.Plan, func(int) bool { return true }) // as the rebalance controller does
	for i := range round.Result.Workloads {
		name := round.Result.Workloads[i].Name
		status := b.get(name).Status
		saved, err := strconv.ParseFloat(status.SavingsHourlyUSD, 64)
		if err != nil || saved <= 0 || status.SavingsPercent <= 0 || status.InPlace != 0 {
			t.Fatalf("%s: %+v", name, status)
		}
		from, to := "from", status.Decisions[0].Pool
		situation := &moves.Situation{Now: b.clock.Now(), Wanted: 3, Plan: map[string]int{to: 3}, Policy: &v1alpha1.Rebalance{}, Worth: worths[i]}
		for _, id := range []string{"1", "2", "3"} {
			situation.Replicas = append(situation.Replicas, moves.Replica{ID: id, Name: id, Pool: from, Ready: true})
		}
		decision := (&moves.Memory{}).Decide(situation, roomForAll{})
		if want := fmt.Sprintf("the whole saves $%.4f an hour", saved); !strings.Contains(decision.Message, want) {
			t.Errorf("%s: the mover says %q, the Placement $%s", name, decision.Message, status.SavingsHourlyUSD)
		}
	}
	if objective == engine.ObjectiveInvoice { // two machines of $0.1124 go, one of $0.1474 comes into use
		pools := round.Result.Snapshot.Pools
		if want := 2*pools[0].Price.USD - pools[1].Price.USD; math.Abs(worths[0].MoneyUSD-want) > 1e-9 {
			t.Errorf("$%g are saved, want $%g of the invoice", worths[0].MoneyUSD, want)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(b.metrics.savings)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if got, saved := families[0].GetMetric()[0].GetGauge().GetValue(), worths[0].MoneyUSD; math.Abs(got-saved) > 1e-9 {
		t.Errorf("the metric says $%g: $%g that two save together count once", got, saved)
	}
}

// A workload may move, and those that call it may not: to leave them behind costs traffic worth many times the workload, which read as -30,000 %.
func TestSavingsOfOneThatWouldLeaveItsCallers(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a", "eu-west-1"), aws("b", "eu-west-1"), gcp("d"))
	for name, node := range map[string]string{"web": "a", "cart": "b"} {
		b.deployment(name, 3, "500m")
		b.pods(name, node, "500m", 3)
	}
	b.policy("cart", "{optimizeFor: Cost, rebalance: {minSavingsPercent: 1}}")
	b.policy("web", "{optimizeFor: Cost, traffic: [{to: {name: cart}, requestsPerSecond: 100, bytesPerRequest: 1000000}]}")
	b.mustPlan()
	cart := b.get("cart").Status
	if saved, err := strconv.ParseFloat(cart.SavingsHourlyUSD, 64); err != nil || saved > -1 || cart.SavingsPercent != 0 || decided(b.get("cart"))["gcp"] != 3 {
		t.Errorf("it saves $%s an hour, %d %%: %+v", cart.SavingsHourlyUSD, cart.SavingsPercent, cart)
	}
	if web := b.get("web").Status; web.SavingsPercent <= 0 || web.SavingsPercent > 100 {
		t.Errorf("both together save %d %%", web.SavingsPercent)
	}
}

// Two workloads empty a machine together, one of them for a private cloud: what that saves rests on a price that is nobody's to read, and
// what the other costs does not.
func TestSavedTogetherWithWhatIsHidden(t *testing.T) {
	b := newBench(t)
	private := aws("p", "lux")
	private.Spec.ProviderID = ""
	private.Labels[v1alpha1.LabelCloud] = "acme"
	b.nodes(aws("a", "eu-west-1"), gcp("d"), private)
	b.world.PriceLists = []v1alpha1.PriceList{{ObjectMeta: metav1.ObjectMeta{Name: "negotiated"}, Spec: v1alpha1.PriceListSpec{
		Resources: []v1alpha1.ResourcePrice{{Cloud: "acme", CPUHourlyUSD: ptr.To(resource.MustParse("0.01")), MemoryGiBHourlyUSD: ptr.To(resource.MustParse("0.001"))}},
	}}}
	for name, cloud := range map[string]string{"web": "gcp", "cart": "acme"} {
		b.deployment(name, 1, "200m")
		b.pods(name, "a", "200m", 1)
		b.policy(name, "rebalance: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: ["+cloud+"]}]}")
	}
	b.deployment("free", 1, "200m")
	b.pods("free", "d", "200m", 1)
	b.mustPlan()
	web, cart := b.get("web").Status, b.get("cart").Status
	if web.PriceBasis != v1alpha1.PriceBasisInForce || web.HourlyUSD == nil || web.CurrentHourlyUSD == "" || web.SavingsHourlyUSD != "" {
		t.Errorf("web: %+v", web)
	}
	if cart.PriceBasis != v1alpha1.PriceBasisHidden || cart.HourlyUSD != nil || cart.SavingsHourlyUSD != "" {
		t.Errorf("cart: %+v", cart)
	}
}

type roomForAll struct{}

func (roomForAll) Reserve(*moves.Replica, string) moves.Refusal { return moves.Refusal{} }

// What a Placement calls a share is money, and what is valued is apart from it.
func TestPartsOfAPlacement(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a", "eu-west-1"), gcp("d"))
	b.deployment("web", 2, "500m")
	b.policy("web", "{latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 100, bytesPerRequest: 1000}}")
	b.mustPlan()
	status := b.get("web").Status
	bill := status.HourlyUSD
	number := func(text string) float64 {
		usd, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return usd
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 5e-6 {
			t.Errorf("%s is $%g, want $%g: %+v", what, got, want, bill)
		}
	}
	near("share", number(bill.Share), number(bill.Compute)+number(bill.Egress))
	near("valued", number(bill.Valued), number(bill.Latency)+number(bill.Interruption)+number(bill.Disruption)+number(bill.Preference))
	near("total", number(bill.Total), number(bill.Share)+number(bill.Valued))
	of := 0.0
	for _, decision := range status.Decisions {
		of += number(decision.HourlyUSD)
	}
	near("share of the places", of, number(bill.Share))
	if number(bill.Egress) == 0 || number(bill.Latency) == 0 {
		t.Errorf("parts are missing: %+v", bill)
	}
	if planned := plannedMessage(&status); !strings.HasSuffix(planned, "$"+bill.Share+"/h") {
		t.Errorf("the condition says %q, not the share $%s", planned, bill.Share)
	}
}
