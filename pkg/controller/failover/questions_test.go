package failover

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestQuestionsWaitForNobody asks what others ask while the controller is at work: nothing of it waits for the lock, and nothing is
// read, since there is no API server.
func TestQuestionsWaitForNobody(t *testing.T) {
	b := shop(t)
	b.loseAWS()
	b.round()
	b.Client, b.Fresh = nil, nil
	b.Controller.mu.Lock()
	defer b.Controller.mu.Unlock()
	if _, pause := b.Losses(); !strings.HasPrefix(pause, "cloud aws is lost") {
		t.Errorf("the pause is %q", pause)
	}
	if doubts := b.Doubts(); doubts.All != "" || len(doubts.Nodes) > 0 {
		t.Errorf("of what is lost there are the doubts %+v", doubts)
	}
	round := b.Controller.round.Load()
	for i := range round.Result.Pools {
		pool := &round.Result.Pools[i]
		if got := b.PoolUnavailable(pool); strings.HasPrefix(got, "cloud aws is lost since") != (pool.At.Cloud == "aws") {
			t.Errorf("pool %s: %q", pool.Name, got)
		}
	}
}

// TestQuestionsBeforeALook lets things happen that no look has seen yet: what is asked meanwhile is answered by them.
func TestQuestionsBeforeALook(t *testing.T) {
	t.Run("no kubelet renews its lease", func(t *testing.T) {
		b := shop(t)
		b.pass(25*time.Second, "aws-0 aws-1 gcp-0 gcp-1 ")
		if hold, _ := b.Losses(); !strings.HasPrefix(hold, "no node renews its lease since") {
			t.Errorf("moves are held because of %q", hold)
		}
	})
	t.Run("a node is not ready any more", func(t *testing.T) {
		b := shop(t)
		b.ready(corev1.ConditionUnknown, "aws-0")
		if doubts := b.Doubts(); doubts.All != "" || doubts.Nodes["aws-0"] != "node aws-0 is not ready, and not judged yet" {
			t.Errorf("the doubts are %+v", doubts)
		}
		if _, pause := b.Losses(); !strings.HasPrefix(pause, "node aws-0 is out of order") {
			t.Errorf("the pause is %q", pause)
		}
		b.look(t.Context())
		if _, pause := b.Losses(); pause != "" || b.replans == 0 {
			t.Errorf("it is judged: the pause is %q, %d plans were asked for", pause, b.replans)
		}
	})
	t.Run("a spot node is taken back", func(t *testing.T) {
		b := shop(t)
		b.node("aws-0", func(node *corev1.Node) {
			node.Labels["eks.amazonaws.com/capacityType"] = "SPOT"
			node.Spec.Taints = []corev1.Taint{{Key: "aws-node-termination-handler/spot-itn", Effect: corev1.TaintEffectNoSchedule}}
		})
		b.wantAbsent("aws", "spot capacity was taken back at")
	})
	t.Run("the controller starts while nodes are out of order", func(t *testing.T) {
		b := shop(t)
		b.loseAWS()
		b.restart()
		if doubts := b.Doubts(); doubts.All == "" && len(doubts.Nodes) == 0 {
			t.Error("nobody doubts nodes that are not ready and were not judged yet")
		}
	})
	t.Run("the controller has just started", func(t *testing.T) {
		b := shop(t)
		b.loseAWS()
		b.round()
		b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
		b.pass(time.Second)
		b.round()
		round := b.Controller.round.Load()
		b.restart()
		b.Controller.round.Store(round)
		b.wantAbsent("aws", "all of it is lost since")
		if hold, _ := b.Losses(); hold == "" {
			t.Error("replicas may be moved before any node was judged")
		}
		b.replans = 0
		b.look(t.Context())
		if b.replans == 0 {
			t.Error("the nodes are judged for the first time, and no plan was asked for")
		}
	})
}

// wantAbsent checks that the pool of one cloud alone does not count, and why.
func (b *bench) wantAbsent(cloud, why string) {
	b.Helper()
	round := b.Controller.round.Load()
	for i := range round.Result.Pools {
		pool := &round.Result.Pools[i]
		if got := b.PoolUnavailable(pool); (got != "") != (pool.At.Cloud == cloud) || got != "" && !strings.HasPrefix(got, why) {
			b.Errorf("pool %s of %s: %q, want %q of %s", pool.Name, pool.At.Cloud, got, why, cloud)
		}
	}
}
