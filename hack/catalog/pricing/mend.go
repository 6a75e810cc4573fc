package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// windowsFault is a group of Azure's machines of about half of which the source states the price with Windows.
type windowsFault struct {
	types   *regexp.Regexp
	perCore float64 // of Windows, in US dollars a core and hour
}

// windowsFaults are Azure's AMD machines of the fifth generation, and the burstable ones of the second, apart by the
// processor and the memory a core: prices of such machines rise and fall together from region to region.
// https://azure.microsoft.com/pricing/details/virtual-machines/windows/
var windowsFaults = []windowsFault{
	{regexp.MustCompile(`^Standard_D\d+ad?s_v5$`), 0.046},
	{regexp.MustCompile(`^Standard_E\d+ad?s_v5$`), 0.046},
	{regexp.MustCompile(`^Standard_B\d+[lt]?s_v2$`), 0.0046},
	{regexp.MustCompile(`^Standard_B\d+a[lt]?s_v2$`), 0.0046},
	{regexp.MustCompile(`^Standard_B\d+p[lt]?s_v2$`), 0.0046},
}

// mended says where the prices come from that were of Windows machines.
func (f *windowsFault) mended() catalogfile.Provenance {
	out := azureLinux
	out.Source = fmt.Sprintf("%s (its price with Windows, less %v a core)", azureLinux.Source, f.perCore)
	return out
}

// mendTolerance is how far a price may be from what its type and region cost, as a factor: the source rounds to a thousandth.
const mendTolerance = 1.025

// mendWindows takes Windows off the prices that have it, and returns how many these are. A price without Windows is the product of what
// its type and its region cost; what is above by the charge for Windows is the price with it. One that fits neither stays, for the
// audit to find.
func (b *cloudBuilder) mendWindows(fault *windowsFault) int {
	var prices []*typePrice
	for p, o := range b.offers {
		if o.onDemand > 0 && fault.types.MatchString(p.instanceType) {
			windows := fault.perCore * float64(b.types[p.instanceType].MilliCPU) / 1000
			prices = append(prices, &typePrice{pair: p, offer: o, linux: o.onDemand, windows: windows})
		}
	}
	fit := productFit{}
	// Windows makes dearer: the least prices are without it. Once it is known where it is, the median is nearer to the truth.
	for round, quantile := range []float64{0.19, 0.19, 0.5, 0.5, 0.5} {
		fit.run(prices, quantile)
		for _, p := range prices {
			p.linux = p.onDemand
			if with := p.onDemand - p.windows; round < 4 && math.Abs(with-fit.usd(p.pair)) < math.Abs(p.onDemand-fit.usd(p.pair)) {
				p.linux = with
			}
		}
	}
	mended, from := 0, b.source(fault.mended())
	for _, p := range prices {
		expected, without := fit.usd(p.pair), p.onDemand-p.windows
		if math.Abs(math.Log(without/expected)) < math.Log(mendTolerance) && math.Abs(without-expected) < math.Abs(p.onDemand-expected) {
			p.offer.onDemand, p.source = math.Round(without*1e6)/1e6, from
			mended++
		}
	}
	return mended
}

// typePrice is an offer, with its price as it is taken to be without Windows, and what Windows costs.
type typePrice struct {
	pair
	*offer
	linux, windows float64
}

// productFit is what each type and each region costs: a price is the product of the two.
type productFit struct{ ofType, ofRegion map[string]float64 }

func (f *productFit) usd(p pair) float64 { return f.ofType[p.instanceType] * f.ofRegion[p.region] }

// run fits the prices by quantiles in turn of types over regions and of regions over types.
func (f *productFit) run(prices []*typePrice, quantile float64) {
	if f.ofType == nil {
		f.ofType, f.ofRegion = map[string]float64{}, map[string]float64{}
		for _, p := range prices {
			f.ofType[p.instanceType], f.ofRegion[p.region] = p.linux, 1
		}
	}
	for range 10 {
		ofType, ofRegion := map[string][]float64{}, map[string][]float64{}
		for _, p := range prices {
			ofType[p.instanceType] = append(ofType[p.instanceType], p.linux/f.ofRegion[p.region])
		}
		take(f.ofType, ofType, quantile)
		for _, p := range prices {
			ofRegion[p.region] = append(ofRegion[p.region], p.linux/f.ofType[p.instanceType])
		}
		take(f.ofRegion, ofRegion, quantile)
	}
}

func take(to map[string]float64, from map[string][]float64, quantile float64) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		slices.Sort(from[name])
		to[name] = from[name][int(quantile*float64(len(from[name])-1))]
	}
}

// capSpot makes spot prices unknown that are above the price on demand, which no cloud charges: they are older than it.
// It returns how many.
func (b *cloudBuilder) capSpot() int {
	capped := 0
	for _, o := range b.offers {
		if o.onDemand > 0 && o.spot > o.onDemand {
			o.spot = 0
			capped++
		}
	}
	return capped
}
