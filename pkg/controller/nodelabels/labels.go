// Package nodelabels writes what Tradewind found out about where nodes are back to them as the labels
// tradewind.dev/cloud and tradewind.dev/country, so that ordinary selectors and `kubectl get nodes -L` can use it.
package nodelabels

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state/informers"
)

// managedLabels are the labels that this package writes.
var managedLabels = [...]string{v1alpha1.LabelCloud, v1alpha1.LabelCountry}

// verdict is what is to be done about a node.
type verdict struct {
	// found is where the node is by all that others say of it.
	found location.Node
	// apply are the labels that this package is to own. write is false when it owns them already.
	apply map[string]string
	write bool
}

// judge says what is to be done about a node. What this package wrote earlier is no evidence: else a label would outlive
// its reason. A label that somebody else wrote is left to them.
func judge(node *corev1.Node, options location.Options) verdict {
	owned := ownedLabels(node)
	evidence := *node
	if len(owned) > 0 {
		evidence.Labels = maps.Clone(node.Labels)
		for key := range owned {
			delete(evidence.Labels, key)
		}
	}
	v := verdict{found: location.FromNode(&evidence, options), apply: map[string]string{}}
	if _, known := location.LookupCloud(v.found.Cloud); known {
		for key, value := range map[string]string{v1alpha1.LabelCloud: v.found.Cloud, v1alpha1.LabelCountry: v.found.Country} {
			if _, declared := evidence.Labels[key]; value != "" && !declared {
				v.apply[key] = value
			}
		}
	}
	v.write = len(owned) != len(v.apply)
	for key, value := range v.apply {
		v.write = v.write || !owned[key] || node.Labels[key] != value
	}
	return v
}

// ownedLabels are the labels of a node that this package wrote and nobody else does, as the API server records it.
func ownedLabels(node *corev1.Node) map[string]bool {
	owned := map[string]bool{}
	for i := range node.ManagedFields {
		entry := &node.ManagedFields[i]
		if entry.Manager != informers.FieldOwner || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Metadata struct {
				Labels map[string]json.RawMessage `json:"f:labels"`
			} `json:"f:metadata"`
		}
		if json.Unmarshal(entry.FieldsV1.Raw, &fields) != nil {
			continue // not written by the API server
		}
		for _, key := range managedLabels {
			if _, ok := fields.Metadata.Labels["f:"+key]; ok {
				owned[key] = true
			}
		}
	}
	return owned
}
