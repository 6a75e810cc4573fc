package planning

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// volumes finds claims, volumes and classes by name.
type volumes struct {
	claims  map[[2]string]*corev1.PersistentVolumeClaim
	volumes map[string]*corev1.PersistentVolume
	classes map[string]*storagev1.StorageClass
}

func (b *builder) volumes() *volumes {
	out := &volumes{
		claims:  make(map[[2]string]*corev1.PersistentVolumeClaim, len(b.input.Claims)),
		volumes: make(map[string]*corev1.PersistentVolume, len(b.input.Volumes)),
		classes: make(map[string]*storagev1.StorageClass, len(b.input.Classes)),
	}
	for _, claim := range b.input.Claims {
		out.claims[[2]string{claim.Namespace, claim.Name}] = claim
	}
	for _, volume := range b.input.Volumes {
		out.volumes[volume.Name] = volume
	}
	for _, class := range b.input.Classes {
		out.classes[class.Name] = class
	}
	return out
}

// pins are the replicas that volumes hold in place: each replica of a StatefulSet by the claims of its own, and all
// replicas by the claims that the template names. Claims that are deleted with their pod hold nothing.
func (b *builder) pins(w *Workload, pods running, known *volumes) []engine.Pin {
	shared := w.SharedClaims()
	if len(shared) == 0 && len(w.ClaimTemplates) == 0 || len(known.claims) == 0 {
		return nil
	}
	var out []engine.Pin
	var keys []string
	for i := range max(w.Replicas, 0) {
		claims := slices.Concat(shared, w.OwnClaims(i))
		places, pinned := b.placesOf(w.Namespace, claims, known, b.at(w, w.Replica(i), pods))
		if !pinned {
			if len(w.ClaimTemplates) == 0 {
				return nil // what holds one replica holds them all
			}
			continue
		}
		key := fmt.Sprint(places)
		if k := slices.Index(keys, key); k >= 0 {
			out[k].Replicas++
			continue
		}
		keys = append(keys, key)
		out = append(out, engine.Pin{Replicas: 1, Places: places})
	}
	return out
}

// at is where a replica runs now: the pod of this name, or the only place where the workload's pods are.
func (b *builder) at(w *Workload, pod string, pods running) location.Location {
	if found, ok := pods.nodes[pod]; ok {
		return b.out.Pools[found.pool].At.Location
	}
	if len(pods.replicas) == 1 && len(w.ClaimTemplates) == 0 {
		for pool := range pods.replicas {
			return b.out.Pools[pool].At.Location
		}
	}
	return location.Location{}
}

// placesOf is where a replica with these claims can be; pinned is false when that is anywhere. now is where it runs.
func (b *builder) placesOf(namespace string, claims []string, known *volumes, now location.Location) (places []location.Location, pinned bool) {
	for _, name := range claims {
		more, limits := b.claimPlaces(known, namespace, name, now)
		if !limits {
			continue
		}
		if pinned {
			more = common(places, more)
		}
		places, pinned = more, true
	}
	slices.SortFunc(places, func(x, y location.Location) int { return strings.Compare(x.String(), y.String()) })
	return slices.Compact(places), pinned
}

// claimPlaces is where the volume of a claim can be attached, or would be made; limits is false when that is anywhere.
func (b *builder) claimPlaces(known *volumes, namespace, name string, now location.Location) (places []location.Location, limits bool) {
	claim := known.claims[[2]string{namespace, name}]
	if claim == nil {
		return nil, false
	}
	if claim.Spec.VolumeName == "" {
		class := known.classes[className(claim)]
		if class == nil {
			return nil, false
		}
		places, limits = location.FromStorageClass(class, b.input.Location)
		places = named(places)
		return places, limits && len(places) > 0
	}
	volume := known.volumes[claim.Spec.VolumeName]
	if volume == nil {
		return here(now)
	}
	if location.FollowsNode(volume) {
		if places = b.hostPlaces(volume); len(places) > 0 {
			return places, true
		}
		return here(now)
	}
	if places = named(location.FromPersistentVolume(volume, b.input.Location)); len(places) > 0 {
		return places, true
	}
	return here(now)
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

// here pins to where a replica runs; nothing is known of one that does not run.
func here(now location.Location) ([]location.Location, bool) {
	if now.Cloud == "" {
		return nil, false
	}
	return []location.Location{spot(now)}, true
}

// named drops places of which nothing is known, and keeps of the others what says where they are.
func named(places []location.Location) []location.Location {
	var out []location.Location
	for _, place := range places {
		if place.Cloud != "" || place.Region != "" || place.Zone != "" {
			out = append(out, spot(place))
		}
	}
	return out
}

// spot is cloud, region and zone of a location.
func spot(at location.Location) location.Location {
	return location.Location{Cloud: at.Cloud, Region: at.Region, Zone: at.Zone}
}

// hostPlaces is where the nodes are that a volume is bound to by name.
func (b *builder) hostPlaces(volume *corev1.PersistentVolume) []location.Location {
	if volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
		return nil
	}
	var out []location.Location
	for _, term := range volume.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, requirement := range append(slices.Clone(term.MatchExpressions), term.MatchFields...) {
			if requirement.Operator != corev1.NodeSelectorOpIn || requirement.Key != corev1.LabelHostname && requirement.Key != "metadata.name" {
				continue
			}
			for _, host := range requirement.Values {
				if pool, ok := b.out.PoolOf[host]; ok {
					out = append(out, spot(b.out.Pools[pool].At.Location))
				}
			}
		}
	}
	return named(out)
}

// common is where two lists of places agree.
func common(a, b []location.Location) []location.Location {
	var out []location.Location
	agree := func(x, y string) bool { return x == "" || y == "" || x == y }
	for _, x := range a {
		for _, y := range b {
			if agree(x.Cloud, y.Cloud) && agree(x.Region, y.Region) && agree(x.Zone, y.Zone) {
				out = append(out, location.Location{Cloud: cmp.Or(x.Cloud, y.Cloud), Region: cmp.Or(x.Region, y.Region), Zone: cmp.Or(x.Zone, y.Zone)})
			}
		}
	}
	return out
}
