package planning

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

func TestSunk(t *testing.T) {
	at := func(cloud string, capacity v1alpha1.CapacityType) *location.Node {
		return &location.Node{Location: location.Location{Cloud: cloud, Region: "r"}, InstanceType: "t", CapacityType: capacity}
	}
	for _, tt := range []struct {
		name string
		at   *location.Node
		want bool
	}{
		{"on demand", at("aws", v1alpha1.CapacityOnDemand), false},
		{"spot", at("gcp", v1alpha1.CapacitySpot), false},
		{"a public cloud without prices in the catalog", at("scaleway", v1alpha1.CapacityOnDemand), false},
		{"reserved", at("aws", v1alpha1.CapacityReserved), true},
		{"a private data centre", at("lux-dc", v1alpha1.CapacityOnDemand), true},
		{"nobody knows", at("", ""), true},
	} {
		if got := Sunk(tt.at); got != tt.want {
			t.Errorf("%s: sunk is %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A commitment covers machines of its type and region, whichever zone they are in, and no spot machines.
func TestCommitmentsCoverMachines(t *testing.T) {
	spot := withLabels("eks.amazonaws.com/capacityType", "SPOT")
	private := awsNode("rack", "x", withLabels(v1alpha1.LabelCloud, "lux-dc", v1alpha1.LabelCountry, "LU"))
	private.Spec.ProviderID = ""
	nodes := []*corev1.Node{
		awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1b"), awsNode("c", "eu-west-1b"), awsNode("spot", "eu-west-1a", spot),
		awsNode("other", "eu-west-1a", withLabels(corev1.LabelInstanceTypeStable, "m7i.xlarge")), private,
	}
	committed := world(t, state.Objects{PriceLists: []v1alpha1.PriceList{{ObjectMeta: metav1.ObjectMeta{Name: "contract"}, Spec: v1alpha1.PriceListSpec{
		Commitments: []v1alpha1.Commitment{
			{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", Count: 1, HourlyUSD: resource.MustParse("0.05")},
			{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", Count: 1, HourlyUSD: resource.MustParse("0.06")},
			{Cloud: "aws", Region: "us-east-1", InstanceType: "m7i.large", Count: 5, HourlyUSD: resource.MustParse("0.05")},
		},
	}}}})
	result := build(t, &Input{World: committed, Nodes: nodes})
	all := result.Snapshot.Commitments
	if len(all) != 1 || all[0].Nodes != 2 || len(all[0].Pools) != 2 {
		t.Fatalf("commitments %+v of pools %s, want two machines in two zones", all, poolNames(result))
	}
	for _, pool := range all[0].Pools {
		if at := &result.Pools[pool].At; at.InstanceType != "m7i.large" || at.CapacityType != v1alpha1.CapacityOnDemand || at.Cloud != "aws" {
			t.Errorf("it covers pool %s", result.Pools[pool].Name)
		}
	}
	for i := range result.Pools {
		if sunk := result.Pools[i].At.Cloud == "lux-dc"; result.Snapshot.Pools[i].Sunk != sunk {
			t.Errorf("pool %s: sunk is %v", result.Pools[i].Name, !sunk)
		}
	}
	// Machine by machine the answer is the same.
	invoiced := NewInvoiced(committed.Prices)
	n := 0
	for _, node := range nodes {
		at := location.FromNode(node, location.DefaultOptions())
		if invoiced.Next(&at) {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d of 6 machines are invoiced, want the third m7i.large, the spot one and the other", n)
	}
}
