package state

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// volumes holds where volumes are or would be provisioned.
type volumes struct {
	claims  newest[claim]  // by "namespace/name"
	volumes newest[volume] // by PersistentVolume name
	classes newest[storageClass]
}

// volume is where a PersistentVolume may be. One that follows its node is where the node is.
type volume struct {
	places      []location.Location
	followsNode bool
}

type claim struct {
	volume, class string
}

type storageClass struct {
	places     []location.Location
	restricted bool
	// waits for the pod's node before it provisions, so the volume comes next to the node.
	waits bool
}

// SetClaim records a PersistentVolumeClaim.
func (s *Store) SetClaim(object *corev1.PersistentVolumeClaim) {
	c := claim{volume: object.Spec.VolumeName}
	if object.Spec.StorageClassName != nil {
		c.class = *object.Spec.StorageClassName
	}
	s.volumes.claims.set(object.Namespace+"/"+object.Name, object.ResourceVersion, c)
}

// DeleteClaim forgets a PersistentVolumeClaim.
func (s *Store) DeleteClaim(object *corev1.PersistentVolumeClaim) {
	s.volumes.claims.remove(object.Namespace+"/"+object.Name, object.ResourceVersion)
}

// SetVolume records a PersistentVolume.
func (s *Store) SetVolume(object *corev1.PersistentVolume) {
	s.volumes.volumes.set(object.Name, object.ResourceVersion, volume{
		places: location.FromPersistentVolume(object, s.options), followsNode: location.FollowsNode(object),
	})
}

// DeleteVolume forgets a PersistentVolume.
func (s *Store) DeleteVolume(object *corev1.PersistentVolume) {
	s.volumes.volumes.remove(object.Name, object.ResourceVersion)
}

// SetStorageClass records a StorageClass.
func (s *Store) SetStorageClass(object *storagev1.StorageClass) {
	places, restricted := location.FromStorageClass(object, s.options)
	waits := object.VolumeBindingMode != nil && *object.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	s.volumes.classes.set(object.Name, object.ResourceVersion, storageClass{places: places, restricted: restricted, waits: waits})
}

// DeleteStorageClass forgets a StorageClass.
func (s *Store) DeleteStorageClass(object *storagev1.StorageClass) {
	s.volumes.classes.remove(object.Name, object.ResourceVersion)
}

// VolumeReason is why the volumes of a pod break its residency rules wherever it runs, or empty. A bound volume must
// satisfy them in every place it may be. A volume still to be provisioned must satisfy them in every place its
// StorageClass may put it; where the class waits for the pod's node and allows its place, the node's own location
// decides. An unknown place satisfies no rule.
func (s *Store) VolumeReason(rules *policy.Effective, pod *corev1.Pod) string {
	if len(rules.Residency) == 0 {
		return ""
	}
	for _, name := range workload.Claims(pod) {
		if reason := s.claimReason(rules, pod.Namespace, name); reason != "" {
			return reason
		}
	}
	return ""
}

func (s *Store) claimReason(rules *policy.Effective, namespace, name string) string {
	c, ok := s.volumes.claims.get(namespace + "/" + name)
	if !ok {
		return "" // the VolumeBinding plugin reports a missing claim
	}
	if c.volume != "" {
		bound, _ := s.volumes.volumes.get(c.volume)
		if bound.followsNode {
			return "" // VolumeBinding keeps the pod on such nodes, and the node's own location decides
		}
		return placesReason(rules, bound.places, "the volume of claim "+name)
	}
	class, known := s.volumes.classes.get(c.class)
	if !known {
		return "" // as does a missing class
	}
	what := "StorageClass " + c.class + " of claim " + name
	if !class.waits {
		return placesReason(rules, class.places, what)
	}
	if !class.restricted {
		return ""
	}
	reason := placesReason(rules, nil, what)
	for _, place := range class.places {
		if reason = placesReason(rules, []location.Location{place}, what); reason == "" {
			return "" // the node must be in an allowed place of the class, and satisfy the rules itself
		}
	}
	return reason
}

func placesReason(ruled *policy.Effective, places []location.Location, what string) string {
	if len(places) == 0 {
		places = []location.Location{{}}
	}
	for _, place := range places {
		if reason := rules.ResidencyReason(ruled, place); reason != "" {
			return what + " is " + reason
		}
	}
	return ""
}
