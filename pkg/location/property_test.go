package location

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// realNodes are provider ids and labels of nodes as they are, one a cloud and shape, with the country they stand in.
var realNodes = []struct{ id, labels, country string }{
	{"aws:///us-east-1a/i-0", "REGION=us-east-1 ZONE=us-east-1a", "US"},
	{"aws:///eu-west-3-wl1-cmn-wlz-1/i-0", "REGION=eu-west-3 ZONE=eu-west-3-wl1-cmn-wlz-1", "MA"},
	{"gce://p/asia-east2-a/n", "REGION=asia-east2 ZONE=asia-east2-a", "HK"},
	{"azure:///subscriptions/s", "REGION=eastus ZONE=eastus-1", "US"},
	{"scaleway://instance/pl-waw-1/x", "REGION=pl-waw ZONE=pl-waw-1", "PL"},
	{"hcloud://1", "REGION=ash ZONE=ash-dc1", "US"},
	{"ibm://a///c/w", "REGION=eu-de ZONE=osl01", "NO"},
	{"ocid1.instance.oc1.iad.x", "REGION=us-ashburn-1 ZONE=US-ASHBURN-AD-1", "US"},
	{"digitalocean://1", "REGION=blr1", "IN"},
	{"openstack:///x", "REGION=BHS5 ZONE=nova node.k8s.ovh/type=standard", "CA"},
	{"k3s://x", "CLOUD=aws REGION=sa-east-1", "BR"},
}

// hostileLabels are keys and values that an attacker would try.
func hostileLabels() *rapid.Generator[map[string]string] {
	keys := []string{
		labelRegion, labelZone, labelRegionBeta, labelZoneBeta, v1alpha1.LabelCloud, v1alpha1.LabelCountry,
		v1alpha1.LabelOperatorCountry, "topology.emma.ms/cloud", "cloud.provider", "eks.amazonaws.com/nodegroup",
		"cloud.google.com/gke-nodepool", "k8s.scaleway.com/pool-name", labelIBMInfrastructure, "node.k8s.ovh/type",
	}
	values := []string{
		"", "aws", "gcp", "azure", "AWS", "ovh", "scaleway", "hetzner", "lux-dc", "eu-west-1", "eu-west-1a", "europe-west1",
		"europe-west1-b", "westeurope", "westeurope-1", "us-east-1", "us-east-1a", "fr-par", "fr-par-1", "fsn1", "GRA11",
		"eu-de", "fra02", "DE", "FR", "IE", "LU", "US", "EU", "upi", "RegionOne", "nova", "0", "a/b", "eu-west-3-wl1-cmn-wlz-1",
	}
	return rapid.MapOfN(rapid.OneOf(rapid.SampledFrom(keys), rapid.StringMatching(`[a-z.]{1,12}/[a-z]{1,8}`)),
		rapid.OneOf(rapid.SampledFrom(values), rapid.StringMatching(`[A-Za-z0-9./:-]{0,20}`)), 0, 6)
}

func anyProviderID() *rapid.Generator[string] {
	ids := []string{"", "openstack:///x", "openstack://GRA11/x", "k3s://n", "vsphere://x", "eks-hybrid:///eu-west-1/c/mi", "scaleway://external/fr-par-1/x"}
	for _, n := range realNodes {
		ids = append(ids, n.id)
	}
	return rapid.OneOf(rapid.SampledFrom(ids), rapid.StringMatching(`[a-z0-9]{1,8}(://)?[a-z0-9/.-]{0,24}`))
}

func nodeWith(id string, set map[string]string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: set}, Spec: corev1.NodeSpec{ProviderID: id}}
}

// schemeCloud is what the provider id says of the cloud, told apart from parseProviderID. An id of Azure's that names another
// provider than Microsoft.Compute is of a machine on the customer's own ground, which any label may name.
func schemeCloud(id string) string {
	for _, after := range strings.Split(strings.ToLower(id), "/providers/")[1:] {
		if kind, _, _ := strings.Cut(after, "/"); strings.HasPrefix(id, "azure://") && kind != "microsoft.compute" {
			return ""
		}
	}
	for prefix, cloud := range map[string]string{
		"aws://": "aws", "gce://": "gcp", "azure://": "azure", "scaleway://instance/": "scaleway", "scaleway://baremetal/": "scaleway",
		"hcloud://": "hetzner", "hrobot://": "hetzner", "ibm://": "ibm", "ibmvpc://": "ibm", "ibmpowervs://": "ibm",
		"ocid1.": "oracle", "oci://": "oracle", "digitalocean://": "digitalocean", "exoscale://": "exoscale",
		"ionos://": "ionos", "stackit://": "stackit", "upcloud://": "upcloud",
	} {
		if strings.HasPrefix(id, prefix) {
			return cloud
		}
	}
	return ""
}

// TestPropertyProviderIDDecides: no labels move a node into another cloud than its provider id's, nor into a country
// where that cloud is not, unless the country is declared.
func TestPropertyProviderIDDecides(t *testing.T) {
	countriesOf := map[string][]string{}
	for _, c := range clouds {
		for _, r := range tables[c.ID].list {
			countriesOf[c.ID] = append(countriesOf[c.ID], r.Country)
		}
		for _, e := range tables[c.ID].edges {
			countriesOf[c.ID] = append(countriesOf[c.ID], e.Country)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id, set := anyProviderID().Draw(t, "provider id"), hostileLabels().Draw(t, "labels")
		n := FromNode(nodeWith(id, set), DefaultOptions())
		if set[labelIBMInfrastructure] == "upi" {
			return // a host of the customer's own, whatever the provider id
		}
		if cloud := schemeCloud(id); cloud != "" && n.Cloud != "" && n.Cloud != cloud {
			t.Fatalf("provider id of %s became %v", cloud, n)
		}
		if n.Country == "" || n.Country == set[v1alpha1.LabelCountry] {
			return
		}
		if !slices.Contains(countriesOf[n.Cloud], n.Country) {
			t.Fatalf("%s has nothing in %s: %v", n.Cloud, n.Country, n)
		}
	})
}

// TestPropertyLabelsOnlyTakeAway: whatever labels are added to a real node, its country is the same or unknown: labels
// of clouds, regions and countries added by an attacker never make a residency rule pass that did not pass before.
func TestPropertyLabelsOnlyTakeAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sample := rapid.SampledFrom(realNodes).Draw(t, "node")
		node := testNode(sample.id, sample.labels)
		before := FromNode(node, DefaultOptions())
		if before.Country != sample.country {
			t.Fatalf("got %v, want a node in %s", before, sample.country)
		}
		for key, value := range hostileLabels().Draw(t, "added") {
			if _, ok := node.Labels[key]; !ok {
				node.Labels[key] = value
			}
		}
		after := FromNode(node, DefaultOptions())
		if after.Country != "" && after.Country != before.Country {
			t.Fatalf("%v moved to %v by %v", before, after, node.Labels)
		}
		if after.OperatorCountry != "" && after.OperatorCountry != before.OperatorCountry {
			t.Fatalf("operator of %v moved to %v by %v", before, after, node.Labels)
		}
	})
}

// TestPropertyFalseTopologyOfZonedProviderID: where the provider id holds the zone or region, even replaced topology
// labels cannot move a node.
func TestPropertyFalseTopologyOfZonedProviderID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sample := rapid.SampledFrom(realNodes[:3]).Draw(t, "node")
		node := testNode(sample.id, sample.labels)
		maps.Copy(node.Labels, hostileLabels().Draw(t, "replaced"))
		if n := FromNode(node, DefaultOptions()); n.Country != "" && n.Country != sample.country {
			t.Fatalf("node in %s moved to %v by %v", sample.country, n, node.Labels)
		}
	})
}

// TestPropertyUndeclaredStaysUnknown: a node without a provider id of a known cloud and without a label that names a
// cloud is in no country, whatever else it is labelled with.
func TestPropertyUndeclaredStaysUnknown(t *testing.T) {
	naming := DefaultOptions().rules()
	rapid.Check(t, func(t *rapid.T) {
		id, set := anyProviderID().Draw(t, "provider id"), hostileLabels().Draw(t, "labels")
		if schemeCloud(id) != "" {
			return
		}
		delete(set, v1alpha1.LabelCloud)
		for _, r := range append(slices.Clone(naming.values), naming.exact...) {
			delete(set, r.key)
		}
		maps.DeleteFunc(set, func(key, _ string) bool {
			return slices.ContainsFunc(naming.prefixes, func(r cloudRule) bool { return strings.HasPrefix(key, r.key) })
		})
		n := FromNode(nodeWith(id, set), DefaultOptions())
		if n.Location != (Location{}) || n.CapacityType != "" || len(n.Problems) == 0 {
			t.Fatalf("provider id %q, labels %v: %v", id, set, n)
		}
	})
}

// TestPropertyConsistent: every known answer is a country of the tables, is explained when missing, and is the
// same twice.
func TestPropertyConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := nodeWith(anyProviderID().Draw(t, "provider id"), hostileLabels().Draw(t, "labels"))
		checkNode(t, node)
	})
}

// checkNode checks what holds of every answer.
func checkNode(t interface{ Fatalf(string, ...any) }, node *corev1.Node) {
	n := FromNode(node, DefaultOptions())
	if n.Country != "" && !IsCountry(n.Country) || n.OperatorCountry != "" && !IsCountry(n.OperatorCountry) {
		t.Fatalf("no country: %v", n)
	}
	if n.Country == "" && len(n.Problems) == 0 {
		t.Fatalf("an unknown country without a reason: %v", n)
	}
	if n.Cloud == "" && (n.Location != Location{} || n.CapacityType != "") {
		t.Fatalf("facts of an unknown cloud: %v", n)
	}
	for _, name := range []string{n.Cloud, n.Region, n.Zone} {
		if strings.ContainsAny(name, "/ \n") {
			t.Fatalf("%q would break a key", name)
		}
	}
	if r, ok := LookupRegion(n.Cloud, n.Region); ok && n.Country != "" && n.Country != r.Country && tables[n.Cloud].zone(n.Zone).edge == nil && !tables[n.Cloud].zone(n.Zone).strange {
		t.Fatalf("%v is in %s", n, r.Country)
	}
	again := FromNode(node, DefaultOptions())
	if n.Location != again.Location || !slices.Equal(n.Problems, again.Problems) {
		t.Fatalf("two answers: %v, %v", n, again)
	}
}

// TestPropertyAlternativesAddPlaces: adding an alternative to a volume never takes away a place it had.
func TestPropertyAlternativesAddPlaces(t *testing.T) {
	zones := []string{"eu-west-1a", "us-east-1b", "us-east-1-bue-1a", "eu-west-9a", "x", "ap-south-1a", ""}
	rapid.Check(t, func(t *rapid.T) {
		var terms []corev1.NodeSelectorTerm
		for range rapid.IntRange(1, 4).Draw(t, "terms") {
			terms = append(terms, term(in("topology.ebs.csi.aws.com/zone", rapid.SliceOfN(rapid.SampledFrom(zones), 1, 3).Draw(t, "zones")...)))
		}
		before := FromPersistentVolume(csiVolume("ebs.csi.aws.com", "v", terms...), DefaultOptions())
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		after := FromPersistentVolume(csiVolume("ebs.csi.aws.com", "v", append(slices.Clone(terms), term(in(labelZone, zone)))...), DefaultOptions())
		for _, l := range before {
			if !slices.Contains(after, l) {
				t.Fatalf("%v is gone from %v", l, after)
			}
		}
		country := map[string]string{"eu-west-1a": "IE", "us-east-1b": "US", "us-east-1-bue-1a": "AR", "ap-south-1a": "IN"}[zone]
		if !slices.ContainsFunc(after, func(l Location) bool { return l.Country == country }) {
			t.Fatalf("%q in %q is not among %v", zone, country, after)
		}
	})
}

// TestPropertyCountrySet compares the bitset with a map.
func TestPropertyCountrySet(t *testing.T) {
	code := rapid.OneOf(rapid.SampledFrom(countries), rapid.Just(Country{Code: "XX"}), rapid.Just(Country{}))
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (map[string]bool, CountrySet) {
			m := map[string]bool{}
			var list []string
			for range rapid.IntRange(0, 12).Draw(t, name) {
				c := code.Draw(t, "code").Code
				list = append(list, c)
				if _, ok := LookupCountry(c); ok {
					m[c] = true
				}
			}
			return m, newCountrySet(list...)
		}
		am, a := draw("a")
		bm, b := draw("b")
		for _, c := range append(Countries(), Country{}, Country{Code: "XX"}, Country{Code: "de"}, Country{Code: "DEU"}) {
			if a.Contains(c.Code) != am[c.Code] || a.union(b).Contains(c.Code) != (am[c.Code] || bm[c.Code]) ||
				a.intersect(b).Contains(c.Code) != (am[c.Code] && bm[c.Code]) {
				t.Fatalf("%q: %v %v", c.Code, a, b)
			}
		}
		if a.Len() != len(am) || a.isEmpty() != (len(am) == 0) || !slices.Equal(a.Codes(), slices.Sorted(maps.Keys(am))) {
			t.Fatalf("got %v, want %v", a, am)
		}
		if !a.intersect(b).subsetOf(a) || !a.subsetOf(a.union(b)) || (a == b) != maps.Equal(am, bm) {
			t.Fatalf("%v %v", a, b)
		}
		parsed, err := ParseJurisdictions(a.Codes())
		if err != nil || parsed != a {
			t.Fatalf("parsed %v, %v", parsed, err)
		}
	})
}
