package policystatus

import (
	"fmt"
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// fewToLose is tooFew for the losses that the policy's workloads must survive: in plans one domain holds no more of their replicas than may
// be lost, and nodes of which the domain is not known hold none.
func fewToLose(own, left *rules.Rules, nodes []cluster.NodeGroup) string {
	for _, rule := range own.Availability {
		if rule.Survive == location.DomainCluster {
			continue // a policy knows of its own cluster alone
		}
		domains := map[string]bool{}
		for i := range nodes {
			if domain, known := nodes[i].Class.Location.Domain(rule.Survive, ""); known && nodeReason(left, &nodes[i]) == "" {
				domains[domain.Name] = true
			}
		}
		most := rules.MostLost(rule.MinReplicasPercent, manyReplicas)
		if held := most * len(domains); held < manyReplicas {
			return fmt.Sprintf("spec.availability wants %d%% of the replicas left without any one %s and the allowed nodes have %d (%s): plans have no place for %d of %d replicas",
				rule.MinReplicasPercent, rule.Survive, len(domains), status.Join(slices.Sorted(maps.Keys(domains)), ", ", most), manyReplicas-held, manyReplicas)
		}
	}
	return ""
}
