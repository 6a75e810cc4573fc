package nodes

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

const provisionerKarpenter = "karpenter"

var validPrefix = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// drafts checks the pool, fills in its defaults and returns its nodes with their places. Errors begin with the field.
func (p *Pool) drafts() ([]*draft, error) {
	if err := p.defaults(); err != nil {
		return nil, err
	}
	zones, err := p.zones()
	if err != nil {
		return nil, err
	}
	m, err := p.machine()
	if err != nil {
		return nil, err
	}
	drafts := make([]*draft, *p.Count)
	for i := range drafts {
		drafts[i] = &draft{pool: p, facts: provider(p.Cloud), region: p.Region, machine: m, ordinal: i}
		if len(zones) > 0 {
			drafts[i].zone = zones[i%len(zones)]
		}
	}
	return drafts, nil
}

func (p *Pool) defaults() error {
	if p.Cloud == "" {
		return fmt.Errorf(".cloud: must not be empty: the id of a cloud (aws, gcp, azure, …) or the name of a private data centre")
	}
	if !validPrefix.MatchString(p.Cloud) {
		return fmt.Errorf(".cloud: %q: use lower-case letters, digits and dashes", p.Cloud)
	}
	if p.Count == nil {
		one := 1
		p.Count = &one
	}
	if *p.Count < 1 || *p.Count > maxNodes {
		return fmt.Errorf(".count: %d: want 1 to %d", *p.Count, maxNodes)
	}
	switch p.CapacityType {
	case "":
		p.CapacityType = v1alpha1.CapacityOnDemand
	case v1alpha1.CapacityOnDemand, v1alpha1.CapacitySpot, v1alpha1.CapacityReserved:
	default:
		return fmt.Errorf(".capacityType: %q: want on-demand, spot or reserved", p.CapacityType)
	}
	if p.Provisioner != "" && p.Provisioner != provisionerKarpenter {
		return fmt.Errorf(".provisioner: %q: want karpenter, or nothing for the cloud's own node pools", p.Provisioner)
	}
	if p.NamePrefix != "" && !validPrefix.MatchString(p.NamePrefix) {
		return fmt.Errorf(".namePrefix: %q: use lower-case letters, digits and dashes", p.NamePrefix)
	}
	if err := p.checkCloud(); err != nil {
		return err
	}
	if p.Name == "" {
		place := p.Region + " " + p.Zone
		if strings.HasPrefix(p.Zone, p.Region) {
			place = p.Zone
		}
		p.Name = dashed(strings.Join([]string{p.Cloud, place, p.InstanceType, p.Provisioner, capacitySuffix(p.CapacityType)}, " "))
	}
	return nil
}

func capacitySuffix(c v1alpha1.CapacityType) string {
	if c == v1alpha1.CapacityOnDemand {
		return ""
	}
	return string(c)
}

// checkCloud checks what differs between known clouds and private data centres.
func (p *Pool) checkCloud() error {
	private := []struct{ field, value string }{
		{"country", p.Country}, {"operatorCountry", p.OperatorCountry}, {"coordinates", p.Coordinates},
	}
	if _, known := location.LookupCloud(p.Cloud); !known {
		for _, country := range private[:2] {
			if country.value == "" {
				continue
			}
			if !location.IsCountry(country.value) {
				return fmt.Errorf(".%s: %q is not an ISO 3166-1 alpha-2 country code (LU, DE, …)", country.field, country.value)
			}
		}
		return checkCoordinates(p.Coordinates)
	}
	for _, f := range private {
		if f.value != "" {
			return fmt.Errorf(".%s: is declared for private data centres only; %s is a known cloud", f.field, p.Cloud)
		}
	}
	if p.InstanceType == "" {
		return fmt.Errorf(".instanceType: must not be empty")
	}
	region, ok := location.LookupRegion(p.Cloud, p.Region)
	if !ok {
		var names []string
		for _, r := range location.Regions(p.Cloud) {
			names = append(names, r.Name)
		}
		return fmt.Errorf(".region: %q is not a region of %s (%s)", p.Region, p.Cloud, strings.Join(names, ", "))
	}
	p.Region = region.Name
	facts := provider(p.Cloud)
	if p.CapacityType == v1alpha1.CapacitySpot && !facts.spot && p.Provisioner == "" {
		return fmt.Errorf(".capacityType: nodes of %s carry nothing that says spot; use on-demand", p.Cloud)
	}
	if p.CapacityType == v1alpha1.CapacityReserved && !facts.reserved && p.Provisioner == "" {
		return fmt.Errorf(".capacityType: node pools of %s carry nothing that says reserved; use on-demand, or provisioner: karpenter", p.Cloud)
	}
	return nil
}

func checkCoordinates(text string) error {
	if text == "" {
		return nil
	}
	if _, err := location.ParseCoordinates(text); err != nil {
		return fmt.Errorf(".coordinates: %w", err)
	}
	return nil
}

// zones returns the zones of the pool's nodes, none where the cloud has none.
func (p *Pool) zones() ([]string, error) {
	if p.Zone != "" && len(p.Zones) > 0 {
		return nil, fmt.Errorf(".zones: give zone or zones, not both")
	}
	zones := slices.Clone(p.Zones)
	if p.Zone != "" {
		zones = []string{p.Zone}
	}
	facts := provider(p.Cloud)
	if len(zones) == 0 {
		if zone := facts.firstZone(p.Region); zone != "" {
			zones = []string{zone}
		}
	}
	for i, zone := range zones {
		if zone == "" {
			return nil, fmt.Errorf(".zones[%d]: must not be empty", i)
		}
		normal, err := facts.zone(p.Region, zone)
		if err != nil {
			return nil, fmt.Errorf(".zones[%d]: %w", i, err)
		}
		zones[i] = normal
	}
	return zones, nil
}
