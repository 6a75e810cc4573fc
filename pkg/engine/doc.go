// Package engine plans where every replica of every workload should be: a Snapshot in, a Plan out. It is pure: it holds
// no client, reads no clock, and draws the same random numbers each time, so that one snapshot always gives one plan (unless
// Options.Expired stops the search).
//
// Every soft criterion is in US dollars an hour, so that a plan is a bill (see Bill for the formulas). Every hard rule
// is kept: what cannot be placed is left out of the plan and explained by a Conflict. Rules about a place alone and the
// formulas of prices are those of package placement, which the scheduler plugins use too.
//
// The plan comes with a lower bound: no plan that places as many replicas of each workload and keeps the rules can cost
// less. It is the Lagrangian relaxation of the capacity of pools: given a price for each resource of each pool, every
// workload chooses for itself, and the sum of what they choose, less the price of all capacity, is a bound whatever the
// prices are (Fisher, "The Lagrangian relaxation method for solving integer programming problems", Management Science
// 27(1), 1981). The prices are found by subgradient steps and guide the construction of the plan.
//
// Package verify recomputes the rules and the dollars of a plan with code of its own.
package engine
