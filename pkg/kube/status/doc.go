// Package status writes the statuses of Tradewind's objects: only when they change, those that a person waits for first,
// and with an event when a condition turns bad or good again.
package status
