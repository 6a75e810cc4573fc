// Package v1alpha1 holds the API of Tradewind: what people and tools write to say where workloads may run, how fast
// they must answer, what they may cost and which losses they must survive.
//
// +kubebuilder:object:generate=true
// +groupName=tradewind.dev
package v1alpha1
