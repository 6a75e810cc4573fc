package report

import (
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/kubefilters"
)

// remedy says what to do about one of Kubernetes' own rules.
func (o *Obstacle) remedy() string {
	switch o.Rule {
	case RuleTaint:
		return "add a toleration of the taint " + some(o.Taints)
	case RuleAffinity:
		return "change the pod's nodeSelector or node affinity, or label nodes for it"
	case RulePorts:
		return "free the host ports, or remove hostPort"
	case RuleFull:
		if o.final {
			return "add larger nodes, or lower the pod's requests: these are too small for it even when empty"
		}
		return "add nodes there, free " + strings.Join(o.short(), " and ") + ", or lower the pod's requests"
	case RuleVolume:
		return o.volumeRemedy()
	case RuleTopologySpread:
		if slices.Contains(o.reasons, kubefilters.NoTopologyLabel) {
			return "label the nodes with the topologyKey of the pod's topologySpreadConstraints"
		}
		return "add nodes in the domains that have the fewest of the pods, or raise maxSkew or set whenUnsatisfiable: ScheduleAnyway in the " +
			"pod's topologySpreadConstraints"
	case RulePodAffinity:
		switch {
		case slices.Contains(o.reasons, kubefilters.AvoidedByPods):
			return "add nodes in other domains, or change the anti-affinity of the pods that run there"
		case slices.Contains(o.reasons, kubefilters.AvoidsPods):
			return "add nodes in other domains of the pod's anti-affinity, or prefer it instead of requiring it"
		}
		return "place the pods first that the pod's affinity wants to be near, or prefer it instead of requiring it"
	case RuleDevices:
		return "add nodes with such devices or free some (kubectl get resourceslices,resourceclaims -A), or change the pod's resource claims"
	}
	return "change what Kubernetes' " + o.Plugin + " says: " + o.Message
}

// short are the resources that the node has too little of.
func (o *Obstacle) short() []string {
	out := make([]string, len(o.reasons))
	for i, reason := range o.reasons {
		out[i] = strings.TrimPrefix(reason, "Insufficient ")
		if reason == "Too many pods" {
			out[i] = "room for pods"
		}
	}
	return out
}

func (o *Obstacle) volumeRemedy() string {
	switch {
	case o.Plugin == "NodeVolumeLimits":
		return "add nodes: these attach no more volumes"
	// Of these two Kubernetes has no more than the text.
	case strings.Contains(o.Message, "not found"):
		return "create it, or correct the name in the pod's volumes"
	case strings.Contains(o.Message, "unbound immediate"):
		return "see why the claims are not bound (kubectl describe pvc)"
	case slices.Contains(o.reasons, kubefilters.NoVolumeToBind):
		return "add volumes there that the pod's claims can be bound to, or give the claims a StorageClass that provisions some"
	case o.Plugin == "VolumeRestrictions":
		return "end the pod that uses the volume, which allows one alone"
	}
	return "add nodes where the pod's volume is"
}
