// Package deploy holds what is installed in a cluster.
package deploy

import "embed"

// CustomResourceDefinitions are Tradewind's, as generated from apis/v1alpha1: one YAML file a kind in the folder crds.
//
//go:embed crds/*.yaml
var CustomResourceDefinitions embed.FS
