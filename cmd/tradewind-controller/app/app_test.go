package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*options)
		want string
	}{
		{"as they are", func(*options) {}, ""},
		{"no serving, no election", func(o *options) {
			o.metricsAddress, o.probeAddress, o.leaderElect, o.leaderElectNamespace = "0", "0", false, ""
		}, ""},
		{"cloud labels", func(o *options) { o.cloudLabels = []string{"example.com/cloud", "nodes.example.com/*=hetzner"} }, ""},
		{"no requests", func(o *options) { o.qps = 0 }, "--kube-api-qps: 0 is not above 0; give requests a second, such as 200"},
		{"no burst", func(o *options) { o.burst = 0 }, "--kube-api-burst: 0 is not above 0; give a number of requests, such as 400"},
		{"no namespace", func(o *options) { o.leaderElectNamespace = "" }, "--leader-elect-namespace: empty; name a namespace, or give --leader-elect=false"},
		{"short lease", func(o *options) { o.leaseDuration = o.renewDeadline },
			"--leader-elect-lease-duration: 10s must be above the renew deadline 10s, and that above 1.2 times the retry period 2s"},
		{"address without port", func(o *options) { o.metricsAddress = "localhost" },
			"--metrics-bind-address: address localhost: missing port in address; write HOST:PORT, :PORT or 0"},
		{"no monitor period", func(o *options) { o.monitorPeriod = 0 },
			"--node-monitor-period: 0s is not above 0; give what kube-controller-manager has, which is 5s unless set"},
		{"no objective of plans", func(o *options) { o.objective = "cost" }, `--objective: "cost" is unknown; use invoice or shares`},
		{"no schedulers", func(o *options) { o.schedulerNames = nil }, "--scheduler-names: empty; name the profiles of tradewind-scheduler"},
		{"cloud nobody knows", func(o *options) { o.cloudLabels = []string{"a/*=nimbus"} },
			`--cloud-label: cloudLabels[0]: "a/*=nimbus" names no known cloud; write one of `},
	} {
		o := newOptions()
		c.set(o)
		err := o.validate()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// Plans are by whole machines unless somebody says otherwise, and the scheduler knows that by the word that the leader's Lease has.
func TestObjective(t *testing.T) {
	if o := newOptions(); o.objective != string(engine.ObjectiveInvoice) || state.ObjectiveInvoice != string(engine.ObjectiveInvoice) {
		t.Errorf("the objective is %q unless said; the scheduler waits for plans by %q", o.objective, state.ObjectiveInvoice)
	}
}

func TestConfigError(t *testing.T) {
	o := newOptions()
	o.kubeconfig = t.TempDir() + "/none"
	if _, err := o.config(); err == nil || !strings.Contains(err.Error(), "give --kubeconfig") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	cmd := NewCommand("v1")
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Examples:", "--leader-elect ", "--cloud-label", "--logging-format", "--metrics-secure"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not say %q:\n%s", want, out.String())
		}
	}
}

// served is an API server that serves some resources of the group.
type served struct {
	discovery.ServerResourcesInterface
	names []string
	err   error
}

func (s served) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	if s.err != nil {
		return nil, s.err
	}
	list := &metav1.APIResourceList{}
	for _, name := range s.names {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
	}
	return list, nil
}

func TestMissingCRDs(t *testing.T) {
	none := apierrors.NewNotFound(schema.GroupResource{Group: v1alpha1.GroupVersion.Group}, "")
	refused := errors.New("connection refused")
	for _, c := range []struct {
		name   string
		served served
		want   string
	}{
		{"all", served{names: append(resources(), "placementpolicies/status")}, ""},
		{"none", served{err: none}, "the API server does not serve cloudpools, clusterplacementpolicies, latencymaps, placementpolicies, placements, pricelists of " +
			"tradewind.dev/v1alpha1; install the CRDs: kubectl apply -f deploy/crds"},
		{"one missing", served{names: resources()[1:]}, "the API server does not serve cloudpools of tradewind.dev/v1alpha1; " +
			"install the CRDs: kubectl apply -f deploy/crds"},
		{"no answer", served{err: refused}, "ask the API server what it serves: connection refused"},
	} {
		err := crds{c.served}.missing()
		if got := errorText(err); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
