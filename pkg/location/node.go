package location

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Node is where a node is, what it is and how it is bought.
type Node struct {
	Location
	// InstanceType is the cloud's name of the machine ("m6i.large"); "" when unknown.
	InstanceType string
	// CapacityType is on-demand when the cloud is known and no label says otherwise; "" when the cloud is unknown or
	// labels disagree.
	CapacityType v1alpha1.CapacityType
	// Problems say in words why something is unknown or contradictory, and what to do about it.
	Problems []string
}

// FromNode says where a node is. It reads spec.providerID, then labels, then what an administrator declared with
// Tradewind's labels; it never guesses. Where these contradict each other the answer is unknown, with a problem that
// names both sides. It is a pure function and safe for concurrent use. See the package documentation for whom it trusts.
func FromNode(node *corev1.Node, options Options) Node {
	var n Node
	if node == nil {
		return n
	}
	rules := options.rules()
	var set labelValues
	set.read(node.Labels, rules)
	n.InstanceType = set.either(slotInstanceType, slotInstanceTypeBeta)

	p := parseProviderID(node.Spec.ProviderID)
	if set.value[slotIBMInfrastructure] == "upi" {
		p = provider{scheme: "ibm (host of a Satellite location)"}
	}
	claim := claimCloud(p, &set, rules)
	if claim.problem != "" {
		n.Problems = append(n.Problems, claim.problem)
		return n
	}
	var capacityProblem string
	if n.CapacityType, capacityProblem = capacityType(&set); capacityProblem != "" {
		n.Problems = append(n.Problems, capacityProblem)
	}
	if claim.private != "" {
		n.Location, n.Problems = privateLocation(claim.private, &set, node.Annotations, n.Problems)
		return n
	}
	e := evidence{
		providerZone:    p.zone,
		region:          set.either(slotRegion, slotRegionBeta),
		zone:            set.either(slotZone, slotZoneBeta),
		declaredCountry: set.value[slotCountry],
		outpost:         set.value[slotOutpost],
	}
	if p.cloud == claim.cloud || p.scheme == schemeOpenStack {
		e.providerRegion, e.groupRegion = p.region, p.groupRegion
	}
	n.Location, n.Problems = tables[claim.cloud].locate(e, n.Problems)
	return n
}

// cloudClaim is the cloud that a node belongs to: a known one, a private one, or neither and why.
type cloudClaim struct{ cloud, private, problem string }

// claimCloud decides from the provider id, the labels that name clouds and the declaration.
func claimCloud(p provider, set *labelValues, rules *cloudRules) cloudClaim {
	cloud, from := p.cloud, "spec.providerID"
	// named takes another source into account; it returns the problem if that contradicts an earlier one.
	named := func(other, key string) string {
		if cloud == "" {
			cloud, from = other, key
			return ""
		}
		if cloud != other {
			return fmt.Sprintf("%s says the cloud is %s and label %s says %s; remove the label that is wrong", from, cloud, key, other)
		}
		return ""
	}

	private := ""
	if set.has[slotCloud] {
		declared := set.value[slotCloud]
		known := cloudNamed(declared)
		switch {
		case known != "":
			if problem := named(known, v1alpha1.LabelCloud); problem != "" {
				return cloudClaim{problem: problem}
			}
		case !isName(declared):
			return cloudClaim{problem: fmt.Sprintf("label %s is %q, which is no name; set it to the name of the cloud or of the private data centre", v1alpha1.LabelCloud, clip(declared))}
		case cloud != "":
			return cloudClaim{problem: fmt.Sprintf("%s says the cloud is %s and label %s says %s; remove the label, or set it to %s", from, cloud, v1alpha1.LabelCloud, declared, cloud)}
		default:
			private = declared
		}
	}
	var unread *cloudRule
	for i := range rules.values {
		key, at := rules.values[i].key, rules.values[i].slot
		if !set.has[at] {
			continue
		}
		known := cloudNamed(set.value[at])
		if known == "" {
			unread = &rules.values[i]
			continue
		}
		if private != "" {
			return cloudClaim{problem: fmt.Sprintf("label %s says the cloud is %s and label %s says %s; remove the label that is wrong", v1alpha1.LabelCloud, private, key, known)}
		}
		if problem := named(known, key); problem != "" {
			return cloudClaim{problem: problem}
		}
	}
	if private != "" {
		// Labels that a managed Kubernetes sets say little of a node that was declared to be elsewhere: some of these
		// services take in nodes from other places.
		return cloudClaim{private: private}
	}
	for i := range rules.exact {
		if rule := &rules.exact[i]; set.has[rule.slot] {
			if problem := named(rule.cloud, rule.key); problem != "" {
				return cloudClaim{problem: problem}
			}
		}
	}
	for i := range rules.prefixes {
		if rule := &rules.prefixes[i]; set.prefix[i] {
			if problem := named(rule.cloud, rule.key); problem != "" {
				return cloudClaim{problem: problem}
			}
		}
	}
	if cloud == "" {
		return cloudClaim{problem: unknownCloud(p, set, unread)}
	}
	if !p.allows(cloud) {
		return cloudClaim{problem: fmt.Sprintf("label %s says the cloud is %s, but spec.providerID is of %s; set label %s to the name of the private data centre or other cloud, and %s to its country",
			from, cloud, p.scheme, v1alpha1.LabelCloud, v1alpha1.LabelCountry)}
	}
	return cloudClaim{cloud: cloud}
}

func unknownCloud(p provider, set *labelValues, unread *cloudRule) string {
	var b strings.Builder
	b.WriteString("the cloud is unknown: ")
	switch {
	case p.scheme != "":
		fmt.Fprintf(&b, "spec.providerID is of %s, which names no known cloud", p.scheme)
	default:
		b.WriteString("spec.providerID is empty")
	}
	switch {
	case unread != nil:
		fmt.Fprintf(&b, ", and label %s is %q, which names none either", unread.key, clip(set.value[unread.slot]))
	case set.has[slotCountry]:
		fmt.Fprintf(&b, ", and label %s counts only beside %s", v1alpha1.LabelCountry, v1alpha1.LabelCloud)
	default:
		b.WriteString(", and no label names it")
	}
	fmt.Fprintf(&b, "; label the node %s=NAME and %s=CODE", v1alpha1.LabelCloud, v1alpha1.LabelCountry)
	return b.String()
}

// privateLocation is where a node of a private data centre was declared to be.
func privateLocation(name string, set *labelValues, annotations map[string]string, problems []string) (Location, []string) {
	l := Location{Cloud: name}
	if region := set.either(slotRegion, slotRegionBeta); isName(region) {
		l.Region = region
	}
	if zone := set.either(slotZone, slotZoneBeta); isName(zone) {
		l.Zone = zone
	}
	switch country := set.value[slotCountry]; {
	case !set.has[slotCountry]:
		problems = append(problems, fmt.Sprintf("the country of data centre %s is not declared; label the node %s=CODE", name, v1alpha1.LabelCountry))
	case !IsCountry(country):
		problems = append(problems, badCountry(v1alpha1.LabelCountry, country))
	default:
		l.Country = country
	}
	switch operator := set.value[slotOperatorCountry]; {
	case !set.has[slotOperatorCountry]:
		problems = append(problems, fmt.Sprintf("the law that the operator of %s is under is not declared; label the node %s=CODE if rules on operators are to pass", name, v1alpha1.LabelOperatorCountry))
	case !IsCountry(operator):
		problems = append(problems, badCountry(v1alpha1.LabelOperatorCountry, operator))
	default:
		l.OperatorCountry = operator
	}
	if text, ok := annotations[v1alpha1.AnnotationCoordinates]; ok {
		c, err := ParseCoordinates(text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("annotation %s: %v", v1alpha1.AnnotationCoordinates, err))
		}
		l.Coordinates = c
	}
	return l, problems
}

func badCountry(label, value string) string {
	text := fmt.Sprintf("label %s is %q, which is no ISO 3166-1 alpha-2 code in upper case", label, clip(value))
	if near := nearestJurisdictions(value); len(near) > 0 && IsCountry(near[0]) {
		return text + "; did you mean " + near[0] + "?"
	}
	return text + "; set it to one, such as LU"
}

// ParseCoordinates reads "LATITUDE,LONGITUDE" in decimal degrees, as in v1alpha1.AnnotationCoordinates.
func ParseCoordinates(text string) (Coordinates, error) {
	first, second, ok := strings.Cut(text, ",")
	if !ok {
		return Coordinates{}, fmt.Errorf("%q is not LATITUDE,LONGITUDE in degrees, such as 49.61,6.13", clip(text))
	}
	latitude, err := degrees(first, "latitude", 90)
	if err != nil {
		return Coordinates{}, err
	}
	longitude, err := degrees(second, "longitude", 180)
	if err != nil {
		return Coordinates{}, err
	}
	return Coordinates{Latitude: latitude, Longitude: longitude, Known: true}, nil
}

func degrees(text, what string, limit float64) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v >= -limit && v <= limit) {
		return 0, fmt.Errorf("%s %q is not a number from -%v to %v degrees", what, clip(text), limit, limit)
	}
	return v + 0, nil
}

// LabelsOf returns the labels that the location requirements of policies select on: the node's cloud, region, zone,
// country, operator's country, instance type and capacity type, each only if known.
func LabelsOf(n Node) labels.Set {
	set := make(labels.Set, 8)
	for _, l := range [...]struct{ key, value string }{
		{v1alpha1.LabelCloud, n.Cloud},
		{v1alpha1.LabelCountry, n.Country},
		{v1alpha1.LabelOperatorCountry, n.OperatorCountry},
		{v1alpha1.LabelCapacityType, string(n.CapacityType)},
		{labelRegion, n.Region},
		{labelZone, n.Zone},
		{labelInstanceType, n.InstanceType},
	} {
		if l.value != "" {
			set[l.key] = l.value
		}
	}
	return set
}
