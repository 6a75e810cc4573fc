package testbed

import (
	"context"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
)

// Cluster is a cluster of a running bed.
type Cluster struct {
	bed     *Bed
	cluster *bed.Cluster
	config  *rest.Config
	client  kubernetes.Interface
}

func newCluster(b *Bed, c *bed.Cluster) (*Cluster, error) {
	config, err := c.Config(Admin)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	return &Cluster{bed: b, cluster: c, config: config, client: client}, err
}

// Name returns the cluster's name.
func (c *Cluster) Name() string { return c.cluster.Name }

// Config returns a client configuration of the administrator, without a limit of requests a second.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client returns a client of the administrator.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Kubeconfig returns the path of a kubeconfig with which a client is the given user, in the given groups besides the
// user's own. A user is Admin (also when empty), TradewindScheduler or TradewindController (the service accounts of
// Tradewind's programs in the namespace tradewind-system), "kube-scheduler", a service account by its full name
// (system:serviceaccount:NAMESPACE:NAME), or any other name. All but Admin may do only what roles let them.
func (c *Cluster) Kubeconfig(t testing.TB, user string, groups ...string) string {
	t.Helper()
	path, err := c.cluster.Kubeconfig(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ConfigFor returns a client configuration of the given user; see Kubeconfig.
func (c *Cluster) ConfigFor(t testing.TB, user string, groups ...string) *rest.Config {
	t.Helper()
	config, err := c.cluster.Config(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// Apply creates or updates the objects in files and folders of YAML or JSON, as the administrator.
func (c *Cluster) Apply(t testing.TB, paths ...string) {
	t.Helper()
	if err := c.TryApply(t.Context(), paths...); err != nil {
		t.Fatal(err)
	}
}

// TryApply does as Apply and returns the API server's error.
func (c *Cluster) TryApply(ctx context.Context, paths ...string) error {
	return c.cluster.Apply(ctx, paths...)
}

// ApplyYAML creates or updates the objects of a YAML text, as the administrator.
func (c *Cluster) ApplyYAML(t testing.TB, text string) {
	t.Helper()
	if err := c.TryApplyYAML(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// TryApplyYAML does as ApplyYAML and returns the API server's error, for tests of what is refused.
func (c *Cluster) TryApplyYAML(ctx context.Context, text string) error {
	return c.cluster.ApplyYAML(ctx, text)
}
