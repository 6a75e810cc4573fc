package failover

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
)

// TestReturn checks that a domain counts again only when it has been back for the stabilization, also for a controller
// that was restarted meanwhile.
func TestReturn(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		for _, cluster := range []string{"", "west"} {
			t.Run(fmt.Sprintf("restarts %t, cluster %q", restarts, cluster), func(t *testing.T) { testReturn(t, restarts, cluster) })
		}
	}
}

func testReturn(t *testing.T, restarts bool, cluster string) {
	b := shopIn(t, cluster)
	pauses := func(when, want string) {
		t.Helper()
		if hold, pause := b.Losses(); hold != "" || want == "" != (pause == "") || !strings.HasPrefix(pause, want) {
			t.Errorf("%s (restarts: %v): hold %q, pause %q", when, restarts, hold, pause)
		}
	}
	pauses("before", "")
	b.loseAWS()
	b.round()
	pauses("lost", "cloud aws is lost")
	b.pass(time.Minute, "aws-0 aws-1 ")
	b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
	b.pass(time.Second)
	b.round()
	if b.outage("aws") != "True Returning" || b.fences() != "" {
		t.Errorf("back: outage %q, fenced %q", b.outage("aws"), b.fences())
	}
	if restarts {
		b.restart()
		b.pass(time.Second)
		b.round()
	}
	b.pass(57 * time.Second)
	b.round()
	pool := planning.PoolID(cluster, "aws")
	pauses("returning", "pool "+pool)
	web := workload.Key{Kind: "Deployment", Namespace: "shop", Name: "web"}
	if away := b.Ledger.Away(web); len(away) != 1 || away[0].Replicas != 2 || !strings.HasPrefix(away[0].Pool, pool) ||
		b.said("deployment-web", v1alpha1.ConditionFailedOver) != "True DomainLost" {
		t.Errorf("returning (restarts: %v): away are %v, FailedOver is %q", restarts, away,
			b.said("deployment-web", v1alpha1.ConditionFailedOver))
	}
	if b.outage("aws") != "True Returning" {
		t.Errorf("after 58 s (restarts: %v): %q", restarts, b.outage("aws"))
	}
	b.pass(3 * time.Second)
	b.round()
	if b.outage("aws") != "False Over" {
		t.Errorf("after 61 s (restarts: %v): %q", restarts, b.outage("aws"))
	}
	pauses("over", "")
	if away := b.Ledger.Away(web); len(away) != 0 || b.said("deployment-web", v1alpha1.ConditionFailedOver) != "False Settled" {
		t.Errorf("over (restarts: %v): away are %v, FailedOver is %q", restarts, away, b.said("deployment-web", v1alpha1.ConditionFailedOver))
	}
	if again := b.look(t.Context()); !again.IsZero() {
		t.Errorf("it looks again at %s", again)
	}
}

// TestFormerBlindness checks that what a version before took note of while it was blind is no outage.
func TestFormerBlindness(t *testing.T) {
	b := shop(t)
	for i := range b.Controller.round.Load().Result.Pools {
		if err := b.writePool(t.Context(), b.Controller.round.Load().Result.Pools[i].Name, metav1.Condition{
			Type: v1alpha1.ConditionOutage, Status: metav1.ConditionTrue, Reason: "LossInDoubt", Message: "cloud aws does not answer",
			LastTransitionTime: metav1.NewTime(b.clock.Now()),
		}); err != nil {
			t.Fatal(err)
		}
	}
	b.restart()
	b.pass(time.Second)
	b.plan()
	b.look(t.Context())
	for i := range b.Controller.round.Load().Result.Pools {
		if pool := &b.Controller.round.Load().Result.Pools[i]; pool.Unavailable != "" {
			t.Errorf("pool %s: %s", pool.Name, pool.Unavailable)
		}
	}
	if b.outage("aws") != "False Over" || b.outage("gcp") != "False Over" {
		t.Errorf("the outages are %q and %q", b.outage("aws"), b.outage("gcp"))
	}
}

func TestSpot(t *testing.T) {
	spot := func(node *corev1.Node) { node.Labels["eks.amazonaws.com/capacityType"] = "SPOT" }
	b := newBench(t)
	b.workload("Deployment", "web", quick, nil, "gcp-0")
	b.node("aws-0", spot)
	b.node("aws-1", spot)
	b.plan()
	b.look(t.Context())
	b.node("aws-0", func(node *corev1.Node) {
		node.Spec.Taints = []corev1.Taint{{Key: "aws-node-termination-handler/spot-itn", Effect: corev1.TaintEffectNoSchedule}}
	})
	b.round()
	if b.outage("aws") != "True TakenBack" {
		t.Fatalf("after the notice: %q", b.outage("aws"))
	}
	b.pass(30 * time.Second)
	b.deleteNode(b.nodes["aws-0"]) // 30 s later it is gone
	delete(b.nodes, "aws-0")
	b.pass(59 * time.Second)
	b.round()
	if b.outage("aws") != "True TakenBack" {
		t.Errorf("59 s after the node went: %q", b.outage("aws"))
	}
	b.pass(2 * time.Second)
	b.round()
	if b.outage("aws") != "False Over" {
		t.Errorf("61 s after the node went: %q", b.outage("aws"))
	}
	b.node("aws-1", func(node *corev1.Node) {
		node.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule}}
	})
	b.deleteNode(b.nodes["aws-1"])
	delete(b.nodes, "aws-1")
	b.round()
	if b.outage("aws") != "False Over" {
		t.Errorf("a node that was removed on purpose: %q", b.outage("aws"))
	}
}

// TestOneEditorsStabilization lets an editor of one namespace ask for a week: what concerns everybody counts again after ten minutes.
func TestOneEditorsStabilization(t *testing.T) {
	b := shop(t)
	b.workload("Deployment", "vain", "failover: {after: 10s, stabilization: 168h}", nil, "gcp-0")
	b.loseAWS()
	b.round()
	b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
	b.pass(time.Second)
	b.round()
	if _, pause := b.Losses(); pause == "" {
		t.Error("aws counts again at once")
	}
	b.pass(loss.DefaultStabilization + time.Minute)
	b.round()
	if hold, pause := b.Losses(); hold != "" || pause != "" {
		t.Errorf("after ten minutes: %s %s", hold, pause)
	}
}
