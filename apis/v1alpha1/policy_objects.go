package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PolicyStatus says whether a policy is in force.
type PolicyStatus struct {
	// conditions: InForce (True when the scheduler enforces the policy; Unknown until it has read it; when False the
	// message names the field and the remedy), Overridden (True when another policy wins a soft field), Satisfiable
	// (False when no node of the cluster meets the hard rules). A policy that says where workloads may run has two
	// more: LocationsGuarded (False when nodes may change what says where they are) and AdmissionEnforced (True when
	// pods that would go past the scheduler are refused in all namespaces of the policy).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// selectedPods is how many pods the policy selects.
	// +optional
	SelectedPods int32 `json:"selectedPods"`

	// allowedNodes is how many nodes of the cluster meet the hard rules that are about a node alone.
	// +optional
	AllowedNodes int32 `json:"allowedNodes"`
}

// Condition types of policies, price lists and latency maps.
const (
	// ConditionInForce says whether the object is used in decisions.
	ConditionInForce = "InForce"
	// ConditionOverridden says that another policy wins a soft field of this one.
	ConditionOverridden = "Overridden"
	// ConditionSatisfiable says whether any node meets the policy's hard rules.
	ConditionSatisfiable = "Satisfiable"
	// ConditionLocationsGuarded says whether nodes are kept from changing what says where they are. Only policies with
	// rules on residency or required locations have it.
	ConditionLocationsGuarded = "LocationsGuarded"
	// ConditionAdmissionEnforced says whether pods that would go past the scheduler are refused in all namespaces of the
	// policy. Only policies with rules on residency or required locations have it.
	ConditionAdmissionEnforced = "AdmissionEnforced"
	// ConditionTrafficAgreed says whether the workloads of other namespaces that a policy's traffic goes to agree to it, so
	// that it may move them. Policies without such traffic do not have it.
	ConditionTrafficAgreed = "TrafficAgreed"
)

// ReasonNamespacesNotEnforced is the reason of a condition AdmissionEnforced that is False because nobody asked for
// enforcement, which is no fault.
const ReasonNamespacesNotEnforced = "NamespacesNotEnforced"

// PlacementPolicy says where the selected workloads of its namespace may run, how fast they must answer, what they may
// cost and which losses they must survive.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pp,categories=tradewind
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].status`,description="Whether the scheduler enforces the policy"
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.status.selectedPods`,description="Pods that the policy selects"
// +kubebuilder:printcolumn:name="Allowed Nodes",type=integer,JSONPath=`.status.allowedNodes`,description="Nodes that meet the hard rules that are about a node alone"
// +kubebuilder:printcolumn:name="Optimize For",type=string,JSONPath=`.spec.optimizeFor`,description="What is weighed: Cost, Latency or Balanced"
// +kubebuilder:printcolumn:name="Jurisdictions",type=string,JSONPath=`.spec.residency.jurisdictions`,description="Where replicas and volumes may be"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].message`,description="What is wrong with the policy, or that it is in force",priority=1
type PlacementPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec PolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// PlacementPolicyList is a list of PlacementPolicy.
// +kubebuilder:object:root=true
type PlacementPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PlacementPolicy `json:"items"`
}

// ClusterPolicySpec is a PolicySpec over the namespaces that it selects.
type ClusterPolicySpec struct {
	// namespaceSelector matches the labels of namespaces. Absent or empty: every namespace.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : !has(e.values) || size(e.values) == 0)`,message=`matchExpressions: In and NotIn need values, Exists and DoesNotExist take none`
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	PolicySpec `json:",inline"`
}

// ClusterPlacementPolicy is a guard-rail set by an administrator: a namespaced policy can tighten it, never loosen it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cpp,categories=tradewind
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].status`,description="Whether the scheduler enforces the policy"
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.status.selectedPods`,description="Pods that the policy selects"
// +kubebuilder:printcolumn:name="Allowed Nodes",type=integer,JSONPath=`.status.allowedNodes`,description="Nodes that meet the hard rules that are about a node alone"
// +kubebuilder:printcolumn:name="Optimize For",type=string,JSONPath=`.spec.optimizeFor`,description="What is weighed: Cost, Latency or Balanced"
// +kubebuilder:printcolumn:name="Jurisdictions",type=string,JSONPath=`.spec.residency.jurisdictions`,description="Where replicas and volumes may be"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].message`,description="What is wrong with the policy, or that it is in force",priority=1
type ClusterPlacementPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ClusterPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// ClusterPlacementPolicyList is a list of ClusterPlacementPolicy.
// +kubebuilder:object:root=true
type ClusterPlacementPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterPlacementPolicy `json:"items"`
}
