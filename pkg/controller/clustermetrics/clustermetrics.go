// Package clustermetrics exports where the cluster's nodes are and what they cost as Prometheus metrics.
package clustermetrics

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"tradewind.dev/tradewind/pkg/state/cluster"
)

var (
	placeLabels = []string{"cloud", "region", "country", "capacity_type"}

	nodes = prometheus.NewDesc("tradewind_nodes",
		"Number of nodes; a label is empty where it is not known.", placeLabels, nil)
	locationUnknown = prometheus.NewDesc("tradewind_nodes_location_unknown",
		"Number of nodes whose cloud or country is not known.", nil, nil)
	priceUnknown = prometheus.NewDesc("tradewind_nodes_price_unknown",
		"Number of nodes whose price is not known.", nil, nil)
	hourlyUSD = prometheus.NewDesc("tradewind_cluster_hourly_usd",
		"Price of the nodes in US dollars an hour, as far as it is known.", placeLabels, nil)
)

// Collector exports the last state that it was told. Until then, as on a standby, it exports nothing.
type Collector struct {
	state atomic.Pointer[cluster.State]
}

var (
	_ prometheus.Collector = &Collector{}
	_ cluster.Observer     = &Collector{}
)

// Observe implements cluster.Observer.
func (c *Collector) Observe(_ context.Context, state *cluster.State) { c.state.Store(state) }

// Describe implements prometheus.Collector.
func (*Collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{nodes, locationUnknown, priceUnknown, hourlyUSD} {
		out <- desc
	}
}

type place struct{ cloud, region, country, capacityType string }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	state := c.state.Load()
	if state == nil {
		return
	}
	counts, dollars := map[place]int{}, map[place]float64{}
	nowhere, priceless := 0, 0
	for i := range state.Nodes {
		group := &state.Nodes[i]
		at := place{group.Class.Cloud, group.Class.Region, group.Class.Country, string(group.Class.CapacityType)}
		counts[at] += group.Count
		if !group.LocationKnown() {
			nowhere += group.Count
		}
		if group.PriceKnown {
			dollars[at] += group.HourlyUSD
		} else {
			priceless += group.Count
		}
	}
	for at, count := range counts {
		gauge(nodes, float64(count), at.cloud, at.region, at.country, at.capacityType)
	}
	for at, usd := range dollars {
		gauge(hourlyUSD, usd, at.cloud, at.region, at.country, at.capacityType)
	}
	gauge(locationUnknown, float64(nowhere))
	gauge(priceUnknown, float64(priceless))
}
