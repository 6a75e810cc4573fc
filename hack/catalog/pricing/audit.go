package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// How far a price may be from what its neighbours make expect, as a factor.
const (
	// acrossRegions: a size costs in one region what its family costs there, compared with all other regions.
	acrossRegions = 1.08
	// acrossSizes: a core costs the same in every size of a family with the same memory a core; without a hypervisor it is a tenth more.
	acrossSizes = 1.13
	// acrossFamilies: a family costs in one region what others cost there, compared with all other regions.
	acrossFamilies = 1.45
)

// The checks, as tables/accepted.csv names them.
const (
	checkRegions  = "regions"
	checkSizes    = "sizes"
	checkFamilies = "families"
	checkSpot     = "spot"
)

// contradiction is a price that its neighbours contradict.
type contradiction struct {
	cloud, family, instanceType, region string
	check                               string
	usd, expected                       float64 // US dollars an hour
}

func (c *contradiction) String() string {
	where := c.cloud
	if c.region != "" {
		where += "/" + c.region
	}
	name := cmp.Or(c.instanceType, "family "+c.family)
	return fmt.Sprintf("%s %s: %.6g dollars an hour, its neighbours make expect %.6g (%s)", where, name, c.usd, c.expected, c.check)
}

// audit finds every on-demand price that contradicts its neighbours, and every spot price above the price on demand.
func audit(file *catalogfile.File) []contradiction {
	var out []contradiction
	for i := range file.Clouds {
		out = append(out, auditCloud(&file.Clouds[i])...)
	}
	return out
}

// series is machines of a family with the same memory a core, which differ in size. The logarithm of a price is that of its type plus
// that of its region.
type series struct {
	name     string
	maker    string // of the processor
	types    []int  // in catalogfile.Cloud.Types
	ofType   []float64
	ofRegion []float64 // NaN where the family is not offered
}

func auditCloud(c *catalogfile.Cloud) []contradiction {
	var out []contradiction
	byName := map[string]*series{}
	var all []*series
	for t := range c.Types {
		name := familyOf(c.ID, c.Types[t].Name)
		key := fmt.Sprintf("%s %.0f", name, memoryClass(&c.Types[t]))
		s, ok := byName[key]
		if !ok {
			s = &series{name: name, maker: makerOf(c.ID, name, &c.Types[t])}
			byName[key] = s
			all = append(all, s)
		}
		s.types = append(s.types, t)
	}
	ofMaker := map[string][]*series{}
	for _, whole := range all {
		for _, s := range whole.comparable(c) {
			out = append(out, s.regions(c)...)
			out = append(out, s.sizes(c)...)
			ofMaker[s.maker] = append(ofMaker[s.maker], s)
		}
	}
	for _, maker := range slices.Sorted(maps.Keys(ofMaker)) {
		out = append(out, families(c, ofMaker[maker])...)
	}
	for pair, spot := range c.SpotUSD {
		if onDemand := c.OnDemandUSD[pair]; onDemand > 0 && spot > onDemand {
			t, r := pair/len(c.Regions), pair%len(c.Regions)
			out = append(out, contradiction{
				cloud: c.ID, family: familyOf(c.ID, c.Types[t].Name), instanceType: c.Types[t].Name, region: c.Regions[r],
				check: checkSpot, usd: spot, expected: onDemand,
			})
		}
	}
	return out
}

// memoryClass tells apart machines with different memory a core, in quarters of a doubling.
func memoryClass(t *catalogfile.Type) float64 {
	return math.Round(math.Log2(float64(max(t.MemoryBytes, 1))/float64(max(t.MilliCPU, 1))) * 4)
}

// logUSD is the logarithm of a price; NaN where there is none.
func logUSD(c *catalogfile.Cloud, t, r int) float64 {
	if usd := c.OnDemandUSD[t*len(c.Regions)+r]; usd > 0 {
		return math.Log(usd)
	}
	return math.NaN()
}

// median of the values that are known; NaN when none is.
func median(values []float64) float64 {
	known := slices.DeleteFunc(values, math.IsNaN)
	if len(known) == 0 {
		return math.NaN()
	}
	slices.Sort(known)
	return (known[(len(known)-1)/2] + known[len(known)/2]) / 2
}

// comparable divides the series into those whose types share regions, and finds what each type and each region costs.
func (s *series) comparable(c *catalogfile.Cloud) []*series {
	values := make([][]float64, len(s.types))
	for i, t := range s.types {
		for r := range c.Regions {
			values[i] = append(values[i], logUSD(c, t, r))
		}
	}
	var out []*series
	for _, group := range connected(values) {
		part := &series{name: s.name, maker: s.maker}
		var of [][]float64
		for _, i := range group {
			part.types, of = append(part.types, s.types[i]), append(of, values[i])
		}
		part.ofType, part.ofRegion = fitSum(of)
		out = append(out, part)
	}
	return out
}

// regions finds prices that are out of what their type and region cost.
func (s *series) regions(c *catalogfile.Cloud) []contradiction {
	var out []contradiction
	for i, t := range s.types {
		for r, region := range c.Regions {
			price, expected := logUSD(c, t, r), s.ofType[i]+s.ofRegion[r]
			if math.Abs(price-expected) > math.Log(acrossRegions) {
				out = append(out, contradiction{
					cloud: c.ID, family: s.name, instanceType: c.Types[t].Name, region: region,
					check: checkRegions, usd: math.Exp(price), expected: math.Exp(expected),
				})
			}
		}
	}
	return out
}

// sizes finds types of which a core costs more or less than of their neighbours with as much memory a core. Accelerators cost
// more than cores, so their machines are left out.
func (s *series) sizes(c *catalogfile.Cloud) []contradiction {
	cores := func(t int) float64 { return float64(c.Types[t].MilliCPU) / 1000 }
	unit := func(i int) float64 { return s.ofType[i] - math.Log(cores(s.types[i])) }
	var members []int
	var values []float64
	for i, t := range s.types {
		if size := &c.Types[t]; size.GPUs == 0 && size.MilliCPU > 0 && !math.IsNaN(s.ofType[i]) {
			members, values = append(members, i), append(values, unit(i))
		}
	}
	if len(members) < 3 {
		return nil
	}
	middle := median(values)
	// What a type's price is relative to: the middle region in which its family is offered.
	level := median(slices.Clone(s.ofRegion))
	var out []contradiction
	for _, i := range members {
		if math.Abs(unit(i)-middle) > math.Log(acrossSizes) {
			out = append(out, contradiction{
				cloud: c.ID, family: s.name, instanceType: c.Types[s.types[i]].Name, check: checkSizes,
				usd: math.Exp(s.ofType[i] + level), expected: math.Exp(middle+level) * cores(s.types[i]),
			})
		}
	}
	return out
}

// families finds regions in which a whole series is out of what the others of its maker's processors cost there: machines of one
// maker are half as dear in India as those of another.
func families(c *catalogfile.Cloud, all []*series) []contradiction {
	values := make([][]float64, len(all))
	for i, s := range all {
		values[i] = s.ofRegion
	}
	level, region := make([]float64, len(all)), make([]float64, len(c.Regions))
	for _, group := range connected(values) {
		var of [][]float64
		for _, i := range group {
			of = append(of, values[i])
		}
		ofSeries, ofRegion := fitSum(of)
		for k, i := range group {
			level[i] = ofSeries[k]
		}
		for r := range c.Regions {
			if !math.IsNaN(ofRegion[r]) { // of one group only, or the two would share it
				region[r] = ofRegion[r]
			}
		}
	}
	var out []contradiction
	for i, s := range all {
		for r, name := range c.Regions {
			if expected := level[i] + region[r]; math.Abs(s.ofRegion[r]-expected) > math.Log(acrossFamilies) {
				usual := median(slices.Clone(s.ofType))
				out = append(out, contradiction{
					cloud: c.ID, family: s.name, region: name, check: checkFamilies,
					usd: math.Exp(s.ofRegion[r] + usual), expected: math.Exp(expected + usual),
				})
			}
		}
	}
	return out
}
