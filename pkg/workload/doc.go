// Package workload says what a workload is: its identity, whose replica a pod is, how many replicas should run, and of a pod
// whether it counts, is ready, what it asks for and which claims it has. It looks at objects alone, and everything that
// decides, plans, moves or reports asks it, so that none of them takes a pod for another workload's.
package workload
