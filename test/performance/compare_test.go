package performance

import (
	"fmt"
	"slices"
	"testing"
)

// figures are what every comparison prints.
var figures = []struct {
	name, unit string
	of         func(*run) float64
}{
	{"throughput", "pods/s", func(r *run) float64 { return r.throughput }},
	{"memory", "MiB", func(r *run) float64 { return r.peakHeap }},
	{"live_memory", "MiB", func(r *run) float64 { return r.liveHeap }},
	{"processor", "ms/pod", func(r *run) float64 { return r.processor }},
}

// profileFigure is what a profile is called in the name of a figure.
var profileFigure = map[string]string{defaultProfile: "default", tradewindProfile: "tradewind"}

// compare measures the default profile and Tradewind's in turn, several rounds, the one first in one round and the other in the next,
// and prints each round's figures, their medians, and the median of the rounds' ratios, Tradewind's over the default profile's: what
// else the machine does in a round it mostly does to both. It returns the runs by profile.
func compare(b *testing.B, rounds int, byDefault, tradewind *scenario) map[string][]*run {
	runs := map[string][]*run{}
	for round := 1; round <= rounds; round++ {
		order := []*scenario{byDefault, tradewind}
		if round%2 == 0 {
			slices.Reverse(order)
		}
		for _, s := range order {
			if *onlyProfile != "" && s.profile != *onlyProfile {
				continue
			}
			r := s.measure(b)
			r.handle, r.plugins = nil, nil // or the scheduler would stay in memory while the next is measured
			runs[s.profile] = append(runs[s.profile], r)
			for _, figure := range figures {
				report(fmt.Sprintf("%s_%s_%s_round_%d", s.name, figure.name, profileFigure[s.profile], round), figure.of(r), figure.unit)
			}
		}
	}
	for _, figure := range figures {
		values := map[string][]float64{}
		for _, s := range []*scenario{byDefault, tradewind} {
			for _, r := range runs[s.profile] {
				values[s.profile] = append(values[s.profile], figure.of(r))
			}
			if of := values[s.profile]; len(of) > 0 {
				report(s.name+"_"+figure.name+"_"+profileFigure[s.profile], median(of), figure.unit)
			}
		}
		theirs, ratios := values[defaultProfile], []float64{}
		for round, ours := range values[tradewindProfile] {
			if round < len(theirs) {
				ratios = append(ratios, ours/theirs[round])
			}
		}
		if len(ratios) > 0 {
			report(byDefault.name+"_"+figure.name+"_ratio", median(ratios), "ratio")
		}
	}
	return runs
}

// median of figures, of which there is at least one.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
