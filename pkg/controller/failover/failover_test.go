package failover

import (
	"fmt"
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
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
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
	if away := b.Ledger.Away(web); len(away) != 1 || away[0].Replicas != 2 || !strings.HasPrefix(away[0].Pool, pool) || b.said("deployment-web", v1alpha1.ConditionFailedOver) != "True DomainLost" {
		t.Errorf("returning (restarts: %v): away are %v, FailedOver is %q", restarts, away, b.said("deployment-web", v1alpha1.ConditionFailedOver))
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

// wantBlind checks that nothing was done, and whether all that is seen of nodes is in doubt.
func (b *bench) wantBlind(when, hold string, doubted bool) {
	b.Helper()
	b.look(b.Context())
	b.wantDeleted()
	if got, _ := b.Losses(); !strings.Contains(got, hold) || hold == "" && got != "" {
		b.Errorf("%s: moves are held because of %q", when, got)
	}
	if got := b.Doubts(); (got.All != "") != doubted {
		b.Errorf("%s: in doubt: %+v", when, got)
	}
	if b.fences() != "" || b.outage("aws") != "" || b.outage("gcp") != "" {
		b.Errorf("%s: fenced are %q, the outages are %q and %q", when, b.fences(), b.outage("aws"), b.outage("gcp"))
	}
	for i := range b.Controller.round.Load().Result.Pools {
		if pool := &b.Controller.round.Load().Result.Pools[i]; b.PoolUnavailable(pool) != "" {
			b.Errorf("%s: pool %s: %s", when, pool.Name, b.PoolUnavailable(pool))
		}
	}
}

// TestCutOff cuts all kubelets off at a time when the leases of aws are older than those of gcp, so that the node controller
// misses aws first; then all come back, gcp first. All the time nothing is done, and afterwards all is as if nothing had been.
func TestCutOff(t *testing.T) {
	all := "aws-0 aws-1 gcp-0 gcp-1 "
	b := shop(t)
	b.pass(8*time.Second, "aws-0 aws-1 ")
	b.wantBlind("at first", "", false)
	b.pass(20*time.Second, all)
	b.wantBlind("a renewal missed", "", false)
	b.pass(time.Second, all)
	b.wantBlind("two renewals missed", "no node renews its lease since", false)
	b.pass(21*time.Second, all)
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1")
	for range 8 {
		b.wantBlind("aws is missed", "no node renews its lease since 2026-03-01T12:00:08Z: it may be", true)
		b.pass(time.Second, all)
	}
	b.ready(corev1.ConditionUnknown, "gcp-0", "gcp-1")
	b.pass(10*time.Minute, all)
	b.wantBlind("all are missed", "no node renews its lease since 2026-03-01T12:00:08Z", true)
	b.pass(time.Second, "aws-0 aws-1 ")
	b.ready(corev1.ConditionTrue, "gcp-0", "gcp-1")
	b.wantBlind("gcp is back", "others may be heard of until", true)
	b.pass(30*time.Second, "aws-0 aws-1 ")
	b.wantBlind("gcp is back for half a minute", "others may be heard of until", true)
	b.pass(time.Second)
	b.wantBlind("aws is heard of", "others may be heard of until", true)
	b.ready(corev1.ConditionTrue, "aws-0")
	b.ready(corev1.ConditionTrue, "aws-1")
	b.replans = 0
	b.wantBlind("all are back", "", false)
	if b.replans == 0 {
		t.Error("all are back, and no plan was asked for")
	}
}

// TestBlind checks that a domain that stays lost after all were cut off is replaced, once all others had time to come back.
func TestBlind(t *testing.T) {
	b := shop(t)
	b.pass(50*time.Second, "aws-0 aws-1 gcp-0 gcp-1 ")
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1", "gcp-0", "gcp-1")
	b.wantBlind("all are missed", "no node renews its lease", true)
	b.pass(time.Second, "aws-0 aws-1 ")
	b.ready(corev1.ConditionTrue, "gcp-0", "gcp-1")
	b.wantBlind("gcp is back", "others may be heard of", true)
	b.pass(44*time.Second, "aws-0 aws-1 ")
	b.wantBlind("gcp is back for 44 s", "others may be heard of", true)
	b.pass(time.Second, "aws-0 aws-1 ")
	b.round()
	b.wantDeleted("db-0 at once (0)", "web-0", "web-1")
}

// TestNodeController lets the node controller take all nodes for silent although they renew their leases, and then those of one
// cloud: nothing is done for as long as a doubt lasts, and when they are ready again all is as it was.
func TestNodeController(t *testing.T) {
	b := shop(t)
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1", "gcp-0", "gcp-1")
	b.pass(10 * time.Minute)
	b.wantBlind("all are not ready", "4 of 4 nodes look lost", true)
	b.ready(corev1.ConditionTrue, "gcp-0", "gcp-1")
	b.pass(20 * time.Second)
	b.wantBlind("gcp is ready again", "most nodes looked lost just now", true)
	b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
	b.pass(time.Second)
	b.wantBlind("all are ready again", "", false)

	b.pass(2 * time.Minute)
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1")
	b.pass(29 * time.Second)
	b.wantBlind("aws is not ready", "", false)
	if got := b.Doubts().Nodes["aws-0"]; !strings.HasPrefix(got, "node aws-0 is not ready, and not known to be lost before") {
		t.Errorf("aws is not ready: in doubt because %q", got)
	}
	if _, pause := b.Losses(); !strings.HasPrefix(pause, "cloud aws is out of order") {
		t.Errorf("aws is not ready: paused because of %q", pause)
	}
	b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
	b.pass(time.Second)
	b.wantBlind("aws is ready again", "", false)
	if got := b.Doubts().Nodes; len(got) > 0 {
		t.Errorf("aws is ready again: in doubt are %v", got)
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

// TestJoining checks that a pool whose nodes have not been ready yet is not lost.
func TestJoining(t *testing.T) {
	b := newBench(t)
	b.workload("Deployment", "web", quick, nil, "gcp-0")
	b.ready(corev1.ConditionFalse, "aws-0", "aws-1")
	for _, name := range []string{"aws-0", "aws-1"} {
		b.nodes[name].CreationTimestamp = metav1.NewTime(b.clock.Now())
		b.setNode(b.nodes[name])
	}
	b.plan()
	b.pass(10 * time.Minute)
	b.wantBlind("nodes join", "", false)
}

func TestDrill(t *testing.T) {
	b := shop(t)
	ends := b.clock.Now().Add(5 * time.Minute)
	for _, name := range []string{"aws-0", "aws-1"} {
		b.node(name, func(node *corev1.Node) {
			now := metav1.NewTime(b.clock.Now())
			node.Spec.Taints = []corev1.Taint{{Key: v1alpha1.TaintDrill, Value: strconv.FormatInt(ends.Unix(), 10), Effect: corev1.TaintEffectNoSchedule, TimeAdded: &now}}
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

// TestHastyPolicy checks that a policy that waits for nothing makes nobody else's place count as lost while kubelets start anew.
func TestHastyPolicy(t *testing.T) {
	b := newBench(t)
	b.workload("Deployment", "web", none, nil, "aws-0", "aws-1")
	b.workload("Deployment", "hasty", "failover: {after: 0s, stabilization: 168h}", nil)
	b.plan()
	b.look(t.Context())
	b.ready(corev1.ConditionFalse, "aws-0", "aws-1")
	b.pass(20 * time.Second)
	b.round()
	if got := b.Unavailable(b.nodes["aws-0"]); got != "" || b.outage("aws") != "" || len(b.Doubts().Nodes) != 2 {
		t.Errorf("while its kubelets start anew aws is unavailable (%q), its outage %q, doubts %v", got, b.outage("aws"), b.Doubts())
	}
	b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
	b.pass(time.Minute)
	b.round()
	if _, pause := b.Losses(); pause != "" || b.outage("aws") != "" {
		t.Errorf("afterwards the pause is %q, the outage %q", pause, b.outage("aws"))
	}
}

// TestCutOffAndHasty cuts all kubelets off where the node controller waits for 16 s only and a policy for next to nothing, so that
// nodes are given up before renewals are missed. Those of gcp renewed 9 s after those of aws.
func TestCutOffAndHasty(t *testing.T) {
	for _, after := range []string{"0s", "1s", "3s"} {
		b := newBench(t)
		b.workload("Deployment", "web", "failover: {after: "+after+"}", nil, "aws-0", "aws-1")
		b.plan()
		b.look(t.Context())
		b.renew("aws-0")
		b.renew("aws-1")
		b.clock.Step(9 * time.Second)
		b.renew("gcp-0")
		b.renew("gcp-1")
		b.clock.Step(8 * time.Second)
		b.ready(corev1.ConditionUnknown, "aws-0", "aws-1")
		for range 30 {
			b.clock.Step(time.Second)
			b.round()
		}
		if len(b.deleted) > 0 || b.outage("aws") != "" || b.Doubts().All == "" {
			t.Errorf("after %s: deleted %q, outage %q, doubts %q", after, b.deleted, b.outage("aws"), b.Doubts().All)
		}
	}
}

// TestLeaseOfNoNode checks that a lease that is renewed and is no node's is no witness that kubelets reach the API server.
func TestLeaseOfNoNode(t *testing.T) {
	b := shop(t)
	for range 10 {
		b.clock.Step(5 * time.Second)
		b.renewedAt("nobody", b.clock.Now())
	}
	b.ready(corev1.ConditionUnknown, "aws-0", "aws-1")
	for range 10 {
		b.clock.Step(5 * time.Second)
		b.renewedAt("nobody", b.clock.Now())
		b.round()
	}
	b.wantDeleted()
	if b.outage("aws") != "" || b.fences() != "" || b.Doubts().All == "" {
		t.Errorf("outage %q, fenced are %q, doubts %q", b.outage("aws"), b.fences(), b.Doubts().All)
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

// TestShunned lets a node be ready again before the node controller takes its taint away: what runs there keeps its plan until then.
func TestShunned(t *testing.T) {
	b := shop(t)
	if doubts := b.Doubts(); doubts.All != "" || len(doubts.Nodes) > 0 {
		t.Errorf("at first: %+v", doubts)
	}
	b.node("aws-0", func(node *corev1.Node) {
		node.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule}}
	})
	if doubts := b.Doubts(); doubts.All != "" || len(doubts.Nodes) != 1 || doubts.Nodes["aws-0"] == "" {
		t.Errorf("with the taint: %+v", doubts)
	}
	b.node("aws-0", func(node *corev1.Node) { node.Spec.Taints = nil })
	if doubts := b.Doubts(); len(doubts.Nodes) > 0 {
		t.Errorf("without it: %+v", doubts)
	}
}
