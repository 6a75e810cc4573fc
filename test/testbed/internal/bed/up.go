package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// DefaultLossAfter is how long Kubernetes waits by default for a silent node before it is taken for lost.
const DefaultLossAfter = 50 * time.Second

// Spec says what a bed shall be.
type Spec struct {
	Name     string
	StateDir string // see DefaultStateDir
	// Executable is the tradewind-testbed program, Kwok the kwok program.
	Executable, Kwok string
	Clusters         []ClusterSpec
	// DefaultScheduler starts a kube-scheduler in each cluster.
	DefaultScheduler bool
	// NoKubelets starts no kwok: whoever wants nodes brings their kubelets.
	NoKubelets bool
	// LossAfter is how long the node life-cycle controller waits for a silent node, at least 4 s; 0 means DefaultLossAfter.
	LossAfter time.Duration
	// Manifests are files and folders of YAML that each cluster is given; custom resource definitions come first.
	Manifests []string
	// ExtraArgs are further arguments of the control plane's programs, by program ("kube-apiserver").
	ExtraArgs map[string][]string
}

// ClusterSpec says what a cluster of a bed shall be.
type ClusterSpec struct {
	Name  string
	Nodes []*corev1.Node
}

func (s *Spec) check() error {
	if err := CheckName("testbed", s.Name); err != nil {
		return err
	}
	if len(s.Clusters) == 0 {
		return errors.New("a testbed needs at least one cluster")
	}
	seen := map[string]bool{}
	for _, c := range s.Clusters {
		if s.NoKubelets && len(c.Nodes) > 0 {
			return fmt.Errorf("cluster %s: %d nodes without kubelets would never be ready; create them when their kubelets run", c.Name,
				len(c.Nodes))
		}
		if err := CheckName("cluster", c.Name); err != nil {
			return err
		}
		if seen[c.Name] {
			return fmt.Errorf("cluster name %q: used twice", c.Name)
		}
		seen[c.Name] = true
	}
	if s.LossAfter == 0 {
		s.LossAfter = DefaultLossAfter
	}
	if s.LossAfter < 4*time.Second {
		return fmt.Errorf("loss time %s: must be at least 4s, so that the heartbeats of living nodes come in time", s.LossAfter)
	}
	for program := range s.ExtraArgs {
		switch program {
		case "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler":
		default:
			return fmt.Errorf("extra arguments for %q: the programs are etcd, kube-apiserver, kube-controller-manager and kube-scheduler", program)
		}
	}
	return nil
}

// Up makes a bed and returns when every cluster is ready and every node of it. Progress is told line by line. The bed
// ends with this process until it is detached (see Detach); when Up fails nothing is left of it.
func Up(ctx context.Context, spec Spec, progress func(string)) (*Bed, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	begin := time.Now()
	dir, lock, err := makeDir(spec.StateDir, spec.Name)
	if err != nil {
		return nil, err
	}
	b := &Bed{State: State{Name: spec.Name, Created: begin}, Dir: dir}
	b.client, err = supervisor.Start(ctx, dir, lock, spec.Executable, "supervise", dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.bringUp(ctx, spec, progress); err != nil {
		err = b.explain(err)
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return nil, errors.Join(err, b.client.Stop(stopping))
	}
	b.Ready, b.StartSeconds = true, time.Since(begin).Seconds()
	return b, b.write()
}

// makeDir makes and locks the directory of a new bed. It gets its name only when it is locked, so that nobody takes it
// for the remains of an ended bed.
func makeDir(stateDir, name string) (string, *os.File, error) {
	dir := filepath.Join(stateDir, name)
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(dir); err == nil {
		if err := supervisor.RemoveStale(dir); errors.Is(err, supervisor.ErrRunning) {
			return "", nil, fmt.Errorf("testbed %s is running already; stop it with: tradewind-testbed down %s", name, name)
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", nil, err
		}
	}
	temporary, err := os.MkdirTemp(stateDir, unnamedPrefix+"*") // mode 0700
	if err != nil {
		return "", nil, err
	}
	lock, err := supervisor.Lock(temporary)
	if err == nil {
		if err = os.Rename(temporary, dir); err == nil {
			return dir, lock, nil
		}
		_ = lock.Close()
		err = fmt.Errorf("testbed %s is being started by another process: %w", name, err)
	}
	return "", nil, errors.Join(err, os.RemoveAll(temporary))
}

func (b *Bed) bringUp(ctx context.Context, spec Spec, progress func(string)) error {
	ports, err := b.client.Ports(ctx, len(spec.Clusters))
	if err != nil {
		return err
	}
	if err := b.start(ctx, etcd(spec.Executable), spec.ExtraArgs["etcd"]); err != nil {
		return err
	}
	for i, c := range spec.Clusters {
		cluster := &Cluster{bed: b, ClusterState: ClusterState{Name: c.Name, Server: fmt.Sprintf("https://127.0.0.1:%d", ports[i])}}
		cluster.ClusterState.Kubeconfig = cluster.file("kubeconfig")
		b.clusters = append(b.clusters, cluster)
		b.State.Clusters = append(b.State.Clusters, cluster.ClusterState)
		if err := cluster.prepare(); err != nil {
			return fmt.Errorf("cluster %s: %w", c.Name, err)
		}
		if err := b.start(ctx, cluster.apiServer(spec.Executable, spec.ExtraArgs["kube-apiserver"]), nil); err != nil {
			return err
		}
	}
	if err := b.write(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, cluster := range b.clusters {
		group.Go(func() error {
			if err := cluster.bringUp(ctx, spec, spec.Clusters[i].Nodes, progress); err != nil {
				return fmt.Errorf("cluster %s: %w", cluster.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (b *Bed) start(ctx context.Context, p supervisor.Process, extra []string) error {
	p.Args = append(p.Args, extra...)
	_, err := b.client.StartProcess(ctx, p)
	return err
}

func (c *Cluster) bringUp(ctx context.Context, spec Spec, nodes []*corev1.Node, progress func(string)) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := c.waitReady(ctx, client); err != nil {
		return err
	}
	progress(fmt.Sprintf("%s: API server ready", c.Name))
	controllerManager, err := c.controllerManager(spec.Executable, spec.LossAfter, spec.ExtraArgs["kube-controller-manager"])
	if err != nil {
		return err
	}
	if err := c.bed.start(ctx, controllerManager, nil); err != nil {
		return err
	}
	if err := bootstrap(ctx, client); err != nil {
		return err
	}
	if !spec.NoKubelets {
		kwok, kwokErr := c.kwok(spec.Kwok)
		heartbeats, heartbeatsErr := c.heartbeats(spec.Executable, spec.LossAfter)
		if err := errors.Join(kwokErr, heartbeatsErr); err != nil {
			return err
		}
		for _, kubelets := range []supervisor.Process{kwok, heartbeats} {
			if err := c.bed.start(ctx, kubelets, nil); err != nil {
				return err
			}
		}
	}
	if spec.DefaultScheduler {
		if err := c.bed.start(ctx, c.scheduler(spec.Executable, spec.ExtraArgs["kube-scheduler"]), nil); err != nil {
			return err
		}
	}
	if err := createNodes(ctx, client, nodes); err != nil {
		return err
	}
	if len(spec.Manifests) > 0 {
		if err := c.Apply(ctx, spec.Manifests...); err != nil {
			return err
		}
		progress(fmt.Sprintf("%s: manifests applied", c.Name))
	}
	if err := c.waitWhileRunning(ctx, func() error { return waitForNodes(ctx, client, nodes) }); err != nil {
		return err
	}
	progress(fmt.Sprintf("%s: %d nodes ready", c.Name, len(nodes)))
	// Pods are admitted once the controller manager has made the service account that they run as.
	return c.poll(ctx, "the default service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})
}

// waitReady returns when the API server says that it is ready.
func (c *Cluster) waitReady(ctx context.Context, client kubernetes.Interface) error {
	return c.poll(ctx, "the API server", func() bool {
		body, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Timeout(2 * time.Second).DoRaw(ctx)
		return err == nil && string(body) == "ok"
	})
}

// poll returns when the condition holds, or an error when one of the bed's programs ends meanwhile.
func (c *Cluster) poll(ctx context.Context, what string, condition func() bool) error {
	return c.waitWhileRunning(ctx, func() error {
		for !condition() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
			case <-time.After(25 * time.Millisecond):
			}
		}
		return nil
	})
}

// errEnded says that a program of the control plane ended by itself.
var errEnded = errors.New("ended")

// waitWhileRunning runs wait, which must respect ctx, and gives up with errEnded when a program of the cluster ends meanwhile.
func (c *Cluster) waitWhileRunning(ctx context.Context, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(500 * time.Millisecond):
			status, err := c.bed.client.Status(ctx)
			if err != nil {
				return err
			}
			for _, p := range status.Processes {
				if !p.Running && (p.Cluster == "" || p.Cluster == c.Name) {
					return fmt.Errorf("%s %w: %s", p.Name, errEnded, p.Exit)
				}
			}
		}
	}
}

// explain adds the end of the logs to an error of starting the bed.
func (b *Bed) explain(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	status, statusErr := b.client.Status(ctx)
	if statusErr != nil {
		return err
	}
	var text strings.Builder
	for _, p := range status.Processes {
		if p.Running && errors.Is(err, errEnded) {
			continue // the log of the one that ended says why
		}
		if lines := Tail(p.Log, 15); lines != "" {
			fmt.Fprintf(&text, "\n--- end of the log of %s ---\n%s", p.Name, lines)
		}
	}
	return fmt.Errorf("%w%s", err, text.String())
}

// Detach lets the bed outlive this process; it then lives until Down.
func (b *Bed) Detach(ctx context.Context) error { return b.client.Detach(ctx) }

// Down ends the bed: when it returns no process, port or file of it is left.
func (b *Bed) Down(ctx context.Context) error { return b.client.Stop(ctx) }

func retryable(err error) bool {
	return apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsInternalError(err)
}
