// Package placement keeps one Placement true for every workload that a policy selects: it plans all of them together from
// what informers have seen, writes where their replicas belong, why, and what that costs, and tells listeners.
//
// An uncertain answer keeps the last decision: while policies cannot be read, no node can be used or planning fails, the
// decisions of a Placement stay, and its condition Planned says why.
package placement
