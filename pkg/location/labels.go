package location

import (
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Labels that clouds put on nodes, and the deprecated ones that older clouds still use in their place.
const (
	labelRegion           = corev1.LabelTopologyRegion
	labelZone             = corev1.LabelTopologyZone
	labelInstanceType     = corev1.LabelInstanceTypeStable
	labelRegionBeta       = corev1.LabelFailureDomainBetaRegion
	labelZoneBeta         = corev1.LabelFailureDomainBetaZone
	labelInstanceTypeBeta = corev1.LabelInstanceType
	// labelIBMInfrastructure is "upi" on the hosts of an IBM Cloud Satellite location, which are the customer's own.
	labelIBMInfrastructure = "ibm-cloud.kubernetes.io/iaas-provider"
	// labelOutpost is the id of the AWS Outposts rack that a machine is of, on a customer's ground. The EBS driver has it set.
	labelOutpost = "topology.ebs.csi.aws.com/outpost-id"
)

// slot is the place of a label's value in labelValues.
type slot uint8

const (
	slotRegion slot = iota + 1
	slotRegionBeta
	slotZone
	slotZoneBeta
	slotInstanceType
	slotInstanceTypeBeta
	slotCloud
	slotCountry
	slotOperatorCountry
	slotIBMInfrastructure
	slotOutpost
	slotCastSpot
	slotCastSpotFallback
	slotCapacity // the first of capacityRules; the others follow, and then Options.CloudLabels
)

// slotCloudLabels is the first slot of Options.CloudLabels, and maxSlots the number of all.
const (
	maxCapacityRules = 20
	slotCloudLabels  = slotCapacity + maxCapacityRules
	maxSlots         = slotCloudLabels + maxCloudLabels
)

// fixedSlots are the labels that every node is read for.
var fixedSlots = func() map[string]slot {
	slots := map[string]slot{
		labelRegion:                   slotRegion,
		labelRegionBeta:               slotRegionBeta,
		labelZone:                     slotZone,
		labelZoneBeta:                 slotZoneBeta,
		labelInstanceType:             slotInstanceType,
		labelInstanceTypeBeta:         slotInstanceTypeBeta,
		v1alpha1.LabelCloud:           slotCloud,
		v1alpha1.LabelCountry:         slotCountry,
		v1alpha1.LabelOperatorCountry: slotOperatorCountry,
		labelIBMInfrastructure:        slotIBMInfrastructure,
		labelOutpost:                  slotOutpost,
		labelCastSpot:                 slotCastSpot,
		labelCastSpotFallback:         slotCastSpotFallback,
	}
	for i, rule := range capacityRules {
		slots[rule.key] = slotCapacity + slot(i)
	}
	return slots
}()

// labelValues are the labels of an object that matter here, read in one pass: objects have many more labels, and a look-up
// of each that matters would take longer.
type labelValues struct {
	value [maxSlots]string
	has   [maxSlots]bool
	// prefix says which of the rules' prefixes some label has.
	prefix [maxCloudLabels]bool
}

func (v *labelValues) read(set map[string]string, rules *cloudRules) {
	for key, value := range set {
		if s := rules.slots[key]; s != 0 {
			v.value[s], v.has[s] = value, true
		}
		for i := range rules.prefixes {
			prefix := rules.prefixes[i].key
			if n := len(prefix); len(key) > n && key[n-1] == '/' && key[:n] == prefix {
				v.prefix[i] = true
			}
		}
	}
}

// either is the value of a label, or of its deprecated predecessor.
func (v *labelValues) either(stable, deprecated slot) string {
	if value := v.value[stable]; value != "" {
		return value
	}
	return v.value[deprecated]
}
