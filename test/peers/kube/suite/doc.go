// Package suite is Kubernetes' own end-to-end suite, reduced to the cases of SIG Scheduling, as a program. It is built only
// with the tag peers, since what it imports takes minutes to compile: go test -c -tags peers.
package suite
