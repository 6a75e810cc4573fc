package bed

import (
	"errors"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"tradewind.dev/tradewind/test/testbed/internal/pki"
)

// Cluster is one cluster of a bed.
type Cluster struct {
	ClusterState
	bed *Bed
}

func (c *Cluster) dir() string { return filepath.Join(c.bed.Dir, clustersDir, c.Name) }

func (c *Cluster) file(name string) string { return filepath.Join(c.dir(), name) }

// serviceNetwork is the range of the clusters' Service addresses, and firstService the API server's among them.
const (
	serviceNetwork = "10.96.0.0/16"
	firstService   = "10.96.0.1"
	podNetwork     = "10.128.0.0/9"
)

// prepare makes the cluster's directory with its certificates, the programs' kubeconfigs and configuration files.
func (c *Cluster) prepare() error {
	for _, dir := range []string{"pki", "users"} {
		if err := os.MkdirAll(c.file(dir), 0o700); err != nil {
			return err
		}
	}
	authority, err := pki.NewAuthority("testbed " + c.bed.Name + " " + c.Name)
	if err != nil {
		return err
	}
	server, err := authority.Server("kube-apiserver", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "127.0.0.1", firstService)
	if err != nil {
		return err
	}
	// An authority of its own signs the certificate by which extension servers know the API server as a proxy: whoever
	// holds a certificate of that authority can be any user.
	proxyAuthority, err := pki.NewAuthority("testbed " + c.bed.Name + " " + c.Name + " front proxy")
	if err != nil {
		return err
	}
	proxy, err := proxyAuthority.Client("front-proxy-client")
	if err != nil {
		return err
	}
	private, public, err := pki.NewKey()
	if err != nil {
		return err
	}
	err = errors.Join(
		authority.WriteFiles(c.file("pki/ca")),
		server.WriteFiles(c.file("pki/apiserver")),
		proxyAuthority.WriteFiles(c.file("pki/front-proxy-ca")),
		proxy.WriteFiles(c.file("pki/front-proxy")),
		os.WriteFile(c.file("pki/service-accounts.key"), private, 0o600),
		os.WriteFile(c.file("pki/service-accounts.pub"), public, 0o600),
		os.WriteFile(c.file("kwok.yaml"), stages, 0o600),
	)
	if err != nil {
		return err
	}
	id, err := identityOf(Admin, nil)
	if err != nil {
		return err
	}
	if err := c.writeKubeconfig(c.ClusterState.Kubeconfig, authority, id); err != nil {
		return err
	}
	scheduler, err := c.Kubeconfig("kube-scheduler")
	if err != nil {
		return err
	}
	return os.WriteFile(c.file("kube-scheduler.yaml"), schedulerConfiguration(scheduler), 0o600)
}

// Client returns the administrator's client.
func (c *Cluster) Client() (kubernetes.Interface, error) {
	config, err := c.Config(Admin)
	if err != nil {
		return nil, err
	}
	config.ContentType = runtime.ContentTypeProtobuf // a third of the API server's work for JSON
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return kubernetes.NewForConfig(config)
}
