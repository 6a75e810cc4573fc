package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/report"
)

const explainNodes = `
pools:
- {name: ie, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.large, count: 2}
- {name: be, cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 2}
- {name: tainted, cloud: aws, region: eu-west-1, zones: [eu-west-1b], instanceType: m7i.large, count: 1, taints: [{key: team, value: a, effect: NoSchedule}]}
`

// podSpec merges YAML into a pod's spec.
func podSpec(t *testing.T, text string) option {
	return func(p *corev1.PodTemplateSpec) {
		if err := yaml.UnmarshalStrict([]byte(text), &p.Spec); err != nil {
			t.Fatalf("the test's own YAML: %v", err)
		}
	}
}

func hostPort(port int32) option {
	return func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: port, HostPort: port}}
	}
}

// explains runs tradewind explain of a pod that waits.
func (e *env) explains(pod string) *report.Explanation {
	e.Helper()
	out, _ := e.must(0, "explain", "pod", pod, "-n", e.ns, "-o", "json")
	var explanation report.Explanation
	if err := json.Unmarshal([]byte(out), &explanation); err != nil {
		e.Fatalf("%v: %s", err, out)
	}
	return &explanation
}

// agrees waits until the scheduler refuses a pod with a message, and checks that explain counts the same.
func (e *env) agrees(pod, message string) *report.Explanation {
	e.Helper()
	e.waits(pod, message)
	explanation := e.explains(pod)
	counts := make([]string, len(explanation.Excluded))
	for i := range explanation.Excluded {
		counts[i] = fmt.Sprintf("%d %s", explanation.Excluded[i].Nodes, explanation.Excluded[i].Message)
	}
	if got := fmt.Sprintf("0/%d nodes: %s", explanation.Nodes, strings.Join(counts, ", ")); got != message {
		e.Errorf("pod %s: explain counts %q, the scheduler %q", pod, got, message)
	}
	if len(explanation.Feasible) > 0 {
		e.Errorf("pod %s: explain says that it fits %+v", pod, explanation.Feasible)
	}
	return explanation
}

// TestExplainAgreesWithTheScheduler checks that explain gives each node the reason that the scheduler's event gives it. It
// used to answer from some of Kubernetes' rules alone, and said that nodes could take pods which the scheduler refused there.
func TestExplainAgreesWithTheScheduler(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, explainNodes)
	everywhere := append(e.cluster.NodesOf(t, "ie"), e.cluster.NodesOf(t, "be")...)
	const tainted = ", 1 node(s) had untolerated taint(s)"

	for i, node := range everywhere {
		name := fmt.Sprintf("anti-%d", i)
		e.pod(name, onNode(node.Name), label("app", "anti"), hostPort(8080), cpu("10m"))
	}
	e.pod("anti", podSpec(t, `
affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {labelSelector: {matchLabels: {app: anti}}, topologyKey: kubernetes.io/hostname}]}}`))
	e.agrees("anti", "0/5 nodes: 4 node(s) didn't match pod anti-affinity rules"+tainted)

	e.pod("port", hostPort(8080))
	e.agrees("port", "0/5 nodes: 4 node(s) didn't have free ports for the requested pod ports"+tainted)

	e.pod("spread-0", onNode(everywhere[0].Name), label("app", "spread"), cpu("10m"))
	e.pod("spread-1", onNode(e.cluster.NodesOf(t, "tainted")[0].Name), label("app", "spread"), cpu("10m"))
	e.pod("spread", podSpec(t, `
nodeSelector: {topology.kubernetes.io/region: eu-west-1}
tolerations: [{operator: Exists}]
topologySpreadConstraints: [{maxSkew: 1, minDomains: 3, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule,
  labelSelector: {matchLabels: {app: spread}}}]`), label("app", "spread"))
	e.agrees("spread",
		"0/5 nodes: 3 node(s) didn't match pod topology spread constraints, 2 node(s) didn't match Pod's node affinity/selector")

	e.policy("large", "locations: {required: [{key: topology.kubernetes.io/region, operator: In, values: [eu-west-1]}]}")
	e.inForce("PlacementPolicy")
	e.pod("large", cpu("3"))
	e.agrees("large", "0/5 nodes: 2 Insufficient cpu, 2 outside location region eu-west-1, 1 node(s) had untolerated taint(s)")

	e.disk("data", awsDisk, inRegion("us-east-1"))
	e.pod("disk", claim("data"))
	e.agrees("disk", "0/5 nodes: 4 node(s) didn't match PersistentVolume's node affinity"+tainted)

	e.pod("nodisk", claim("none"))
	e.waits("nodisk", `0/5 nodes: persistentvolumeclaim "none" not found`)
	if got := e.explains("nodisk").Excluded; len(got) != 1 || got[0].Nodes != 5 || got[0].Message != `persistentvolumeclaim "none" not found` {
		t.Errorf("a missing claim: %+v", got)
	}
}

// TestExplainNamesThePlan checks what explain says of a pod that waits under enforcement Strict. It said "3 of 3 nodes could
// take the pod" while the scheduler named the pod's anti-affinity and the plan.
func TestExplainNamesThePlan(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, explainNodes)
	e.policy("strict", "enforcement: Strict")
	e.inForce("PlacementPolicy")
	e.plan("strict", 3, `[{clusterName: "", pool: ie, cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m7i.large,
  capacityType: on-demand, replicas: 3}]`)
	e.deployment("strict", 3, podSpec(t, `
affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {labelSelector: {matchLabels: {app: strict}}, topologyKey: kubernetes.io/hostname}]}}`))
	message := fmt.Sprintf("0/5 nodes: 3 outside the plan of Placement %s/deployment-strict, 2 node(s) didn't match pod anti-affinity rules",
		e.ns)
	e.replicasWait("strict", 2, 1, message)
	pods, err := e.pods(t.Context(), "strict")
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods {
		if pods[i].Spec.NodeName != "" {
			continue
		}
		explanation := e.agrees(pods[i].Name, message)
		if p := explanation.Plan; p == nil || p.Enforcement != "Strict" || len(p.Places) != 1 || p.Places[0].Planned != 3 ||
			p.Places[0].Others != 2 ||
			p.Places[0].Room != 1 || p.Places[0].Nodes != 2 || p.Places[0].Fit != 0 {
			t.Errorf("the plan: %+v", p)
		}
		out, _ := e.must(0, "explain", "pod", pods[i].Name, "-n", e.ns)
		for _, want := range []string{"enforcement is Strict: nowhere else",
			"set enforcement: Preferred in PlacementPolicy " + e.ns + "/strict"} {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("explain does not say %q:\n%s", want, out)
			}
		}
	}
}
