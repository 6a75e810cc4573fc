package location

// DomainKind is a kind of place that holds many nodes and may be lost as a whole.
type DomainKind string

// The kinds, as a policy's spec.availability.survive writes them, and pools, which a policy does not speak of.
const (
	DomainCloud   DomainKind = "cloud"
	DomainRegion  DomainKind = "region"
	DomainZone    DomainKind = "zone"
	DomainCluster DomainKind = "cluster"
	DomainPool    DomainKind = "pool"
)

// Domain is one place of a kind. It is a comparable value. Spread rules do not count by these: they count by the values of a
// label, as Kubernetes does.
type Domain struct {
	Kind DomainKind
	// Name is "aws", "aws/eu-west-1", "aws/eu-west-1/eu-west-1a", or that of a cluster or pool. The only cluster has none.
	Name string
}

// String is "cloud aws".
func (d Domain) String() string {
	if d.Name == "" {
		return "the " + string(d.Kind)
	}
	return string(d.Kind) + " " + d.Name
}

// Domain is the place of a kind that a location in a cluster lies in; known is false where that cannot be told. An unnamed
// cluster is a known one: it is the only one. Of pools a location says nothing.
func (l Location) Domain(kind DomainKind, cluster string) (domain Domain, known bool) {
	domain.Kind = kind
	switch kind {
	case DomainCloud:
		domain.Name = l.Cloud
	case DomainRegion:
		domain.Name = l.RegionKey()
	case DomainZone:
		if region := l.RegionKey(); region != "" && l.Zone != "" {
			domain.Name = region + "/" + l.Zone
		}
	case DomainCluster:
		domain.Name = cluster
		return domain, true
	}
	return domain, domain.Name != ""
}
