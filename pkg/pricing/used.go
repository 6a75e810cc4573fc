package pricing

import (
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Entries returns how many figures a price list gives.
func Entries(spec *v1alpha1.PriceListSpec) int {
	return len(spec.Instances) + len(spec.Resources) + len(spec.Discounts) + len(spec.Commitments) + len(spec.Egress)
}

// Concerns says whether any entry of a price list speaks of a node: of its instance type, its resources, or traffic from or to where
// it stands. Another list may still win over the entry.
func Concerns(spec *v1alpha1.PriceListSpec, node NodeQuery) bool {
	if node.Cloud == "" {
		return false
	}
	here := func(cloud, region string) bool {
		return cloud == node.Cloud && (region == "" || sameName(cloud, region, node.Region) ||
			isEdgeZone(cloud, node.Region, region) && strings.HasPrefix(node.Zone, region))
	}
	paid := func(capacity v1alpha1.CapacityType) bool {
		capacity, err := capacityOf(capacity)
		return err == nil && capacity == node.CapacityType
	}
	for i := range spec.Instances {
		e := &spec.Instances[i]
		if here(e.Cloud, e.Region) && sameName(e.Cloud, e.InstanceType, node.InstanceType) && paid(e.CapacityType) &&
			(e.OperatingSystem == Windows) == (node.OperatingSystem == Windows) {
			return true
		}
	}
	for i := range spec.Resources {
		if e := &spec.Resources[i]; here(e.Cloud, e.Region) {
			return true
		}
	}
	for i := range spec.Discounts {
		e := &spec.Discounts[i]
		if here(e.Cloud, e.Region) && hasPrefix(node.InstanceType, e.InstanceTypePrefix, foldsCase(e.Cloud)) && paid(e.CapacityType) {
			return true
		}
	}
	for i := range spec.Commitments {
		if e := &spec.Commitments[i]; here(e.Cloud, e.Region) && sameName(e.Cloud, e.InstanceType, node.InstanceType) {
			return true
		}
	}
	for i := range spec.Egress {
		for _, end := range [...]string{spec.Egress[i].From, spec.Egress[i].To} {
			if cloud, region, _ := strings.Cut(end, "/"); here(cloud, region) {
				return true
			}
		}
	}
	return false
}

// ListOf is the name of the PriceList that gives a price, by the source of the price; empty when none does.
func ListOf(source string) string {
	name, given := strings.CutPrefix(source, listPrefix)
	if !given {
		return ""
	}
	name, _, _ = strings.Cut(name, ":")
	name, _, _ = strings.Cut(name, " ")
	return name
}

func sameName(cloud, a, b string) bool {
	return a == b || foldsCase(cloud) && strings.EqualFold(a, b)
}
