package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

type wordOfScheduler = report.SchedulerWord

var optimizations = []string{string(v1alpha1.OptimizeForCost), string(v1alpha1.OptimizeForLatency), string(v1alpha1.OptimizeForBalanced)}

func newExplain(env *environment) *cobra.Command {
	var output, optimizeFor, configuration string
	cmd := &cobra.Command{
		Use: "explain pod NAME", Short: "Say why a pod is where it is, or why it is nowhere",
		Long: `Says why a pod is on its node: what it costs there, the round trips of its clients and
calls, the policies in force, and every other node: by what it is excluded, or by how many dollars and milliseconds
it lost. Of a pending pod it says what keeps it from every node and what would help.

The pod is looked at as if it were being placed now, with every other pod where it is.`,
		Args: cobra.RangeArgs(1, 2),
	}
	named(cmd, `  # Why is this pod on its node?
  tradewind explain pod frontend-7d9c6b7d4-x2x8k -n shop

  # The same for programs.
  tradewind explain pod/frontend-7d9c6b7d4-x2x8k -n shop -o json`)
	flags := addClusterFlags(cmd)
	flags.scheduling = true
	outputFlag(cmd, &output, formatsOfData)
	cmd.Flags().StringVar(&optimizeFor, "optimize-for", "", "what a profile that is not one of Tradewind's ready ones optimizes for: "+strings.Join(optimizations, ", "))
	complete(cmd, "optimize-for", optimizations)
	cmd.Flags().StringVar(&configuration, "scheduler-config", "", "`FILE` with the KubeSchedulerConfiguration that the pod's scheduler runs with: its profile says "+
		"which filters are asked (default: the one that is installed with Tradewind)")
	cmd.RunE = func(cmd *cobra.Command, arguments []string) error {
		name, err := podName(arguments)
		if err != nil {
			return err
		}
		if err := checkFormat(output, formatsOfData); err != nil {
			return err
		}
		if optimizeFor != "" {
			if err := oneOf("--optimize-for", optimizeFor, optimizations); err != nil {
				return err
			}
		}
		schedulers, err := readSchedulers(configuration)
		if err != nil {
			return err
		}
		namespace, err := flags.namespace()
		if err != nil {
			return err
		}
		reader, snapshot, err := flags.read(cmd.Context(), env)
		if err != nil {
			return err
		}
		if err := policiesRead(snapshot); err != nil {
			return err
		}
		pod, err := findPod(snapshot, namespace, name)
		if err != nil {
			return err
		}
		explanation, err := report.Explain(snapshot, pod, report.ExplainOptions{
			Profiles: schedulers.optimizeFor, Plugins: schedulers.plugins, OptimizeFor: v1alpha1.OptimizeFor(optimizeFor), Event: lastWord(cmd.Context(), reader, pod),
		})
		if err != nil {
			return err
		}
		return env.print(output, formatsOfData, explanation)
	}
	return cmd
}

// podName reads "pod NAME", "pod/NAME".
func podName(arguments []string) (string, error) {
	parts := arguments
	if len(arguments) == 1 {
		parts = strings.Split(arguments[0], "/")
	}
	if len(parts) == 2 && parts[1] == "" {
		return "", errors.New("the name of the pod is empty: write tradewind explain pod NAME; if a command was to give the name, it found no pod " +
			"(kubectl get pods -A lists them)")
	}
	if len(parts) != 2 {
		return "", fmt.Errorf("say which pod: tradewind explain pod NAME, not %q", strings.Join(arguments, " "))
	}
	switch parts[0] {
	case "pod", "pods", "po":
		return parts[1], nil
	}
	return "", fmt.Errorf("only pods can be explained, not %q: tradewind explain pod NAME", parts[0])
}

func oneOf(flag, value string, values []string) error {
	for _, known := range values {
		if value == known {
			return nil
		}
	}
	return fmt.Errorf("%s %q is unknown; use one of %s", flag, value, strings.Join(values, ", "))
}

// policiesRead fails when policies exist that may not be read: then nothing true can be said of a pod.
func policiesRead(snapshot *state.Snapshot) error {
	for _, gap := range snapshot.Gaps {
		if !gap.Missing && strings.HasSuffix(gap.Resource, "placementpolicies."+v1alpha1.GroupVersion.Group) {
			return fmt.Errorf("%s; without the policies a pod cannot be explained", gap.Message)
		}
	}
	return nil
}

func findPod(snapshot *state.Snapshot, namespace, name string) (*corev1.Pod, error) {
	var elsewhere, alike []string
	for _, pod := range snapshot.Pods {
		switch {
		case pod.Name == name && pod.Namespace == namespace:
			return pod, nil
		case pod.Name == name:
			elsewhere = append(elsewhere, pod.Namespace)
		case pod.Namespace == namespace && strings.HasPrefix(pod.Name, name):
			alike = append(alike, pod.Name)
		}
	}
	message := fmt.Sprintf("there is no pod %q in namespace %s", name, namespace)
	switch {
	case len(elsewhere) > 0:
		message += "; there is one in " + strings.Join(elsewhere, ", ") + " (-n NAMESPACE)"
	case len(alike) > 0:
		message += "; there is " + strings.Join(alike[:min(len(alike), 3)], ", ")
	default:
		message += "; kubectl get pods -n " + namespace + " lists them"
	}
	return nil, fmt.Errorf("%s", message)
}

// schedulers are the profiles of a scheduler's configuration.
type schedulers struct {
	// optimizeFor is what the profiles with Tradewind's plugins optimize for where no policy says.
	optimizeFor map[string]v1alpha1.OptimizeFor
	plugins     map[string]*kubefilters.Profile
}

// readSchedulers reads a file, or the configuration that is installed where none is named. Errors name the file.
func readSchedulers(path string) (*schedulers, error) {
	text, name := deploy.SchedulerConfig, "the ready scheduler configuration"
	if path != "" {
		name = "--scheduler-config " + path
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("--scheduler-config: %w", err)
		}
	}
	var config struct {
		Profiles []struct {
			SchedulerName string `json:"schedulerName"`
			PluginConfig  []struct {
				Name string `json:"name"`
				Args struct {
					OptimizeFor v1alpha1.OptimizeFor `json:"optimizeFor"`
				} `json:"args"`
			} `json:"pluginConfig"`
		} `json:"profiles"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := &schedulers{optimizeFor: map[string]v1alpha1.OptimizeFor{}}
	var err error
	if out.plugins, err = kubefilters.ReadProfiles(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, profile := range config.Profiles {
		if plugins := out.plugins[profile.SchedulerName]; plugins == nil || !report.AsksTradewind(plugins) {
			continue
		}
		out.optimizeFor[profile.SchedulerName] = v1alpha1.OptimizeForBalanced
		for _, plugin := range profile.PluginConfig {
			if plugin.Args.OptimizeFor != "" {
				out.optimizeFor[profile.SchedulerName] = plugin.Args.OptimizeFor
			}
		}
	}
	return out, nil
}
