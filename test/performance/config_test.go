package performance

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/plugins/candidates"
	"tradewind.dev/tradewind/plugins/topologyspread"
)

// edited is a scheduler's configuration with changes to the whole of it, or to each of its profiles.
func edited(b *testing.B, config []byte, changes ...func(configuration, profile map[string]any)) []byte {
	b.Helper()
	var parsed map[string]any
	if err := yaml.Unmarshal(config, &parsed); err != nil {
		b.Fatalf("scheduler configuration: %v", err)
	}
	for _, profile := range parsed["profiles"].([]any) {
		for _, change := range changes {
			change(parsed, profile.(map[string]any))
		}
	}
	text, err := yaml.Marshal(parsed)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// withoutDefaultConstraints turns off default topology spread constraints, with which pods cannot be batched.
func withoutDefaultConstraints(_, profile map[string]any) {
	arguments, _ := profile["pluginConfig"].([]any)
	names := []string{"PodTopologySpread"}
	if profile["plugins"] != nil { // the profile is ours
		names = append(names, topologyspread.Name)
	}
	for _, name := range names {
		arguments = append(arguments, map[string]any{"name": name, "args": map[string]any{"defaultingType": "List"}})
	}
	profile["pluginConfig"] = arguments
}

// remembersOrder adds the plugin that remembers in which order pods were placed.
func remembersOrder(_, profile map[string]any) {
	point := profile["plugins"].(map[string]any)["multiPoint"].(map[string]any)
	point["enabled"] = append(point["enabled"].([]any), map[string]any{"name": (&order{}).Name()})
}

// looksAtASample leaves it to kube-scheduler how many nodes are looked at.
func looksAtASample(configuration, profile map[string]any) {
	delete(configuration, "percentageOfNodesToScore")
	for _, point := range profile["plugins"].(map[string]any) {
		point := point.(map[string]any)
		if enabled, ok := point["enabled"].([]any); ok {
			point["enabled"] = slices.DeleteFunc(enabled, func(plugin any) bool { return plugin.(map[string]any)["name"] == candidates.Name })
		}
	}
}
