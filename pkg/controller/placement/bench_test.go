package placement

import (
	"fmt"
	"testing"

	"tradewind.dev/tradewind/pkg/engine"
)

// benchPolicy is a policy with rules of every kind.
const benchPolicy = "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]\n" +
	"availability: {survive: cloud, minReplicasPercent: 40}\nlatency: {clients: [{location: DE, sharePercent: 70}, {location: FR, sharePercent: 30}]}"

// fullBench is 200 workloads of 50 replicas, each with a policy of its own, on 1,000 nodes.
func fullBench(b *testing.B, objective engine.Objective) *bench {
	out := newBench(b)
	out.options.Objective = objective
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

// BenchmarkRound is what a change costs the controller that asks for a plan of everything, and changes no plan, by what is minimised.
func BenchmarkRound(b *testing.B) {
	for _, objective := range objectives {
		b.Run(string(objective), func(b *testing.B) { benchmarkRound(b, fullBench(b, objective)) })
	}
}

// objectives are what plans may minimise.
var objectives = []engine.Objective{engine.ObjectiveInvoice, engine.ObjectiveShares}

func benchmarkRound(b *testing.B, full *bench) {
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
	for _, objective := range objectives {
		b.Run(string(objective), func(b *testing.B) { benchmarkPolicyChange(b, fullBench(b, objective)) })
	}
}

func benchmarkPolicyChange(b *testing.B, full *bench) {
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
