package location

import "testing"

func TestDomain(t *testing.T) {
	whole := Location{Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a"}
	for _, c := range []struct {
		at      Location
		kind    DomainKind
		cluster string
		want    string // empty where it is not known
	}{
		{whole, DomainCloud, "", "cloud aws"},
		{whole, DomainRegion, "", "region aws/eu-west-1"},
		{whole, DomainZone, "", "zone aws/eu-west-1/eu-west-1a"},
		{whole, DomainCluster, "main", "cluster main"},
		{whole, DomainCluster, "", "the cluster"},
		{whole, DomainPool, "", ""},
		{whole, "planet", "", ""},
		{Location{}, DomainCluster, "main", "cluster main"},
		{Location{Region: "eu-west-1", Zone: "eu-west-1a"}, DomainCloud, "", ""},
		{Location{Region: "eu-west-1", Zone: "eu-west-1a"}, DomainRegion, "", ""}, // of which cloud?
		{Location{Cloud: "aws", Zone: "eu-west-1a"}, DomainZone, "", ""},
		{Location{Cloud: "aws", Region: "eu-west-1"}, DomainZone, "", ""},
	} {
		domain, known := c.at.Domain(c.kind, c.cluster)
		if known != (c.want != "") || known && domain.String() != c.want {
			t.Errorf("%s %s in cluster %q: %q, known %t", c.kind, c.at, c.cluster, domain, known)
		}
	}
}
