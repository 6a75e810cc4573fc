package state

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Storage is where volumes are or would be provisioned. Safe for concurrent use.
type Storage struct {
	options location.Options
	claims  newest[claim]  // by "namespace/name"
	volumes newest[volume] // by PersistentVolume name
	classes newest[storageClass]
}

// NewStorage returns one that knows nothing. options say which further labels name the cloud.
func NewStorage(options location.Options) *Storage { return &Storage{options: options} }

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
func (v *Storage) SetClaim(object *corev1.PersistentVolumeClaim) {
	c := claim{volume: object.Spec.VolumeName}
	if object.Spec.StorageClassName != nil {
		c.class = *object.Spec.StorageClassName
	}
	v.claims.set(object.Namespace+"/"+object.Name, object.ResourceVersion, c)
}

// deleteClaim forgets a PersistentVolumeClaim.
func (v *Storage) deleteClaim(object *corev1.PersistentVolumeClaim) {
	v.claims.remove(object.Namespace+"/"+object.Name, object.ResourceVersion)
}

// SetVolume records a PersistentVolume.
func (v *Storage) SetVolume(object *corev1.PersistentVolume) {
	v.volumes.set(object.Name, object.ResourceVersion, volume{
		places: location.FromPersistentVolume(object, v.options), followsNode: location.FollowsNode(object),
	})
}

// deleteVolume forgets a PersistentVolume.
func (v *Storage) deleteVolume(object *corev1.PersistentVolume) {
	v.volumes.remove(object.Name, object.ResourceVersion)
}

// SetStorageClass records a StorageClass.
func (v *Storage) SetStorageClass(object *storagev1.StorageClass) {
	places, restricted := location.FromStorageClass(object, v.options)
	waits := object.VolumeBindingMode != nil && *object.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	v.classes.set(object.Name, object.ResourceVersion, storageClass{places: places, restricted: restricted, waits: waits})
}

// deleteStorageClass forgets a StorageClass.
func (v *Storage) deleteStorageClass(object *storagev1.StorageClass) {
	v.classes.remove(object.Name, object.ResourceVersion)
}

// VolumeReason is why the volumes of a pod break its residency rules wherever it runs, or empty. A bound volume must
// satisfy them in every place it may be. A volume still to be provisioned must satisfy them in every place its
// StorageClass may put it; where the class waits for the pod's node and allows its place, the node's own location
// decides. An unknown place satisfies no rule.
func (v *Storage) VolumeReason(rules *policy.Effective, pod *corev1.Pod) string {
	if len(rules.Residency) == 0 {
		return ""
	}
	for _, name := range workload.Claims(pod) {
		if reason := v.ClaimReason(rules, pod.Namespace, name); reason != "" {
			return reason
		}
	}
	return ""
}

// VolumeAgainst is VolumeReason with the policies whose rules the volumes break. Where volumes that wait for the pod's node could
// meet each rule somewhere, but all of them nowhere, it is all policies with such rules.
func (v *Storage) VolumeAgainst(ruled *policy.Effective, pod *corev1.Pod) rules.Against {
	against := rules.Against{Reason: v.VolumeReason(ruled, pod)}
	if against.Reason == "" {
		return against
	}
	var all []policy.Source
	for i := range ruled.Residency {
		rule := &ruled.Residency[i]
		all = append(all, rule.From()...)
		if v.VolumeReason(&policy.Effective{Residency: ruled.Residency[i : i+1]}, pod) != "" {
			against.Sources = append(against.Sources, rule.From()...)
		}
	}
	if len(against.Sources) == 0 {
		against.Sources = all
	}
	return against
}

// ClaimReason is VolumeReason of one claim.
func (v *Storage) ClaimReason(rules *policy.Effective, namespace, name string) string {
	c, ok := v.claims.get(namespace + "/" + name)
	if !ok || len(rules.Residency) == 0 {
		return "" // the VolumeBinding plugin reports a missing claim
	}
	if c.volume == "" {
		return v.ClassReason(rules, c.class, name)
	}
	bound, _ := v.volumes.get(c.volume)
	if bound.followsNode {
		return "" // VolumeBinding keeps the pod on such nodes, and the node's own location decides
	}
	return placesReason(rules, bound.places, "the volume of claim "+name)
}

// ClassReason is ClaimReason of a claim that has no volume yet, or that does not exist yet: its volume will be of this class.
func (v *Storage) ClassReason(rules *policy.Effective, class, name string) string {
	of, known := v.classes.get(class)
	if !known || len(rules.Residency) == 0 {
		return "" // the VolumeBinding plugin reports a missing class
	}
	what := "StorageClass " + class + " of claim " + name
	if !of.waits {
		return placesReason(rules, of.places, what)
	}
	if !of.restricted {
		return ""
	}
	reason := placesReason(rules, nil, what)
	for _, place := range of.places {
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
