package kubefilters

import (
	"fmt"
	"slices"

	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// Profile is which plugins a scheduler asks about a pod, and with which arguments.
type Profile struct{ of *config.KubeSchedulerProfile }

// ReadProfiles reads the profiles of a KubeSchedulerConfiguration by their schedulerName, with what kube-scheduler adds to each.
// Plugins that are not Kubernetes' own may be in it with any arguments. The error says what cannot be read.
func ReadProfiles(configuration []byte) (map[string]*Profile, error) {
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(configuration, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("scheduler configuration: %w", err)
	}
	read, ok := object.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("scheduler configuration: it is a %T and no KubeSchedulerConfiguration", object)
	}
	out := make(map[string]*Profile, len(read.Profiles))
	for i := range read.Profiles {
		out[read.Profiles[i].SchedulerName] = &Profile{&read.Profiles[i]}
	}
	return out, nil
}

// defaultProfile is kube-scheduler's.
func defaultProfile() (*Profile, error) {
	defaults, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("kube-scheduler's default configuration: %w", err)
	}
	return &Profile{&defaults.Profiles[0]}, nil
}

// Filters says whether the profile asks a plugin about nodes.
func (p *Profile) Filters(plugin string) bool {
	return enables(&p.of.Plugins.Filter, plugin) || enables(&p.of.Plugins.MultiPoint, plugin) && !disables(&p.of.Plugins.Filter, plugin)
}

func enables(set *config.PluginSet, plugin string) bool {
	return slices.ContainsFunc(set.Enabled, func(p config.Plugin) bool { return p.Name == plugin })
}

func disables(set *config.PluginSet, plugin string) bool {
	return slices.ContainsFunc(set.Disabled, func(p config.Plugin) bool { return p.Name == plugin || p.Name == "*" })
}

// points are where a plugin is asked about a pod, and all at once.
func points(plugins *config.Plugins) []*config.PluginSet {
	return []*config.PluginSet{&plugins.MultiPoint, &plugins.PreEnqueue, &plugins.PreFilter, &plugins.Filter, &plugins.Reserve}
}

// own are Kubernetes' own plugins of the profile, in its order.
func (p *Profile) own() []string {
	registry := plugins.NewInTreeRegistry()
	var out []string
	for _, set := range points(p.of.Plugins) {
		for _, plugin := range set.Enabled {
			if _, known := registry[plugin.Name]; known && !slices.Contains(out, plugin.Name) {
				out = append(out, plugin.Name)
			}
		}
	}
	return out
}

// alone is the profile with one of its plugins, beside the two without which there is no framework.
func (p *Profile) alone(plugin string) *config.KubeSchedulerProfile {
	out := &config.KubeSchedulerProfile{SchedulerName: p.of.SchedulerName, Plugins: &config.Plugins{
		QueueSort: config.PluginSet{Enabled: []config.Plugin{{Name: names.PrioritySort}}},
		Bind:      config.PluginSet{Enabled: []config.Plugin{{Name: names.DefaultBinder}}},
	}}
	if plugin != names.PrioritySort && plugin != names.DefaultBinder {
		from := points(p.of.Plugins)
		for i, to := range points(out.Plugins) {
			to.Disabled = from[i].Disabled
			for _, enabled := range from[i].Enabled {
				if enabled.Name == plugin {
					to.Enabled = []config.Plugin{enabled}
				}
			}
		}
	}
	for _, arguments := range p.of.PluginConfig {
		if arguments.Name == plugin {
			out.PluginConfig = append(out.PluginConfig, arguments)
		}
	}
	return out
}
