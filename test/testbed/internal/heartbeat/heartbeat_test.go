package heartbeat

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

const (
	patience = 4 * time.Minute
	lease    = 2 * time.Second
)

// hearts runs the heartbeats of some nodes that are added at the same time.
func hearts(t *testing.T, nodes int) *fake.Clientset {
	t.Helper()
	var objects []runtime.Object
	for i := range nodes {
		objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i), UID: "u"}})
	}
	client := fake.NewClientset(objects...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, client, "", lease) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return client
}

func leases(t *testing.T, client *fake.Clientset) map[string]coordinationv1.Lease {
	t.Helper()
	list, err := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]coordinationv1.Lease{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i]
	}
	return out
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}

// Nodes that are added together do not renew together: nowhere in an interval is half of it without a renewal.
func TestEveryNodeHasAPhaseOfItsOwn(t *testing.T) {
	const nodes, renewed = 60, 4
	client := hearts(t, nodes)
	writes := map[string]int{}
	last := map[string]time.Time{}
	eventually(t, "every lease is renewed four times", func() bool {
		for name, l := range leases(t, client) {
			if at := l.Spec.RenewTime.Time; !at.Equal(last[name]) {
				writes[name]++
				last[name] = at
			}
			if *l.Spec.HolderIdentity != name || *l.Spec.LeaseDurationSeconds != int32(lease.Seconds()) || l.OwnerReferences[0].Name != name {
				t.Fatalf("lease %s is %+v of %+v", name, l.Spec, l.OwnerReferences)
			}
		}
		least := renewed
		for _, n := range writes {
			least = min(least, n)
		}
		return len(writes) == nodes && least >= renewed
	})
	var phases []time.Duration
	for _, at := range last {
		phases = append(phases, time.Duration(at.UnixNano())%Interval(lease))
	}
	slices.Sort(phases)
	longest := phases[0] + Interval(lease) - phases[nodes-1]
	for i := 1; i < nodes; i++ {
		longest = max(longest, phases[i]-phases[i-1])
	}
	if longest > Interval(lease)/2 {
		t.Errorf("no lease is renewed in %s of every %s: %v", longest, Interval(lease), phases)
	}
}

// A deleted lease is made anew, and a node that is there no more is silent.
func TestLeasesComeAndGoWithTheirNodes(t *testing.T) {
	client := hearts(t, 2)
	eventually(t, "the leases are there", func() bool { return len(leases(t, client)) == 2 })
	if err := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Delete(t.Context(), "node-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the deleted lease is there again", func() bool { return len(leases(t, client)) == 2 })
	if err := client.CoreV1().Nodes().Delete(t.Context(), "node-1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Silent: while the other is renewed three times, it is not.
	eventually(t, "the removed node is silent", func() bool {
		before := leases(t, client)
		for n, last := 0, before["node-0"]; n < 3; time.Sleep(10 * time.Millisecond) {
			if now := leases(t, client)["node-0"]; !now.Spec.RenewTime.Equal(last.Spec.RenewTime) {
				n, last = n+1, now
			}
		}
		return leases(t, client)["node-1"].Spec.RenewTime.Equal(before["node-1"].Spec.RenewTime)
	})
}
