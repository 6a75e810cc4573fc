package location

import "strings"

// zonePlace is what the name of a zone says.
type zonePlace struct {
	// region is the one region whose zones are called so; "" when the name does not say.
	region *Region
	// edge is set when the zone stands elsewhere than its region, maybe in another country.
	edge *edge
	// strange is true when no zone of this cloud that is known is called so, in a cloud whose zones all have names of one
	// form or may stand in another country than their region: then the country is not known either.
	strange bool
}

// zone reads the name of a zone. It derives a region only where the cloud's naming is exact.
func (t *table) zone(name string) zonePlace {
	switch t.cloud.ID {
	case cloudAWS:
		return t.awsZone(name)
	case cloudGCP:
		return t.gcpZone(name)
	case cloudAzure:
		return t.azureZone(name)
	case cloudIBM:
		return t.ibmZone(name)
	case cloudOracle:
		return t.oracleZone(name)
	case cloudHetzner: // fsn1-dc14 in fsn1
		if i := strings.LastIndex(name, "-dc"); i > 0 && isDigits(name[i+3:]) {
			if r, ok := t.regions[name[:i]]; ok {
				return zonePlace{region: r}
			}
		}
		r, ok := t.region(name)
		return zonePlace{region: r, strange: !ok}
	case cloudScaleway, cloudSTACKIT, cloudOVH: // fr-par-1, eu01-1 and eu01-m, eu-west-par-a
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			if r, ok := t.region(name[:i]); ok {
				return zonePlace{region: r}
			}
		}
	}
	// A cloud without zones may repeat the region.
	r, _ := t.region(name)
	return zonePlace{region: r}
}

// awsZone knows eu-west-1a, the Local Zone us-west-2-lax-1a and the Wavelength Zone us-east-1-wl1-bos-wlz-1.
func (t *table) awsZone(name string) zonePlace {
	if n := len(name) - 1; n > 0 && isLower(name[n]) {
		if r, ok := t.regions[name[:n]]; ok {
			return zonePlace{region: r}
		}
	}
	if e, ok := t.edges[awsEdgeKey(name)]; ok {
		return zonePlace{region: t.regions[e.parents[0]], edge: e}
	}
	return zonePlace{strange: true}
}

// awsEdgeKey is the key in table.edges of a Local Zone ("us-west-2-lax" for us-west-2-lax-1a) or Wavelength Zone
// ("us-east-1-wl1-bos" for us-east-1-wl1-bos-wlz-1); "" for other names.
func awsEdgeKey(zone string) string {
	if i := strings.LastIndex(zone, "-wlz-"); i > 0 {
		if isDigits(zone[i+5:]) {
			return zone[:i]
		}
		return ""
	}
	n := len(zone) - 1
	if n <= 0 || !isLower(zone[n]) {
		return ""
	}
	i := strings.LastIndexByte(zone, '-')
	if i <= 0 || !isDigits(zone[i+1:n]) {
		return ""
	}
	return zone[:i]
}

// awsEdgeGroup is the name under which AWS prices a Local Zone (us-west-2-lax-1 for us-west-2-lax-1a) or Wavelength
// Zone (us-east-1-wl1-chi1 for us-east-1-wl1-chi-wlz-1; Boston and San Francisco, the first of their regions, have none
// after "wl1").
func awsEdgeGroup(zone string) (string, bool) {
	e, ok := tables[cloudAWS].edges[awsEdgeKey(zone)]
	if !ok {
		return "", false
	}
	i := strings.LastIndex(zone, "-wlz-")
	if i < 0 {
		return zone[:len(zone)-1], true
	}
	switch e.Name {
	case "us-east-1-wl1-bos", "us-west-2-wl1-sfo":
		return zone[:strings.LastIndexByte(zone[:i], '-')], true
	}
	return zone[:i] + zone[i+5:], true
}

// awsEdgeOfGroup is the inverse of awsEdgeGroup.
func awsEdgeOfGroup(t *table, group string) (*edge, bool) {
	switch group {
	case "us-east-1-wl1":
		group = "us-east-1-wl1-bos"
	case "us-west-2-wl1":
		group = "us-west-2-wl1-sfo"
	default:
		bare := strings.TrimRight(group, "0123456789")
		if len(bare) == len(group) {
			return nil, false
		}
		group = strings.TrimSuffix(bare, "-")
		if wavelength := strings.Contains(group, "-wl"); wavelength == (len(group) < len(bare)) {
			return nil, false
		}
	}
	e, ok := t.edges[group]
	return e, ok
}

// gcpZone knows europe-west1-b and the AI zone us-south1-ai1b.
func (t *table) gcpZone(name string) zonePlace {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return zonePlace{strange: true}
	}
	letter := name[i+1:]
	if digits, ok := strings.CutPrefix(letter, "ai"); ok && len(digits) > 1 {
		letter = strings.TrimLeft(digits, "0123456789")
	}
	if r, ok := t.regions[name[:i]]; ok && len(letter) == 1 && isLower(letter[0]) {
		return zonePlace{region: r}
	}
	return zonePlace{strange: true}
}

// azureZone knows westeurope-1. The fault domain ("0") that nodes outside availability zones carry instead is no zone.
func (t *table) azureZone(name string) zonePlace {
	if i := strings.LastIndexByte(name, '-'); i > 0 && isDigits(name[i+1:]) {
		if r, ok := t.regions[name[:i]]; ok {
			return zonePlace{region: r}
		}
	}
	return zonePlace{strange: true}
}

// ibmZone knows eu-de-1 (VPC) and the data centre fra02 (classic).
func (t *table) ibmZone(name string) zonePlace {
	if i := strings.LastIndexByte(name, '-'); i > 0 && isDigits(name[i+1:]) {
		if r, ok := t.regions[name[:i]]; ok {
			return zonePlace{region: r}
		}
	}
	if len(name) == 5 && isDigits(name[3:]) {
		if e, ok := t.edges[name[:3]]; ok {
			z := zonePlace{edge: e}
			if len(e.parents) == 1 {
				z.region = t.regions[e.parents[0]]
			}
			return z
		}
	}
	return zonePlace{strange: true}
}

// oracleZone knows the availability domains UK-LONDON-1-AD-1 and, of the oldest regions, PHX-AD-1 and US-ASHBURN-AD-1,
// with or without the tenancy's prefix ("Uocm:").
func (t *table) oracleZone(name string) zonePlace {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	i := len(name) - len("-AD-1")
	if i <= 0 || !strings.EqualFold(name[i:i+4], "-AD-") || !isDigits(name[i+4:]) {
		r, _ := t.region(name)
		return zonePlace{region: r}
	}
	if r, ok := t.region(name[:i]); ok {
		return zonePlace{region: r}
	}
	if strings.EqualFold(name[:i], "US-ASHBURN") {
		return zonePlace{region: t.regions["us-ashburn-1"]}
	}
	return zonePlace{}
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isName says whether s can be the value of a label, and so the name of a cloud, region or zone.
func isName(s string) bool {
	if s == "" || len(s) > maxLabelValue {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
				return false
			}
		}
	}
	return true
}
