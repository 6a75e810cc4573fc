package e2e

import "testing"

// The event and the condition of a pod that no node fits say why, each node counted once.
func TestTheMessage(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: american, cloud: aws, region: us-east-1, instanceType: m7i.large, count: 40}
- {name: far, cloud: aws, region: eu-south-2, instanceType: m7i.large, count: 12}
- {name: full, cloud: aws, region: eu-central-1, instanceType: m7i.large, count: 8}
`)
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: measured}
spec:
  samples:
  - {from: DE, to: aws/eu-south-2, milliseconds: 71}
  - {from: DE, to: aws/eu-central-1, milliseconds: 4}
`)
	for _, node := range e.cluster.NodesOf(t, "full") {
		e.pod("filler-"+node.Name, cpu("1600m"), onNode(node.Name))
	}
	e.policy("web", `
residency: {jurisdictions: [EU]}
latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 50}
`)
	e.deployment("web", 2, cpu("500m"))
	e.replicasWait("web", 0, 2, "0/60 nodes: 40 outside residency EU, 12 over 50 ms from DE, 8 Insufficient cpu")
}

func TestMessagesOfKubernetesOwnRules(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 3}
- {name: tainted, cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 2, namePrefix: tainted, taints: [{key: team, value: a, effect: NoSchedule}]}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large}
`)
	e.policy("web", "residency: {jurisdictions: [EU]}")
	e.pod("web", cpu("64"))
	e.waits("web", "0/6 nodes: 3 Insufficient cpu, 2 node(s) had untolerated taint(s), 1 outside residency EU")
}
