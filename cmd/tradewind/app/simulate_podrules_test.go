package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/report"
)

// nodeManifest is a node of Ireland.
func nodeManifest(name, zone, instanceType, cpu, memory string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: Node
metadata:
  name: %[1]s
  labels: {topology.kubernetes.io/region: eu-west-1, topology.kubernetes.io/zone: %[2]s, node.kubernetes.io/instance-type: %[3]s, kubernetes.io/hostname: %[1]s}
spec: {providerID: 'aws:///%[2]s/i-0%[1]s'}
status:
  allocatable: {cpu: %[4]s, memory: %[5]s, pods: '58'}
`, name, zone, instanceType, cpu, memory)
}

// deploymentManifest is a Deployment, or another kind of workload, whose pods have more in their spec.
func deploymentManifest(kind, name string, replicas int, container, spec string) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: %[1]s
metadata: {name: %[2]s, namespace: shop}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      containers: [{name: main, image: registry.example/%[2]s:1, resources: {requests: {cpu: 250m, memory: 256Mi}}%[4]s}]
%[5]s
`, kind, name, replicas, container, spec)
}

// where is on which nodes the replicas of each workload are, and how many have none: "db: n1=1 n2=1, 1 unplaced".
func where(plan *report.Plan) string {
	var out []string
	for i := range plan.Placements {
		w := &plan.Placements[i]
		var nodes []string
		for _, d := range w.Decisions {
			for _, n := range d.Nodes {
				nodes = append(nodes, fmt.Sprintf("%s=%d", n.Name, n.Replicas))
			}
		}
		slices.Sort(nodes)
		text := w.Name + ": " + strings.Join(nodes, " ")
		if w.Unplaced > 0 {
			text += fmt.Sprintf(", %d unplaced", w.Unplaced)
		}
		out = append(out, text)
	}
	added := 0
	for _, pool := range plan.Pools {
		added += pool.AddedNodes
	}
	if added > 0 {
		out[len(out)-1] += fmt.Sprintf(" on %d new nodes", added)
	}
	return strings.Join(out, "; ")
}

// TestSimulateKeepsRulesOfPods plans manifests with the rules of pods that kube-scheduler enforces, each of which a plan once broke.
func TestSimulateKeepsRulesOfPods(t *testing.T) {
	const (
		apart = "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: %s, labelSelector: {matchLabels: {app: %s}}}]}}"
		near  = "      affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: %s, labelSelector: {matchLabels: {app: %s}}}]}}"
		even  = "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: %s, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: %s}}}]"
		host  = "kubernetes.io/hostname"
		zone  = "topology.kubernetes.io/zone"
		port  = ", ports: [{containerPort: 80, hostPort: 8081}]"
		dear  = "\n---\napiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: dear}\nspec: {source: test, date: '2026-01-01', instances: [{cloud: aws, instanceType: m5.4xlarge, hourlyUSD: '4'}]}\n"
		pool  = "\n---\napiVersion: tradewind.dev/v1alpha1\nkind: CloudPool\nmetadata: {name: more}\nspec: {cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m5.2xlarge, maxNodes: 8}\n"
	)
	small := nodeManifest("n1", "eu-west-1a", "m5.xlarge", "3920m", "15Gi") + nodeManifest("n2", "eu-west-1a", "m5.xlarge", "3920m", "15Gi")
	large := nodeManifest("n3", "eu-west-1b", "m5.4xlarge", "15890m", "60Gi")
	rule := func(format, key, app string) string { return fmt.Sprintf(format, key, app) }
	for _, c := range []struct {
		name, manifests string
		code            int
		want, says      string
	}{
		{"one replica a node", small + large + dear + deploymentManifest("StatefulSet", "db", 3, "", rule(apart, host, "db")), 0, "db: n1=1 n2=1 n3=1", ""},
		{"one replica a new node", pool + deploymentManifest("StatefulSet", "db", 4, "", rule(apart, host, "db")), 0, "db: =4 on 4 new nodes", ""},
		{"more replicas than nodes", small + deploymentManifest("StatefulSet", "db", 4, "", rule(apart, host, "db")), 2,
			"db: n1=1 n2=1, 2 unplaced", "pod anti-affinity over kubernetes.io/hostname to app=db"},
		{"one replica a zone", small + large + dear + deploymentManifest("Deployment", "db", 2, "", rule(apart, zone, "db")), 0, "db: n1=1 n3=1", ""},
		{"evenly over zones", small + large + dear + deploymentManifest("Deployment", "web", 4, "", rule(even, zone, "web")), 0, "web: n1=2 n3=2", ""},
		{"evenly over nodes", small + large + dear + deploymentManifest("Deployment", "web", 6, "", rule(even, host, "web")), 0, "web: n1=2 n2=2 n3=2", ""},
		{"near another", small + large + dear + deploymentManifest("Deployment", "cache", 1, "", "      nodeSelector: {topology.kubernetes.io/zone: eu-west-1b}") +
			deploymentManifest("Deployment", "web", 2, "", rule(near, zone, "cache")), 0, "cache: n3=1; web: n3=2", ""},
		{"a host port", small + deploymentManifest("Deployment", "gate", 3, port, ""), 2, "gate: n1=1 n2=1, 1 unplaced", "host port 8081/TCP"},
		{"a host port of a DaemonSet", small + deploymentManifest("DaemonSet", "agent", 0, port, "") + deploymentManifest("Deployment", "web", 1, port, ""), 2,
			"web: , 1 unplaced", "host port 8081/TCP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			manifests := c.manifests
			if strings.Contains(manifests, "kind: DaemonSet") {
				manifests = strings.Replace(manifests, "  replicas: 0\n", "", 1)
			}
			code, plan, stderr := simulate(t, manifests, "-f", "-")
			if code != c.code || where(&plan) != c.want {
				t.Errorf("exit %d, %s, want %d, %s: %s", code, where(&plan), c.code, c.want, stderr)
			}
			for i := range plan.Placements {
				if conflict := plan.Placements[i].Conflict; conflict != nil && !strings.Contains(conflict.Message, c.says) {
					t.Errorf("%q does not name %q", conflict.Message, c.says)
				}
			}
			checkPlan(t, &plan)
		})
	}
}

// TestSimulateKeepsApartWhatPrefersIt: replicas whose pods ask softly for different zones, as most published manifests do, were all in
// the zone that is a cent cheaper. A machine of zone b is 17 % dearer.
func TestSimulateKeepsApartWhatPrefersIt(t *testing.T) {
	const (
		apart = "      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: %d, podAffinityTerm: " +
			"{topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {app: %s}}}}]}}"
		anyway = "      topologySpreadConstraints: [{maxSkew: %d, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, " +
			"labelSelector: {matchLabels: {app: %s}}}]"
	)
	nodes := nodeManifest("a1", "eu-west-1a", "t3.xlarge", "3920m", "15Gi") + nodeManifest("a2", "eu-west-1a", "t3.xlarge", "3920m", "15Gi") +
		nodeManifest("b1", "eu-west-1b", "m5.xlarge", "3920m", "15Gi") + nodeManifest("b2", "eu-west-1b", "m5.xlarge", "3920m", "15Gi")
	for _, c := range []struct {
		name, spec, cpu string
		arguments       []string
		want            string
		unmet           bool // something that it prefers
	}{
		{"nothing preferred", "", "3", nil, "web: a1=1 a2=1", false},
		{"preferred by more than it costs", fmt.Sprintf(apart, 100, "web"), "3", nil, "web: a1=1 b1=1", false},
		{"preferred by less than it costs", fmt.Sprintf(apart, 10, "web"), "3", nil, "web: a1=1 a2=1", true},
		{"from others alone", fmt.Sprintf(apart, 100, "db"), "3", nil, "web: a1=1 a2=1", false},
		{"spread if it can be", fmt.Sprintf(anyway, 1, "web"), "3", nil, "web: a1=1 b1=1", false},
		{"a skew that it may have", fmt.Sprintf(anyway, 2, "web"), "3", nil, "web: a1=1 a2=1", false},
		{"no machine is bought for a small replica's wish", fmt.Sprintf(apart, 100, "web"), "250m", nil, "web: a1=2", true},
		{"shares of machines are", fmt.Sprintf(apart, 100, "web"), "250m", []string{"--objective", "shares"}, "web: a1=1 b1=1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			manifests := nodes + strings.Replace(deploymentManifest("Deployment", "web", 2, "", c.spec), "cpu: 250m", "cpu: "+c.cpu, 1)
			code, plan, stderr := simulate(t, manifests, slices.Concat([]string{"-f", "-", "--replay"}, c.arguments)...)
			if got := where(&plan); code != 0 || got != c.want {
				t.Errorf("exit %d, %s; want %s: %s", code, got, c.want, stderr)
			}
			if c.unmet != (plan.HourlyUSD.Preference > 0) {
				t.Errorf("preferences of $%g", plan.HourlyUSD.Preference)
			}
			checkPlan(t, &plan)
		})
	}
}

// TestSimulateMovesNothingThatIsApart: each replica is where its anti-affinity lets it be, so that nothing is to be saved. What runs
// on two nodes of a pool was compared as if it were invoiced one.
func TestSimulateMovesNothingThatIsApart(t *testing.T) {
	manifests := nodeManifest("n1", "eu-west-1a", "m5.xlarge", "3920m", "15Gi") + nodeManifest("n2", "eu-west-1b", "m5.4xlarge", "15890m", "60Gi") +
		nodeManifest("n3", "eu-west-1a", "m5.xlarge", "3920m", "15Gi") +
		deploymentManifest("StatefulSet", "db", 3, "", "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: db}}}]}}")
	for i := range 3 {
		manifests += fmt.Sprintf(`
---
apiVersion: v1
kind: Pod
metadata: {name: db-%[1]d, namespace: shop, labels: {app: db}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u, controller: true}]}
spec: {nodeName: n%[2]d, containers: [{name: main, resources: {requests: {cpu: 250m, memory: 256Mi}}}]}
status: {phase: Running}
`, i, i+1)
	}
	code, plan, stderr := simulate(t, manifests, "-f", "-", "--compare", "current")
	if code != 0 || plan.Moves != 0 || plan.Comparison == nil || plan.Comparison.SavingsUSD != 0 || plan.Comparison.InvoiceSavingsUSD != 0 {
		t.Errorf("exit %d, %d moves, comparison %+v: %s", code, plan.Moves, plan.Comparison, stderr)
	}
}
