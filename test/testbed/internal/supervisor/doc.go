// Package supervisor runs the programs of one testbed and guarantees that none of them outlives it.
//
// A supervisor is a process of its own, in a session of its own. It starts every program of a bed, each again in its
// own session, and listens for requests on a Unix socket in the bed's directory. It ends the bed (kills every program
// and every process they started, then removes the directory) when it is asked to, when it is sent SIGTERM, or, as
// long as the bed is owned, when the owner's end of a pipe closes: the kernel closes it however the owner died. The
// programs in turn are killed by the kernel should the supervisor itself be killed.
//
// The package knows nothing of Kubernetes and runs on Linux only.
package supervisor
