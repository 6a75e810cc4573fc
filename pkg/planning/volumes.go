package planning

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// volumes finds claims, volumes and classes by name.
type volumes struct {
	storage *state.Storage
	claims  map[claimKey]*corev1.PersistentVolumeClaim
	volumes map[string]*corev1.PersistentVolume
	classes map[string]*storagev1.StorageClass
	// standard is the class of claims that name none; empty where there is none.
	standard string
	// spare are the volumes that no claim has, by class, and reserved the names of those that somebody meant for a claim.
	spare    map[string][]*corev1.PersistentVolume
	reserved map[claimKey]string
	// takers is how many claims of planned workloads before one take volumes of a class that somebody makes by hand, by class and
	// workload, and takes how many do in all.
	takers map[takerOf]int
	takes  map[string]int
	// users are the planned workloads whose replicas share a claim that one pod at a time may use.
	users map[claimKey][]int
	// inPlaces are the pools in places, by these.
	inPlaces map[string][]int
	// holds are what is known of claims already, by claim, and of claims that do not exist by class.
	holds   map[claimKey]*hold
	byClass map[string]*hold
	// limits is how many volumes of each driver a node attaches, by the node's name; limited are the drivers that any node limits,
	// and counted those of them that planned workloads have volumes of.
	limits           map[string]map[string]int64
	limited, counted map[string]bool
}

type claimKey struct{ namespace, name string }

// takerOf is a workload whose claims take volumes of a class.
type takerOf struct {
	class string
	of    workload.Key
}

func (b *builder) volumes() *volumes {
	out := &volumes{
		storage: state.NewStorage(b.input.Location),
		claims:  make(map[claimKey]*corev1.PersistentVolumeClaim, len(b.input.Claims)),
		volumes: make(map[string]*corev1.PersistentVolume, len(b.input.Volumes)),
		classes: make(map[string]*storagev1.StorageClass, len(b.input.Classes)),
		spare:   map[string][]*corev1.PersistentVolume{}, reserved: map[claimKey]string{},
		takers: map[takerOf]int{}, takes: map[string]int{}, users: map[claimKey][]int{}, inPlaces: map[string][]int{}, holds: map[claimKey]*hold{}, byClass: map[string]*hold{}, counted: map[string]bool{},
	}
	out.limits, out.limited = attachLimits(b.input.CSINodes)
	for _, claim := range b.input.Claims {
		out.claims[claimKey{claim.Namespace, claim.Name}] = claim
		out.storage.SetClaim(claim)
	}
	for _, volume := range b.input.Volumes {
		out.volumes[volume.Name] = volume
		out.storage.SetVolume(volume)
		switch of := volume.Spec.ClaimRef; {
		case volume.DeletionTimestamp != nil:
		case of == nil:
			out.spare[volume.Spec.StorageClassName] = append(out.spare[volume.Spec.StorageClassName], volume)
		default:
			key := claimKey{of.Namespace, of.Name}
			if known, ok := out.reserved[key]; !ok || volume.Name < known {
				out.reserved[key] = volume.Name
			}
		}
	}
	for _, list := range out.spare { // whose nodes' order tells pools apart
		slices.SortFunc(list, func(a, b *corev1.PersistentVolume) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, class := range b.input.Classes {
		out.classes[class.Name] = class
		out.storage.SetStorageClass(class)
	}
	out.standard = standardClass(b.input.Classes)
	return out
}

// The annotations that make a StorageClass the default one.
const (
	defaultClassAnnotation     = "storageclass.kubernetes.io/is-default-class"
	defaultClassAnnotationBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// standardClass is the name of the default StorageClass, the newest of several; empty where there is none.
func standardClass(classes []*storagev1.StorageClass) string {
	var found *storagev1.StorageClass
	for _, class := range classes {
		if class.Annotations[defaultClassAnnotation] != "true" && class.Annotations[defaultClassAnnotationBeta] != "true" {
			continue
		}
		if found == nil || cmp.Or(class.CreationTimestamp.Compare(found.CreationTimestamp.Time), strings.Compare(found.Name, class.Name)) > 0 {
			found = class
		}
	}
	if found == nil {
		return ""
	}
	return found.Name
}

// hold is where the volume of a claim can be attached, or would be made.
type hold struct {
	// words name the volume; class is the StorageClass that would make it, empty for one that is there. named says that the words
	// name the claim too.
	words, class string
	named        bool
	// selector is the number of the node selector that nodes must match; -1 for none. unknown says that it is none of those that
	// pools were made by.
	selector int
	unknown  bool
	// places, any of which must be where the node is, as far as they say; nil for everywhere.
	places []location.Location
	// follows says that the volume is where its replica runs, since nobody says where.
	follows bool
	// driver is the CSI driver of the volume; empty when it is none's.
	driver string
	// byHand says that the volume is one of those of its class that somebody has made.
	byHand bool
	// made says that the volume exists. missing says that it will never, and why.
	made, missing bool
	why           string
}

// holdOf is what is known of a claim.
func (b *builder) holdOf(namespace string, of *reference) *hold {
	known, key := b.known, claimKey{namespace, of.name}
	claim := known.claims[key]
	if claim == nil && of.shared {
		return &hold{selector: -1, words: "claim " + of.name} // nobody knows of it
	}
	if claim == nil || of.perPod {
		class := known.standard
		if of.template.Class != nil {
			class = *of.template.Class
		}
		return b.provisionedOnce(class)
	}
	if out, ok := known.holds[key]; ok {
		return out
	}
	var out *hold
	volume := cmp.Or(claim.Spec.VolumeName, known.reserved[key])
	if volume != "" {
		out = b.bound(volume)
		out.words = "volume " + volume + " of claim " + of.name
	} else {
		class := known.standard
		if claim.Spec.StorageClassName != nil {
			class = *claim.Spec.StorageClassName
		}
		made := *b.provisionedOnce(class)
		out = &made
		out.words, out.named = strings.TrimSuffix("claim "+of.name+" of StorageClass "+class, " of StorageClass "), true
	}
	known.holds[key] = out
	return out
}

// provisionedOnce is provisioned, for claims alike once.
func (b *builder) provisionedOnce(class string) *hold {
	out, ok := b.known.byClass[class]
	if !ok {
		out = b.provisioned(class)
		b.known.byClass[class] = out
	}
	return out
}

// bound is where a volume that exists can be attached.
func (b *builder) bound(name string) *hold {
	out := &hold{selector: -1, made: true}
	volume := b.known.volumes[name]
	if volume == nil {
		out.follows = true
		return out
	}
	if volume.Spec.CSI != nil {
		out.driver = volume.Spec.CSI.Driver
	}
	if selector := selectorOf(volume); selector != nil {
		b.restrict(out, selector)
		return out
	}
	out.places = named(location.FromPersistentVolume(volume, b.input.Location))
	out.follows = len(out.places) == 0 || location.FollowsNode(volume)
	return out
}

// restrict makes a hold one of nodes that match a selector.
func (b *builder) restrict(of *hold, selector *corev1.NodeSelector) {
	if !b.surveyed {
		of.selector = b.attachments.add(selector)
		return
	}
	number, ok := b.attachments.find(selector)
	if of.selector = number; !ok {
		of.unknown = true
	}
}

// volumeTopology are the labels of a volume that Kubernetes compares with those of nodes (plugin VolumeZone), and the labels of
// nodes that they are compared with.
var volumeTopology = []struct{ of, node string }{
	{corev1.LabelTopologyZone, corev1.LabelTopologyZone}, {corev1.LabelTopologyRegion, corev1.LabelTopologyRegion},
	{corev1.LabelFailureDomainBetaZone, corev1.LabelTopologyZone}, {corev1.LabelFailureDomainBetaRegion, corev1.LabelTopologyRegion},
}

// selectorOf is the nodes that a volume can be attached to, by its node affinity and its labels; nil where these say nothing.
func selectorOf(volume *corev1.PersistentVolume) *corev1.NodeSelector {
	var more []corev1.NodeSelectorRequirement
	for _, label := range volumeTopology {
		if values := volume.Labels[label.of]; values != "" { // of a volume in several zones with "__" between
			more = append(more, corev1.NodeSelectorRequirement{
				Key: label.node, Operator: corev1.NodeSelectorOpIn, Values: strings.Split(values, "__"),
			})
		}
	}
	terms := []corev1.NodeSelectorTerm{{}}
	if affinity := volume.Spec.NodeAffinity; affinity != nil && affinity.Required != nil {
		if len(more) == 0 {
			return affinity.Required
		}
		terms = affinity.Required.NodeSelectorTerms
	} else if len(more) == 0 {
		return nil
	}
	out := &corev1.NodeSelector{}
	for i := range terms {
		out.NodeSelectorTerms = append(out.NodeSelectorTerms, corev1.NodeSelectorTerm{
			MatchExpressions: slices.Concat(terms[i].MatchExpressions, more), MatchFields: terms[i].MatchFields,
		})
	}
	return out
}

// provisioned is where the volumes of a class are made, or those are that somebody has made by hand.
func (b *builder) provisioned(name string) *hold {
	out := &hold{selector: -1, class: name, words: "volumes of StorageClass " + name}
	class, spare := b.known.classes[name], b.known.spare[name]
	if name == "" {
		out.words = "a volume without a StorageClass"
	}
	if class == nil || class.Provisioner == noProvisioner {
		out.byHand = len(spare) > 0
		switch selector := anyOf(spare); {
		case len(spare) > 0 && selector != nil:
			b.restrict(out, selector)
		case len(spare) > 0 || name == "":
		case class == nil && len(b.known.classes) > 0: // where no class is known none was read
			out.missing, out.why = true, "StorageClass "+name+" does not exist"
		case class != nil && len(b.known.volumes) > 0:
			out.missing, out.why = true, "no volume of StorageClass "+name+" is free, and it makes none"
		}
		return out
	}
	out.driver = csiDriver(class.Provisioner)
	if cloud := location.AttachesIn(class.Provisioner); cloud != "" {
		out.places = []location.Location{{Cloud: cloud}}
	}
	if len(class.AllowedTopologies) > 0 {
		b.restrict(out, topologySelector(class.AllowedTopologies))
	} else if places, restricted := location.FromStorageClass(class, b.input.Location); restricted {
		if places = named(places); len(places) > 0 {
			out.places = places
		}
	}
	return out
}

// noProvisioner is the provisioner of classes whose volumes somebody makes by hand.
const noProvisioner = "kubernetes.io/no-provisioner"

// anyOf are the nodes that any of some volumes can be attached to; nil where one can be to all.
func anyOf(list []*corev1.PersistentVolume) *corev1.NodeSelector {
	out := &corev1.NodeSelector{}
	for _, volume := range list {
		selector := selectorOf(volume)
		if selector == nil {
			return nil
		}
		out.NodeSelectorTerms = append(out.NodeSelectorTerms, selector.NodeSelectorTerms...)
	}
	return out
}

// topologySelector are the nodes that the allowed topologies of a class allow.
func topologySelector(allowed []corev1.TopologySelectorTerm) *corev1.NodeSelector {
	out := &corev1.NodeSelector{}
	for i := range allowed {
		var term corev1.NodeSelectorTerm
		for _, label := range allowed[i].MatchLabelExpressions {
			term.MatchExpressions = append(term.MatchExpressions, corev1.NodeSelectorRequirement{
				Key: label.Key, Operator: corev1.NodeSelectorOpIn, Values: label.Values,
			})
		}
		out.NodeSelectorTerms = append(out.NodeSelectorTerms, term)
	}
	return out
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

// isIn says whether a location is in a place, as far as that says where it is.
func isIn(at, place location.Location) bool {
	agree := func(want, have string) bool { return want == "" || want == have }
	return agree(place.Cloud, at.Cloud) && agree(place.Region, at.Region) && agree(place.Zone, at.Zone)
}
