package main

import (
	"math"
	"strings"
	"time"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const europePrices = "prices/eu_providers_2026-08.csv"

// provider is what is to be known of a provider's list beyond its rows.
type provider struct {
	// regions of which the prices are, by what the list says of them.
	location string
	regions  []string
	// tax that the list's prices include, as a factor.
	tax float64
	// architecture of a type; empty when the list does not tell.
	architecture func(instanceType string) string
}

func amd64(string) string { return "amd64" }

// providers are the lists of European providers. A list that says "eu" is of the regions in the European Union, which cost the same;
// where some cost more, these are left out (OVHcloud's with three zones, EU-WEST-PAR and EU-SOUTH-MIL).
// Hetzner's list has the 19 % of German value-added tax in it: its CX33 cost 7.72 a month in 2026-02, and 6.49 without tax in
// Hetzner's own list then (GET /v1/pricing).
var providers = map[string]provider{
	"exoscale": {location: "eu", architecture: amd64, regions: []string{
		"at-vie-1", "at-vie-2", "bg-sof-1", "de-fra-1", "de-muc-1", "hr-zag-1",
	}},
	"hetzner": {location: "eu", regions: []string{"fsn1", "hel1", "nbg1"}, tax: 1.19, architecture: hetznerArchitecture},
	"ionos":   {location: "de", regions: []string{"de-fra", "de-fra-2", "de-txl"}, architecture: amd64},
	"ovh": {location: "eu", architecture: amd64, regions: []string{
		"DE", "DE1", "GRA", "GRA1", "GRA3", "GRA5", "GRA7", "GRA9", "GRA11", "RBX", "RBX-A", "SBG", "SBG1", "SBG3", "SBG5", "SBG7", "WAW", "WAW1",
	}},
	"scaleway": {location: "fr-par-1", regions: []string{"fr-par"}, architecture: scalewayArchitecture},
	"stackit":  {location: "eu-de", regions: []string{"eu01"}, architecture: stackitArchitecture},
	"upcloud": {location: "eu", architecture: amd64, regions: []string{
		"de-fra1", "dk-cph1", "es-mad1", "fi-hel1", "fi-hel2", "nl-ams1", "pl-waw1", "se-sto1",
	}},
}

// hetznerArchitecture knows the CAX servers, which are Arm. https://docs.hetzner.com/cloud/servers/overview
func hetznerArchitecture(instanceType string) string {
	if strings.HasPrefix(instanceType, "cax") {
		return "arm64"
	}
	return "amd64"
}

// scalewayArchitecture does not know the newest ranges whose sizes are marked A, which the list does not explain.
func scalewayArchitecture(instanceType string) string {
	if _, size, ok := strings.Cut(instanceType, "-"); ok && strings.HasPrefix(size, "A") {
		return ""
	}
	return "amd64"
}

// stackitArchitecture does not know the range g1r, which the list does not explain.
func stackitArchitecture(instanceType string) string {
	if strings.HasPrefix(instanceType, "g1r.") {
		return ""
	}
	return "amd64"
}

// europe reads the list of European providers into a builder each.
type europe struct {
	usd    float64 // what a euro is worth
	words  string
	clouds map[string]*cloudBuilder
}

func readEurope(folder string) (map[string]*cloudBuilder, error) {
	usd, words, err := readRate("EUR")
	if err != nil {
		return nil, err
	}
	e := &europe{usd: usd, words: words, clouds: map[string]*cloudBuilder{}}
	if err := readTable(folder, europePrices, europeColumns, e.price); err != nil {
		return nil, err
	}
	return e.clouds, nil
}

var europeColumns = []string{"provider", "date", "instance_type", "vcpu", "ram_gb", "gpus", "price_h", "currency", "location"}

func (e *europe) price(r *row) error {
	of, ok := providers[r.text("provider")]
	if !ok {
		return r.fail("provider", "no such provider is known; say in europe.go which regions its prices are of")
	}
	if r.text("currency") != "EUR" {
		return r.fail("currency", "want EUR")
	}
	if r.text("location") != of.location {
		return r.fail("location", "want %s; say in europe.go which regions it is", of.location)
	}
	b, ok := e.clouds[r.text("provider")]
	if !ok {
		words := e.words
		if of.tax > 0 {
			words = "less tax, " + words
		}
		day, err := time.Parse(time.DateOnly, r.text("date"))
		if err != nil {
			return r.fail("date", "want YYYY-MM-DD")
		}
		b = newCloudBuilder(catalogfile.Cloud{
			ID:       strings.Clone(r.text("provider")),
			OnDemand: []catalogfile.Provenance{{Source: "mixxor/eu-cloud-prices (" + words + ")", Date: day.Format("2006-01"), Licence: "facts"}},
		})
		e.clouds[b.cloud.ID] = b
	}
	t, err := sizeOf(r, "ram_gb")
	if err != nil {
		return err
	}
	gpus, err := r.number("gpus", maxGPUs)
	if err != nil {
		return err
	}
	t.GPUs, t.Architecture = int64(gpus), of.architecture(t.Name)
	euro, err := r.hourly("price_h")
	if err != nil {
		return err
	}
	if of.tax > 0 {
		euro /= of.tax
	}
	usd := math.Round(euro*e.usd*1e6) / 1e6
	for _, region := range of.regions {
		if err := b.list(r, t, region, usd, 0); err != nil {
			return err
		}
	}
	return nil
}
