package planning

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/state"
)

// Nodes that differ in nothing but their operating system are two pools, of which the one of Windows has no list price.
func TestWindowsIsAPoolOfItsOwn(t *testing.T) {
	for _, label := range []string{corev1.LabelOSStable, "beta.kubernetes.io/os"} {
		result := build(t, &Input{World: world(t, state.Objects{}), Nodes: []*corev1.Node{
			awsNode("l", "eu-west-1a", withLabels(label, "linux")), awsNode("w", "eu-west-1a", withLabels(label, "windows")), awsNode("x", "eu-west-1a"),
		}})
		priced := map[string]bool{}
		for i := range result.Snapshot.Pools {
			for _, node := range result.Snapshot.Pools[i].Nodes {
				priced[node.Name] = result.Snapshot.Pools[i].Price.Known
			}
		}
		if len(result.Pools) != 2 || !priced["l"] || priced["w"] || !priced["x"] {
			t.Errorf("%s: pools %s, priced %v", label, poolNames(result), priced)
		}
	}
}
