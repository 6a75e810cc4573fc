package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/internal/programs"
	"tradewind.dev/tradewind/test/testbed"
)

// controllerVariable names a built tradewind-controller; without it the program is built from this repository.
const controllerVariable = "TRADEWIND_CONTROLLER"

// controllerProgram is the path of tradewind-controller, built once a run.
var controllerProgram = programs.Built(controllerVariable, "tradewind-controller")

// controllerEnv is a cluster of its own in which tradewind-controller runs.
type controllerEnv struct {
	*testing.T
	cluster *testbed.Cluster
	objects dynamic.Interface
	// flags are further ones of the controllers that it starts.
	flags []string
	// token may read metrics, stranger may not.
	token, stranger string
}

// newControllerEnv starts a cluster with the installation's namespace, roles and guards, but neither CRDs nor controller.
func newControllerEnv(t *testing.T, nodes string) *controllerEnv {
	t.Helper()
	bed := testbed.Start(t, testbed.Options{Nodes: nodes, NoDefaultScheduler: true, Manifests: []string{
		"../../deploy/install/namespace.yaml", "../../deploy/install/rbac", "../../deploy/install/node-guard.yaml",
	}})
	e := &controllerEnv{T: t, cluster: bed.Cluster(t, "")}
	var err error
	if e.objects, err = dynamic.NewForConfig(e.cluster.Config()); err != nil {
		t.Fatal(err)
	}
	e.token, e.stranger = e.account("prometheus"), e.account("stranger")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "tradewind-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: "prometheus"}},
	}
	if _, err := e.cluster.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return e
}

// account creates a service account and returns its token.
func (e *controllerEnv) account(name string) string {
	e.Helper()
	accounts := e.cluster.Client().CoreV1().ServiceAccounts("default")
	if _, err := accounts.Create(e.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}},
		metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	token, err := accounts.CreateToken(e.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		e.Fatal(err)
	}
	return token.Status.Token
}

// controllerProcess is a running tradewind-controller.
type controllerProcess struct {
	*testbed.Program
	metrics, probes string
}

// start runs tradewind-controller with the restricted identity of its installation.
func (e *controllerEnv) start(name string) *controllerProcess {
	e.Helper()
	path, err := controllerProgram()
	if err != nil {
		e.Fatal(err)
	}
	p := &controllerProcess{
		metrics: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(e.T))),
		probes:  net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(e.T))),
	}
	p.Program = e.cluster.StartProgram(e.T, testbed.ProgramSpec{
		Name: name, Path: path, User: testbed.TradewindController,
		Args: append([]string{
			"--kubeconfig={kubeconfig}", "--metrics-bind-address=" + p.metrics, "--health-probe-bind-address=" + p.probes,
			"--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=500ms",
		}, e.flags...),
	})
	return p
}

// probe is the status of a probe of the controller.
func (p *controllerProcess) probe(ctx context.Context, path string) (int, error) {
	return get(ctx, http.DefaultClient, "http://"+p.probes+path, "", nil)
}

// scrape reads the controller's metrics with a token.
func (p *controllerProcess) scrape(ctx context.Context, token string) (status int, text string, err error) {
	// The controller makes its serving certificate itself, in memory, so nobody can vouch for it.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	var body bytes.Buffer
	status, err = get(ctx, client, "https://"+p.metrics+"/metrics", token, &body)
	return status, body.String(), err
}

func get(ctx context.Context, client *http.Client, url, token string, body io.Writer) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if body != nil {
		_, err = io.Copy(body, response.Body)
	}
	return response.StatusCode, err
}

// writes is how many requests of the controller could have changed objects: all but those that read, and those for the
// lease, which are PUT.
func (e *controllerEnv) writes(p *controllerProcess) int {
	e.Helper()
	var text string
	waitFor(e.T, "the controller's metrics", func(ctx context.Context) (err error) { // served some time after the probes are
		var status int
		if status, text, err = p.scrape(ctx, e.token); err == nil && status != http.StatusOK {
			err = fmt.Errorf("answers %d", status)
		}
		return err
	})
	total := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "rest_client_requests_total{") && strings.Contains(line, `method="PATCH"`) {
			fields := strings.Fields(line)
			count, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				e.Fatal(err)
			}
			total += int(count)
		}
	}
	return total
}

// ready waits until a controller is ready.
func (e *controllerEnv) ready(p *controllerProcess) {
	e.Helper()
	waitFor(e.T, "tradewind-controller to be ready", func(ctx context.Context) error {
		if !p.Running(e.T) {
			e.Fatalf("tradewind-controller ended:\n%s", p.Log(e.T))
		}
		status, err := p.probe(ctx, "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answers %d", status)
		}
		return err
	})
}

// status reads conditions and counts of an object. Namespace is empty for a cluster-scoped one.
func (e *controllerEnv) status(ctx context.Context, kind, namespace, name string) (conditions []metav1.Condition,
	fields map[string]any, err error) {
	resource := e.objects.Resource(v1alpha1.GroupVersion.WithResource(policyKinds[kind]))
	var object *unstructured.Unstructured
	if namespace == "" {
		object, err = resource.Get(ctx, name, metav1.GetOptions{})
	} else {
		object, err = resource.Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, nil, err
	}
	fields, _, err = unstructured.NestedMap(object.Object, "status")
	if err != nil {
		return nil, nil, err
	}
	if observed := fields["observedGeneration"]; observed != object.GetGeneration() {
		return nil, nil, fmt.Errorf("the status is of generation %v, the object of %d", observed, object.GetGeneration())
	}
	list, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range list {
		if texts, ok := entry.(map[string]any); ok {
			conditions = append(conditions, metav1.Condition{
				Type: fmt.Sprint(texts["type"]), Status: metav1.ConditionStatus(fmt.Sprint(texts["status"])),
				Reason: fmt.Sprint(texts["reason"]), Message: fmt.Sprint(texts["message"]),
			})
		}
	}
	return conditions, fields, err
}

// expect waits until a condition of an object reads "STATUS REASON: MESSAGE".
func (e *controllerEnv) expect(kind, namespace, name, condition, want string) {
	e.Helper()
	waitFor(e.T, fmt.Sprintf("%s of %s %s", condition, kind, name), func(ctx context.Context) error {
		conditions, _, err := e.status(ctx, kind, namespace, name)
		if err != nil {
			return err
		}
		found := meta.FindStatusCondition(conditions, condition)
		if found == nil {
			return errors.New("there is no such condition")
		}
		if got := fmt.Sprintf("%s %s: %s", found.Status, found.Reason, found.Message); got != want {
			return fmt.Errorf("it is\n\t%s\nnot\n\t%s", got, want)
		}
		return nil
	})
}

// expectCount waits until a count in an object's status has a value. A count of zero must be written, too.
func (e *controllerEnv) expectCount(kind, namespace, name, field string, want int64) {
	e.Helper()
	waitFor(e.T, fmt.Sprintf("%s of %s %s", field, kind, name), func(ctx context.Context) error {
		_, fields, err := e.status(ctx, kind, namespace, name)
		if err == nil && fields[field] != want {
			err = fmt.Errorf("it is %v, not %d", fields[field], want)
		}
		return err
	})
}

// expectEvent waits for an event about an object whose note contains a text.
func (e *controllerEnv) expectEvent(kind, name, reason, text string) {
	e.Helper()
	waitFor(e.T, fmt.Sprintf("event %s on %s %s", reason, kind, name), func(ctx context.Context) error {
		events, err := e.cluster.Client().EventsV1().Events("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range events.Items {
			event := &events.Items[i]
			if event.Regarding.Kind == kind && event.Regarding.Name == name && event.Reason == reason && strings.Contains(event.Note, text) {
				return nil
			}
		}
		return errors.New("there is none")
	})
}
