package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// dearGCP makes aws the cheapest place by far.
const dearGCP = `
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: dear}
spec: {instances: [{cloud: gcp, instanceType: e2-standard-4, hourlyUSD: "4"}]}
`

// brief is a policy that lets a loss last three seconds.
const brief = `failover: {after: 3s, stabilization: 5s%s}`

// statefulSet is a StatefulSet of one replica with a volume.
const statefulSet = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  claimRef: {namespace: NAMESPACE, name: data-%[1]s-0}
  nfs: {server: nfs.example.com, path: /%[1]s}
%[2]s
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %[1]s, namespace: NAMESPACE}
spec:
  replicas: 1
  serviceName: %[1]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      schedulerName: tradewind
      containers: [{name: main, image: main, resources: {requests: {cpu: 100m, memory: 64Mi}}, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: manual, resources: {requests: {storage: 1Gi}}}
`

// zonal binds a volume to aws.
const zonal = `  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1a]}]}]}}`

// TestLostCloud loses a cloud: what its policy says is replaced on the other one, nothing else is touched, volumes are not
// attached twice, and what was replaced returns when the cloud has been back for a while.
//
// By invoice nothing would return here: machines of gcp stay in use by what may not leave, and those of aws by what never left.
// TestRestartWhileLost has a return by invoice.
func TestLostCloud(t *testing.T) {
	e := newMovingEnv(t, twoClouds, "--objective=shares")
	e.apply(dearGCP)
	for name, failback := range map[string]string{"web": "", "stays": ", failback: Never", "db": "", "pinned": ""} {
		e.policy(name, fmt.Sprintf(brief, failback))
	}
	e.policy("plain", "optimizeFor: Cost")
	for _, name := range []string{"web", "stays", "plain"} {
		e.deployment(name, 4)
	}
	e.apply(fmt.Sprintf(statefulSet, "db", ""))
	e.apply(fmt.Sprintf(statefulSet, "pinned", zonal))
	for _, name := range []string{"web", "stays", "plain"} {
		e.ready(name, map[string]int{"aws": 4})
	}
	e.ready("db", map[string]int{"aws": 1})
	e.ready("pinned", map[string]int{"aws": 1})
	e.poolsSay("aws", v1alpha1.ConditionAvailable, metav1.ConditionTrue, "")
	plain, pinned := e.uids("plain"), e.uids("pinned")
	hosts, fenced := map[string]string{}, e.nodeOf("db-0")
	for name := range plain {
		hosts[name] = e.nodeOf(name)
	}

	begun := time.Now()
	e.lose("aws")
	e.ready("web", map[string]int{"gcp": 4})
	t.Logf("4 replicas run elsewhere %.1f s after the last heartbeats", time.Since(begun).Seconds())
	e.ready("stays", map[string]int{"gcp": 4})
	e.ready("db", map[string]int{"gcp": 1})
	t.Logf("the StatefulSet runs elsewhere %.1f s after the last heartbeats", time.Since(begun).Seconds())
	for _, name := range []string{"deployment-web", "deployment-stays", "statefulset-db"} {
		found := e.says(name, v1alpha1.ConditionFailedOver, metav1.ConditionTrue, "DomainLost")
		if len(found.Status.Moved) == 0 || found.Status.Moved[0].Reason != "Failover" {
			t.Errorf("Placement %s: moved is %+v", name, found.Status.Moved)
		}
	}
	e.says("statefulset-pinned", v1alpha1.ConditionFailedOver, metav1.ConditionFalse, "Stays")
	e.poolsSay("aws", v1alpha1.ConditionOutage, metav1.ConditionTrue, "Lost")
	e.poolsSay("aws", v1alpha1.ConditionAvailable, metav1.ConditionFalse, "")
	if n := e.tainted("aws", corev1.TaintNodeOutOfService); n != 1 {
		t.Errorf("%d nodes are fenced; only that of the StatefulSet with a volume that can follow should be", n)
	}
	now := e.uids("plain")
	for name, uid := range plain { // the taint of a fenced node is for all its pods
		if now[name] != uid && hosts[name] != fenced {
			t.Errorf("pod %s on %s was replaced, without failover in its policy", name, hosts[name])
		}
	}
	if now := e.uids("pinned"); !maps.Equal(now, pinned) {
		t.Errorf("the pod of a volume that cannot follow was replaced: %v, before %v", now, pinned)
	}

	e.restore("aws")
	e.poolsSay("aws", v1alpha1.ConditionOutage, metav1.ConditionTrue, "Returning")
	e.poolsSay("aws", v1alpha1.ConditionOutage, metav1.ConditionFalse, "Over")
	e.ready("web", map[string]int{"aws": 4})
	e.says("deployment-web", v1alpha1.ConditionFailedOver, metav1.ConditionFalse, "Returned")
	// Nothing says where a volume of NFS can be attached, so the plan leaves it.
	e.says("statefulset-db", v1alpha1.ConditionFailedOver, metav1.ConditionFalse, "Settled")
	e.ready("stays", map[string]int{"gcp": 4})
	e.says("deployment-stays", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "NotEnabled")
	if n := e.tainted("aws", corev1.TaintNodeOutOfService); n != 0 {
		t.Errorf("%d nodes are still fenced", n)
	}
}

// TestLostNode loses one node of several: Kubernetes handles that, nothing is failed over.
func TestLostNode(t *testing.T) {
	e := newMovingEnv(t, twoClouds+"- {name: lone, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.large, count: 1}\n")
	e.apply(dearGCP)
	e.policy("web", fmt.Sprintf(brief, ""))
	e.deployment("web", 6)
	e.spreadOf("web", 6)
	before := e.uids("web")
	e.lose("lone")
	e.cluster.WaitForNodesReady(t, "lone", false)
	time.Sleep(6 * time.Second) // twice as long as the policy lets a loss last
	if now := e.uids("web"); !maps.Equal(now, before) {
		t.Errorf("pods were replaced: %v, before %v", now, before)
	}
}

// TestEverythingLost loses all nodes: it may be the control plane that is cut off, so nothing is done.
func TestEverythingLost(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", fmt.Sprintf(brief, ""))
	e.deployment("web", 2)
	e.ready("web", map[string]int{"aws": 2})
	before := e.uids("web")
	e.lose("aws")
	e.lose("gcp")
	e.cluster.WaitForNodesReady(t, "", false)
	e.wait("the controller to say that it does nothing", func(context.Context) error {
		if text := e.process.Log(t); !strings.Contains(text, "Nothing is failed over") {
			return fmt.Errorf("it says %q", text[max(0, len(text)-400):])
		}
		return nil
	})
	time.Sleep(6 * time.Second) // twice as long as the policy lets a loss last
	if now := e.uids("web"); !maps.Equal(now, before) {
		t.Errorf("pods were replaced: %v, before %v", now, before)
	}
}

// TestRestartWhileLost restarts the controller twice in a loss: it goes on where it was.
func TestRestartWhileLost(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", fmt.Sprintf(brief, ""))
	e.deployment("web", 3)
	e.ready("web", map[string]int{"aws": 3})
	e.poolsSay("aws", v1alpha1.ConditionAvailable, metav1.ConditionTrue, "")
	e.process.Stop(t)
	e.lose("aws")
	e.cluster.WaitForNodesReady(t, "aws", false)
	e.startController()
	e.ready("web", map[string]int{"gcp": 3})
	e.says("deployment-web", v1alpha1.ConditionFailedOver, metav1.ConditionTrue, "DomainLost")
	e.poolsSay("aws", v1alpha1.ConditionOutage, metav1.ConditionTrue, "Lost")
	e.process.Stop(t)
	e.restore("aws")
	e.cluster.WaitForNodesReady(t, "aws", true)
	e.startController()
	e.poolsSay("aws", v1alpha1.ConditionOutage, metav1.ConditionFalse, "Over")
	e.ready("web", map[string]int{"aws": 3})
	e.says("deployment-web", v1alpha1.ConditionFailedOver, metav1.ConditionFalse, "Returned")
}
