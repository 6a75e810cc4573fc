package placement

import (
	"fmt"
	"testing"
)

// benchPolicy is a policy with rules of every kind.
const benchPolicy = "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]\n" +
	"availability: {survive: cloud, minReplicasPercent: 40}\nlatency: {clients: [{location: DE, sharePercent: 70}, {location: FR, sharePercent: 30}]}"

// fullBench is 200 workloads of 50 replicas, each with a policy of its own, on 1,000 nodes.
func fullBench(b *testing.B) *bench {
	out := newBench(b)
	const nodes, workloads, replicas = 1000, 200, 50
	for i := range nodes {
		switch {
		case i%3 == 0:
			out.nodes(gcp(fmt.Sprintf("n%d", i)))
		case i%5 == 0:
			out.nodes(aws(fmt.Sprintf("n%d", i), "us-east-1"))
		default:
			out.nodes(aws(fmt.Sprintf("n%d", i), "eu-west-1"))
		}
	}
	for i := range workloads {
		name := fmt.Sprintf("web%d", i)
		out.policy(name, benchPolicy)
		out.deployment(name, replicas, "50m")
		for k := range replicas {
			out.pods(name, fmt.Sprintf("n%d", (i*replicas+k*7)%nodes), "50m", 1)
		}
	}
	out.mustPlan()
	return out
}

// BenchmarkRound is what a change costs the controller that asks for a plan of everything, and changes no plan.
func BenchmarkRound(b *testing.B) {
	full := fullBench(b)
	writes := full.writes
	b.ReportAllocs()
	for b.Loop() {
		full.Replan()
		if err := full.round(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if full.writes != writes {
		b.Errorf("%d writes while nothing changed", full.writes-writes)
	}
}

// BenchmarkPolicyChange is what a changed policy costs, from the policies in force to the Placements written.
func BenchmarkPolicyChange(b *testing.B) {
	full := fullBench(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		full.policy("web7", []string{"optimizeFor: Cost", "optimizeFor: Latency"}[i%2]+"\n"+benchPolicy)
		full.press()
		if err := full.round(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		full.refresh()
		full.said()
		b.StartTimer()
	}
	if full.kept == nil || full.kept.updates == 0 {
		b.Error("everything was planned")
	}
}
