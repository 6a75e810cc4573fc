package files

import (
	"slices"
	"strings"
	"testing"
)

// TestPriceListOfTomorrow: prices whose date is yet to come are used, and that is said.
func TestPriceListOfTomorrow(t *testing.T) {
	scenario := scenarioOf(t, aNode+`---
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: next}
spec: {date: "2099-01-01", instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "0.01"}]}
`)
	if !slices.ContainsFunc(scenario.Warnings, func(p Problem) bool {
		return strings.Contains(p.String(), "PriceList/next: spec.date: 2099-01-01 is yet to come")
	}) {
		t.Errorf("warnings %v", scenario.Warnings)
	}
}
