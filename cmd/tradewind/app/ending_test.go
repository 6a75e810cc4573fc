package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// endingShop is liveShop with machines that have prices, and with what runs in a namespace that is being deleted: a workload that a policy
// selects, on a machine of aws of its own, and a pod made by hand.
func endingShop(t *testing.T, deleted bool) *state.Snapshot {
	t.Helper()
	lists := liveShop(t).Lists
	types := map[string]string{"a": "m5.xlarge", "g": "e2-standard-4"}
	for _, node := range lists.Nodes {
		node.Labels[corev1.LabelInstanceTypeStable] = types[node.Name]
		node.Labels["node.kubernetes.io/lifecycle"] = "on-demand"
	}
	other := lists.Nodes[0].DeepCopy()
	if other.Name != "a" {
		other = lists.Nodes[1].DeepCopy()
	}
	other.Name, other.Spec.ProviderID = "b", "aws:///eu-west-1a/i-0123456789abcdef1"
	other.Labels[corev1.LabelInstanceTypeStable] = "m5.2xlarge"
	lists.Nodes = append(lists.Nodes, other)
	if deleted {
		lists.Namespaces = append(lists.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: "gone", DeletionTimestamp: ptr.To(metav1.NewTime(time.Unix(1, 0))), Finalizers: []string{"example.com/slow"},
		}})
		for _, deployment := range lists.Deployments {
			if deployment.Name == "web" {
				old := deployment.DeepCopy()
				old.Namespace = "gone"
				lists.Deployments = append(lists.Deployments, old)
			}
		}
		for _, set := range lists.ReplicaSets {
			if set.Name == "web-1" {
				old := set.DeepCopy()
				old.Namespace = "gone"
				lists.ReplicaSets = append(lists.ReplicaSets, old)
			}
		}
		for _, policy := range lists.PlacementPolicies {
			if policy.Name == "web" {
				old := policy.DeepCopy()
				old.Namespace = "gone"
				lists.PlacementPolicies = append(lists.PlacementPolicies, old)
			}
		}
		for _, pod := range lists.Pods {
			if pod.Labels["app"] == "web" {
				old := pod.DeepCopy()
				old.Namespace, old.Spec.NodeName = "gone", "b"
				lists.Pods = append(lists.Pods, old)
			}
		}
		lists.Pods = append(lists.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "gone", Name: "by-hand"}, Spec: corev1.PodSpec{NodeName: "a"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
	snapshot, err := state.NewSnapshot(lists, location.DefaultOptions(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// TestDrillOfEndingNamespaces: a drill waited for what goes with its namespace to come up again, and said that it was not back in time.
func TestDrillOfEndingNamespaces(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		var problems bytes.Buffer
		d := &drill{
			env:   &environment{out: &problems, err: &problems, data: &problems, terminal: &problems, now: time.Now},
			flags: newClusterFlags(), lose: "cloud=aws", schedulers: defaultSchedulers,
		}
		var err error
		if d.place, err = parsePlace("--lose", d.lose); err != nil {
			t.Fatal(err)
		}
		o, _, err := d.prepare(endingShop(t, deleted))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range o.Workloads {
			if w.Namespace == "gone" {
				t.Errorf("%+v is to come back", w)
			}
		}
		want := 0
		if deleted {
			want = 3
		}
		if o.EndingPods != want || len(o.Workloads) == 0 {
			t.Errorf("%d pods go with their namespaces, want %d; of workloads %+v", o.EndingPods, want, o.Workloads)
		}
		var text strings.Builder
		if err := o.Text(&text); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(text.String(), "\n3 pods go with their namespaces, which are being deleted.\n"); said != deleted {
			t.Errorf("deleted %t: it prints\n%s", deleted, text.String())
		}
		o.Workloads = nil
		if said := strings.Contains(o.nothing(), "outside of namespaces that are being deleted"); said != deleted {
			t.Errorf("deleted %t: %s", deleted, o.nothing())
		}
	}
}

// TestDrainInvoiceOfEndingNamespaces: with the place empty nobody pays for its machines; those were counted that hold what goes with its
// namespace, and as it runs they are in use.
func TestDrainInvoiceOfEndingNamespaces(t *testing.T) {
	preview := func(snapshot *state.Snapshot) *drained {
		d := &drain{flags: newClusterFlags(), schedulers: defaultSchedulers, objective: string(engine.ObjectiveShares)}
		var err error
		if d.place, err = parsePlace("drain", "cloud=aws"); err != nil {
			t.Fatal(err)
		}
		out, err := d.preview(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	without, with := preview(endingShop(t, false)), preview(endingShop(t, true))
	if with.EndingPods != 3 || without.AfterInvoiceUSD <= 0 || with.AfterInvoiceUSD != without.AfterInvoiceUSD {
		t.Errorf("with %d pods that go with their namespaces $%g with the place empty, $%g without them", with.EndingPods, with.AfterInvoiceUSD, without.AfterInvoiceUSD)
	}
	if with.BeforeInvoiceUSD <= without.BeforeInvoiceUSD {
		t.Errorf("as it runs $%g with them, $%g without them: a machine is theirs", with.BeforeInvoiceUSD, without.BeforeInvoiceUSD)
	}
	if len(with.broken) > 0 {
		t.Errorf("refused for %q", with.broken)
	}
}
