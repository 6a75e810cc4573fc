// Package report explains what a cluster costs, how fast it answers, and why each pod is where it is.
//
// It is pure: a Snapshot in, a report out. Every rule and every price is asked of pkg/rules and pkg/state, the
// code that the scheduler decides with; the reasons are the scheduler's words. What is not known is null in JSON, with a
// reason, and never zero.
package report
