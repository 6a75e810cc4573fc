package pricing

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// Clouds returns the clouds of which the catalog has prices, sorted.
func (c *Catalog) Clouds() []string {
	out := make([]string, 0, len(c.clouds))
	for id := range c.clouds {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Regions returns the regions of a cloud in which the catalog has prices, sorted. AWS's local and wavelength zones, which
// have prices of their own, count as regions here.
func (c *Catalog) Regions(cloud string) []string {
	of, ok := c.clouds[cloud]
	if !ok {
		return nil
	}
	var out []string
	for r, region := range of.regions.list {
		for pair := r; pair < len(of.offers); pair += len(of.regions.list) {
			if of.offers[pair].Listed() {
				out = append(out, region)
				break
			}
		}
	}
	return out
}

// Types returns the instance types that the catalog lists in a region, sorted.
func (c *Catalog) Types(cloud, region string) []string {
	of, ok := c.clouds[cloud]
	if !ok {
		return nil
	}
	r, ok := of.regions.index(region)
	if !ok {
		return nil
	}
	var out []string
	for t, name := range of.types.list {
		if of.offers[t*len(of.regions.list)+r].Listed() {
			out = append(out, name)
		}
	}
	return out
}

// Knows says whether the cloud sells the instance type anywhere.
func (c *Catalog) Knows(cloud, instanceType string) bool {
	of, ok := c.clouds[cloud]
	if !ok {
		return false
	}
	_, ok = of.types.index(instanceType)
	return ok
}

// Named says whether some cloud has an instance type that is spelled so, and returns up to three that are nearest to the name
// where none has, in the order of the clouds.
func (c *Catalog) Named(instanceType string) (known bool, near []string) {
	for _, id := range c.Clouds() {
		if _, ok := c.clouds[id].types.exact[instanceType]; ok {
			return true, nil
		}
	}
	for _, id := range c.Clouds() {
		if c.Knows(id, instanceType) { // in another case
			return false, []string{c.clouds[id].types.canonical(instanceType)}
		}
		near = append(near, c.Suggest(id, instanceType)...)
	}
	return false, near[:min(3, len(near))]
}

// Origin is the source of one kind of figure of one cloud.
type Origin struct {
	Cloud   string // empty for the table of egress, which is over several clouds
	Figure  string // "on-demand", "spot", "interruption", "egress"
	Source  string
	Date    string // YYYY-MM
	Licence string // SPDX identifier, or "facts" where the source states no licence; empty for egress, whose table has its own
}

// Origins returns where the figures of the catalog come from, sorted by cloud and figure.
func (c *Catalog) Origins() []Origin {
	var out []Origin
	for _, id := range c.Clouds() {
		of := c.clouds[id]
		add := func(figure string, sources ...catalogfile.Provenance) {
			for _, p := range sources {
				if p.Source != "" {
					out = append(out, Origin{Cloud: id, Figure: figure, Source: p.Source, Date: p.Date, Licence: p.Licence})
				}
			}
		}
		add("on-demand", of.provenance[0]...)
		add("spot", of.provenance[1]...)
		add("interruption", of.spotRate)
	}
	if c.egress != nil {
		for _, o := range c.egress.origins {
			out = append(out, Origin{Figure: "egress", Source: o.Source, Date: o.Date})
		}
	}
	return out
}

// Suggest returns up to three instance types of a cloud whose names are nearest to one it does not sell, nearest first.
func (c *Catalog) Suggest(cloud, instanceType string) []string {
	of, ok := c.clouds[cloud]
	if !ok {
		return nil
	}
	return nearest(of.types.list, instanceType)
}

// SuggestRegion returns up to three regions of a cloud whose names are nearest to one it does not have, nearest first.
func (c *Catalog) SuggestRegion(cloud, region string) []string {
	of, ok := c.clouds[cloud]
	if !ok {
		return nil
	}
	return nearest(of.regions.list, region)
}

// nearest returns up to three names within a third of the name's length in single-character edits.
func nearest(names []string, name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	if len(name) > longestName {
		return nil
	}
	wanted := strings.ToLower(name)
	limit := max(1, len(name)/3)
	var near []candidate
	for _, n := range names {
		if d := levenshtein.ComputeDistance(wanted, strings.ToLower(n)); d <= limit {
			near = append(near, candidate{n, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	out := make([]string, 0, 3)
	for _, n := range near[:min(3, len(near))] {
		out = append(out, n.name)
	}
	return out
}
