// Package informers feeds the state from a live cluster: one table of objects a kind, filled by one handler of the manager's
// cache, which keeps of each object only what decisions look at. Whoever needs to know of changes listens to a table.
package informers
