package clustermetrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state/clustertest"
)

func TestCollector(t *testing.T) {
	c := &Collector{}
	if got := testutil.CollectAndCount(c); got != 0 {
		t.Errorf("%d metrics of a state that was never told", got)
	}
	state := clustertest.New(t).AWS(3, "eu-west-1a", "m7i.large").AWS(1, "eu-west-1b", "m99.huge").Private(2, "lux-dc", "luxembourg", "LU").Unknown(1).State()
	c.Observe(t.Context(), state)
	price := state.World.Prices.Catalog().Hourly("aws", "eu-west-1", "m7i.large", v1alpha1.CapacityOnDemand)
	if !price.Known {
		t.Fatal("the catalog has no price of the test's instance type")
	}
	want := fmt.Sprintf(`
# HELP tradewind_cluster_hourly_usd Price of the nodes in US dollars an hour, as far as it is known.
# TYPE tradewind_cluster_hourly_usd gauge
tradewind_cluster_hourly_usd{capacity_type="on-demand",cloud="aws",country="IE",region="eu-west-1"} %g
# HELP tradewind_nodes Number of nodes; a label is empty where it is not known.
# TYPE tradewind_nodes gauge
tradewind_nodes{capacity_type="",cloud="",country="",region=""} 1
tradewind_nodes{capacity_type="on-demand",cloud="aws",country="IE",region="eu-west-1"} 4
tradewind_nodes{capacity_type="on-demand",cloud="lux-dc",country="LU",region="luxembourg"} 2
# HELP tradewind_nodes_location_unknown Number of nodes whose cloud or country is not known.
# TYPE tradewind_nodes_location_unknown gauge
tradewind_nodes_location_unknown 1
# HELP tradewind_nodes_price_unknown Number of nodes whose price is not known.
# TYPE tradewind_nodes_price_unknown gauge
tradewind_nodes_price_unknown 4
`, price.USD+price.USD+price.USD)
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
