package pricing

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestProblems(t *testing.T) {
	type spec = v1alpha1.PriceListSpec
	instance := func(change func(*v1alpha1.InstancePrice)) spec {
		good := v1alpha1.InstancePrice{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand, HourlyUSD: quantity("0.1")}
		bad := good
		change(&bad)
		return spec{Instances: []v1alpha1.InstancePrice{bad, {Cloud: "aws", InstanceType: "good", HourlyUSD: quantity("7")}}}
	}
	discount := func(change func(*v1alpha1.Discount)) spec {
		bad := v1alpha1.Discount{Cloud: "aws", Percent: quantity("10")}
		change(&bad)
		return spec{Discounts: []v1alpha1.Discount{bad}}
	}
	egress := func(from, to, usd string) spec {
		return spec{Egress: []v1alpha1.EgressPrice{{From: from, To: to, USDPerGB: quantity(usd)}}}
	}
	tests := []struct {
		name    string
		spec    spec
		field   string
		message string // a part of it: what is wrong and the remedy
	}{
		{"negative", instance(func(e *v1alpha1.InstancePrice) { e.HourlyUSD = quantity("-1") }), "spec.instances[0].hourlyUSD", "-1 is negative; write US dollars an hour"},
		{"just negative", instance(func(e *v1alpha1.InstancePrice) { e.HourlyUSD = quantity("-1n") }), "spec.instances[0].hourlyUSD", "negative"},
		{"absurd", instance(func(e *v1alpha1.InstancePrice) { e.HourlyUSD = quantity("100001") }), "spec.instances[0].hourlyUSD", "more than 100000; write US dollars an hour"},
		{"kilo", instance(func(e *v1alpha1.InstancePrice) { e.HourlyUSD = quantity("1Gi") }), "spec.instances[0].hourlyUSD", "1.07374e+09 is more than 100000"},
		{"infinite", instance(func(e *v1alpha1.InstancePrice) { e.HourlyUSD = *resource.NewScaledQuantity(1, math.MaxInt32) }), "spec.instances[0].hourlyUSD", "+Inf is more than"},
		{"no cloud", instance(func(e *v1alpha1.InstancePrice) { e.Cloud = "" }), "spec.instances[0].cloud", "empty; name the cloud"},
		{"internet", instance(func(e *v1alpha1.InstancePrice) { e.Cloud = "internet" }), "spec.instances[0].cloud", "no cloud"},
		{"cloud in upper case", instance(func(e *v1alpha1.InstancePrice) { e.Cloud = "AWS" }), "spec.instances[0].cloud", "write aws"},
		{"region in the cloud", instance(func(e *v1alpha1.InstancePrice) { e.Cloud = "aws/eu-west-1" }), "spec.instances[0].cloud", "slash"},
		{"cloud in the region", instance(func(e *v1alpha1.InstancePrice) { e.Region = "aws/eu-west-1" }), "spec.instances[0].region", "write the region only"},
		{"no type", instance(func(e *v1alpha1.InstancePrice) { e.InstanceType = "" }), "spec.instances[0].instanceType", "node.kubernetes.io/instance-type"},
		{"capacity type", instance(func(e *v1alpha1.InstancePrice) { e.CapacityType = "Spot" }), "spec.instances[0].capacityType", "write on-demand, spot or reserved"},
		{"given twice", spec{Instances: []v1alpha1.InstancePrice{
			{Cloud: "azure", InstanceType: "Standard_D4s_v5", HourlyUSD: quantity("1")},
			{Cloud: "azure", InstanceType: "standard_d4s_v5", CapacityType: onDemand, HourlyUSD: quantity("2")},
		}}, "spec.instances[1]", "the same as spec.instances[0]"},
		{"resources without a price", spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "lux"}}}, "spec.resources[0]", "write cpuHourlyUSD"},
		{"negative CPU", spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "lux", CPUHourlyUSD: quantityPointer("-1")}}}, "spec.resources[0].cpuHourlyUSD", "negative"},
		{"negative memory", spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "lux", MemoryGiBHourlyUSD: quantityPointer("-1")}}}, "spec.resources[0].memoryGiBHourlyUSD", "negative"},
		{"negative GPU", spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "lux", GPUHourlyUSD: quantityPointer("-1")}}}, "spec.resources[0].gpuHourlyUSD", "negative"},
		{"resources twice", spec{Resources: []v1alpha1.ResourcePrice{
			{Cloud: "lux", CPUHourlyUSD: quantityPointer("1")}, {Cloud: "lux", CPUHourlyUSD: quantityPointer("2")}}}, "spec.resources[1]", "spec.resources[0]"},
		{"discount over 100", discount(func(e *v1alpha1.Discount) { e.Percent = quantity("100.5") }), "spec.discounts[0].percent", "100.5 is more than 100; write the percent off"},
		{"discount below 0", discount(func(e *v1alpha1.Discount) { e.Percent = quantity("-5") }), "spec.discounts[0].percent", "-5 is negative"},
		{"discount of a private cloud", discount(func(e *v1alpha1.Discount) { e.Cloud = "lux" }), "spec.discounts[0].cloud", "it has aws, azure, exoscale, gcp, hetzner, ionos, ovh, scaleway, stackit, upcloud"},
		{"discount of reserved", discount(func(e *v1alpha1.Discount) { e.CapacityType = reserved }), "spec.discounts[0].capacityType", "give the price in spec.instances"},
		{"discount capacity type", discount(func(e *v1alpha1.Discount) { e.CapacityType = "cheap" }), "spec.discounts[0].capacityType", `unknown capacity type "cheap"`},
		{"discount twice", spec{Discounts: []v1alpha1.Discount{{Cloud: "aws", Percent: quantity("1")}, {Cloud: "aws", Percent: quantity("2")}}}, "spec.discounts[1]", "spec.discounts[0]"},
		{"commitment", spec{Commitments: []v1alpha1.Commitment{{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", HourlyUSD: quantity("1")}}}, "spec.commitments[0].count", "at least 1"},
		{"commitment region", spec{Commitments: []v1alpha1.Commitment{{Cloud: "aws", InstanceType: "m7i.large", Count: 1, HourlyUSD: quantity("1")}}}, "spec.commitments[0].region", "write the region"},
		{"commitment type", spec{Commitments: []v1alpha1.Commitment{{Cloud: "aws", Region: "eu-west-1", Count: 1, HourlyUSD: quantity("1")}}}, "spec.commitments[0].instanceType", "write the instance type"},
		{"commitment price", spec{Commitments: []v1alpha1.Commitment{{Cloud: "aws", Region: "eu-west-1", InstanceType: "a", Count: 1, HourlyUSD: quantity("-1")}}}, "spec.commitments[0].hourlyUSD", "negative"},
		{"egress from the internet", egress("internet", "aws", "1"), "spec.egress[0].from", "no price"},
		{"egress from nowhere", egress("", "aws", "1"), "spec.egress[0].from", "write a cloud (aws) or a region"},
		{"egress to nowhere", egress("aws", "aws/", "1"), "spec.egress[0].to", "or internet"},
		{"egress to a zone", egress("aws", "aws/eu-west-1/eu-west-1a", "1"), "spec.egress[0].to", "or internet"},
		{"egress to a region of the internet", egress("aws", "internet/x", "1"), "spec.egress[0].to", "or internet"},
		{"egress in upper case", egress("AWS/eu-west-1", "internet", "1"), "spec.egress[0].from", "write aws"},
		{"negative egress", egress("aws", "internet", "-0.01"), "spec.egress[0].usdPerGB", "-0.01 is negative; write US dollars a gigabyte"},
		{"absurd egress", egress("aws", "internet", "90Gi"), "spec.egress[0].usdPerGB", "more than 1000"},
		{"egress twice", spec{Egress: []v1alpha1.EgressPrice{{From: "aws", To: "gcp", USDPerGB: quantity("1")}, {From: "aws", To: "gcp", USDPerGB: quantity("2")}}}, "spec.egress[1]", "spec.egress[0]"},
		{"date", spec{Date: "2026-13-01"}, "spec.date", "write YYYY-MM-DD"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, problems := New(open(t), []v1alpha1.PriceList{list("acme", test.spec)})
			if len(problems) != 1 {
				t.Fatalf("problems: %v, want one", problems)
			}
			got := problems[0]
			if got.Object != "PriceList/acme" || got.Field != test.field || !strings.Contains(got.Message, test.message) {
				t.Errorf("%s, want PriceList/acme: %s: …%s…", got, test.field, test.message)
			}
			// What is good in the list is used; what is bad is not.
			if len(test.spec.Instances) == 2 && test.spec.Instances[1].InstanceType == "good" {
				if price := p.Node(NodeQuery{Cloud: "aws", Region: "x", InstanceType: "good", CapacityType: onDemand}); price.USD != 7 {
					t.Errorf("the good entry gives %+v", price)
				}
				if price := p.Node(NodeQuery{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand}); price.USD != 0.11235 {
					t.Errorf("beside the bad entry the catalog gives %+v", price)
				}
			}
		})
	}
}

// A list whose name sorts first wins also when the other is bad there.
func TestBadEntryLeavesRoomForAnotherList(t *testing.T) {
	bad := v1alpha1.InstancePrice{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("-1")}
	good := bad
	good.HourlyUSD = quantity("2")
	p, problems := New(open(t), []v1alpha1.PriceList{
		list("b", v1alpha1.PriceListSpec{Instances: []v1alpha1.InstancePrice{good}}),
		list("a", v1alpha1.PriceListSpec{Instances: []v1alpha1.InstancePrice{bad}}),
	})
	if len(problems) != 1 || problems[0].Object != "PriceList/a" {
		t.Fatalf("problems: %v", problems)
	}
	if got := p.Node(NodeQuery{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand}); got.USD != 2 {
		t.Errorf("%+v, want 2", got)
	}
}

func TestFiguresAreExact(t *testing.T) {
	for _, text := range []string{"0.3", "0.1", "12.5", "0.11235", "1n", "100m", "7", "0", "99999.999999999"} {
		q := quantity(text)
		before := q.DeepCopy()
		got, err := figure(&q, maxHourlyUSD, "")
		if err != nil {
			t.Fatal(err)
		}
		if q != before {
			t.Errorf("%s: the quantity was changed", text)
		}
		var want float64
		switch text {
		case "1n":
			want = 1e-9
		case "100m":
			want = 0.1
		default:
			if _, err := fmt.Sscan(text, &want); err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestConcerns(t *testing.T) {
	all := everything()
	if n := Entries(&all.Spec); n != 7 {
		t.Errorf("Entries = %d, want 7", n)
	}
	node := NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "standard_d4s_v5", CapacityType: onDemand}
	type spec = v1alpha1.PriceListSpec
	for name, test := range map[string]struct {
		spec spec
		want bool
	}{
		"instance":            {spec{Instances: []v1alpha1.InstancePrice{{Cloud: "azure", InstanceType: "Standard_D4s_v5"}}}, true},
		"instance elsewhere":  {spec{Instances: []v1alpha1.InstancePrice{{Cloud: "azure", Region: "eastus", InstanceType: "Standard_D4s_v5"}}}, false},
		"instance, spot":      {spec{Instances: []v1alpha1.InstancePrice{{Cloud: "azure", InstanceType: "Standard_D4s_v5", CapacityType: spot}}}, false},
		"instance, Windows":   {spec{Instances: []v1alpha1.InstancePrice{{Cloud: "azure", InstanceType: "Standard_D4s_v5", OperatingSystem: Windows}}}, false},
		"type nobody has":     {spec{Instances: []v1alpha1.InstancePrice{{Cloud: "azure", InstanceType: "Standard_D5s_v5"}}}, false},
		"resources":           {spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "azure"}}}, true},
		"resources elsewhere": {spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "lux"}}}, false},
		"discount":            {spec{Discounts: []v1alpha1.Discount{{Cloud: "azure", InstanceTypePrefix: "Standard_D"}}}, true},
		"discount, prefix":    {spec{Discounts: []v1alpha1.Discount{{Cloud: "azure", InstanceTypePrefix: "Standard_E"}}}, false},
		"commitment":          {spec{Commitments: []v1alpha1.Commitment{{Cloud: "azure", Region: "westeurope", InstanceType: "Standard_D4s_v5"}}}, true},
		"egress from":         {spec{Egress: []v1alpha1.EgressPrice{{From: "azure/westeurope", To: "internet"}}}, true},
		"egress to":           {spec{Egress: []v1alpha1.EgressPrice{{From: "lux", To: "azure"}}}, true},
		"egress elsewhere":    {spec{Egress: []v1alpha1.EgressPrice{{From: "lux", To: "azure/eastus"}}}, false},
		"nothing":             {spec{}, false},
	} {
		if got := Concerns(&test.spec, node); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if Concerns(&all.Spec, NodeQuery{}) {
		t.Error("a node without a cloud is concerned")
	}
	if !Concerns(&spec{Resources: []v1alpha1.ResourcePrice{{Cloud: "aws", Region: "us-east-1-nyc-1"}}}, NodeQuery{Cloud: "aws", Region: "us-east-1", Zone: "us-east-1-nyc-1a"}) {
		t.Error("a node in a local zone is not concerned by a price of that zone")
	}
}
