package report

import (
	"fmt"
	"testing"
)

// large is a cluster of 5,000 nodes with 10,000 pods.
func large(b *testing.B) *cluster {
	c := shop(b)
	pools := []pool{irelandOnDemand, irelandSpot, virginia, belgium, netherlands}
	var names []string
	for i, p := range pools {
		name := fmt.Sprintf("large%d", i)
		c.nodes(name, p, 1000)
		for k := range 1000 {
			names = append(names, fmt.Sprintf("%s-%d", name, k+1))
		}
	}
	for i := range 100 {
		on := make([]string, 0, 100)
		for k := range 100 {
			on = append(on, names[(i*100+k)%len(names)])
		}
		c.deployment("shop", fmt.Sprintf("load%d", i), "100m", "128Mi", on...)
	}
	return c
}

func BenchmarkExplain(b *testing.B) {
	snapshot := large(b).snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCost(b *testing.B) {
	snapshot := large(b).snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Cost(snapshot, ByWorkload, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLatency(b *testing.B) {
	snapshot := large(b).snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Latency(snapshot, ByWorkload, ""); err != nil {
			b.Fatal(err)
		}
	}
}
