package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "tradewind.dev", Version: "v1alpha1"}

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
	// AddToScheme registers the types of this package with a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&PlacementPolicy{}, &PlacementPolicyList{},
		&ClusterPlacementPolicy{}, &ClusterPlacementPolicyList{},
		&PriceList{}, &PriceListList{},
		&LatencyMap{}, &LatencyMapList{},
		&Placement{}, &PlacementList{},
		&CloudPool{}, &CloudPoolList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
