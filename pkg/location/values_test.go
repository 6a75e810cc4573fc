package location

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestCheckValue(t *testing.T) {
	for _, test := range []struct{ label, value, want string }{
		{v1alpha1.LabelCloud, "gcp", ""},
		{v1alpha1.LabelCloud, "acme-dc", ""},
		{
			v1alpha1.LabelCloud,
			"google",
			`"google" is another name of the cloud gcp, and no place is found by it; write gcp`,
		},
		{v1alpha1.LabelCloud, "Azure", "write azure"},
		{v1alpha1.LabelCloud, "AWS", "write aws"},
		{v1alpha1.LabelCloud, "hcloud", "write hetzner"},
		{v1alpha1.LabelCloud, "", "the value is empty"},
		{v1alpha1.LabelCloud, "acme dc", "cannot be the value of a node's label"},
		{v1alpha1.LabelCountry, "DE", ""},
		{v1alpha1.LabelCountry, "UK", "did you mean GB?"},
		{v1alpha1.LabelCountry, "de", "did you mean DE?"},
		{v1alpha1.LabelCountry, "EU", "is a group of countries, and a place is in one country"},
		{v1alpha1.LabelCountry, "ZZ", "is no ISO 3166-1 alpha-2 code"},
		{v1alpha1.LabelCapacityType, "spot", ""},
		{v1alpha1.LabelCapacityType, "Spot", "write on-demand, spot or reserved"},
		{corev1.LabelTopologyRegion, "lux-1", ""},
		{corev1.LabelTopologyRegion, "West Europe", "cannot be the value of a node's label"},
		{corev1.LabelInstanceTypeStable, "m5.xlarge", ""},
		{corev1.LabelTopologyZone, strings.Repeat("z", 64), "cannot be the value of a node's label"},
	} {
		err := CheckValue(test.label, test.value)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s=%s: %v, want %q", test.label, test.value, err, test.want)
		}
	}
}

// TestNoNodeHasARefusedCloud: a name of a cloud that is refused is that of no node, however the node is labelled.
func TestNoNodeHasARefusedCloud(t *testing.T) {
	var names []string
	for name := range cloudNames {
		names = append(names, name, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:])
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.SampledFrom(names), rapid.StringMatching(`[a-zA-Z0-9]{1,8}`)).Draw(t, "name")
		label := rapid.SampledFrom([]string{"CLOUD", "cloud.provider", "topology.emma.ms/cloud"}).Draw(t, "label")
		n := FromNode(testNode("k3s://n", label+"="+name), DefaultOptions())
		if n.Cloud != "" && (CheckCloud(n.Cloud) != nil || CheckCloud(name) == nil && label == "CLOUD" && n.Cloud != name) {
			t.Fatalf("label %s=%s: the node is in %q, and %q is refused: %v", label, name, n.Cloud, name, CheckCloud(name))
		}
	})
}

func TestKnownValues(t *testing.T) {
	for _, test := range []struct {
		label, value string
		known        bool
		near         []string
	}{
		{v1alpha1.LabelCloud, "ovh", true, nil},
		{v1alpha1.LabelCloud, "gpc", false, nil},
		{v1alpha1.LabelCloud, "hetzer", false, []string{"hetzner"}},
		{corev1.LabelTopologyRegion, "eu-central-1", true, nil},
		{corev1.LabelTopologyRegion, "eu-central1", false, []string{"eu-central-1"}},
		{corev1.LabelTopologyRegion, "EU-CENTRAL-1", false, []string{"eu-central-1"}},
		{corev1.LabelTopologyRegion, "lux-1", false, nil},
		{corev1.LabelTopologyZone, "eu-west-1a", true, nil},
		{corev1.LabelTopologyZone, "westeurope-2", true, nil},
		{corev1.LabelTopologyZone, "us-west-2-lax-1a", true, nil},
		{corev1.LabelTopologyZone, "eu-central1a", false, []string{"eu-central-1a"}},
		{corev1.LabelTopologyZone, "europe-west1b", false, []string{"europe-west1-b"}},
		{corev1.LabelTopologyZone, "2", false, nil},
		{corev1.LabelInstanceTypeStable, "anything", true, nil},
	} {
		known, near := IsKnownValue(test.label, test.value), NearestValues(test.label, test.value)
		if known != test.known {
			t.Errorf("%s=%s: known %t", test.label, test.value, known)
		}
		if !known && test.near != nil && !slices.Contains(near, test.near[0]) {
			t.Errorf("%s=%s: %q, want %q among them", test.label, test.value, near, test.near)
		}
	}
	if got := Spellings("EU-West-1"); !slices.Equal(got, []string{"eu-west-1"}) {
		t.Errorf("other spellings: %q", got)
	}
	if got := Spellings("eu-west-1"); len(got) != 0 {
		t.Errorf("of a right one: %q", got)
	}
}

// TestRegionsAndZonesAreKnown: whatever the table or a node of the table has is known.
func TestRegionsAndZonesAreKnown(t *testing.T) {
	for _, r := range Regions("") {
		if !IsKnownValue(v1alpha1.LabelCloud, r.Cloud) || !IsKnownValue(labelRegion, r.Name) || !IsKnownValue(v1alpha1.LabelCountry, r.Country) {
			t.Errorf("%+v is not known", r)
		}
	}
	for _, test := range realNodes {
		n := FromNode(testNode(test.id, test.labels), DefaultOptions())
		for key, value := range LabelsOf(n) {
			if err := CheckValue(key, value); err != nil && n.Country != "" {
				t.Errorf("%s=%s: %v", key, value, err)
			}
		}
	}
}

func TestValues(t *testing.T) {
	v := Values{}
	v.Add(labels.Set{v1alpha1.LabelCloud: "acme-dc", labelRegion: ""})
	v.Add(labels.Set{v1alpha1.LabelCloud: "aws", labelRegion: "eu-west-1"})
	if all, near := v.Of(v1alpha1.LabelCloud, "acmedc"); !slices.Equal(all, []string{"acme-dc", "aws"}) || !slices.Equal(near, []string{"acme-dc"}) {
		t.Errorf("clouds %q, near %q", all, near)
	}
	if all, _ := v.Of(labelRegion, ""); !slices.Equal(all, []string{"eu-west-1"}) {
		t.Errorf("regions %q", all)
	}
	if all, near := v.Of(labelZone, "a"); len(all)+len(near) != 0 {
		t.Errorf("zones %q, near %q", all, near)
	}
}
