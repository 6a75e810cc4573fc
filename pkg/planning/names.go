package planning

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// maxName is the length of the longest part of an object's name between dots.
const maxName = 63

// nameAll gives every group a name that is unique in its cluster and valid for an object: the one that it was discovered under,
// the declared pool's, else the provider's own with the zone, else one made of place, instance type and capacity type. Groups
// that would share a name get what tells them apart appended, at last a digest of it; one that has its name already keeps it.
func nameAll(groups []*group, declared, discovered []*v1alpha1.CloudPool) {
	type key struct{ cluster, name string }
	taken := map[key]bool{}
	for _, pool := range declared {
		taken[key{pool.Spec.ClusterName, pool.Name}] = true
	}
	for g, pool := range recognise(groups, discovered) {
		g.name = pool.Name
		taken[key{g.cluster, g.name}] = true
	}
	groups = slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.name != "" })
	for _, g := range groups {
		g.name = g.base()
	}
	for _, part := range []func(*group) string{
		func(g *group) string { return g.at.Zone },
		func(g *group) string { return g.at.InstanceType },
		func(g *group) string { return string(g.at.CapacityType) },
		func(g *group) string { return g.host() },
		func(g *group) string { return digest(g.order) },
	} {
		count := map[key]int{}
		for _, g := range groups {
			count[key{g.cluster, g.name}]++
		}
		for _, g := range groups {
			k := key{g.cluster, g.name}
			if count[k] == 1 && (g.declared != nil || !taken[k]) {
				continue
			}
			if more := objectName(part(g)); more != "" && !strings.Contains(g.name, more) {
				g.name = objectName(g.name + "-" + more)
			}
		}
	}
}

// host is the name of the only node of a group that is told apart by what is this node's alone.
func (g *group) host() string {
	_, host := g.labels[corev1.LabelHostname]
	_, named := g.labels[metadataName]
	if len(g.nodes) == 1 && (host || named || g.attachText != "") {
		return g.nodes[0].node.Name
	}
	return ""
}

// base is the name of a group that has no neighbour of the same name.
func (g *group) base() string {
	if g.declared != nil {
		return g.declared.Name
	}
	place := g.at.Zone
	if !strings.HasPrefix(place, g.at.Region) {
		place = g.at.Region + "-" + place
	}
	if g.at.Zone == "" {
		place = g.at.Region
	}
	if g.provider != "" {
		if strings.Contains(g.provider, place) {
			return objectName(g.provider)
		}
		return objectName(g.provider + "-" + place)
	}
	cloud := g.at.Cloud
	if cloud == "" {
		cloud = "unknown"
	}
	name := cloud
	for _, part := range []string{place, g.at.InstanceType} {
		if part != "" {
			name += "-" + part
		}
	}
	if g.at.CapacityType != v1alpha1.CapacityOnDemand && g.at.CapacityType != "" {
		name += "-" + string(g.at.CapacityType)
	}
	return objectName(name)
}

// objectName turns text into a name that an object may have (RFC 1123): lower-case letters, digits, dashes and dots.
// What is too long ends in a digest.
func objectName(text string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			out.WriteRune(r)
		} else {
			out.WriteByte('-')
		}
	}
	parts := strings.FieldsFunc(out.String(), func(r rune) bool { return r == '.' })
	kept := parts[:0]
	for _, part := range parts {
		if part = strings.Trim(part, "-"); part != "" {
			kept = append(kept, part)
		}
	}
	name := strings.Join(kept, ".")
	if name == "" && text != "" {
		return "pool-" + digest(text)
	}
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName-len(digest(text))-1], "-.") + "-" + digest(text)
	}
	return name
}

// digest is eight digits that stand for a text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
