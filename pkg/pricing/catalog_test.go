package pricing

import (
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

const (
	onDemand = v1alpha1.CapacityOnDemand
	spot     = v1alpha1.CapacitySpot
	reserved = v1alpha1.CapacityReserved
)

func TestHourly(t *testing.T) {
	c := open(t)
	tests := []struct {
		name                string
		cloud, region, kind string
		capacity            v1alpha1.CapacityType
		want                float64 // 0: unknown
	}{
		{"aws", "aws", "eu-west-1", "m7i.large", onDemand, 0.11235},
		{"aws spot is the average", "aws", "eu-west-1", "m7i.large", spot, 0.050558},
		{"reserved is unknown", "aws", "eu-west-1", "m7i.large", reserved, 0},
		{"no capacity type", "aws", "eu-west-1", "m7i.large", "", 0},
		{"case matters at aws", "aws", "eu-west-1", "M7i.large", onDemand, 0},
		{"azure", "azure", "westeurope", "Standard_D4s_v5", onDemand, 0.23},
		{"azure in lower case", "azure", "westeurope", "standard_d4s_v5", onDemand, 0.23},
		{"azure in upper case", "azure", "WestEurope", "STANDARD_D4S_V5", spot, 0.031441},
		{"azure writes 0 for no price", "azure", "spaincentral", "Standard_L16as_v3", onDemand, 0},
		{"gcp", "gcp", "europe-west1", "n2-standard-4", onDemand, 0.213668},
		{"gcp with a spot price only", "gcp", "northamerica-south1", "c2-standard-16", onDemand, 0},
		{"its spot price", "gcp", "northamerica-south1", "c2-standard-16", spot, 0.13676448},
		{"type of another cloud", "gcp", "europe-west1", "m7i.large", onDemand, 0},
		{"unknown region", "aws", "eu-west-9", "m7i.large", onDemand, 0},
		{"type newer than the prices", "aws", "us-east-1", "i7i.large", onDemand, 0},
		{"private cloud", "luxembourg", "lu-1", "r640", onDemand, 0},
		{"nothing", "", "", "", onDemand, 0},
		{"name longer than any", "azure", "westeurope", strings.Repeat("x", 1000), onDemand, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := c.Hourly(test.cloud, test.region, test.kind, test.capacity)
			if got.USD != test.want || got.Known != (test.want != 0) || got.Known != (got.Basis == BasisList) {
				t.Errorf("%+v, want %v", got, test.want)
			}
		})
	}
}

func TestEachFigureHasItsOwnDate(t *testing.T) {
	c := open(t)
	list, spotPrice := c.Hourly("azure", "westeurope", "Standard_D4s_v5", onDemand), c.Hourly("azure", "westeurope", "Standard_D4s_v5", spot)
	if list.Date != "2026-06" || spotPrice.Date != "2025-05" || list.Source == spotPrice.Source {
		t.Errorf("on-demand %+v, spot %+v", list, spotPrice)
	}
	for _, origin := range c.Origins() {
		if origin.Source == "" || len(origin.Date) != len("2026-06") || origin.Figure != "egress" && origin.Licence == "" {
			t.Errorf("incomplete origin %+v", origin)
		}
	}
	if len(c.Origins()) < 8 {
		t.Errorf("%d origins, want on-demand and spot of three clouds, interruption, and egress", len(c.Origins()))
	}
}

func TestInstance(t *testing.T) {
	c := open(t)
	tests := []struct {
		cloud, region, kind string
		want                Instance
		ok                  bool
	}{
		{"aws", "eu-west-1", "m6g.large", Instance{"aws", "eu-west-1", "m6g.large", 2000, 8 << 30, 0, "", "arm64"}, true},
		{"aws", "us-east-1", "t1.micro", Instance{"aws", "us-east-1", "t1.micro", 1000, 658203738, 0, "", "amd64"}, true},
		{"aws", "us-east-2", "trn2.48xlarge", Instance{"aws", "us-east-2", "trn2.48xlarge", 192000, 2048 << 30, 1, "", "amd64"}, true},
		{"gcp", "us-central1", "t2a-standard-1", Instance{"gcp", "us-central1", "t2a-standard-1", 1000, 4 << 30, 0, "", "arm64"}, true},
		{"gcp", "europe-west1", "c4a-standard-4", Instance{"gcp", "europe-west1", "c4a-standard-4", 4000, 16 << 30, 0, "", "arm64"}, true},
		{"gcp", "us-central1", "g4-standard-6", Instance{"gcp", "us-central1", "g4-standard-6", 6000, 22 << 30, 1, "0.125 rtx6000", "amd64"}, true},
		{"azure", "westeurope", "standard_d4ps_v5", Instance{"azure", "westeurope", "Standard_D4ps_v5", 4000, 16 << 30, 0, "", "arm64"}, true},
		{"azure", "eastus", "Standard_ND40rs_v2", Instance{"azure", "eastus", "Standard_ND40rs_v2", 40000, 672 << 30, 8, "V100 (NVlink)", "amd64"}, true},
		{"azure", "eastus", "Standard_NV12ads_V710_v5", Instance{"azure", "eastus", "Standard_NV12ads_V710_v5", 12000, 64 << 30, 1, "1/2 V710", "amd64"}, true},
		{"azure", "spaincentral", "Standard_L16as_v3", Instance{"azure", "spaincentral", "Standard_L16as_v3", 16000, 128 << 30, 0, "", "amd64"}, true},
		{"aws", "us-east-1", "i7i.large", Instance{}, false},
		{"aws", "eu-west-1", "nothing", Instance{}, false},
		{"ovh", "GRA11", "b2-7", Instance{"ovh", "GRA11", "b2-7", 2000, 7 << 30, 0, "", "amd64"}, true},
		{"ovh", "BHS5", "b2-7", Instance{}, false},
	}
	for _, test := range tests {
		got, ok := c.Instance(test.cloud, test.region, test.kind)
		if got != test.want || ok != test.ok {
			t.Errorf("Instance(%s, %s, %s) = %+v, %v, want %+v, %v", test.cloud, test.region, test.kind, got, ok, test.want, test.ok)
		}
	}
}

func TestBrowse(t *testing.T) {
	c := open(t)
	if got := c.Clouds(); !slices.Equal(got, []string{"aws", "azure", "exoscale", "gcp", "hetzner", "ionos", "ovh", "scaleway", "stackit", "upcloud"}) {
		t.Errorf("Clouds() = %v", got)
	}
	for cloud, want := range map[string]int{"aws": 100, "azure": 57, "gcp": 43, "hetzner": 3, "ovh": 18, "scaleway": 1, "luxembourg": 0} {
		regions := c.Regions(cloud)
		if len(regions) != want || !slices.IsSorted(regions) {
			t.Errorf("Regions(%s): %d, want %d sorted", cloud, len(regions), want)
		}
		for _, region := range regions {
			types := c.Types(cloud, region)
			if len(types) == 0 || !slices.IsSorted(types) {
				t.Errorf("Types(%s, %s): %d", cloud, region, len(types))
			}
			if _, ok := c.Instance(cloud, region, types[0]); !ok {
				t.Errorf("%s/%s lists %s, but has no instance of it", cloud, region, types[0])
			}
		}
	}
	if c.Types("aws", "mars-1") != nil || c.Types("mars", "x") != nil {
		t.Error("types of a place that is not")
	}
	if !c.Knows("aws", "m7i.large") || !c.Knows("azure", "STANDARD_D4s_V5") || c.Knows("aws", "Standard_D4s_v5") || !c.Knows("ovh", "b2-7") || c.Knows("luxembourg", "b2-7") {
		t.Error("Knows")
	}
	if got := c.Suggest("aws", "m7i.larg"); len(got) == 0 || got[0] != "m7i.large" {
		t.Errorf("Suggest(m7i.larg) = %v", got)
	}
	if got := c.Suggest("azure", "d4s_v5"); len(got) > 3 {
		t.Errorf("Suggest(d4s_v5) = %v", got)
	}
	if got := c.Suggest("aws", "completely different"); len(got) != 0 {
		t.Errorf("Suggest(completely different) = %v", got)
	}
	if got := c.SuggestRegion("gcp", "europe-west-1"); len(got) == 0 || got[0] != "europe-west1" {
		t.Errorf("SuggestRegion(europe-west-1) = %v", got)
	}
	if got := c.Suggest("luxembourg", "b2-7"); got != nil {
		t.Errorf("Suggest of a cloud without prices = %v", got)
	}
}

func TestEgress(t *testing.T) {
	c := open(t)
	tests := []struct {
		name                                     string
		fromCloud, fromRegion, toCloud, toRegion string
		want                                     float64 // -1: unknown
		date                                     string
	}{
		{"between clouds", "aws", "eu-west-1", "gcp", "europe-west1", 0.09, "2023-02"},
		{"back is dearer", "gcp", "europe-west1", "aws", "eu-west-1", 0.12, "2023-02"},
		{"inside a cloud", "aws", "eu-west-1", "aws", "us-east-1", 0.02, "2023-02"},
		{"inside a region", "aws", "eu-west-1", "aws", "eu-west-1", 0, "2022-05"},
		{"inside a region that the table lacks", "azure", "polandcentral", "azure", "polandcentral", 0, "2022-05"},
		{"inside a region, other case", "azure", "westeurope", "azure", "WestEurope", 0, "2022-05"},
		{"to a private data centre it crosses the internet", "aws", "eu-west-1", "luxembourg", "lu-1", 0.09, "2023-02"},
		{"to a cloud without prices", "azure", "westeurope", "ovh", "gra", 0.0875, "2023-02"},
		{"to a region that the table lacks", "gcp", "europe-west1", "aws", "ap-southeast-4", 0.19, "2026-07"},
		{"to a region that the table lacks, elsewhere", "gcp", "europe-west1", "aws", "ca-west-1", 0.12, "2026-07"},
		{"to China", "gcp", "europe-west1", "azure", "chinanorth3", 0.23, "2026-07"},
		{"to the internet", "gcp", "europe-west1", "internet", "", 0.12, "2026-07"},
		{"to the internet from aws", "aws", "af-south-1", "internet", "", 0.154, "2023-02"},
		{"to the internet from azure", "azure", "francecentral", "internet", "", 0.0875, "2022-05"},
		{"inside a cloud, pair that the table lacks", "aws", "eu-west-1", "aws", "ap-south-2", -1, ""},
		{"from a region that the table lacks", "aws", "ap-south-2", "gcp", "europe-west1", -1, ""},
		{"from a private data centre", "luxembourg", "lu-1", "aws", "eu-west-1", -1, ""},
		{"inside a private data centre", "luxembourg", "lu-1", "luxembourg", "lu-1", 0, ""},
		{"inside one that has no regions", "luxembourg", "", "luxembourg", "", 0, ""},
		{"between two of one owner", "luxembourg", "lu-1", "luxembourg", "lu-2", -1, ""},
		{"from one of them to where it is not said", "luxembourg", "lu-1", "luxembourg", "", -1, ""},
		{"inside a region of a cloud without prices", "ovh", "gra", "ovh", "gra", 0, ""},
		{"unknown regions of one cloud", "aws", "", "aws", "", -1, ""},
		{"to nowhere", "aws", "eu-west-1", "", "", -1, ""},
		{"from nowhere", "", "", "aws", "eu-west-1", -1, ""},
		{"to the internet from nowhere", "", "", "internet", "", -1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := c.EgressPerGB(test.fromCloud, test.fromRegion, test.toCloud, test.toRegion)
			if test.want < 0 {
				if got != (Price{}) {
					t.Errorf("%+v, want unknown", got)
				}
				return
			}
			if !got.Known || got.USD != test.want || got.Date != test.date || got.Source == "" || got.Basis != BasisList {
				t.Errorf("%+v, want %v of %s", got, test.want, test.date)
			}
		})
	}
}

func TestEmptyCatalogKnowsNothing(t *testing.T) {
	c := &Catalog{}
	if c.Hourly("aws", "eu-west-1", "m7i.large", onDemand).Known || c.EgressPerGB("aws", "eu-west-1", "aws", "eu-west-1").Known ||
		c.InternetEgressPerGB("aws", "eu-west-1").Known || c.Knows("aws", "m7i.large") || c.Regions("aws") != nil || len(c.Origins()) != 0 {
		t.Error("an empty catalog answered")
	}
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	c := open(t)
	p, problems := New(c, []v1alpha1.PriceList{everything()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, look := range map[string]func(){
		"Hourly":       func() { c.Hourly("azure", "westeurope", "standard_d4s_v5", onDemand) },
		"Instance":     func() { c.Instance("gcp", "europe-west1", "n2-standard-4") },
		"Interruption": func() { c.Interruption("aws", "eu-west-1", "m7i.large") },
		"EgressPerGB":  func() { c.EgressPerGB("azure", "WESTEUROPE", "aws", "eu-west-1") },
		"Node": func() {
			p.Node(NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "standard_d4s_v5", CapacityType: onDemand})
		},
		"Node by resources": func() {
			p.Node(NodeQuery{Cloud: "luxembourg", Region: "lu-1", CapacityType: onDemand, MilliCPU: 1000})
		},
		"Node in a local zone": func() {
			p.Node(NodeQuery{Cloud: "aws", Region: "us-east-1", Zone: "us-east-1-wl1-atl-wlz-1", InstanceType: "t3.medium", CapacityType: onDemand})
		},
		"Prices.EgressPerGB": func() { p.EgressPerGB("luxembourg", "lu-1", "aws", "eu-west-1") },
	} {
		if n := testing.AllocsPerRun(100, look); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
