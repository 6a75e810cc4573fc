package report

import (
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
)

func TestUnpricedReason(t *testing.T) {
	aws := location.Location{Cloud: "aws", Region: "eu-west-1"}
	for _, test := range []struct {
		at      location.Node
		windows bool
		want    string
	}{
		{location.Node{}, true, "cloud is not known"},
		{location.Node{Location: aws}, false, "no instance type"},
		{location.Node{Location: aws, InstanceType: "m5.xlarge"}, false, "capacity type is not known"},
		{location.Node{Location: aws, InstanceType: "m5.xlarge", CapacityType: v1alpha1.CapacityOnDemand}, false, "nobody states a price of on-demand m5.xlarge in aws/eu-west-1"},
		{location.Node{Location: aws, InstanceType: "m5.xlarge", CapacityType: v1alpha1.CapacityOnDemand}, true, "the node runs Windows; a PriceList can give the price of on-demand m5.xlarge in aws/eu-west-1 (operatingSystem: windows)"},
	} {
		node := &state.Node{Candidate: rules.Candidate{Class: &rules.Class{Node: test.at}}, Windows: test.windows}
		if got := unpricedReason(node); !strings.Contains(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.at, got, test.want)
		}
	}
}
