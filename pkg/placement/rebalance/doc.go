// Package rebalance decides which replicas of a workload are moved towards a plan, when, and why the others are not. It is
// pure: it holds no Kubernetes client and reads no clock.
//
// A replica is moved where the plan wants it elsewhere and one of these holds: "tradewind drain" empties its place; a hard
// rule forbids its place, or the move saves enough, and the policy's rebalance is set; the place that it was driven from by
// a loss is back. Enough is twofold. The saving is at least the policy's minSavingsPercent of the bill, and the share of the
// bill that is saved is not small against the share of the replicas that is disturbed: the idea of Karpenter's Balanced
// rule, with a threshold of its own (MinRatio).
//
// What is moved does not move back: for a time, no pool is both left and entered for the sake of money, and a replacement
// that lands where it would be moved from again makes the workload wait, longer each time.
package rebalance
