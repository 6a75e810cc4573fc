// Package cluster watches a cluster for the controllers: it keeps an inventory true and hands out an immutable State of it
// after changes, many changes at once, so that what controllers do grows with time and not with the number of events.
package cluster
