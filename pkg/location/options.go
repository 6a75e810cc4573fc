package location

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options says which labels, besides Tradewind's own, name the cloud of a node that has no provider id.
type Options struct {
	// CloudLabels are node labels that name the cloud:
	//
	//	KEY             the label's value names it (topology.emma.ms/cloud: aws)
	//	KEY=CLOUD       nodes with this label are in that cloud, whatever its value
	//	PREFIX/*=CLOUD  nodes with any label of this prefix are in that cloud
	//
	// Entries that Validate refuses are passed over; at most 32 are read.
	CloudLabels []string

	compiled *cloudRules
}

// cloudRules is Options.CloudLabels taken apart.
type cloudRules struct {
	source   []string
	slots    map[string]slot
	values   []cloudRule
	exact    []cloudRule
	prefixes []cloudRule
}

// cloudRule is one entry: its key or prefix, the cloud unless the value names it, and where the value is read to.
type cloudRule struct {
	key, cloud string
	slot       slot
}

// maxCloudLabels is how many entries CloudLabels may have.
const maxCloudLabels = 32

var defaultRules = compileCloudLabels([]string{
	// Multi-cloud tools, which put the cloud's name into the value.
	"topology.emma.ms/cloud",
	"cloud.provider",
	"claudie.io/provider",
	"topology.cloud-barista.github.io/csp",
	// Labels that only one cloud's managed Kubernetes sets. GKE's and EKS's other labels are left out, as people and
	// autoscalers copy them to other clouds (cloud.google.com/gke-accelerator), and so is all that EKS sets on hybrid
	// nodes, which are on the customer's own ground.
	"eks.amazonaws.com/nodegroup=aws",
	"cloud.google.com/gke-nodepool=gcp",
	"kubernetes.azure.com/cluster=azure",
	"k8s.scaleway.com/*=scaleway",
	"node.k8s.ovh/*=ovh",
	"doks.digitalocean.com/*=digitalocean",
	"oke.oraclecloud.com/*=oracle",
	"ibm-cloud.kubernetes.io/worker-id=ibm",
	"instance.hetzner.cloud/provided-by=hetzner",
	"node.exoscale.net/*=exoscale",
	"enterprise.cloud.ionos.com/*=ionos",
})

// DefaultOptions returns the built-in list of cloud labels. The list is the caller's to change.
func DefaultOptions() Options {
	return Options{CloudLabels: slices.Clone(defaultRules.source), compiled: defaultRules}
}

// rules takes CloudLabels apart, unless that was done before.
func (o Options) rules() *cloudRules {
	if o.compiled != nil && slices.Equal(o.CloudLabels, o.compiled.source) {
		return o.compiled
	}
	return compileCloudLabels(o.CloudLabels)
}

// Compile returns the same options prepared for many calls of FromNode. The list must not be changed afterwards.
func (o Options) Compile() Options {
	o.compiled = o.rules()
	return o
}

// Validate says which entry of CloudLabels cannot be used, and how it should look.
func (o Options) Validate() error {
	if len(o.CloudLabels) > maxCloudLabels {
		return fmt.Errorf("cloudLabels: %d entries, at most %d are read; remove those of clouds that you do not use", len(o.CloudLabels), maxCloudLabels)
	}
	for i, entry := range o.CloudLabels {
		if err := validateCloudLabel(entry); err != nil {
			return fmt.Errorf("cloudLabels[%d]: %w", i, err)
		}
	}
	return nil
}

func validateCloudLabel(entry string) error {
	key, cloud, presence := strings.Cut(entry, "=")
	prefix, wildcard := strings.CutSuffix(key, "/*")
	switch {
	case key == "" || wildcard && prefix == "" || strings.ContainsAny(prefix, "*= \t\n") || !wildcard && strings.Contains(key, "*"):
		return fmt.Errorf("%q is no label key; write KEY, KEY=CLOUD or PREFIX/*=CLOUD", clip(entry))
	case wildcard && !presence:
		return fmt.Errorf("%q does not say which cloud labels of this prefix mean; write %s=CLOUD", clip(entry), key)
	case presence && tables[cloud] == nil:
		return fmt.Errorf("%q names no known cloud; write one of %s after the equals sign", clip(entry), strings.Join(cloudIDs(), ", "))
	}
	return nil
}

func cloudIDs() []string {
	out := make([]string, len(clouds))
	for i := range clouds {
		out[i] = clouds[i].ID
	}
	return out
}

func compileCloudLabels(entries []string) *cloudRules {
	r := &cloudRules{source: entries, slots: maps.Clone(fixedSlots)}
	next := slotCloudLabels
	for _, entry := range entries[:min(len(entries), maxCloudLabels)] {
		if validateCloudLabel(entry) != nil {
			continue
		}
		key, cloud, presence := strings.Cut(entry, "=")
		if prefix, ok := strings.CutSuffix(key, "*"); ok {
			r.prefixes = append(r.prefixes, cloudRule{key: prefix, cloud: cloud})
			continue
		}
		// A label that is read anyway, or listed twice, keeps its place.
		at := r.slots[key]
		if at == 0 {
			at, next = next, next+1
			r.slots[key] = at
		}
		if presence {
			r.exact = append(r.exact, cloudRule{key, cloud, at})
		} else {
			r.values = append(r.values, cloudRule{key: key, slot: at})
		}
	}
	return r
}
