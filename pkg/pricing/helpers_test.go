package pricing

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func list(name string, spec v1alpha1.PriceListSpec) v1alpha1.PriceList {
	return v1alpha1.PriceList{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func quantityPointer(text string) *resource.Quantity {
	q := resource.MustParse(text)
	return &q
}

// everything is a price list with an entry of each kind.
func everything() v1alpha1.PriceList {
	return list("everything", v1alpha1.PriceListSpec{
		Source: "contract 7", Date: "2026-10-01",
		Instances: []v1alpha1.InstancePrice{
			{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.05")},
			{Cloud: "azure", Region: "westeurope", InstanceType: "Standard_D4s_v5", CapacityType: onDemand, HourlyUSD: quantity("0.2")},
		},
		Resources: []v1alpha1.ResourcePrice{{
			Cloud: "luxembourg", CPUHourlyUSD: quantityPointer("0.01"), MemoryGiBHourlyUSD: quantityPointer("0.002"),
		}},
		Discounts: []v1alpha1.Discount{{Cloud: "aws", Region: "us-east-1", Percent: quantity("12.5")}},
		Commitments: []v1alpha1.Commitment{{
			Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", Count: 3, HourlyUSD: quantity("0.04"),
		}},
		Egress: []v1alpha1.EgressPrice{
			{From: "luxembourg", To: "internet", USDPerGB: quantity("0.005")},
			{From: "aws/eu-west-1", To: "luxembourg", USDPerGB: quantity("0.02")},
		},
	})
}
