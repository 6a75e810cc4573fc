package location

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// FromPersistentVolume returns every place a volume may be, from its node affinity (each term is an alternative), its
// CSI driver and handle, and its labels; Tradewind's labels declare where storage of one's own is, as on nodes. A place
// that is unknown or contradictory is returned with an empty country, so that a rule which all places must meet fails;
// nothing is returned when nothing is known. Ask FollowsNode first: the volumes it names are where their pod's node is.
func FromPersistentVolume(pv *corev1.PersistentVolume, options Options) []Location {
	if pv == nil {
		return nil
	}
	source := sourceOf(pv)
	base := labelledTopology(pv.Labels)
	var terms []topology
	for _, term := range affinityTerms(pv) {
		if len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0 {
			continue // Kubernetes: an empty term matches no node
		}
		t := base.clone()
		for _, r := range term.MatchExpressions {
			if r.Operator == corev1.NodeSelectorOpIn {
				t.require(r.Key, r.Values)
			}
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		terms = append(terms, base)
	}
	return places(source, pv.Labels, terms, options)
}

func affinityTerms(pv *corev1.PersistentVolume) []corev1.NodeSelectorTerm {
	if pv.Spec.NodeAffinity == nil || pv.Spec.NodeAffinity.Required == nil {
		return nil
	}
	return pv.Spec.NodeAffinity.Required.NodeSelectorTerms
}

// FollowsNode says whether a volume can only be used from nodes that stand where it stands, so that the node's location
// is the volume's: disks of the node itself (local, hostPath, or bound to host names), and disks of a known cloud which
// do not say in which region they are, because a cloud's disk attaches to machines of its own region only.
func FollowsNode(pv *corev1.PersistentVolume) bool {
	if pv == nil {
		return false
	}
	source := sourceOf(pv)
	if source.local {
		return true
	}
	terms := affinityTerms(pv)
	if len(terms) > 0 && !slices.ContainsFunc(terms, func(t corev1.NodeSelectorTerm) bool { return !boundToHosts(t) }) {
		return true
	}
	if source.known.cloud == "" || source.known.shared || source.region != "" || source.zone != "" {
		return false
	}
	if t := labelledTopology(pv.Labels); t.says() {
		return false
	}
	for _, term := range terms {
		var t topology
		for _, r := range term.MatchExpressions {
			t.require(r.Key, r.Values)
		}
		if t.says() {
			return false
		}
	}
	return true
}

func boundToHosts(term corev1.NodeSelectorTerm) bool {
	isHost := func(r corev1.NodeSelectorRequirement) bool {
		return r.Operator == corev1.NodeSelectorOpIn && hostKeys[r.Key]
	}
	return slices.ContainsFunc(term.MatchExpressions, isHost) || slices.ContainsFunc(term.MatchFields, isHost)
}

// FromStorageClass returns where a class provisions volumes: the places its allowed topologies, parameters or labels
// name, with an empty country where unknown. restricted is false when volumes are provisioned where the pod's node is.
// It is true without places when nobody can say: the class provisions before there is a node (Immediate binding), or
// storage that is reached over the network.
func FromStorageClass(class *storagev1.StorageClass, options Options) (found []Location, restricted bool) {
	if class == nil {
		return nil, true
	}
	if localProvisioners[class.Provisioner] {
		return nil, false
	}
	source := volumeSource{name: class.Provisioner, known: drivers[class.Provisioner]}
	base := labelledTopology(class.Labels)
	if source.known.cloud != "" {
		base.parameters(class.Parameters)
	}
	var terms []topology
	for _, term := range class.AllowedTopologies {
		t := base.clone()
		for _, r := range term.MatchLabelExpressions {
			t.require(r.Key, r.Values)
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 && (base.says() || class.Labels[v1alpha1.LabelCloud] != "") {
		terms = append(terms, base)
	}
	if len(terms) > 0 {
		return places(source, class.Labels, terms, options), true
	}
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	return nil, !waits || source.known.shared || sharedDrivers[class.Provisioner]
}

// topology is what the requirements of one alternative say of the place. A nil list says nothing; an empty one is a
// contradiction.
type topology struct{ clouds, regions, zones, countries, operators, outposts []string }

func (t topology) clone() topology {
	return topology{
		slices.Clone(t.clouds), slices.Clone(t.regions), slices.Clone(t.zones), slices.Clone(t.countries), slices.Clone(t.operators),
		slices.Clone(t.outposts),
	}
}

// says whether anything is said of the place within a cloud.
func (t topology) says() bool { return t.regions != nil || t.zones != nil || t.countries != nil }

// require narrows the topology to the values of a label.
func (t *topology) require(key string, values []string) {
	switch {
	case zoneKeys[key]:
		narrow(&t.zones, values)
	case regionKeys[key]:
		narrow(&t.regions, values)
	case key == v1alpha1.LabelCloud:
		narrow(&t.clouds, values)
	case key == v1alpha1.LabelCountry:
		narrow(&t.countries, values)
	case key == v1alpha1.LabelOperatorCountry:
		narrow(&t.operators, values)
	case key == labelOutpost:
		narrow(&t.outposts, values)
	}
}

// narrow keeps what is in both lists. Empty values say nothing: Azure's driver writes one for disks outside zones.
func narrow(list *[]string, values []string) {
	var named []string
	for _, v := range values {
		if v != "" && !slices.Contains(named, v) {
			named = append(named, v)
		}
	}
	switch {
	case named == nil:
	case *list == nil:
		*list = named
	default:
		*list = slices.DeleteFunc(slices.Clone(*list), func(v string) bool { return !slices.Contains(named, v) })
	}
}

// labelledTopology reads the labels of a volume or class. Volumes that are in several zones have them in one label with
// "__" between.
func labelledTopology(set map[string]string) topology {
	var t topology
	for key, value := range set {
		if key != "region" {
			t.require(key, strings.Split(value, "__"))
		}
	}
	return t
}

// parameters reads the parameters by which drivers of known clouds are told where to provision.
func (t *topology) parameters(parameters map[string]string) {
	for key, value := range parameters {
		switch strings.ToLower(key) {
		case "zone", "zones":
			t.require(labelZone, splitList(value))
		case "region", "location":
			t.require(labelRegion, []string{strings.TrimSpace(value)})
		}
	}
}

func splitList(s string) []string {
	out := strings.Split(s, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// maxPlaces bounds the places that one volume's alternatives are spelled out to; beyond, they are unknown.
const maxPlaces = 1024

// places spells out the alternatives, without repetition.
func places(source volumeSource, set map[string]string, terms []topology, options Options) []Location {
	var out []Location
	add := func(l Location) {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	rules := options.rules()
	var claimed labelValues
	claimed.read(set, rules)
	for _, t := range terms {
		for _, cloud := range orNone(t.clouds) {
			for _, l := range placesIn(source, claimed.with(cloud), t, rules) {
				add(l)
			}
			if len(out) > maxPlaces {
				return []Location{{}}
			}
		}
	}
	if !slices.ContainsFunc(out, func(l Location) bool { return l != Location{} }) {
		return nil
	}
	return out
}

// orNone is the list, or a single empty value for a list that says nothing or contradicts itself.
func orNone(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// with returns the volume's labels and the cloud of an alternative.
func (v labelValues) with(cloud string) *labelValues {
	if cloud != "" {
		v.value[slotCloud], v.has[slotCloud] = cloud, true
	}
	return &v
}

// placesIn spells out one alternative in one cloud.
func placesIn(source volumeSource, set *labelValues, t topology, rules *cloudRules) []Location {
	for _, list := range [][]string{t.clouds, t.regions, t.zones, t.countries, t.operators, t.outposts} {
		if list != nil && len(list) == 0 {
			return []Location{{}} // the alternative contradicts itself
		}
	}
	p := provider{scheme: source.name, cloud: source.known.cloud, region: source.region, zone: source.zone, neutral: source.known.cloud == ""}
	claim := claimCloud(p, set, rules)
	if claim.problem != "" {
		return []Location{{}}
	}
	if len(orNone(t.zones))*len(orNone(t.regions))*len(orNone(t.countries))*len(orNone(t.operators)) > maxPlaces {
		return []Location{{}}
	}
	known := tables[claim.cloud]
	var out []Location
	for _, country := range orNone(t.countries) {
		for _, operator := range orNone(t.operators) {
			if claim.private != "" {
				out = append(out, privatePlaces(claim.private, country, operator, t)...)
				continue
			}
			for _, zone := range t.zones {
				out = append(out, known.zonePlaces(source, zone, country, orNone(t.outposts)[0], t.regions))
			}
			if t.zones != nil {
				continue
			}
			for _, region := range orNone(t.regions) {
				l, _ := known.locate(evidence{
					providerRegion: source.region, providerZone: source.zone, region: region, declaredCountry: country, outpost: orNone(t.outposts)[0],
				}, nil)
				out = append(out, l)
			}
		}
	}
	return out
}

// zonePlaces is the place of a zone that must be in one of the regions, if any are named.
func (t *table) zonePlaces(source volumeSource, zone, country, outpost string, regions []string) Location {
	if t.cloud.ID == cloudAzure && isDigits(zone) {
		zone = "" // a fault domain, see locate
	}
	region := ""
	if len(regions) == 1 {
		region = regions[0]
	} else if len(regions) > 1 {
		of := t.zone(zone)
		i := slices.IndexFunc(regions, func(name string) bool {
			r, ok := t.region(name)
			return ok && (of.region != nil || of.edge != nil) && of.belongsTo(r)
		})
		if i < 0 {
			return Location{Cloud: t.cloud.ID}
		}
		region = regions[i]
	}
	// Kubelets do not write volumes: the zone counts like one of the provider's.
	l, _ := t.locate(evidence{
		providerRegion: source.region, providerZone: cmp.Or(source.zone, zone), region: region, zone: zone, declaredCountry: country, outpost: outpost,
	}, nil)
	return l
}

func privatePlaces(name, country, operator string, t topology) []Location {
	l := Location{Cloud: name}
	if IsCountry(country) {
		l.Country = country
	}
	if IsCountry(operator) {
		l.OperatorCountry = operator
	}
	var out []Location
	for _, region := range orNone(t.regions) {
		for _, zone := range orNone(t.zones) {
			at := l
			if isName(region) {
				at.Region = region
			}
			if isName(zone) {
				at.Zone = zone
			}
			out = append(out, at)
		}
	}
	return out
}
