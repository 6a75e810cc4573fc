package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CloudPoolSpec describes a pool of interchangeable nodes. The controller writes it for pools that it finds from nodes;
// declare one to say how far an autoscaler may size it.
// +kubebuilder:validation:XValidation:rule=`!has(self.minNodes) || !has(self.maxNodes) || self.minNodes <= self.maxNodes`,fieldPath=`.minNodes`,message=`is above maxNodes: lower it, or raise maxNodes`
type CloudPoolSpec struct {
	// clusterName of the cluster that the pool is in; empty in an installation of one cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClusterName string `json:"clusterName,omitempty"`
	// cloud as on the node label tradewind.dev/cloud ("aws").
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`
	Cloud string `json:"cloud"`
	// region without its cloud ("eu-west-1").
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')`,message=`is not the name of a region: write it without its cloud ("eu-west-1")`
	Region string `json:"region,omitempty"`
	// zone as on the node label topology.kubernetes.io/zone.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Zone string `json:"zone,omitempty"`
	// country and operatorCountry of a private data centre: ISO 3166 alpha-2 codes. For known clouds the built-in table
	// decides and they are ignored.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Z]{2})?$')`,message=`is not an ISO 3166 country code of two capitals ("LU")`
	// +kubebuilder:validation:MaxLength=2
	Country string `json:"country,omitempty"`
	// operatorCountry is the law that the operator of a private data centre is under.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Z]{2})?$')`,message=`is not an ISO 3166 country code of two capitals ("LU")`
	// +kubebuilder:validation:MaxLength=2
	OperatorCountry string `json:"operatorCountry,omitempty"`
	// instanceType as on the node label node.kubernetes.io/instance-type.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	InstanceType string `json:"instanceType,omitempty"`
	// capacityType: on-demand (the default), spot or reserved.
	// +optional
	// +kubebuilder:default=on-demand
	CapacityType CapacityType `json:"capacityType,omitempty"`

	// minNodes and maxNodes are the limits within which an autoscaler sizes the pool, existing nodes counted. Without
	// maxNodes no node can be added.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	MinNodes *int32 `json:"minNodes,omitempty"`
	// maxNodes that the pool may have.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	MaxNodes *int32 `json:"maxNodes,omitempty"`

	// labels of the pool's nodes besides those of their location: node selectors and node affinity are matched against them,
	// and an existing node belongs to a declared pool when it has all of them.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`
	// taints of the pool's nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Taints []corev1.Taint `json:"taints,omitempty"`
	// allocatable resources of one node. When absent they are those of an existing node, else what the catalog says of the
	// instance type, less what Kubernetes reserves on a node of that size.
	// +optional
	Allocatable corev1.ResourceList `json:"allocatable,omitempty"`
}

// CloudPoolStatus is what the controller sees of a pool.
type CloudPoolStatus struct {
	// nodes that exist, and readyNodes of them that are ready.
	// +optional
	Nodes int32 `json:"nodes"`
	// readyNodes are nodes whose kubelet reports them as ready.
	// +optional
	ReadyNodes int32 `json:"readyNodes"`
	// nodeHourlyUSD is the price of one node in US dollars an hour; absent when it is not known.
	// +optional
	NodeHourlyUSD string `json:"nodeHourlyUSD,omitempty"`
	// interruptionPercent is the middle of the published band of spot interruptions in a month; absent when nobody publishes
	// it, or for on-demand capacity.
	// +optional
	InterruptionPercent string `json:"interruptionPercent,omitempty"`
	// replicas of planned workloads that the plan has here.
	// +optional
	Replicas int32 `json:"replicas"`
	// addedNodes is how many nodes the plan would have the autoscaler add.
	// +optional
	AddedNodes int32 `json:"addedNodes"`
	// conditions: Available (False while the pool is lost or its spot capacity was taken back; the message says since when,
	// and when it counts again), Priced (False when no price is known).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Condition types of pools.
const (
	// ConditionAvailable says whether the pool counts as capacity.
	ConditionAvailable = "Available"
	// ConditionOutage says since when a pool is lost, or its spot capacity was taken back, and when it counts again. Absent
	// on pools that never were.
	ConditionOutage = "Outage"
	// ConditionPriced says whether the price of the pool's nodes is known.
	ConditionPriced = "Priced"
)

// CloudPool is a pool of interchangeable nodes: of one cluster, location, instance type, capacity type, labels and taints.
//
// +genclient
// +genclient:nonNamespaced
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cpool,categories=tradewind
// +kubebuilder:printcolumn:name="Cloud",type=string,JSONPath=`.spec.cloud`
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="Zone",type=string,JSONPath=`.spec.zone`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.instanceType`
// +kubebuilder:printcolumn:name="Capacity",type=string,JSONPath=`.spec.capacityType`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.maxNodes`
// +kubebuilder:printcolumn:name="USD/h",type=string,JSONPath=`.status.nodeHourlyUSD`,description="Price of one node in US dollars an hour"
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].message`,priority=1
type CloudPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec CloudPoolSpec `json:"spec"`
	// +optional
	Status CloudPoolStatus `json:"status,omitempty"`
}

// CloudPoolList is a list of CloudPool.
// +kubebuilder:object:root=true
type CloudPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudPool `json:"items"`
}
