package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
)

// place is a part of a cluster that a command works on.
type place struct {
	selector
	// nodes in it, and nodes elsewhere, by name.
	nodes, others map[string]location.Node
}

// placeKeys are what a place may be named by.
var placeKeys = []string{cloudKey, regionKey, zoneKey, poolKey}

// parsePlace reads cloud=NAME, region=CLOUD/REGION, zone=NAME or pool=NAME; with commas between, what is in all of these.
func parsePlace(what, text string) (selector, error) {
	s, err := parseSelector(what, text)
	if err != nil {
		return s, err
	}
	for _, term := range s.terms {
		if !slices.Contains(placeKeys, term.key) {
			return s, fmt.Errorf("%s %q: a place is named by %s, not by %s", what, text, strings.Join(placeKeys, "=, ")+"=", term.key)
		}
	}
	return s, nil
}

// find finds a place in a cluster. Errors name the places that there are.
func find(what string, s selector, input *planning.Input, result *planning.Result) (*place, error) {
	p := &place{selector: s, nodes: map[string]location.Node{}, others: map[string]location.Node{}}
	for _, node := range input.Nodes {
		at := location.FromNode(node, input.Location)
		if i, ok := result.PoolOf[node.Name]; ok && s.matches(&result.Pools[i], node.Name) {
			p.nodes[node.Name] = at
		} else {
			p.others[node.Name] = at
		}
	}
	if len(p.nodes) == 0 {
		return nil, unmatched(what, &p.selector, result)
	}
	return p, nil
}

// avoid is the requirement over one location label that the place does not meet and everything else does. A policy cannot
// say "not both of two labels", so the place must be told from all others by the values of one.
func (p *place) avoid() (metav1.LabelSelectorRequirement, error) {
	keys := []string{
		corev1.LabelTopologyZone, corev1.LabelInstanceTypeStable, v1alpha1.LabelCapacityType, corev1.LabelTopologyRegion, v1alpha1.LabelCloud,
	}
	if own := map[string]string{cloudKey: v1alpha1.LabelCloud, regionKey: corev1.LabelTopologyRegion}[p.terms[0].key]; own != "" && len(p.terms) == 1 {
		keys = append([]string{own}, keys...)
	}
	for _, key := range keys {
		values, ok := map[string]bool{}, true
		for _, at := range p.nodes {
			value := location.LabelsOf(at)[key]
			values[value] = true
			ok = ok && value != ""
		}
		for _, at := range p.others {
			ok = ok && !values[location.LabelsOf(at)[key]]
		}
		if ok {
			return metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: slices.Sorted(maps.Keys(values))}, nil
		}
	}
	return metav1.LabelSelectorRequirement{}, fmt.Errorf("%s cannot be told from the rest of the cluster by one location label (cloud, region, zone, instance type "+
		"or capacity type), which is all that a policy can forbid; name a larger place, or cordon its nodes and set rebalance in the policies", p.text)
}

// slug is the place as a part of an object's name.
func (s *selector) slug() string {
	var out strings.Builder
	for _, r := range strings.ToLower(s.text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			out.WriteRune(r)
		} else if !strings.HasSuffix(out.String(), "-") {
			out.WriteByte('-')
		}
	}
	return strings.Trim(out.String(), "-.")
}
