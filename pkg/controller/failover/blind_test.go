package failover

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
