package location

import (
	"fmt"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// capacityRule says what the values of a label mean.
type capacityRule struct {
	key    string
	values map[string]v1alpha1.CapacityType
	// other is what any other value means; "" for nothing.
	other v1alpha1.CapacityType
}

const (
	onDemand = v1alpha1.CapacityOnDemand
	spot     = v1alpha1.CapacitySpot
	reserved = v1alpha1.CapacityReserved
)

var yes = map[string]v1alpha1.CapacityType{"true": spot}

// capacityRules are the labels by which clouds and provisioners tell how a node is bought.
var capacityRules = []capacityRule{
	{key: v1alpha1.LabelCapacityType, values: map[string]v1alpha1.CapacityType{"on-demand": onDemand, "spot": spot, "reserved": reserved}},
	// Karpenter, on every cloud.
	{key: "karpenter.sh/capacity-type", values: map[string]v1alpha1.CapacityType{"on-demand": onDemand, "spot": spot, "reserved": reserved}},
	// EKS managed node groups.
	{key: "eks.amazonaws.com/capacityType", values: map[string]v1alpha1.CapacityType{"ON_DEMAND": onDemand, "SPOT": spot, "CAPACITY_BLOCK": reserved}},
	// GKE.
	{key: "cloud.google.com/gke-provisioning", values: map[string]v1alpha1.CapacityType{"standard": onDemand, "spot": spot, "preemptible": spot}},
	{key: "cloud.google.com/gke-spot", values: yes},
	{key: "cloud.google.com/gke-preemptible", values: yes},
	// AKS.
	{key: "kubernetes.azure.com/scalesetpriority", values: map[string]v1alpha1.CapacityType{"regular": onDemand, "spot": spot}},
	// OKE.
	{key: "oci.oraclecloud.com/oke-is-preemptible", values: yes},
	// Spot Ocean.
	{key: "spotinst.io/node-lifecycle", values: map[string]v1alpha1.CapacityType{"od": onDemand, "spot": spot}},
	// Cluster API and OpenShift's machine API.
	{key: "cluster.x-k8s.io/interruptible", values: map[string]v1alpha1.CapacityType{"false": onDemand}, other: spot},
	{key: "machine.openshift.io/interruptible-instance", values: map[string]v1alpha1.CapacityType{"false": onDemand}, other: spot},
	// kOps, and what eksctl's and AWS's examples have node groups labelled with.
	{key: "node-role.kubernetes.io/spot-worker", other: spot},
	{key: "node.kubernetes.io/lifecycle", values: map[string]v1alpha1.CapacityType{"normal": onDemand, "on-demand": onDemand, "spot": spot}},
	{key: "node-lifecycle", values: map[string]v1alpha1.CapacityType{"on-demand": onDemand, "spot": spot}},
	{key: "lifecycle", values: map[string]v1alpha1.CapacityType{"OnDemand": onDemand, "Ec2Spot": spot}},
}

// Cast AI labels an on-demand node that stands in for a spot node with both, the second being right.
const (
	labelCastSpot         = "scheduling.cast.ai/spot"
	labelCastSpotFallback = "scheduling.cast.ai/spot-fallback"
)

// capacityType says how a node is bought: on-demand when no label says anything, "" and why when labels disagree.
func capacityType(v *labelValues) (v1alpha1.CapacityType, string) {
	var found v1alpha1.CapacityType
	var foundKey string
	for i := range capacityRules {
		rule := &capacityRules[i]
		at := slotCapacity + slot(i)
		if !v.has[at] {
			continue
		}
		value := v.value[at]
		capacity, ok := rule.values[value]
		if !ok {
			capacity = rule.other
		}
		if rule.key == v1alpha1.LabelCapacityType && capacity == "" {
			return "", fmt.Sprintf("label %s is %q; set it to on-demand, spot or reserved", rule.key, clip(value))
		}
		if capacity == "" {
			continue
		}
		if found != "" && capacity != found {
			return "", fmt.Sprintf("label %s says %s and label %s says %s; remove the wrong one", foundKey, found, rule.key, capacity)
		}
		found, foundKey = capacity, rule.key
	}
	if v.has[slotCastSpot] && v.value[slotCastSpot] != "false" {
		capacity := spot
		if v.value[slotCastSpotFallback] == "true" {
			capacity = onDemand
		}
		if found != "" && capacity != found {
			return "", fmt.Sprintf("label %s says %s and label %s says %s; remove the wrong one", foundKey, found, labelCastSpot, capacity)
		}
		found = capacity
	}
	if found == "" {
		found = onDemand
	}
	return found, ""
}
