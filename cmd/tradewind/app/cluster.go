package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/scales"
)

// clusterFlags say which cluster is read, and how.
type clusterFlags struct {
	config      *genericclioptions.ConfigFlags
	cloudLabels []string
	// workloads says that collect reads all that a plan is made from.
	workloads bool
	// scheduling says that collect reads what kube-scheduler's filters look at, and the plan.
	scheduling bool
}

func addClusterFlags(cmd *cobra.Command) *clusterFlags {
	f := newClusterFlags()
	f.add(cmd)
	return f
}

func newClusterFlags() *clusterFlags {
	all := genericclioptions.NewConfigFlags(true)
	return &clusterFlags{config: &genericclioptions.ConfigFlags{
		KubeConfig: all.KubeConfig, Context: all.Context, ClusterName: all.ClusterName, AuthInfoName: all.AuthInfoName,
		Namespace: all.Namespace, Impersonate: all.Impersonate, Timeout: all.Timeout,
	}}
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	f.config.AddFlags(cmd.Flags())
	addCloudLabels(cmd, &f.cloudLabels)
}

func addCloudLabels(cmd *cobra.Command, labels *[]string) {
	cmd.Flags().StringSliceVar(labels, "cloud-label", nil, "further node label that names the cloud (KEY, KEY=CLOUD or PREFIX/*=CLOUD); repeatable")
}

// locationOptions are the default ones with the flag's labels.
func locationOptions(labels []string) (location.Options, error) {
	options := location.DefaultOptions()
	options.CloudLabels = append(options.CloudLabels, labels...)
	if err := options.Validate(); err != nil {
		return options, fmt.Errorf("--cloud-label: %w", err)
	}
	return options.Compile(), nil
}

// namespace is the one of the flag or the kubeconfig, "default" when neither names one.
func (f *clusterFlags) namespace() (string, error) {
	name, _, err := f.config.ToRawKubeConfigLoader().Namespace()
	return name, explainConfig(err)
}

// requestsPerSecond is far above what a report needs; client-go's default of 5 would slow it down.
const requestsPerSecond = 100

// connection is how the cluster is reached.
func (f *clusterFlags) connection() (*rest.Config, error) {
	config, err := f.config.ToRESTConfig()
	if err != nil {
		return nil, explainConfig(err)
	}
	// Without a kubeconfig client-go falls back to a server on this machine that nobody runs.
	raw, err := f.config.ToRawKubeConfigLoader().RawConfig()
	if err == nil && len(raw.Clusters) == 0 && config.BearerToken == "" && config.BearerTokenFile == "" {
		return nil, errNoCluster
	}
	config.QPS, config.Burst = requestsPerSecond, 2*requestsPerSecond
	config.WarningHandler = noWarnings{}
	return config, nil
}

// client connects to the cluster.
func (f *clusterFlags) client() (client.Client, error) {
	config, err := f.connection()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register types: %w", err)
		}
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return reader, nil
}

// scales reads what the scale subresources of the cluster say.
func (f *clusterFlags) scales() (*scales.Reader, error) {
	config, err := f.connection()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return scales.NewReader(config, client)
}

// noWarnings drops what API servers say of deprecated kinds: nothing is written here.
type noWarnings struct{}

// HandleWarningHeader implements rest.WarningHandler.
func (noWarnings) HandleWarningHeader(int, string, string) {}

// collect reads the cluster and shows its progress.
func (f *clusterFlags) collect(ctx context.Context, env *environment, reader client.Reader) (*state.Snapshot, error) {
	options, err := locationOptions(f.cloudLabels)
	if err != nil {
		return nil, err
	}
	reading := state.CollectOptions{Location: options, Workloads: f.workloads, Scheduling: f.scheduling}
	if f.workloads {
		if reading.Scales, err = f.scales(); err != nil {
			return nil, err
		}
	}
	progress := env.startProgress()
	defer progress.close()
	reading.Progress = func(resource string, objects int) {
		if objects == 0 {
			progress.say("reading %s", resource)
		} else {
			progress.say("reading %s: %d", resource, objects)
		}
	}
	snapshot, err := state.Collect(ctx, reader, reading, env.now())
	if err != nil {
		return nil, explainConnection(err)
	}
	return snapshot, nil
}

// read connects to the cluster, reads it, and warns of what it did not find.
func (f *clusterFlags) read(ctx context.Context, env *environment) (client.Reader, *state.Snapshot, error) {
	reader, err := f.client()
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := f.collect(ctx, env, reader)
	if err != nil {
		return nil, nil, err
	}
	env.warnOf(snapshot)
	return reader, snapshot, nil
}

// warnOf writes what could not be read, and what is wrong with the overrides, to standard error.
func (env *environment) warnOf(snapshot *state.Snapshot) {
	noTradewind := 0
	for _, gap := range snapshot.Gaps {
		if gap.Missing && strings.HasSuffix(gap.Resource, "."+v1alpha1.GroupVersion.Group) {
			noTradewind++
			continue
		}
		env.warn(gap.Message)
	}
	if noTradewind > 0 {
		env.warn(fmt.Sprintf("Tradewind's CustomResourceDefinitions are not installed (%d missing): no policy is in force, "+
			"prices and round-trip times are the built-in ones; install them with kubectl apply -f deploy/crds", noTradewind))
	}
	world := snapshot.World()
	for _, problem := range world.PriceProblems {
		env.warn(fmt.Sprint(problem))
	}
	for _, problem := range world.LatencyProblems {
		env.warn(fmt.Sprint(problem))
	}
}

var errNoCluster = errors.New("no cluster: there is no kubeconfig; give --kubeconfig FILE, or set KUBECONFIG")

// explainConfig adds the remedy to an error about the kubeconfig.
func explainConfig(err error) error {
	switch {
	case err == nil:
		return nil
	case clientcmd.IsEmptyConfig(err):
		return errNoCluster
	}
	return fmt.Errorf("kubeconfig: %w", err)
}

// explainConnection adds the remedy to an error of reading the cluster.
func explainConnection(err error) error {
	var network net.Error
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w; the credentials of the kubeconfig are not accepted: log in again, or choose another --context", err)
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &network):
		return fmt.Errorf("%w; is the cluster up, and is this its kubeconfig (--kubeconfig, --context)?", err)
	}
	return err
}

// lastWord returns the last event that a scheduler wrote about a pod; nil when there is none or events may not be read.
func lastWord(ctx context.Context, reader client.Reader, pod *corev1.Pod) *wordOfScheduler {
	var events corev1.EventList
	err := reader.List(ctx, &events, client.InNamespace(pod.Namespace), client.MatchingFields{"involvedObject.name": pod.Name})
	if err != nil {
		events.Items = nil
	}
	var last *wordOfScheduler
	for i := range events.Items {
		event := &events.Items[i]
		if event.InvolvedObject.UID != pod.UID || event.Reason != "FailedScheduling" && event.Reason != "Scheduled" {
			continue
		}
		if at := timeOf(event); last == nil || at.After(last.Time) {
			last = &wordOfScheduler{Reason: event.Reason, Message: event.Message, Time: at}
		}
	}
	if last != nil {
		return last
	}
	for i := range pod.Status.Conditions {
		condition := &pod.Status.Conditions[i]
		if condition.Type == corev1.PodScheduled && condition.Message != "" {
			return &wordOfScheduler{Reason: condition.Reason, Message: condition.Message, Time: condition.LastTransitionTime.Time}
		}
	}
	return nil
}

func timeOf(event *corev1.Event) time.Time {
	switch {
	case event.Series != nil:
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	}
	return event.CreationTimestamp.Time
}
