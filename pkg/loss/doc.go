// Package loss decides which nodes and which whole domains (clouds, regions, zones, pools) are lost. It is pure: it holds no
// Kubernetes client and reads no clock.
//
// One observer's word is not enough. A node is lost when Kubernetes' node controller does not hear of it (its condition
// Ready is Unknown) and its lease was not renewed for as long as it holds. But both hear of nodes by the same path, from the
// kubelets to the API server, and where that is cut every node falls silent, those first whose leases happened to be oldest.
// So silence counts only while the path is known to work: other nodes' renewals are seen, without a gap, and one of them came
// a renewal interval and a monitor period after the last sign of life of the node at the earliest. While it is not known to
// work, nothing is acted on. See Renewals and Path.
//
// Where only one observer says that a node is out of order, it is doubted, and a domain with doubted nodes is acted on after
// DoubtFactor times as long. Where most of the cluster looks lost and no domain is whole, nothing is acted on either.
package loss
