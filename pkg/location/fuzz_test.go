package location

import (
	"errors"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func FuzzFromNode(f *testing.F) {
	for _, n := range realNodes {
		node := testNode(n.id, n.labels)
		f.Add(n.id, node.Labels[labelRegion], node.Labels[labelZone], node.Labels[v1alpha1.LabelCloud], "", "", "49.61,6.13")
	}
	f.Add("aws:///", "eu-west-1", "eu-west-1-wlz-", "aws", "IE", "spot", ",")
	f.Add("gce://", "", "-", "é", "é", "", "1e999,0")
	f.Add("azure:///subscriptions/s/resourceGroups/MC_a_b_EastUS/providers/Microsoft.Compute/virtualMachines/v", "westeurope", "eastus-1", "", "", "", "")
	f.Add("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/m", "", "", "0", "LU", "", "")
	f.Add("azure://resourcegroups//providers/", "", "", "", "", "", "")
	f.Add("ibmpowervs://osa/osa21/w/i", "jp-osa", "osa21", "", "", "", "")
	f.Add("ocid1.", ".", ":-AD-1", "AWS", "uk", "x", "")
	f.Add("oci://ocid1.instance", "a/b", "----", strings.Repeat("a", 70), "", "", "-0,-0")
	f.Fuzz(func(t *testing.T, id, region, zone, cloud, country, capacity, coordinates string) {
		set := map[string]string{}
		for key, value := range map[string]string{
			labelRegion: region, labelZone: zone, v1alpha1.LabelCloud: cloud, v1alpha1.LabelCountry: country,
			"karpenter.sh/capacity-type": capacity,
		} {
			if value != "" {
				set[key] = value
			}
		}
		node := nodeWith(id, set)
		node.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: coordinates}
		checkNode(t, node)
		n := FromNode(node, DefaultOptions())
		if own := schemeCloud(id); own != "" && n.Cloud != "" && n.Cloud != own {
			t.Errorf("provider id of %s became %s", own, n.Cloud)
		}
		if n.Cloud == cloudAWS {
			_ = n.PriceRegion()
		}
		LabelsOf(n)
	})
}

func FuzzParseJurisdictions(f *testing.F) {
	for _, s := range []string{"EU", "DE", "UK", "eu", "Germany", "", "EU,DE", "GDPR-adequate", "\xff", strings.Repeat("é", 40), "Åland Islands"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := ParseJurisdictions([]string{"DE", s})
		if err == nil {
			_, isGroup := groupSets[s]
			if !set.Contains("DE") || !isGroup && !set.Contains(s) {
				t.Errorf("%q: %v", s, set)
			}
			return
		}
		var bad *JurisdictionError
		if !errors.As(err, &bad) || bad.Index != 1 || bad.Value != s || !set.isEmpty() {
			t.Fatalf("%q: %v", s, err)
		}
		for _, near := range bad.Nearest {
			if _, err := ParseJurisdictions([]string{near}); err != nil {
				t.Errorf("%q: the proposed %q is wrong too", s, near)
			}
		}
		if len(err.Error()) > 600 { // what is quoted takes up to four bytes a character
			t.Errorf("%q: a message of %d bytes", s, len(err.Error()))
		}
	})
}

func FuzzFromPersistentVolume(f *testing.F) {
	f.Add("ebs.csi.aws.com", "vol-1", "topology.ebs.csi.aws.com/zone", "eu-west-1a", "")
	f.Add("pd.csi.storage.gke.io", "projects/p/zones/europe-west1-b/disks/d", labelZone, "europe-west1-b", "gcp")
	f.Add("csi.scaleway.com", "fr-par-1/", "topology.csi.scaleway.com/zone", "", "lux")
	f.Add("filestore.csi.storage.gke.io", "///", v1alpha1.LabelCloud, "aws", "gcp")
	f.Fuzz(func(t *testing.T, driver, handle, key, value, cloud string) {
		pv := csiVolume(driver, handle, term(in(key, value, "eu-west-1a")))
		if cloud != "" {
			pv.Labels = map[string]string{v1alpha1.LabelCloud: cloud}
		}
		FollowsNode(pv)
		for _, l := range FromPersistentVolume(pv, DefaultOptions()) {
			if l.Country != "" && !IsCountry(l.Country) {
				t.Errorf("no country: %v", l)
			}
			if d := drivers[driver]; d.cloud != "" && l.Cloud != "" && l.Cloud != d.cloud {
				t.Errorf("volume of %s is in %v", d.cloud, l)
			}
		}
	})
}
