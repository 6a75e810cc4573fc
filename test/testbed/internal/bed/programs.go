package bed

import (
	_ "embed"
	"fmt"
	"net/url"
	"time"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// stages is KWOK's configuration.
//
//go:embed stages.yaml
var stages []byte

// LostLabel on a node takes the simulated kubelet away from it, as if its machine or the network to it were gone.
const LostLabel = "testbed.tradewind.dev/lost"

// etcdAddress is etcd's Unix socket, a file of the bed's directory: the socket needs no port, no certificate, and only
// the bed's owner gets at it. etcd insists on a port; it becomes part of the file's name.
const (
	etcdAddress = "unix://etcd:1"
	peerAddress = "unix://etcd:2"
)

func schedulerConfiguration(kubeconfig string) []byte {
	return fmt.Appendf(nil, `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %q, qps: 5000, burst: 5000}
`, kubeconfig)
}

func etcd(executable string) supervisor.Process {
	return supervisor.Process{Name: "etcd", Path: executable, Args: []string{
		"etcd",
		"--data-dir=etcd-data",
		"--unsafe-no-fsync", // the data is thrown away with the bed
		"--listen-client-urls=" + etcdAddress,
		"--advertise-client-urls=" + etcdAddress,
		"--listen-peer-urls=" + peerAddress,
		"--initial-advertise-peer-urls=" + peerAddress,
		"--initial-cluster=default=" + peerAddress,
		"--enable-grpc-gateway=false",
		"--quota-backend-bytes=4294967296",
		"--auto-compaction-mode=periodic",
		"--auto-compaction-retention=5m",
		"--snapshot-count=5000",
		"--log-level=warn",
	}}
}

func (c *Cluster) apiServer(executable string, extra []string) supervisor.Process {
	port := ""
	if u, err := url.Parse(c.Server); err == nil {
		port = u.Port()
	}
	return supervisor.Process{Name: c.Name + "-kube-apiserver", Cluster: c.Name, Path: executable, Args: append([]string{
		"kube-apiserver",
		"--etcd-servers=" + etcdAddress,
		"--etcd-prefix=/" + c.Name,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + port,
		"--endpoint-reconciler-type=none", // nothing in the cluster could reach the loopback address
		"--service-cluster-ip-range=" + serviceNetwork,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + c.file("pki/ca.crt"),
		"--tls-cert-file=" + c.file("pki/apiserver.crt"),
		"--tls-private-key-file=" + c.file("pki/apiserver.key"),
		"--requestheader-client-ca-file=" + c.file("pki/front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.file("pki/front-proxy.crt"),
		"--proxy-client-key-file=" + c.file("pki/front-proxy.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.file("pki/service-accounts.pub"),
		"--service-account-signing-key-file=" + c.file("pki/service-accounts.key"),
		"--max-requests-inflight=3000", // what Kubernetes' own scale tests use; the default turns bursts of tests away
		"--max-mutating-requests-inflight=1000",
		"--shutdown-delay-duration=0s",
		"--profiling=false",
	}, extra...)}
}

func (c *Cluster) controllerManager(executable string, lossAfter time.Duration, extra []string) (supervisor.Process, error) {
	kubeconfig, err := c.Kubeconfig("kube-controller-manager")
	return supervisor.Process{Name: c.Name + "-kube-controller-manager", Cluster: c.Name, Path: executable, Args: append([]string{
		"kube-controller-manager",
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--use-service-account-credentials=true", // each controller has its own role, as on real clusters
		"--root-ca-file=" + c.file("pki/ca.crt"),
		"--service-account-private-key-file=" + c.file("pki/service-accounts.key"),
		"--cluster-signing-cert-file=" + c.file("pki/ca.crt"),
		"--cluster-signing-key-file=" + c.file("pki/ca.key"),
		"--allocate-node-cidrs=false", // the clouds' own network plugins number the pods
		"--node-monitor-grace-period=" + lossAfter.String(),
		"--node-monitor-period=" + min(5*time.Second, lossAfter/8).String(),
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
		"--profiling=false",
	}, extra...)}, err
}

func (c *Cluster) scheduler(executable string, extra []string) supervisor.Process {
	return supervisor.Process{Name: c.Name + "-kube-scheduler", Cluster: c.Name, Path: executable, Args: append([]string{
		"kube-scheduler",
		"--config=" + c.file("kube-scheduler.yaml"),
		"--secure-port=0",
	}, extra...)}
}

func (c *Cluster) kwok(executable string) (supervisor.Process, error) {
	kubeconfig, err := c.Kubeconfig("kwok")
	return supervisor.Process{Name: c.Name + "-kwok", Cluster: c.Name, Path: executable, Args: []string{
		"--kubeconfig=" + kubeconfig,
		"--config=" + c.file("kwok.yaml"),
		"--manage-nodes-with-label-selector=!" + LostLabel,
		"--node-lease-duration-seconds=0", // it would renew all at almost the same time, unlike kubelets; see heartbeats
		"--cidr=" + podNetwork,
		"--v=WARN",
	}}, err
}

// heartbeats renews the leases of the nodes that KWOK plays.
func (c *Cluster) heartbeats(executable string, lossAfter time.Duration) (supervisor.Process, error) {
	kubeconfig, err := c.Kubeconfig("kwok")
	return supervisor.Process{Name: c.Name + "-heartbeats", Cluster: c.Name, Path: executable, Args: []string{
		"heartbeats",
		"--kubeconfig=" + kubeconfig,
		"--nodes-with-label-selector=!" + LostLabel,
		"--lease-duration=" + leaseDuration(lossAfter).String(),
	}}, err
}

// leaseDuration is how long the leases of a bed's nodes hold. Kubernetes' own figures: 40 s, and lost after 50 s.
func leaseDuration(lossAfter time.Duration) time.Duration {
	return max(4*time.Second, (lossAfter * 4 / 5).Truncate(time.Second))
}
