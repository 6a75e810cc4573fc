package overridestatus

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// pricesUsed says which nodes a list concerns, and of which of them others give the price. Where entries cannot be used that is said by
// InForce.
func pricesUsed(list *v1alpha1.PriceList, state *cluster.State, sound bool) metav1.Condition {
	spec, concerned, outdone := &list.Spec, 0, 0
	var winners []string
	for i := range state.Nodes {
		node := &state.Nodes[i]
		query := pricing.NodeQuery{
			Cloud: node.Class.Cloud, Region: node.Class.Region, Zone: node.Class.Zone,
			InstanceType: node.Class.InstanceType, CapacityType: node.Class.CapacityType,
		}
		if node.Windows {
			query.OperatingSystem = pricing.Windows
		}
		if !pricing.Concerns(spec, query) {
			continue
		}
		concerned += node.Count
		if winner := pricing.ListOf(node.PriceSource); winner != "" && winner != list.Name {
			outdone += node.Count
			winners = append(winners, "PriceList "+winner)
		}
	}
	texts, unknown := entries(spec, state)
	condition := used(state, concerned, func() string {
		return distinct(texts, "; ") + "; the cluster's nodes are in " + places(state)
	})
	if outdone > 0 && sound && len(spec.Commitments)+len(spec.Egress) == 0 {
		slices.Sort(winners)
		of := fmt.Sprintf("%d of them", outdone)
		if outdone == concerned {
			of, condition.Status, condition.Reason = "them", metav1.ConditionFalse, reasonOutdone
		}
		condition.Message = status.Clip(condition.Message+"; but the price of "+of+" is that of "+distinct(winners, ", ")+
			": an entry that names more wins, then the list whose name sorts first", status.MaxMessage)
	}
	if concerned > 0 && len(unknown) > 0 {
		condition.Message = status.Clip(condition.Message+"; but "+distinct(unknown, "; "), status.MaxMessage)
	}
	return condition
}

// entries say of each entry what a node would be that it concerns. unknown are those of a type or region that the cloud is
// not known to have.
func entries(spec *v1alpha1.PriceListSpec, state *cluster.State) (texts, unknown []string) {
	catalog := state.World.Prices.Catalog()
	add := func(text, hint string) {
		texts = append(texts, text+hint)
		if hint != "" {
			unknown = append(unknown, text+hint)
		}
	}
	for i := range spec.Instances {
		e := &spec.Instances[i]
		machine := e.InstanceType
		if e.CapacityType != "" && e.CapacityType != v1alpha1.CapacityOnDemand {
			machine = string(e.CapacityType) + " " + machine
		}
		text := "no node is " + printable.A(machine) + " "
		if e.OperatingSystem == pricing.Windows {
			text += "with Windows "
		}
		add(text+inPlace(e.Cloud, e.Region)+typesThere(state, e.Cloud, e.Region), unknownType(catalog, e.Cloud, e.Region, e.InstanceType))
	}
	for i := range spec.Resources {
		add("no node is "+inPlace(spec.Resources[i].Cloud, spec.Resources[i].Region), "")
	}
	for i := range spec.Discounts {
		e := &spec.Discounts[i]
		text := "no node is "
		if e.CapacityType != "" && e.CapacityType != v1alpha1.CapacityOnDemand {
			text = "no " + string(e.CapacityType) + " node is "
		}
		if e.InstanceTypePrefix != "" {
			text += printable.A(e.InstanceTypePrefix) + "* "
		}
		add(text+inPlace(e.Cloud, e.Region), "")
	}
	for i := range spec.Commitments {
		e := &spec.Commitments[i]
		add("no node is "+printable.A(e.InstanceType)+" "+inPlace(e.Cloud, e.Region)+typesThere(state, e.Cloud, e.Region), unknownType(catalog, e.Cloud, e.Region, e.InstanceType))
	}
	for i := range spec.Egress {
		e := &spec.Egress[i]
		text := "no node is in " + e.From
		if e.To != pricing.Internet {
			text += " or " + e.To
		}
		add(text, "")
	}
	return texts, unknown
}

// typesThere lists what the cluster's nodes in a place are, or is empty when it has none there.
func typesThere(state *cluster.State, cloud, region string) string {
	var types []string
	for i := range state.Nodes {
		class := state.Nodes[i].Class
		if class.Cloud == cloud && (region == "" || class.Region == region) && class.InstanceType != "" {
			text := class.InstanceType
			if class.CapacityType != v1alpha1.CapacityOnDemand && class.CapacityType != "" {
				text += " " + string(class.CapacityType)
			}
			types = append(types, text)
		}
	}
	if len(types) == 0 {
		return ""
	}
	slices.Sort(types)
	return ", where they are " + distinct(types, ", ")
}

// unknownType says which names are nearest when the catalog of a cloud has no such type or region, or is empty.
func unknownType(catalog *pricing.Catalog, cloud, region, instanceType string) string {
	if !slices.Contains(catalog.Clouds(), cloud) {
		return "" // a private data centre, or a cloud of which only price lists know prices
	}
	if region != "" && len(catalog.Types(cloud, region)) == 0 {
		return " (" + cloud + " has no such region" + nearest("regions", catalog.SuggestRegion(cloud, region)) + ")"
	}
	if !catalog.Knows(cloud, instanceType) {
		return " (" + cloud + " has no such instance type" + nearest("types", catalog.Suggest(cloud, instanceType)) + ")"
	}
	return ""
}

func nearest(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; nearest known " + what + ": " + strings.Join(names, ", ")
}
