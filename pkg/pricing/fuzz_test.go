package pricing

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// huge is a number that takes ParseQuantity hours to read; nobody who reads what people write hands it one.
var (
	huge    = regexp.MustCompile(`[eE][+-]?[0-9]{6,}$`)
	errHuge = errors.New("the exponent is huge")
)

// FuzzNew gives every field of a price list whatever people may write. No price that comes out is negative or absurd, and
// every entry is either used or named in a problem.
func FuzzNew(f *testing.F) {
	f.Add("acme", "aws", "eu-west-1", "m7i.large", "on-demand", "0.05", "2026-01-01", "aws", "internet")
	f.Add("", "AWS", "aws/eu-west-1", "", "Spot", "-1", "tomorrow", "internet", "aws/")
	f.Add("x", "azure", "WestEurope", "STANDARD_D4S_V5", "", "1e-9", "", "azure/WESTEUROPE", "azure")
	f.Add("x", "lux", "", "r640", "reserved", "9223372036854775807E", "", "lux", "lux/a/b")
	f.Add("x", "gcp", "", "n2-", "spot", "1e10000", "", "/", "//")
	f.Fuzz(func(t *testing.T, name, cloud, region, kind, capacity, number, date, from, to string) {
		q, err := resource.Quantity{}, errHuge
		if !huge.MatchString(number) {
			q, err = resource.ParseQuantity(number)
		}
		if err != nil {
			return // the API server and the reader of files refuse it before
		}
		spec := v1alpha1.PriceListSpec{
			Date:      date,
			Instances: []v1alpha1.InstancePrice{{Cloud: cloud, Region: region, InstanceType: kind, CapacityType: v1alpha1.CapacityType(capacity), HourlyUSD: q}},
			Resources: []v1alpha1.ResourcePrice{{Cloud: cloud, Region: region, CPUHourlyUSD: &q, GPUHourlyUSD: &q}},
			Discounts: []v1alpha1.Discount{{Cloud: cloud, Region: region, InstanceTypePrefix: kind, CapacityType: v1alpha1.CapacityType(capacity), Percent: q}},
			Egress:    []v1alpha1.EgressPrice{{From: from, To: to, USDPerGB: q}},
		}
		c := open(t)
		p, problems := New(c, []v1alpha1.PriceList{list(name, spec)})
		named := func(field string) bool {
			for _, problem := range problems {
				if problem.Object == "PriceList/"+name && strings.HasPrefix(problem.Field, field) && problem.Message != "" {
					return true
				}
			}
			return false
		}
		node := p.Node(NodeQuery{Cloud: cloud, Region: region, InstanceType: kind, CapacityType: v1alpha1.CapacityType(capacity), MilliCPU: 1000, GPUs: 1})
		if node.USD < 0 || math.IsNaN(node.USD) || node.USD > 2*maxHourlyUSD || node.Known != (node.Basis != BasisUnknown) || !node.Known && node.USD != 0 {
			t.Errorf("Node = %+v", node)
		}
		if capacity != "" && !named("spec.instances[0]") && node.Basis != BasisOverride {
			t.Errorf("the instance is neither used nor named: %+v, %v", node, problems)
		}
		fromCloud, fromRegion, _ := strings.Cut(from, "/")
		toCloud, toRegion, _ := strings.Cut(to, "/")
		egress := p.EgressPerGB(fromCloud, fromRegion, toCloud, toRegion)
		if egress.USD < 0 || math.IsNaN(egress.USD) || egress.USD > maxUSDPerGB {
			t.Errorf("EgressPerGB = %+v", egress)
		}
		if !named("spec.egress[0]") && egress.Basis != BasisOverride {
			t.Errorf("the egress price is neither used nor named: %+v, %v", egress, problems)
		}
		Concerns(&spec, NodeQuery{Cloud: cloud, Region: region, InstanceType: kind})
	})
}

// FuzzReadEgress gives the reader of the table that people may edit any text.
func FuzzReadEgress(f *testing.F) {
	head := strings.Join(egressColumns, ",") + "\n"
	f.Add(head + "aws/eu-west-1,gcp/europe-west1,0,0.09,me,2026-01\n")
	f.Add(head + "aws,same-region,0,0,me,2026-01\ngcp/a,internet-china,1,0.1,me,2026-01\n")
	f.Add("# comment\n" + head + "aws/,internet,0,NaN,me,2026-01\n")
	f.Add(head + "a/b,c/d,0,1,,\na/b,c/d,0,1,,\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := readEgress([]byte(text))
		if err != nil {
			if !strings.Contains(err.Error(), "egress.csv") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		c := &Catalog{egress: table}
		for from, of := range table.clouds {
			for _, region := range of.regions.list {
				for _, price := range []Price{c.EgressPerGB(from, region, "aws", "eu-west-1"), c.InternetEgressPerGB(from, region), c.EgressPerGB(from, region, from, region)} {
					if price.USD < 0 || math.IsNaN(price.USD) || math.IsInf(price.USD, 0) {
						t.Errorf("%s/%s: %+v", from, region, price)
					}
				}
			}
		}
	})
}

func TestReadEgressErrors(t *testing.T) {
	head := strings.Join(egressColumns, ",") + "\n"
	for text, want := range map[string]string{
		"":                                            "first line",
		"a,b\n":                                       "the columns are",
		head + "aws,gcp/x,0,1,s,d\n":                  "CLOUD/REGION",
		head + "aws/x,gcp,0,1,s,d\n":                  "egress.csv:2",
		head + "aws/x,same-region,0,1,s,d\n":          "same-region",
		head + "aws/x,gcp/,0,1,s,d\n":                 "CLOUD/REGION",
		head + "aws/x,gcp/y,a,1,s,d\n":                "above_tb_per_month",
		head + "# c\naws/x,gcp/y,0,-1,s,d\n":          "egress.csv:3: usd_per_gb",
		head + "aws/x,gcp/y,0,NaN,s,d\n":              "usd_per_gb",
		head + "aws/x,gcp/y,0,1e999,s,d\n":            "usd_per_gb",
		head + "aws/x,gcp/y,0,1\n":                    "wrong number of fields",
		head + strings.Repeat("a/b,c/d,0,1,s,d\n", 2): "given twice",
	} {
		if _, err := readEgress([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
