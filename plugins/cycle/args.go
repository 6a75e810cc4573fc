package cycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// Args configure the plugins (pluginConfig in the scheduler's configuration). Any of the plugins takes them.
type Args struct {
	// OptimizeFor is what the profile's pods are optimized for where no policy says: Cost, Latency or Balanced. It holds for
	// all plugins of the profile.
	OptimizeFor v1alpha1.OptimizeFor `json:"optimizeFor,omitempty"`
	// CloudLabels are further node labels that name the cloud. A node is in one place whoever asks, so they hold for all
	// profiles of the scheduler, whichever of them names them.
	CloudLabels []string `json:"cloudLabels,omitempty"`
}

func readArgs(object runtime.Object) (Args, error) {
	var args Args
	unknown, ok := object.(*runtime.Unknown)
	if !ok || unknown == nil || len(unknown.Raw) == 0 {
		return args, nil
	}
	if err := yaml.UnmarshalStrict(unknown.Raw, &args); err != nil {
		return args, fmt.Errorf("pluginConfig args: %w", err)
	}
	switch args.OptimizeFor {
	case "", v1alpha1.OptimizeForCost, v1alpha1.OptimizeForLatency, v1alpha1.OptimizeForBalanced:
		return args, nil
	}
	return args, fmt.Errorf("pluginConfig args: optimizeFor: %q is none of Cost, Latency, Balanced", args.OptimizeFor)
}

// optimize is what a profile is optimized for when one more of its plugins says so. kube-scheduler makes plugins in any
// order, so that two which differ would make it a matter of chance.
func optimize(before, said v1alpha1.OptimizeFor) (v1alpha1.OptimizeFor, error) {
	if said == "" || said == before {
		return before, nil
	}
	if before != "" {
		both := []string{string(before), string(said)}
		slices.Sort(both)
		return before, fmt.Errorf("pluginConfig args: optimizeFor: the profile's plugins say %s; say it once", strings.Join(both, " and "))
	}
	return said, nil
}

// cloudLabels are the entries that the profiles of a scheduler name, by the key of the label.
type cloudLabels map[string]string

// add takes up the entries of one plugin.
func (c cloudLabels) add(entries []string) error {
	for _, entry := range entries {
		key, _, _ := strings.Cut(entry, "=")
		if before, known := c[key]; known && before != entry {
			both := []string{before, entry}
			slices.Sort(both)
			return fmt.Errorf("pluginConfig args: cloudLabels: %s: the scheduler's plugins say %s; they must agree, as a node is in one cloud for all of them",
				key, strings.Join(both, " and "))
		}
		c[key] = entry
	}
	return nil
}

// options are the built-in labels and these, whatever the order in which they came.
func (c cloudLabels) options() (location.Options, error) {
	options := location.DefaultOptions()
	for _, entry := range slices.Sorted(maps.Values(c)) {
		if !slices.Contains(options.CloudLabels, entry) {
			options.CloudLabels = append(options.CloudLabels, entry)
		}
	}
	if err := options.Validate(); err != nil {
		return options, fmt.Errorf("pluginConfig args: %w", err)
	}
	return options.Compile(), nil
}
