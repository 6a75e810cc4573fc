// Package files reads what a plan is made from out of files: ordinary manifests of Kubernetes, in YAML or JSON, and
// Tradewind's own objects, which are checked as an API server would. What is wrong with one object is a Problem that names
// file, line, object and field; the rest is read.
package files
