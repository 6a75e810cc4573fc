// Package loss decides which nodes and which whole domains (clouds, regions, zones, pools) are lost. It is pure: it holds no
// Kubernetes client and reads no clock.
//
// One observer's word is not enough. A node is lost when Kubernetes' node controller does not hear of it (its condition
// Ready is Unknown) and its lease has not been renewed for as long as it holds. Where only one of them says so, the node is
// doubted, and a domain with doubted nodes is acted on after DoubtFactor times as long. Where most of the cluster looks
// lost and no domain is whole, the observers are what is cut off, and nothing is acted on.
package loss
