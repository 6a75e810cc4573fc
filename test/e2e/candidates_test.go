package e2e

import "testing"

// One spot machine has room for all, among 390 that cost much more. kube-scheduler looks at 47 % of so many nodes, and put some of
// twelve replicas elsewhere.
func TestTheCheapestOfManyNodesGetsEveryReplica(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: dear, cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 390}
- {name: cheap, cloud: aws, region: us-east-1, instanceType: m7i.2xlarge, capacityType: spot, count: 1}
`)
	e.deployment("web", 12, cpu("100m"), profile(cheapest))
	if got := e.spreadOf("web", 12); got["cheap"] != 12 {
		t.Errorf("placed on %v, want all on the cheap node", got)
	}
}
