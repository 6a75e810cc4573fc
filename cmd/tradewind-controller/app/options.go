package app

import (
	"errors"
	"fmt"
	"net"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// options are what the flags say.
type options struct {
	kubeconfig, context string
	qps                 float32
	burst               int

	leaderElect                             bool
	leaderElectNamespace                    string
	leaseDuration, renewDeadline, retryTime time.Duration

	metricsAddress, metricsCertificates string
	metricsSecure                       bool
	probeAddress                        string

	cloudLabels, schedulerNames []string
	schedulerNamespace          string
	labelNodes                  bool
	monitorPeriod               time.Duration
	objective                   string
}

func newOptions() *options {
	return &options{
		qps: 200, burst: 400,
		leaderElect: true, leaderElectNamespace: "tradewind-system",
		leaseDuration: 15 * time.Second, renewDeadline: 10 * time.Second, retryTime: 2 * time.Second,
		metricsAddress: ":8443", metricsSecure: true, probeAddress: ":8081",
		schedulerNames: []string{"tradewind", "tradewind-cost", "tradewind-latency"}, schedulerNamespace: "tradewind-system", labelNodes: true, monitorPeriod: 5 * time.Second,
		objective: string(engine.ObjectiveInvoice),
	}
}

func (o *options) addFlags(sets *cliflag.NamedFlagSets) {
	cluster := sets.FlagSet("Cluster")
	cluster.StringVar(&o.kubeconfig, "kubeconfig", o.kubeconfig, "The kubeconfig `file`; else $KUBECONFIG, else the pod's service account.")
	cluster.StringVar(&o.context, "context", o.context, "The kubeconfig's context of this `name`; its current one when empty.")
	cluster.Float32Var(&o.qps, "kube-api-qps", o.qps, "Requests a second to the API server, on average.")
	cluster.IntVar(&o.burst, "kube-api-burst", o.burst, "Requests at once to the API server, at most.")

	election := sets.FlagSet("Leader election")
	election.BoolVar(&o.leaderElect, "leader-elect", o.leaderElect, "Work only while holding the lease tradewind-controller, so that several replicas can run.")
	election.StringVar(&o.leaderElectNamespace, "leader-elect-namespace", o.leaderElectNamespace, "The `namespace` of the lease.")
	election.DurationVar(&o.leaseDuration, "leader-elect-lease-duration", o.leaseDuration, "How long a lease holds that is not renewed.")
	election.DurationVar(&o.renewDeadline, "leader-elect-renew-deadline", o.renewDeadline, "How long the leader tries to renew the lease before it stops.")
	election.DurationVar(&o.retryTime, "leader-elect-retry-period", o.retryTime, "Time between two tries for the lease.")

	serving := sets.FlagSet("Serving")
	serving.StringVar(&o.metricsAddress, "metrics-bind-address", o.metricsAddress, "Serve /metrics at this `address`; nowhere when 0.")
	serving.BoolVar(&o.metricsSecure, "metrics-secure", o.metricsSecure, "Serve metrics over TLS, and only to those who may get /metrics.")
	serving.StringVar(&o.metricsCertificates, "metrics-cert-dir", o.metricsCertificates, "Serve metrics with tls.crt and tls.key of this `folder`; with a self-signed certificate when empty.")
	serving.StringVar(&o.probeAddress, "health-probe-bind-address", o.probeAddress, "Serve /healthz and /readyz at this `address`; nowhere when 0.")

	work := sets.FlagSet("Work")
	work.StringArrayVar(&o.cloudLabels, "cloud-label", nil,
		"Further node label that names the cloud, as `KEY`, KEY=CLOUD or PREFIX/*=CLOUD; may be given several times. Give tradewind-scheduler the same (pluginConfig, cloudLabels).")
	work.BoolVar(&o.labelNodes, "label-nodes", o.labelNodes, "Write the labels tradewind.dev/cloud and tradewind.dev/country to nodes of known clouds.")
	work.StringVar(&o.objective, "objective", o.objective, "What plans minimise beside what is only valued, and what moves must save: `invoice` (whole machines in use, and traffic) or "+
		"shares (what is attributed to replicas, as if no machine could be stopped; for charge-back).")
	work.DurationVar(&o.monitorPeriod, "node-monitor-period", o.monitorPeriod, "How often Kubernetes looks for silent nodes: what kube-controller-manager's flag of this name says.")
	work.StringSliceVar(&o.schedulerNames, "scheduler-names", o.schedulerNames, "The `names` of tradewind-scheduler's profiles. A policy's status says how many of its pods name another scheduler.")
	work.StringVar(&o.schedulerNamespace, "scheduler-namespace", o.schedulerNamespace, "The `namespace` of tradewind-scheduler's leader election (leaderElection.resourceNamespace), where it says which policies it has read.")
}

// validate names the flag that is wrong, and the remedy.
func (o *options) validate() error {
	var errs []error
	refuse := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
	}
	if o.qps <= 0 {
		refuse("kube-api-qps", "%g is not above 0; give requests a second, such as 200", o.qps)
	}
	if o.burst < 1 {
		refuse("kube-api-burst", "%d is not above 0; give a number of requests, such as 400", o.burst)
	}
	if o.leaderElect {
		if o.leaderElectNamespace == "" {
			refuse("leader-elect-namespace", "empty; name a namespace, or give --leader-elect=false")
		}
		if o.retryTime <= 0 || o.renewDeadline <= o.retryTime*12/10 || o.leaseDuration <= o.renewDeadline {
			refuse("leader-elect-lease-duration", "%s must be above the renew deadline %s, and that above 1.2 times the retry period %s",
				o.leaseDuration, o.renewDeadline, o.retryTime)
		}
	}
	if o.schedulerNamespace == "" {
		refuse("scheduler-namespace", "empty; name the namespace of tradewind-scheduler's leader election, such as tradewind-system")
	}
	for flag, address := range map[string]string{"metrics-bind-address": o.metricsAddress, "health-probe-bind-address": o.probeAddress} {
		if address == "0" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			refuse(flag, "%w; write HOST:PORT, :PORT or 0", err)
		}
	}
	if o.objective != string(engine.ObjectiveInvoice) && o.objective != string(engine.ObjectiveShares) {
		refuse("objective", "%q is unknown; use %s or %s", o.objective, engine.ObjectiveInvoice, engine.ObjectiveShares)
	}
	if o.monitorPeriod <= 0 {
		refuse("node-monitor-period", "%s is not above 0; give what kube-controller-manager has, which is 5s unless set", o.monitorPeriod)
	}
	if len(o.schedulerNames) == 0 {
		refuse("scheduler-names", "empty; name the profiles of tradewind-scheduler")
	}
	if err := (location.Options{CloudLabels: o.cloudLabels}).Validate(); err != nil {
		refuse("cloud-label", "%w", err)
	} else if err := o.location().Validate(); err != nil {
		refuse("cloud-label", "with the built-in ones: %w", err)
	}
	return errors.Join(errs...)
}

// location returns which node labels name the cloud.
func (o *options) location() location.Options {
	options := location.DefaultOptions()
	options.CloudLabels = append(options.CloudLabels, o.cloudLabels...)
	return options.Compile()
}

// config returns how to reach the cluster.
func (o *options) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to work on: %w; give --kubeconfig, or run in a pod with a service account", err)
	}
	config.QPS, config.Burst = o.qps, o.burst
	config.UserAgent = rest.DefaultKubernetesUserAgent()
	return config, nil
}
