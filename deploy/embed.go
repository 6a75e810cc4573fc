// Package deploy holds what is installed in a cluster.
package deploy

import "embed"

// CustomResourceDefinitions are Tradewind's, as generated from apis/v1alpha1: one YAML file a kind in the folder crds.
//
//go:embed crds/*.yaml
var CustomResourceDefinitions embed.FS

// AdmissionPolicies are the ValidatingAdmissionPolicies of the installation, and their bindings: what nodes may say of
// themselves, what the controller may do to nodes, and what namespaces may be made to enforce and to wait for.
//
//go:embed install/node-guard.yaml install/components/enforce/admission.yaml install/components/await-policies/admission.yaml
var AdmissionPolicies embed.FS

// SchedulerConfig is the ready configuration of tradewind-scheduler: a KubeSchedulerConfiguration with the profiles tradewind,
// tradewind-cost and tradewind-latency, in YAML.
//
//go:embed scheduler/config.yaml
var SchedulerConfig []byte
