package pricing

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// maxDiscounts is how many discounts one cloud and capacity type may have, over all lists.
const maxDiscounts = 65535 - 1

type discountKey struct {
	place
	prefix   string
	capacity int
}

// builder turns price lists, in the order of their names, into Prices.
type builder struct {
	prices    *Prices
	catalog   *Catalog
	problems  []Problem
	discounts map[string]*[2][]discount // by cloud and capacityIndex

	// discounted holds the discounts that a list before has given.
	discounted map[discountKey]bool

	// Of the list at hand.
	object       string
	source, date string
	seen         map[any]string // keys of this list, to find entries given twice
}

func (b *builder) problem(field, format string, args ...any) {
	b.problems = append(b.problems, Problem{Object: b.object, Field: field, Message: fmt.Sprintf(format, args...)})
}

func (b *builder) add(list *v1alpha1.PriceList) {
	b.object = listPrefix + list.Name
	b.source = b.object
	if list.Spec.Source != "" {
		b.source += ": " + list.Spec.Source
	}
	b.date = list.Spec.Date
	if b.date != "" {
		if _, err := time.Parse(time.DateOnly, b.date); err != nil {
			b.problem("spec.date", "%q is not a date; write YYYY-MM-DD. The prices are used without a date", b.date)
			b.date = ""
		}
	}
	b.seen = map[any]string{}
	for i := range list.Spec.Instances {
		b.instance(fmt.Sprintf("spec.instances[%d]", i), &list.Spec.Instances[i])
	}
	for i := range list.Spec.Resources {
		b.resource(fmt.Sprintf("spec.resources[%d]", i), &list.Spec.Resources[i])
	}
	for i := range list.Spec.Discounts {
		b.discount(fmt.Sprintf("spec.discounts[%d]", i), &list.Spec.Discounts[i])
	}
	for i := range list.Spec.Commitments {
		b.commitment(fmt.Sprintf("spec.commitments[%d]", i), &list.Spec.Commitments[i])
	}
	for i := range list.Spec.Egress {
		b.egress(fmt.Sprintf("spec.egress[%d]", i), &list.Spec.Egress[i])
	}
}

// first notes a key of the list at hand, and names the entry that has it already.
func (b *builder) first(field string, key any) bool {
	if earlier, ok := b.seen[key]; ok {
		b.problem(field, "says the same as %s, which is used; remove one of the two", earlier)
		return false
	}
	b.seen[key] = field
	return true
}

// place checks the cloud and region of an entry.
func (b *builder) place(field, cloud, region string) (place, bool) {
	switch {
	case cloud == "":
		b.problem(field+".cloud", "empty; name the cloud, such as aws, or the private data centre")
		return place{}, false
	case cloud == Internet:
		b.problem(field+".cloud", "%q is no cloud; name the cloud, such as aws, or the private data centre", cloud)
		return place{}, false
	case strings.Contains(cloud, "/"):
		b.problem(field+".cloud", "%q holds a slash; write the cloud here and the region in the field region", cloud)
		return place{}, false
	case strings.Contains(region, "/"):
		b.problem(field+".region", "%q holds a slash; write the region only, such as eu-west-1", region)
		return place{}, false
	}
	if err := location.CheckCloud(cloud); err != nil {
		b.problem(field+".cloud", "%v", err)
		return place{}, false
	}
	return place{cloud, b.catalog.canonicalRegion(cloud, region)}, true
}

func (b *builder) figure(field string, quantity *resource.Quantity, limit float64, remedy string) (float64, bool) {
	value, err := figure(quantity, limit, remedy)
	if err != nil {
		b.problem(field, "%v", err)
		return 0, false
	}
	return value, true
}

const hourlyRemedy = "write US dollars an hour, from 0 to 100000"

func (b *builder) instance(field string, entry *v1alpha1.InstancePrice) {
	at, ok := b.place(field, entry.Cloud, entry.Region)
	if !ok {
		return
	}
	if entry.InstanceType == "" {
		b.problem(field+".instanceType", "empty; write the instance type as on the node's label node.kubernetes.io/instance-type")
		return
	}
	capacity, err := capacityOf(entry.CapacityType)
	if err != nil {
		b.problem(field+".capacityType", "%v", err)
		return
	}
	usd, ok := b.figure(field+".hourlyUSD", &entry.HourlyUSD, maxHourlyUSD, hourlyRemedy)
	if !ok {
		return
	}
	switch entry.OperatingSystem {
	case "", "linux", Windows:
	default:
		b.problem(field+".operatingSystem", "%q; write linux or windows, as on the node label kubernetes.io/os", entry.OperatingSystem)
		return
	}
	key := instanceKey{
		place: at, instanceType: entry.InstanceType, capacity: capacityKey(capacity), windows: entry.OperatingSystem == Windows,
	}
	of := b.prices.clouds[at.cloud]
	if of != nil {
		key.instanceType = of.types.canonical(key.instanceType)
	}
	if !b.first(field, key) {
		return
	}
	if b.prices.instances == nil {
		b.prices.instances = map[instanceKey]Price{}
	}
	if _, taken := b.prices.instances[key]; !taken {
		b.prices.instances[key] = b.override(usd)
	}
	if of != nil {
		if t, ok := of.types.index(key.instanceType); ok {
			of.overridden[t] = true
		}
	}
}

func (b *builder) override(usd float64) Price {
	return Price{USD: usd, Known: true, Source: b.source, Date: b.date, Basis: BasisOverride}
}

func (b *builder) resource(field string, entry *v1alpha1.ResourcePrice) {
	at, ok := b.place(field, entry.Cloud, entry.Region)
	if !ok {
		return
	}
	if entry.CPUHourlyUSD == nil && entry.MemoryGiBHourlyUSD == nil && entry.GPUHourlyUSD == nil {
		b.problem(field, "gives no price; write cpuHourlyUSD, memoryGiBHourlyUSD or gpuHourlyUSD")
		return
	}
	rate := resourcePrice{source: b.source, date: b.date, hasGPU: entry.GPUHourlyUSD != nil}
	for _, part := range []struct {
		name     string
		quantity *resource.Quantity
		unit     float64
		to       *float64
	}{
		{"cpuHourlyUSD", entry.CPUHourlyUSD, 1000, &rate.perMilliCPU},
		{"memoryGiBHourlyUSD", entry.MemoryGiBHourlyUSD, 1 << 30, &rate.perByte},
		{"gpuHourlyUSD", entry.GPUHourlyUSD, 1, &rate.perGPU},
	} {
		if part.quantity == nil {
			continue
		}
		usd, good := b.figure(field+"."+part.name, part.quantity, maxHourlyUSD, hourlyRemedy)
		*part.to = usd / part.unit
		ok = ok && good
	}
	type resourceKey place
	if !ok || !b.first(field, resourceKey(at)) {
		return
	}
	if b.prices.resources == nil {
		b.prices.resources = map[place]resourcePrice{}
	}
	if _, taken := b.prices.resources[at]; !taken {
		b.prices.resources[at] = rate
	}
	if of := b.prices.clouds[at.cloud]; of != nil {
		of.byResources = true
	}
}

func (b *builder) discount(field string, entry *v1alpha1.Discount) {
	at, ok := b.place(field, entry.Cloud, entry.Region)
	if !ok {
		return
	}
	if b.catalog.clouds[at.cloud] == nil {
		b.problem(field+".cloud",
			"the catalog has no prices of %q to take a discount off (it has %s); give prices in spec.instances or spec.resources",
			at.cloud, strings.Join(b.catalog.Clouds(), ", "))
		return
	}
	capacity, err := capacityOf(entry.CapacityType)
	if err != nil {
		b.problem(field+".capacityType", "%v", err)
		return
	}
	index, ok := capacityIndex(capacity)
	if !ok {
		b.problem(field+".capacityType",
			"the catalog has no %s prices to take a discount off; give the price in spec.instances", string(capacity))
		return
	}
	percent, ok := b.figure(field+".percent", &entry.Percent, 100, "write the percent off, from 0 to 100")
	if !ok {
		return
	}
	prefix := entry.InstanceTypePrefix
	if foldsCase(at.cloud) {
		prefix = strings.ToLower(prefix)
	}
	key := discountKey{at, prefix, index}
	if !b.first(field, key) || b.discounted[key] {
		return
	}
	if b.discounts == nil {
		b.discounts = map[string]*[2][]discount{}
		b.discounted = map[discountKey]bool{}
	}
	if b.discounts[at.cloud] == nil {
		b.discounts[at.cloud] = &[2][]discount{}
	}
	entries := &b.discounts[at.cloud][index]
	if len(*entries) == maxDiscounts {
		b.problem(field, "more than %d discounts of %s %s; remove some", maxDiscounts, at.cloud, string(capacity))
		return
	}
	b.discounted[key] = true
	given := discount{region: at.region, prefix: prefix, factor: (100 - percent) / 100}
	for _, list := range b.catalog.clouds[at.cloud].provenance[index] {
		given.sources = append(given.sources, fmt.Sprintf("%s: %s%% off %s", b.object, strconv.FormatFloat(percent, 'f', -1, 64), list.Source))
	}
	*entries = append(*entries, given)
}

func (b *builder) egress(field string, entry *v1alpha1.EgressPrice) {
	if entry.From == Internet {
		b.problem(field+".from", "traffic from the internet has no price; name the cloud or region the traffic leaves, such as aws/eu-west-1")
		return
	}
	from, ok := b.endpoint(field+".from", entry.From)
	if !ok {
		return
	}
	to := place{cloud: Internet}
	if entry.To != Internet {
		if to, ok = b.endpoint(field+".to", entry.To); !ok {
			return
		}
	}
	usd, ok := b.figure(field+".usdPerGB", &entry.USDPerGB, maxUSDPerGB, "write US dollars a gigabyte, from 0 to 1000")
	if !ok || !b.first(field, [2]place{from, to}) {
		return
	}
	b.prices.egress.set(from, to, b.override(usd))
}

// endpoint reads "aws" or "aws/eu-west-1".
func (b *builder) endpoint(field, text string) (place, bool) {
	cloud, region, hasRegion := strings.Cut(text, "/")
	if cloud == "" || hasRegion && region == "" || strings.Contains(region, "/") || cloud == Internet {
		b.problem(field, "%q is no place; write a cloud (aws) or a region (aws/eu-west-1)%s", text,
			map[bool]string{true: ", or internet"}[strings.HasSuffix(field, ".to")])
		return place{}, false
	}
	if err := location.CheckCloud(cloud); err != nil {
		b.problem(field, "%v", err)
		return place{}, false
	}
	return place{cloud, b.catalog.canonicalRegion(cloud, region)}, true
}

// finish resolves the discounts.
func (b *builder) finish() {
	for cloud, entries := range b.discounts {
		of := b.prices.clouds[cloud]
		for capacity := range entries {
			if len(entries[capacity]) > 0 {
				of.discounts[capacity] = newDiscountTable(of.cloudCatalog, entries[capacity])
			}
		}
	}
}
