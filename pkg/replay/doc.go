// Package replay binds the replicas of a plan one after the other where the plan has them, by kube-scheduler's own filters, and says
// which filter refuses which replica on which node. Nodes are those that exist and those that the plan adds; other pods are where
// they run, with those of DaemonSets on every node that they would run on.
//
// A replica that runs on a node where the plan has it stays there: the scheduler is not asked again. All others are asked about in
// the order in which the scheduler would come to them: by priority, and again after others have been bound, as kube-scheduler tries
// a waiting pod again. Where a workload's own replicas are in each other's way so, another order is looked for. Tradewind's own rules are not asked: internal/verify recomputes these.
package replay
