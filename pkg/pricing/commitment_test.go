package pricing

import (
	"reflect"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Commitments were read, checked and then forgotten.
func TestCommitments(t *testing.T) {
	catalog, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	of := func(cloud, region, instanceType string, count int32) v1alpha1.Commitment {
		return v1alpha1.Commitment{Cloud: cloud, Region: region, InstanceType: instanceType, Count: count, HourlyUSD: quantity("0.05")}
	}
	prices, problems := New(catalog, []v1alpha1.PriceList{
		list("b", v1alpha1.PriceListSpec{Commitments: []v1alpha1.Commitment{of("azure", "westeurope", "standard_d2s_v5", 2), of("vultr", "ams", "vc2", 1)}}),
		list("a", v1alpha1.PriceListSpec{Commitments: []v1alpha1.Commitment{of("azure", "WestEurope", "Standard_D2s_v5", 3), of("aws", "", "m7i.large", 1), of("aws", "eu-west-1", "m7i.large", 0)}}),
	})
	if len(problems) != 2 {
		t.Errorf("problems %v, want those of the two entries that say too little", problems)
	}
	want := []Commitment{{"azure", "westeurope", "Standard_D2s_v5", 5}, {"vultr", "ams", "vc2", 1}}
	if got := prices.Commitments(); !reflect.DeepEqual(got, want) {
		t.Fatalf("commitments %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		name string
		node NodeQuery
		want int
	}{
		{"as the cloud writes it", NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "standard_D2s_v5", CapacityType: onDemand}, 0},
		{"of a cloud that the catalog does not have", NodeQuery{Cloud: "vultr", Region: "ams", InstanceType: "vc2", CapacityType: onDemand}, 1},
		{"spot", NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "Standard_D2s_v5", CapacityType: spot}, -1},
		{"another region", NodeQuery{Cloud: "azure", Region: "northeurope", InstanceType: "Standard_D2s_v5", CapacityType: onDemand}, -1},
		{"another type", NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "Standard_D4s_v5", CapacityType: onDemand}, -1},
		{"nothing known", NodeQuery{}, -1},
	} {
		if got := prices.Committed(&tt.node); got != tt.want {
			t.Errorf("%s: commitment %d, want %d", tt.name, got, tt.want)
		}
	}
}
