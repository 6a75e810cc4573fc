package report

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Grouping is what a report adds up by: places, as location.Domain has them, or what runs there.
type Grouping string

// The groupings.
const (
	ByCloud              = Grouping(location.DomainCloud)
	ByRegion             = Grouping(location.DomainRegion)
	ByNode      Grouping = "node"
	ByNamespace Grouping = "namespace"
	ByWorkload  Grouping = "workload"
	ByPolicy    Grouping = "policy"
)

// Groupings are all groupings.
func Groupings() []string {
	return []string{string(ByCloud), string(ByRegion), string(ByNode), string(ByNamespace), string(ByWorkload), string(ByPolicy)}
}

// ParseGrouping reads a grouping. The error names the known ones.
func ParseGrouping(text string) (Grouping, error) {
	if !slices.Contains(Groupings(), text) {
		return "", fmt.Errorf("cannot group by %q; group by %s", text, strings.Join(Groupings(), ", "))
	}
	return Grouping(text), nil
}

// ofNodes says whether each node is in one group, so that whole nodes can be added up.
func (g Grouping) ofNodes() bool { return g == ByCloud || g == ByRegion || g == ByNode }

// replica is a live pod on a node, with all that reports add up.
type replica struct {
	pod      *corev1.Pod
	node     *state.Node
	rules    *rules.Rules
	workload workload.Key
}

// replicas are the live pods on nodes of a namespace (all when empty), and how many wait for a node, or are on one that
// is gone.
func replicas(snapshot *state.Snapshot, namespace string) (placed []replica, pending int, err error) {
	for _, pod := range snapshot.Pods {
		if namespace != "" && pod.Namespace != namespace || !workload.Live(pod) {
			continue
		}
		node, ok := snapshot.NodeNamed(pod.Spec.NodeName)
		if !ok {
			pending++
			continue
		}
		rules, ok := snapshot.Rules(pod)
		if !ok {
			return nil, 0, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, errNamespaceUnknown)
		}
		placed = append(placed, replica{pod: pod, node: node, rules: rules, workload: snapshot.WorkloadOf(pod).AnyKind()})
	}
	return placed, pending, nil
}

// group names the group of a replica.
func (g Grouping) group(r *replica) string {
	switch g {
	case ByNamespace:
		return r.pod.Namespace
	case ByWorkload:
		return r.workload.Namespace + "/" + r.workload.Name
	case ByPolicy:
		if len(r.rules.Sources) == 0 {
			return noPolicy
		}
		return policyNames(r.rules.Sources)
	}
	return g.groupOfNode(r.node)
}

const noPolicy = "no policy"

// groupOfNode names the group of a node, for groupings of nodes.
func (g Grouping) groupOfNode(node *state.Node) string {
	if g == ByNode {
		return node.Name
	}
	return placeOf(location.DomainKind(g), &node.Class.Location)
}

// placeOf names the place of a kind that a location lies in: "aws", "aws/eu-west-1"; "acme-dc/unknown" where only the cloud is
// known, and "unknown".
func placeOf(kind location.DomainKind, at *location.Location) string {
	if domain, known := at.Domain(kind, ""); known {
		return domain.Name
	}
	if at.Cloud == "" {
		return unknownText
	}
	return at.Cloud + "/" + unknownText
}
