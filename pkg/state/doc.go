// Package state holds what decisions are made from: nodes with their location and price, where the replicas of every
// workload are, volumes, and the policies, prices and round-trip times in force.
//
// A Store is fed one object at a time, by informers (see Live) or from lists, and answers without locks: facts of a node
// are computed when the node changes, counts of replicas when a pod changes, and readers load what is ready.
package state
