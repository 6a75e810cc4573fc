package v1alpha1

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
)

// TestQuantityLimits compares the limits of quantities, which the rules check on their text, with arithmetic on their
// values. The text is what Kubernetes itself writes for a value.
func TestQuantityLimits(t *testing.T) {
	fields := []struct {
		name, kind, spec string
		least, beyond    string // the smallest allowed value, and the smallest that is too much
	}{
		{name: "price", kind: "PriceList", spec: `{resources: [{cloud: acme-dc, cpuHourlyUSD: "%s"}]}`, least: "0", beyond: "100000000000001n"},
		{name: "percentage", kind: "PriceList", spec: `{discounts: [{cloud: aws, percent: "%s"}]}`, least: "0", beyond: "100000000001n"},
		{name: "ceiling", kind: "PlacementPolicy", spec: `{workloadSelector: {}, cost: {maxHourlyUSD: "%s"}}`, least: "1n", beyond: "1000000"},
		{name: "milliseconds", kind: "LatencyMap", spec: `{samples: [{from: DE, to: aws/eu-west-1, milliseconds: "%s"}]}`, least: "1n", beyond: "60000000000001n"},
	}
	for _, f := range fields {
		t.Run(f.name, func(t *testing.T) {
			d := definitionOf(t, f.kind)
			least, beyond := resource.MustParse(f.least), resource.MustParse(f.beyond)
			rapid.Check(t, func(t *rapid.T) {
				// Mantissas near a power of ten and the limits, so that every suffix and its edges occur.
				mantissa := rapid.OneOf(
					rapid.Int64Range(-20, 20),
					rapid.Int64Range(90, 110),
					rapid.Int64Range(59990, 60010),
					rapid.Int64Range(99990, 100010),
					rapid.Int64Range(59999999, 60000001),
					rapid.Int64Range(99999999, 100000001),
					rapid.Int64Range(0, 2000000),
				).Draw(t, "mantissa")
				scale := rapid.IntRange(-9, 3).Draw(t, "scale")
				value := resource.NewScaledQuantity(mantissa, resource.Scale(scale))
				text := value.String()
				object, err := parseObject([]byte("apiVersion: tradewind.dev/v1alpha1\nkind: " + f.kind + "\nmetadata: {name: example}\nspec: " + fmt.Sprintf(f.spec, text)))
				if err != nil {
					t.Fatal(err)
				}
				errs := d.admit(object)
				want := value.Cmp(least) >= 0 && value.Cmp(beyond) < 0
				if got := len(errs) == 0; got != want {
					t.Fatalf("%s = %s: accepted: %t, want %t: %v", f.name, text, got, want, errs.ToAggregate())
				}
			})
		})
	}
}

// TestLargestObjects checks that an object with the most entries that its lists allow is within the budget that the API
// server gives to the rules of one object.
func TestLargestObjects(t *testing.T) {
	repeat := func(n int, entry string) string {
		entries := make([]string, n)
		for i := range entries {
			entries[i] = strings.ReplaceAll(entry, "#", fmt.Sprint(i))
		}
		return "[" + strings.Join(entries, ", ") + "]"
	}
	countries := func(n int) string {
		codes := make([]string, n)
		for i := range codes {
			codes[i] = string([]byte{'A' + byte(i/26), 'A' + byte(i%26)})
		}
		return "[" + strings.Join(codes, ", ") + "]"
	}
	for kind, spec := range map[string]string{
		"LatencyMap": "{samples: " + repeat(8192, `{from: acme-dc-#/luxembourg-1, to: aws/ap-southeast-1, milliseconds: "123.456789"}`) + "}",
		"PriceList": "{instances: " + repeat(4096, `{cloud: digitalocean, region: ap-southeast-1, instanceType: "m7i-#.metal-48xl", hourlyUSD: "12.345678"}`) +
			", resources: " + repeat(256, `{cloud: digitalocean, region: "ap-southeast-#", cpuHourlyUSD: "0.0123456", memoryGiBHourlyUSD: 123u, gpuHourlyUSD: 1}`) +
			", discounts: " + repeat(256, `{cloud: digitalocean, region: "ap-southeast-#", percent: "12.5"}`) +
			", commitments: " + repeat(256, `{cloud: digitalocean, region: "ap-southeast-#", instanceType: m7i.large, count: 1, hourlyUSD: "0.5"}`) +
			", egress: " + repeat(4096, `{from: digitalocean/ap-southeast-#, to: internet, usdPerGB: "0.012345"}`) + "}",
		"PlacementPolicy": "{workloadSelector: {}, residency: {jurisdictions: " + countries(64) + ", operatorJurisdictions: " + countries(64) + "}" +
			", locations: {required: " + repeat(32, "{key: tradewind.dev/country, operator: In, values: "+countries(64)+"}") +
			", preferred: " + repeat(32, "{key: tradewind.dev/country, operator: NotIn, values: "+countries(64)+"}") + "}" +
			", traffic: " + repeat(64, "{to: {name: checkout-service-of-the-shop-#, namespace: shop}, maxMilliseconds: 5}") + "}",
	} {
		t.Run(kind, func(t *testing.T) {
			object, err := parseObject([]byte("apiVersion: tradewind.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: example}\nspec: " + spec))
			if err != nil {
				t.Fatal(err)
			}
			if errs := definitionOf(t, kind).admit(object); len(errs) > 0 {
				t.Error(errs.ToAggregate())
			}
		})
	}
}
