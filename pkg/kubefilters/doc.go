// Package kubefilters asks kube-scheduler's own Filter plugins, those of its default profile or of another one, whether pods fit
// nodes. It is given objects and needs no API server: nodes may be ones that do not exist yet, and pods may be assumed on nodes and
// forgotten again, so that whole plans can be replayed.
//
// Unlike the scheduler, which is content with the first reason against a node, it gives the answer of every plugin.
package kubefilters
