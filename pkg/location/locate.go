package location

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// evidence is what is said of a place in a known cloud, and by whom. An empty field says nothing.
type evidence struct {
	// providerRegion and providerZone are from spec.providerID or a volume's handle.
	providerRegion, providerZone string
	// groupRegion is the region that the node's resource group is named after, which can only contradict.
	groupRegion string
	// region and zone are from labels.
	region, zone string
	// declaredCountry is from v1alpha1.LabelCountry.
	declaredCountry string
	// outpost is the AWS Outposts rack that it is of.
	outpost string
}

// locate brings the evidence together. Anything that contradicts makes the jurisdiction unknown and adds a problem.
func (t *table) locate(e evidence, problems []string) (Location, []string) {
	l := Location{Cloud: t.cloud.ID}
	if t.oneOperator {
		l.OperatorCountry = t.cloud.OperatorCountry
	}

	if t.cloud.ID == cloudAzure && isDigits(e.zone) {
		problems = append(problems, fmt.Sprintf("label %s is %s, which is a fault domain (a rack) and no availability zone: the place is in no zone, and survives the loss of none",
			labelZone, clip(e.zone)))
		e.zone = ""
	}
	region, name, problem := t.commonRegion(e.providerRegion, e.region)
	if problem != "" {
		return l, append(problems, problem)
	}
	if e.groupRegion != "" && name != "" && name != e.groupRegion {
		return l, append(problems, fmt.Sprintf("spec.providerID is of a resource group that %s names after the region %s, and label %s says %s, so neither counts; correct the label, or give the resource group a name of your own",
			t.cloud.Name, e.groupRegion, labelRegion, name))
	}
	zone, place, problem := t.commonZone(e.providerZone, e.zone)
	if problem != "" {
		return l, append(problems, problem)
	}
	if zone == "" && e.zone != "" && e.providerZone != "" {
		problems = append(problems, fmt.Sprintf("spec.providerID says the zone is %s and label %s says %s, so the zone is unknown; correct the label", clip(e.providerZone), labelZone, clip(e.zone)))
	}
	switch {
	case place.region == nil && place.edge == nil:
	case name == "":
		// IBM's data centres that several regions manage do not say which one it is.
		if region = place.region; region != nil {
			name = region.Name
		}
		if e.groupRegion != "" && name != e.groupRegion {
			return l, append(problems, fmt.Sprintf("zone %s is not in region %s, which spec.providerID's resource group is named after, so neither counts; correct label %s", zone, e.groupRegion, labelZone))
		}
	case region == nil || !place.belongsTo(region):
		return l, append(problems, fmt.Sprintf("zone %s is not in region %s, so neither counts; correct label %s or %s", zone, name, labelRegion, labelZone))
	}
	l.Region, l.Zone = name, zone

	switch {
	case region == nil && place.edge == nil:
		if name == "" {
			problems = t.declared(&l, e, fmt.Sprintf("the region is unknown: label %s is missing", labelRegion), problems)
		} else {
			// Providers let partners run regions of their own under the same kind of ids.
			l.OperatorCountry = ""
			problems = t.declared(&l, e, fmt.Sprintf("%s has no region %s that this release knows", t.cloud.Name, name), problems)
		}
		return l, problems
	case place.strange:
		l.OperatorCountry = region.OperatorCountry
		problem := fmt.Sprintf("%s has no zone %s that this release knows, and such a zone may stand in another country than its region", t.cloud.Name, clip(cmp.Or(zone, e.providerZone)))
		if e.providerZone == "" {
			// A label alone does not take a node out of a known region into a declared country.
			return l, append(problems, problem+fmt.Sprintf("; correct label %s", labelZone))
		}
		problems = t.declared(&l, e, problem, problems)
		return l, problems
	}
	if e.outpost != "" && t.cloud.ID == cloudAWS && region != nil {
		l.OperatorCountry = region.OperatorCountry
		problems = t.declared(&l, e, fmt.Sprintf("label %s says that it is of the AWS Outposts rack %s, which stands on a customer's ground and not where its zone is",
			labelOutpost, clip(e.outpost)), problems)
		return l, problems
	}
	// The operator is the region's; the country and the coordinates are the zone's if it has its own.
	at := region
	if place.edge != nil {
		at = &place.edge.Region
		l.OperatorCountry = at.OperatorCountry
	}
	if region != nil {
		l.OperatorCountry = region.OperatorCountry
	}
	if e.declaredCountry != "" && e.declaredCountry != at.Country {
		problems = append(problems, fmt.Sprintf("label %s says %q but %s stands in %s, so the country is unknown; correct or remove the label", v1alpha1.LabelCountry, clip(e.declaredCountry), l.String(), at.Country))
		return l, problems
	}
	l.Country = at.Country
	l.Coordinates = at.Coordinates()
	return l, problems
}

// declared takes the declared country where the tables know none, and otherwise adds the problem.
func (t *table) declared(l *Location, e evidence, problem string, problems []string) []string {
	switch {
	case IsCountry(e.declaredCountry):
		l.Country = e.declaredCountry
		return problems
	case e.declaredCountry != "":
		problems = append(problems, badCountry(v1alpha1.LabelCountry, e.declaredCountry))
	}
	return append(problems, fmt.Sprintf("%s; if it is right, declare its country with label %s=CODE", problem, v1alpha1.LabelCountry))
}

// commonRegion is the region that both sources name. name is the canonical one, or as written when it is not known.
func (t *table) commonRegion(fromProvider, fromLabel string) (region *Region, name, problem string) {
	region, name = t.named(fromProvider)
	other, otherName := t.named(fromLabel)
	switch {
	case name == "":
		region, name = other, otherName
	case otherName != "" && otherName != name:
		return nil, "", fmt.Sprintf("spec.providerID says the region is %s and label %s says %s, so neither counts; correct the label", name, labelRegion, otherName)
	}
	if name == "" && fromLabel != "" && !isName(fromLabel) {
		return nil, "", fmt.Sprintf("label %s is %q, which is no name of a region; correct it", labelRegion, clip(fromLabel))
	}
	return region, name, ""
}

// openstackRegion is what OpenStack calls the region of an installation that was given no name: it says nothing.
const openstackRegion = "RegionOne"

// named finds a region by its name. The name is "" when it cannot be one.
func (t *table) named(name string) (*Region, string) {
	if name == "" || openstackClouds[t.cloud.ID] && strings.EqualFold(name, openstackRegion) {
		return nil, ""
	}
	if r, ok := t.region(name); ok {
		return r, r.Name
	}
	if !isName(name) {
		return nil, ""
	}
	return nil, name
}

// commonZone is the zone that both sources name, and what its name says. Two different zones of the same place leave the
// zone unknown and the place known; zones of different places are a contradiction.
func (t *table) commonZone(fromProvider, fromLabel string) (zone string, place zonePlace, problem string) {
	if fromProvider != "" {
		place = t.zone(fromProvider)
	}
	if fromLabel == "" || fromLabel == fromProvider {
		if !isName(fromProvider) {
			fromProvider = ""
		}
		return fromProvider, place, ""
	}
	if !isZoneName(fromLabel) {
		return "", zonePlace{}, fmt.Sprintf("label %s is %q, which is no name of a zone; correct it", labelZone, clip(fromLabel))
	}
	other := t.zone(fromLabel)
	if fromProvider == "" {
		return fromLabel, other, ""
	}
	if place != other || place.strange || place.region == nil && place.edge == nil {
		return "", zonePlace{}, fmt.Sprintf("spec.providerID says the zone is %s and label %s says %s, so neither counts; correct the label", clip(fromProvider), labelZone, fromLabel)
	}
	return "", place, ""
}

// isZoneName also lets pass the colon of Oracle's availability domains ("Uocm:UK-LONDON-1-AD-1").
func isZoneName(s string) bool {
	return isName(s) || len(s) > 5 && s[4] == ':' && isName(s[:4]) && isName(s[5:])
}

// belongsTo says whether a place can be in a region.
func (z zonePlace) belongsTo(r *Region) bool {
	if z.edge != nil {
		return slices.Contains(z.edge.parents, r.Name)
	}
	return z.region == r
}
