package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// statefulOf is a StatefulSet without volumes; more are further fields of the spec of its pods.
func statefulOf(name string, replicas int, cpu, more string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: %[1]s, namespace: shop}, spec: {replicas: %[2]d, serviceName: %[1]s, selector: {matchLabels: {app: %[1]s}}, template: %[3]s}}`,
		name, replicas, podOf(name, cpu, more))
}

// runningPod is a pod of a StatefulSet that runs on a node.
func runningPod(name string, number int, node string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %[1]s-%[2]d, namespace: shop, labels: {app: %[1]s},
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: %[1]s, uid: u-%[1]s, controller: true}]},
  spec: {nodeName: %[3]s, containers: [{name: c, image: i, resources: {requests: {cpu: 100m, memory: 256Mi}}}]}, status: {phase: Running}}`, name, number, node)
}

// require is a required term of affinity ("podAffinity") or anti-affinity of pods to an application.
func require(kind, key, app string) string {
	return fmt.Sprintf("%s: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: %s, labelSelector: {matchLabels: {app: %s}}}]}", kind, key, app)
}

func requiring(terms ...string) string { return ", affinity: {" + strings.Join(terms, ", ") + "}" }

// TestSimulateContradictions plans manifests that ask for what cannot be: what is wrong is said at the workload with the smallest set of
// rules in conflict, the rest is planned, and nothing that runs is moved.
func TestSimulateContradictions(t *testing.T) {
	const (
		zone, host = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
		near, away = "podAffinity", "podAntiAffinity"
	)
	nodes := joined(nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1b", "3"))
	bystander := joined(statefulOf("ok", 1, "100m", ""), runningPod("ok", 0, "n2"))
	circle := func(more ...string) string {
		return joined(append(more, statefulOf("a", 1, "100m", requiring(require(near, zone, "b"))), statefulOf("b", 1, "100m", requiring(require(near, zone, "c"))),
			statefulOf("c", 1, "100m", requiring(require(near, zone, "a"))))...)
	}
	disk := func(of string) string { return volumeOf("pv", "csi: {driver: csi.example, volumeHandle: v}", host, of) }
	for _, c := range []struct {
		name, files string
		unplaced    string // workloads of which replicas have no place
		workload    string
		rules       []string
		says        string // of the workload, or on standard error
	}{
		{"near one that keeps away", joined(statefulOf("cache", 1, "100m", requiring(require(away, zone, "web"))), statefulOf("web", 1, "100m", requiring(require(near, zone, "cache")))),
			"web", "web", []string{"podAffinity", "podAntiAffinity"}, "pod anti-affinity of StatefulSet shop/cache"},
		{"near one that keeps away, and both run", joined(statefulOf("cache", 1, "100m", requiring(require(away, zone, "web"))), runningPod("cache", 0, "n1"),
			statefulOf("web", 1, "100m", requiring(require(near, zone, "cache"))), runningPod("web", 0, "n1")), "", "", nil, ""},
		{"near and away from the same", joined(statefulOf("cache", 1, "100m", ""), runningPod("cache", 0, "n1"),
			statefulOf("web", 2, "100m", requiring(require(near, host, "cache"), require(away, host, "cache"))), runningPod("web", 0, "n1")),
			"web", "web", []string{"podAffinity", "podAntiAffinity"}, "pod affinity over kubernetes.io/hostname to app=cache"},
		{"a circle of affinity", circle(), "a b c", "a", []string{"podAffinity"}, "wait for its own in turn"},
		{"a circle that runs", circle(runningPod("a", 0, "n1"), runningPod("b", 0, "n1"), runningPod("c", 0, "n1")), "", "", nil, ""},
		{"a circle of which two run apart", circle(runningPod("a", 0, "n1"), runningPod("b", 0, "n2")), "", "", nil, ""},
		{"spread over what no node has", statefulOf("web", 2, "100m", ", topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]"),
			"web", "web", []string{"topologySpread"}, "which is a label that no node has"},
		{"near over what no node has, and it runs", joined(statefulOf("web", 1, "100m", requiring(require(near, "rack", "ok"))), runningPod("web", 0, "n1")), "", "", nil, ""},
		{"a volume whose node is gone", joined(disk("n9"), claimOf("data", "disks", "pv", "ReadWriteOnce"), statefulOf("db", 1, "100m", usesData)),
			"db", "db", []string{"volume"}, "claim data"},
		{"a claim of a class that was deleted", joined(claimOf("data", "gone", "", "ReadWriteOnce"), classOf("disks", "ebs.csi.aws.com", "WaitForFirstConsumer", ""), statefulOf("db", 1, "100m", usesData)),
			"db", "db", []string{"volume"}, "StorageClass gone"},
		{"a volume of a class that was deleted", joined(disk("n1"), claimOf("data", "gone", "pv", "ReadWriteOnce"), classOf("disks", "ebs.csi.aws.com", "WaitForFirstConsumer", ""),
			statefulOf("db", 1, "100m", usesData)), "", "", nil, ""},
		{"a driver that attaches nothing", joined(ebs("pv", "eu-west-1a"), claimOf("data", "disks", "pv", "ReadWriteOnce"),
			"{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n1}, spec: {drivers: [{name: ebs.csi.aws.com, nodeID: i-1, topologyKeys: [topology.ebs.csi.aws.com/zone], allocatable: {count: 0}}]}}",
			statefulOf("db", 1, "100m", usesData)), "db", "db", nil, ""},
		{"a quantity beyond all", statefulOf("web", 1, "1e12", ""), "web", "web", []string{"size"}, "no node is large enough"},
		{"a negative quantity", statefulOf("web", 1, `"-1"`, ""), "", "", nil, "requests"},
		{"a negative number of replicas", statefulOf("web", -3, "100m", ""), "", "", nil, "replicas"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			_, plan, stderr := simulate(t, joined(nodes, bystander, c.files), "--no-losses", "--objective", "shares", "-f", "-")
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %s", took)
			}
			checkPlan(t, &plan)
			var unplaced []string
			said := stderr
			for i := range plan.Placements {
				w := &plan.Placements[i]
				if w.Unplaced > 0 {
					unplaced = append(unplaced, w.Name)
				}
				if w.Name == c.workload && w.Conflict != nil {
					said = w.Conflict.Message
					rules := slices.Sorted(slices.Values(w.Conflict.Rules))
					if c.rules != nil && !slices.Equal(rules, c.rules) {
						t.Errorf("the conflict is of %v, want %v: %s", rules, c.rules, w.Conflict.Message)
					}
				}
			}
			if got := strings.Join(unplaced, " "); got != c.unplaced {
				t.Errorf("no place for %q, want %q: %s", got, c.unplaced, stderr)
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
			if got := nodesWith(&plan, "ok"); plan.Moves > 0 || got != "n2:1" {
				t.Errorf("%d moves; the bystander is on %s", plan.Moves, got)
			}
		})
	}
}

// TestSimulateManyThatKeepAway plans 10,000 workloads of which no two may share a node, by one wide selector, on 50 nodes.
func TestSimulateManyThatKeepAway(t *testing.T) {
	var files []string
	for i := range 50 {
		files = append(files, nodeOnAWS(fmt.Sprintf("n%d", i), "eu-west-1a", "3"))
	}
	for i := range 10_000 {
		one := deploymentOf(fmt.Sprintf("w%d", i), 1, "100m", requiring("podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {tier: all}}}]}"))
		files = append(files, strings.Replace(one, fmt.Sprintf("metadata: {labels: {app: w%d}}", i), fmt.Sprintf("metadata: {labels: {app: w%d, tier: all}}", i), 1))
	}
	begin := time.Now()
	code, plan, stderr := simulate(t, joined(files...), "--no-losses", "-f", "-")
	t.Logf("took %s", time.Since(begin))
	if code != 2 || plan.Unplaced != 9950 || plan.Replicas != 50 {
		t.Fatalf("exit %d, %d placed, %d not: %s", code, plan.Replicas, plan.Unplaced, stderr)
	}
	for i := range plan.Placements {
		if w := &plan.Placements[i]; w.Unplaced > 0 && (w.Conflict == nil || !slices.Equal(w.Conflict.Rules, []string{"podAntiAffinity"})) {
			t.Fatalf("%s: %+v", w.Name, w.Conflict)
		}
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("took %s", took)
	}
}
