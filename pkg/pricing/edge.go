package pricing

import "strings"

// isEdgeZone says whether a zone is one of AWS's local or wavelength zones. Their names continue the region's with a hyphen
// (us-east-1-nyc-1a, us-east-1-wl1-bos-wlz-1), those of ordinary zones with a letter (us-east-1a).
// https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
func isEdgeZone(cloud, region, zone string) bool {
	return cloud == "aws" && region != "" && len(zone) > len(region) && zone[len(region)] == '-' && strings.HasPrefix(zone, region)
}

// edgeRegion returns the name under which the catalog lists the prices of an edge zone: us-east-1-nyc-1 for the local zone
// us-east-1-nyc-1a, and us-east-1-wl1-atl1 for the wavelength zone us-east-1-wl1-atl-wlz-1. The first wavelength zone of a
// region carries no city (us-east-1-wl1 for us-east-1-wl1-bos-wlz-1). A zone that the catalog does not have is
// returned as it is, so that it has no price: its region's would be wrong.
func (c *cloudCatalog) edgeRegion(zone string) string {
	group, number, wavelength := strings.Cut(zone, "-wlz-")
	if !wavelength {
		local := strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz")
		if r, ok := c.regions.index(local); ok {
			return c.regions.list[r]
		}
		return zone
	}
	var buffer [longestName]byte
	if len(group)+len(number) <= len(buffer) {
		name := append(append(buffer[:0], group...), number...)
		if r, ok := c.regions.exact[string(name)]; ok {
			return c.regions.list[r]
		}
	}
	for _, first := range [...]string{"-bos", "-sfo"} {
		if carrier, ok := strings.CutSuffix(group, first); ok {
			if r, ok := c.regions.index(carrier); ok {
				return c.regions.list[r]
			}
		}
	}
	return zone
}
