package failover

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

const (
	quick = "failover: {after: 10s, stabilization: 1m}"
	none  = "optimizeFor: Cost"
)

// shop is workloads of every kind on the nodes of aws.
func shop(t *testing.T) *bench { return shopIn(t, "") }

func shopIn(t *testing.T, cluster string) *bench {
	b := newBenchIn(t, cluster)
	b.claim("free", "")
	b.claim("bound", "eu-west-1a")
	b.workload("Deployment", "web", quick, nil, "aws-0", "aws-1", "gcp-0")
	b.workload("Deployment", "plain", none, nil, "aws-0", "aws-1")
	b.workload("StatefulSet", "db", quick, []string{"free"}, "aws-0")
	b.workload("StatefulSet", "pinned", quick, []string{"bound"}, "aws-1")
	b.plan()
	b.look(t.Context())
	b.replans = 0
	return b
}

// loseAWS lets the nodes of aws fall silent, the node controller notice after 50 s, and the leases confirm it.
func (b *bench) loseAWS() {
	b.pass(50*time.Second, "aws-0 aws-1 ")
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1")
	b.pass(3*time.Second, "aws-0 aws-1 ")
}

// round looks, plans and looks again, as the controllers do after a change.
func (b *bench) round() {
	b.look(b.Context())
	b.refresh()
	b.plan()
	b.look(b.Context())
	b.refresh()
}

func (b *bench) wantDeleted(want ...string) {
	b.Helper()
	slices.Sort(b.deleted)
	if !slices.Equal(b.deleted, want) {
		b.Errorf("deleted %q, not %q", b.deleted, want)
	}
}

func TestLostDomain(t *testing.T) {
	b := shop(t)
	if again := b.look(t.Context()); !again.IsZero() || b.replans > 0 {
		t.Errorf("while all is well it looks again at %s, %d plans were asked for", again, b.replans)
	}
	b.loseAWS()
	b.round()
	b.wantDeleted("db-0 at once (0)", "web-0", "web-1") // the last heartbeats are 50 s old
	if got := b.fences(); got != "aws-0" {
		t.Errorf("fenced are %q", got)
	}
	for name, want := range map[string]string{
		"deployment-web": "True DomainLost", "statefulset-db": "True DomainLost", "statefulset-pinned": "False Stays", "deployment-plain": "",
	} {
		if got := b.said(name, v1alpha1.ConditionFailedOver); got != want {
			t.Errorf("%s: FailedOver is %q, not %q", name, got, want)
		}
	}
	if b.outage("aws") != "True Lost" || b.outage("gcp") != "" || b.replans == 0 {
		t.Errorf("outages: %q and %q, %d plans were asked for", b.outage("aws"), b.outage("gcp"), b.replans)
	}
	if _, pause := b.Losses(); !strings.Contains(pause, "cloud aws is lost") {
		t.Errorf("the pause is %q", pause)
	}
	if got := b.Unavailable(b.nodes["aws-1"]); !strings.HasPrefix(got, "is in cloud aws, which is lost since 2026-03-01T12:00:00Z") {
		t.Errorf("node: %q", got)
	}
	b.round()
	b.wantDeleted("db-0 at once (0)", "web-0", "web-1")
}

// TestAfter checks that a loss must last as long as the policy says, and not shorter on the word of one observer.
func TestAfter(t *testing.T) {
	b := newBench(t)
	b.workload("Deployment", "patient", "failover: {after: 90s}", nil, "aws-0")
	b.workload("StatefulSet", "doubtful", "failover: {after: 1s}", nil, "gcp-0")
	b.plan()
	b.loseAWS()
	b.round()
	b.wantDeleted()
	b.pass(36*time.Second, "aws-0 aws-1 ")
	b.round()
	b.wantDeleted()
	b.pass(2*time.Second, "aws-0 aws-1 ")
	b.round()
	b.wantDeleted("patient-0")

	b = newBench(t)
	b.workload("Deployment", "web", quick, nil, "aws-0")
	b.workload("StatefulSet", "db", quick, nil, "aws-1")
	b.plan()
	b.ready(corev1.ConditionFalse, "aws-0", "aws-1") // by their own word: their leases are renewed
	b.pass(29 * time.Second)
	b.round()
	b.wantDeleted()
	b.pass(2 * time.Second)
	b.round()
	b.wantDeleted("web-0")
	if b.fences() != "" || b.said("statefulset-db", v1alpha1.ConditionFailedOver) != "False Stays" {
		t.Errorf("fenced are %q, the StatefulSet: %q", b.fences(), b.said("statefulset-db", v1alpha1.ConditionFailedOver))
	}
}

// TestRolloutIsReplaced: pods of Argo Rollouts were taken for a Rollout's, while the plan had a workload for each of its ReplicaSets,
// so that no policy was found for them.
func TestRolloutIsReplaced(t *testing.T) {
	b := newBench(t)
	b.workload("Rollout", "canary", quick, nil, "aws-0", "gcp-0")
	b.plan()
	b.loseAWS()
	b.round()
	b.wantDeleted("canary-0")
	if said := b.said("rollout-canary", v1alpha1.ConditionFailedOver); said != "True DomainLost" {
		t.Errorf("its Placement says %q", said)
	}
}

// TestRestartInLoss checks that a controller that starts while a domain is lost goes on, as soon as it has seen for itself for
// as long as a lease holds that others renew theirs.
func TestRestartInLoss(t *testing.T) {
	b := shop(t)
	b.loseAWS()
	b.restart()
	b.pass(time.Second, "aws-0 aws-1 ")
	b.plan()
	b.round()
	b.wantDeleted()
	b.pass(44*time.Second, "aws-0 aws-1 ")
	b.round()
	b.wantDeleted()
	b.pass(time.Second, "aws-0 aws-1 ")
	b.round()
	b.wantDeleted("db-0 at once (0)", "web-0", "web-1")
}

// TestFenceAsksAgain checks that no node is fenced of which the API server knows a sign of life that has not been seen here yet.
func TestFenceAsksAgain(t *testing.T) {
	for name, sign := range map[string]func(b *bench) error{
		"the node is ready": func(b *bench) error {
			node := b.nodes["aws-0"].DeepCopy()
			node.Status.Conditions[0].Status = corev1.ConditionTrue
			return b.api.Status().Update(b.Context(), node)
		},
		"the lease was renewed": func(b *bench) error {
			var lease coordinationv1.Lease
			if err := b.api.Get(b.Context(), client.ObjectKey{Namespace: corev1.NamespaceNodeLease, Name: "aws-0"}, &lease); err != nil {
				return err
			}
			lease.Spec.RenewTime = ptr.To(metav1.NewMicroTime(b.clock.Now()))
			return b.api.Update(b.Context(), &lease)
		},
	} {
		b := shop(t)
		b.loseAWS()
		if err := sign(b); err != nil {
			t.Fatal(err)
		}
		b.look(t.Context())
		b.wantDeleted("web-0", "web-1")
		if b.fences() != "" || b.said("statefulset-db", v1alpha1.ConditionFailedOver) != "False Stays" {
			t.Errorf("%s: fenced are %q, the StatefulSet: %q", name, b.fences(), b.said("statefulset-db", v1alpha1.ConditionFailedOver))
		}
	}
}

func TestDrill(t *testing.T) {
	b := shop(t)
	ends := b.clock.Now().Add(5 * time.Minute)
	for _, name := range []string{"aws-0", "aws-1"} {
		b.node(name, func(node *corev1.Node) {
			now := metav1.NewTime(b.clock.Now())
			node.Spec.Taints = []corev1.Taint{{Key: v1alpha1.TaintDrill, Value: strconv.FormatInt(ends.Unix(), 10),
				Effect: corev1.TaintEffectNoSchedule, TimeAdded: &now}}
		})
	}
	b.round()
	b.wantDeleted()
	b.pass(11 * time.Second)
	b.round()
	b.wantDeleted("db-0", "web-0", "web-1")
	if b.fences() != "" || b.outage("aws") != "True Lost" {
		t.Errorf("fenced are %q, the outage is %q", b.fences(), b.outage("aws"))
	}
	b.pass(5 * time.Minute)
	b.round()
	b.round()
	for _, name := range []string{"aws-0", "aws-1"} {
		if taints := b.nodes[name].Spec.Taints; len(taints) > 0 {
			t.Errorf("%s still has %v", name, taints)
		}
	}
	if b.outage("aws") != "True Returning" {
		t.Errorf("the outage is %q", b.outage("aws"))
	}
}
