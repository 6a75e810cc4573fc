// Package moves decides which replicas of a workload are moved towards a plan, when, and why the others are not. It is
// pure: it holds no Kubernetes client and reads no clock.
//
// A replica is moved where the plan wants it elsewhere and one of these holds: "tradewind drain" empties its place; the
// policy's rebalance is set, and a rule forbids its place, or the move and the plan break a rule over all replicas less, or
// the move saves enough; it goes back where as many replicas were driven from by a loss. Enough is twofold. The saving is at
// least the policy's minSavingsPercent of the bill, and the share of the bill that is saved is not small against the share of
// the replicas that is disturbed: the idea of Karpenter's Balanced rule, with a threshold of its own (MinRatio).
//
// What is moved does not move back: for a time, no pool is both left and entered but for a drain, and after a replacement that
// lands where it would be moved from again none is moved to where it was to land, until something that decides that has changed.
// While a domain is lost, and until it counts again, nothing is moved but for a drain. So an outage moves a replica at most
// once, and back once. No replica leaves for a place where the scheduler's own rules, or any of kube-scheduler's filters (Room),
// would refuse its replacement.
package moves
