package location

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// CheckValue says what is wrong with a value that an object demands of a location label (see LabelsOf): no place can have
// it. Where a place may have it, known or not, it is nil; Values.Doubt says whether it may be a slip all the same.
func CheckValue(label, value string) error {
	switch label {
	case v1alpha1.LabelCloud:
		return CheckCloud(value)
	case v1alpha1.LabelCountry, v1alpha1.LabelOperatorCountry:
		return checkCountry(value)
	case v1alpha1.LabelCapacityType:
		switch v1alpha1.CapacityType(value) {
		case onDemand, spot, reserved:
			return nil
		}
		return fmt.Errorf("%q is no capacity type; write on-demand, spot or reserved", clip(value))
	}
	return checkLabelValue(value)
}

// CheckCloud says what is wrong with the name of a cloud in an object that selects places by it. Nodes and pools that are
// labelled with another name of a known cloud, or with its id in another case, are in that cloud, so that nothing is ever in a
// cloud of such a name. Ids of known clouds, and names that a private data centre may have, are right.
func CheckCloud(name string) error {
	switch id := cloudNamed(name); {
	case id == name && id != "":
		return nil
	case id != "":
		return fmt.Errorf("%q is another name of the cloud %s, and no place is found by it; write %s", clip(name), id, id)
	}
	return checkLabelValue(name)
}

func checkCountry(code string) error {
	switch _, group := groupSets[code]; {
	case IsCountry(code):
		return nil
	case group:
		return fmt.Errorf("%q is a group of countries, and a place is in one country; name the countries, or use spec.residency.jurisdictions", code)
	}
	text := fmt.Sprintf("%q is no ISO 3166-1 alpha-2 code in upper case", clip(code))
	if near := NearestCountries(code); len(near) > 0 {
		return fmt.Errorf("%s%s", text, DidYouMean(near))
	}
	return fmt.Errorf("%s; write one, such as LU", text)
}

func checkLabelValue(value string) error {
	if value == "" {
		return fmt.Errorf("the value is empty, and what is not known of a place meets nothing; remove it")
	}
	if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
		return fmt.Errorf("%q cannot be the value of a node's label, so no place has it: %s", clip(value), problems[0])
	}
	return nil
}

// IsKnownValue says whether a location label can have a value in a known cloud: an id of one, a region as its cloud spells it, a
// zone of one, an ISO 3166-1 country, a capacity type. Of instance types this package knows nothing: each is taken for known.
func IsKnownValue(label, value string) bool {
	switch label {
	case v1alpha1.LabelCloud:
		_, known := LookupCloud(value)
		return known
	case labelRegion:
		for _, t := range tables {
			if r, ok := t.regions[value]; ok && r.Name == value {
				return true
			}
		}
		return false
	case labelZone:
		for _, t := range tables {
			if place := t.zone(value); !place.strange && (place.region != nil || place.edge != nil) {
				return true
			}
		}
		return false
	case v1alpha1.LabelCountry, v1alpha1.LabelOperatorCountry, v1alpha1.LabelCapacityType:
		return CheckValue(label, value) == nil
	}
	return true
}

// NearestValues are the values of known clouds that a value of a location label that none has may have meant, best first, at
// most three.
func NearestValues(label, value string) []string {
	switch label {
	case v1alpha1.LabelCloud:
		return NearestClouds(value)
	case v1alpha1.LabelCountry, v1alpha1.LabelOperatorCountry:
		return NearestCountries(value)
	case labelRegion:
		return bare(NearestRegions("", value))
	case labelZone:
		return nearestZones(value)
	}
	return nil
}

// Spellings are the names of regions of known clouds that differ from a name in case alone. Nodes there are in a region of that
// name, however their labels write it.
func Spellings(region string) []string {
	var out []string
	for _, c := range clouds {
		if r, ok := tables[c.ID].region(region); ok && r.Name != region && strings.EqualFold(r.Name, region) && !slices.Contains(out, r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// bare are regions without their clouds, each once.
func bare(regions []string) []string {
	var out []string
	for _, name := range regions {
		if _, region, _ := strings.Cut(name, "/"); !slices.Contains(out, region) {
			out = append(out, region)
		}
	}
	return out
}

// nearestZones are zones of the regions that are nearest to a name without its last part: eu-central-1a for eu-central1a.
func nearestZones(name string) []string {
	var cuts []int
	if n := len(name) - 1; n > 0 && isLower(name[n]) {
		cuts = append(cuts, n)
	}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		cuts = append(cuts, i)
	}
	var out []string
	for _, at := range cuts {
		last := strings.TrimPrefix(name[at:], "-")
		for _, near := range NearestRegions("", name[:at]) {
			cloud, region, _ := strings.Cut(near, "/")
			for _, zone := range []string{region + last, region + "-" + last} {
				place := tables[cloud].zone(zone)
				if !place.strange && place.region != nil && zone != region && !slices.Contains(out, zone) && len(out) < maxSuggestions {
					out = append(out, zone)
				}
			}
		}
	}
	return out
}

// Values are values of location labels by label: those of nodes, pools and other objects.
type Values map[string]map[string]bool

// Add takes in the labels of a place (see LabelsOf).
func (v Values) Add(set labels.Set) {
	for key, value := range set {
		if value == "" {
			continue
		}
		if v[key] == nil {
			v[key] = map[string]bool{}
		}
		v[key][value] = true
	}
}

// Of lists the values of a label, sorted, and those among them that are nearest to another, best first, at most three.
func (v Values) Of(label, to string) (all, near []string) {
	all = slices.Sorted(maps.Keys(v[label]))
	if len(to) > maxLabelValue {
		return all, nil
	}
	return all, nearest(to, all, func(name string) (string, []string) { return name, []string{name} })
}
