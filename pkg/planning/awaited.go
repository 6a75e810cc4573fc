package planning

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// awaited is the first claim that all replicas of a workload share and whose devices or volume are found where the first pod that has it
// runs, and the label of the nodes that can reach them then: those of a zone, or one alone. It is empty where there is none, and where
// volumes are reached from anywhere.
func (b *builder) awaited(w *Workload) (topologyKey, claim string) {
	for i := range w.Template.Spec.ResourceClaims {
		if name := w.Template.Spec.ResourceClaims[i].ResourceClaimName; name != nil && b.unallocated(w.Namespace, *name) {
			return corev1.LabelHostname, "resource claim " + *name
		}
	}
	for _, of := range references(w, 0) {
		if !of.shared {
			continue
		}
		known := b.known.claims[claimKey{w.Namespace, of.name}]
		if known == nil || known.Spec.VolumeName != "" || b.known.reserved[claimKey{w.Namespace, of.name}] != "" {
			continue
		}
		name := b.known.standard
		if known.Spec.StorageClassName != nil {
			name = *known.Spec.StorageClassName
		}
		class := b.known.classes[name]
		if class == nil || class.VolumeBindingMode == nil || *class.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
			continue
		}
		key := location.VolumeTopology(class.Provisioner)
		if key != "" && slices.ContainsFunc(b.input.Nodes, func(node *corev1.Node) bool { return node.Labels[key] != "" }) {
			return key, "claim " + of.name
		}
	}
	return "", ""
}

// unallocated says whether a claim of devices is there and has none yet.
func (b *builder) unallocated(namespace, name string) bool {
	return slices.ContainsFunc(b.input.ResourceClaims, func(claim *resourcev1.ResourceClaim) bool {
		return claim.Namespace == namespace && claim.Name == name && claim.Status.Allocation == nil
	})
}

// sharing binds a workload to those that have the same claim that waits for a volume; nil where it has none.
func (b *builder) sharing(i int) *engine.PodAffinity {
	w := &b.out.Workloads[i]
	key, claim := b.awaited(w)
	if key == "" {
		return nil
	}
	if b.awaiting == nil {
		b.awaiting = map[claimKey][]int{}
		for k := range b.out.Workloads {
			other := &b.out.Workloads[k]
			if _, name := b.awaited(other); name != "" {
				b.awaiting[claimKey{other.Namespace, name}] = append(b.awaiting[claimKey{other.Namespace, name}], k)
			}
		}
	}
	works := b.awaiting[claimKey{w.Namespace, claim}]
	if len(works) < 2 && w.Replicas < 2 {
		return nil
	}
	return &engine.PodAffinity{TopologyKeys: []string{key}, Volume: claim, PodSet: engine.PodSet{Workloads: works}}
}
