package chaos

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"tradewind.dev/tradewind/test/chaos/history"
	"tradewind.dev/tradewind/test/chaos/proxy"
	"tradewind.dev/tradewind/test/internal/programs"
	"tradewind.dev/tradewind/test/testbed"
)

// Tradewind's programs of the scene.
const (
	controller1   = "tradewind-controller-1"
	controller2   = "tradewind-controller-2"
	schedulerName = "tradewind-scheduler"
	// controlPlane stands for etcd, the API server and the controller manager where the checker asks what was in trouble.
	controlPlane = "control-plane"
)

// The environment variables that name built programs; without them they are built from this repository.
var (
	controllerProgram = programs.Built("TRADEWIND_CONTROLLER", "tradewind-controller")
	schedulerProgram  = programs.Built("TRADEWIND_SCHEDULER", "tradewind-scheduler")
)

// program is one of Tradewind's programs with its way to the API server.
type program struct {
	name    string
	proxy   *proxy.Proxy
	metrics string // where it serves them
	client  *http.Client
	token   string // for its metrics
}

// startPrograms starts two controllers and a scheduler, each with the identity of its installation and a proxy of its own.
func (w *world) startPrograms() {
	w.Helper()
	controller, err := controllerProgram()
	if err != nil {
		w.Fatal(err)
	}
	scheduler, err := schedulerProgram()
	if err != nil {
		w.Fatal(err)
	}
	token := w.metricsToken()
	w.secrets["the token that reads metrics"] = token
	for _, name := range []string{controller1, controller2} {
		p := w.newProgram(name, testbed.TradewindController)
		p.token = token
		arguments := []string{
			"--kubeconfig=" + w.kubeconfigOf(name), "--metrics-bind-address=" + p.metrics, "--health-probe-bind-address=0",
			"--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=500ms",
		}
		w.run(name, controller, append(arguments, w.clusterTimes(controller)...))
	}
	p := w.newProgram(schedulerName, testbed.TradewindScheduler)
	p.token = token
	_, port, err := net.SplitHostPort(p.metrics)
	if err != nil {
		w.Fatal(err)
	}
	kubeconfig := w.kubeconfigOf(schedulerName)
	w.run(schedulerName, scheduler, []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--v=2",
	})
}

// newProgram makes a program's proxy and its kubeconfig.
func (w *world) newProgram(name, user string) *program {
	w.Helper()
	upstream := w.cluster.ConfigFor(w.T, user)
	forward, err := proxy.Start(name, upstream, func(write history.Write) { w.record.Add(history.Event{Write: &write}) })
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = forward.Close() })
	if err := forward.WriteKubeconfig(w.kubeconfigOf(name)); err != nil {
		w.Fatal(err)
	}
	w.secrets["the token of "+name] = forward.Token()
	p := &program{
		name: name, proxy: forward, metrics: w.freeAddress(),
		// The programs make their serving certificates themselves, in memory, so nobody can vouch for them.
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		}},
	}
	w.programs[name] = p
	return p
}

func (w *world) kubeconfigOf(name string) string {
	return filepath.Join(w.bed.Dir(), name+".kubeconfig") // goes with the bed
}

func (w *world) run(name, path string, arguments []string) {
	w.Helper()
	w.cluster.StartProgram(w.T, testbed.ProgramSpec{Name: name, Path: path, Args: arguments})
}

// clusterTimes are the flags that tell the controller of the cluster's times, as far as it has such flags.
func (w *world) clusterTimes(controller string) []string {
	w.Helper()
	text, err := exec.CommandContext(w.Context(), controller, "--help").CombinedOutput()
	if err != nil {
		w.Fatalf("%s --help: %v", controller, err)
	}
	if !strings.Contains(string(text), "--node-monitor-period") {
		return nil
	}
	return []string{"--node-monitor-period=" + w.times.monitorPeriod.String()}
}

func (w *world) freeAddress() string {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// metricsToken is the token of a service account that may read the programs' metrics.
func (w *world) metricsToken() string {
	w.Helper()
	const namespace, name = "tradewind-system", "chaos-metrics"
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := w.client.CoreV1().ServiceAccounts(namespace).Create(w.Context(), account, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "tradewind-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: name}},
	}
	if _, err := w.client.RbacV1().ClusterRoleBindings().Create(w.Context(), binding, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	day := int64(24 * 60 * 60)
	token, err := w.client.CoreV1().ServiceAccounts(namespace).CreateToken(w.Context(), name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return token.Status.Token
}

// goroutines reads how many a program has from its metrics; 0 when it does not say.
func (p *program) goroutines(ctx context.Context) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.metrics+"/metrics", nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := p.client.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return 0
	}
	for line := range strings.Lines(string(body)) {
		if value, is := strings.CutPrefix(line, "go_goroutines "); is {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int(n)
		}
	}
	return 0
}

// down is which programs a fault keeps from running.
type down struct {
	mu    sync.Mutex
	names map[string]bool
}

func (d *down) set(name string, is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[name] = is
}

func (d *down) is(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name]
}

// keep starts programs that ended by themselves anew, as a kubelet does. A controller that lost its lease ends, for one.
func (w *world) keep(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		all, err := w.bed.Processes(ctx)
		if err != nil {
			continue
		}
		for _, p := range all {
			if !p.Running && !w.down.is(p.Name) && p.Name != "supervisor" {
				w.deaf(p.Name, true)
				if err := w.bed.Restart(ctx, p.Name); err != nil && ctx.Err() == nil {
					w.tell("%s cannot be started again: %v", p.Name, err)
				}
				w.deaf(p.Name, false)
			}
		}
	}
}

// deaf records that something begins or ends to keep news from a program.
func (w *world) deaf(name string, on bool) {
	if w.programs[name] == nil {
		name = controlPlane
	}
	w.record.Add(history.Event{Trouble: &history.Trouble{Program: name, On: on, Deaf: true}})
}

// signal sends a signal to a program of the bed.
func (w *world) signal(ctx context.Context, name string, signal syscall.Signal) error {
	if err := w.bed.Signal(ctx, name, signal); err != nil {
		return fmt.Errorf("%s to %s: %w", signal, name, err)
	}
	return nil
}

// nodeConfig is here so that a node's identity is real: a client certificate for system:node:NAME.
func (w *world) nodeConfig(name string) *rest.Config {
	w.Helper()
	return w.cluster.ConfigFor(w.T, "system:node:"+name, "system:nodes")
}
