package placement

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
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
