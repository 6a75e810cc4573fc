package state

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// PricedPlaces adds to the values of location labels that are in use those that PriceLists name: who is charged for a place has
// it, or is about to.
func (o *Objects) PricedPlaces(to location.Values) {
	for i := range o.PriceLists {
		spec := &o.PriceLists[i].Spec
		for k := range spec.Instances {
			entry := &spec.Instances[k]
			to.Add(labels.Set{
				v1alpha1.LabelCloud: entry.Cloud, corev1.LabelTopologyRegion: entry.Region, corev1.LabelInstanceTypeStable: entry.InstanceType,
			})
		}
		for k := range spec.Resources {
			to.Add(labels.Set{v1alpha1.LabelCloud: spec.Resources[k].Cloud, corev1.LabelTopologyRegion: spec.Resources[k].Region})
		}
	}
}
