package main

import (
	"cmp"
	"fmt"
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
			prices = append(prices, &typePrice{pair: p, offer: o, windows: windows})
		}
	}
	slices.SortFunc(prices, func(a, b *typePrice) int {
		return cmp.Or(cmp.Compare(a.instanceType, b.instanceType), cmp.Compare(a.region, b.region))
	})
	fit := fitProduct(prices)
	mended, from := 0, b.source(fault.mended())
	for _, p := range prices {
		if _, windows := p.explained(fit.usd(p.pair)); windows {
			p.offer.onDemand, p.source = math.Round((p.onDemand-p.windows)*1e6)/1e6, from
			mended++
		}
	}
	return mended
}

// typePrice is an offer with what Windows costs on its machine, in US dollars an hour.
type typePrice struct {
	pair
	*offer
	windows float64
}

// explained says whether the price is near what is expected without Windows, or else near that with it.
func (p *typePrice) explained(expected float64) (explained, windows bool) {
	without, with := math.Abs(math.Log(p.onDemand/expected)), math.Inf(1)
	if rest := p.onDemand - p.windows; rest > 0 {
		with = math.Abs(math.Log(rest / expected))
	}
	return min(without, with) < math.Log(mendTolerance), with < without
}

// productFit is what each type and each region costs: a price is the product of the two.
type productFit struct{ ofType, ofRegion map[string]float64 }

func (f *productFit) usd(p pair) float64 { return f.ofType[p.instanceType] * f.ofRegion[p.region] }

// begins are the shares of the prices of a type, or region, that a fit begins with below what it costs: Windows makes dearer, so that the lower
// prices are without it, but where hardly any has it those of dear regions look like it.
var begins = []float64{0.2, 0.5, 0.8}

// fitProduct finds for each region in turn what explains most of its prices, and then for each type. What differs between two
// hypotheses is which prices have Windows: of those that explain equally many the one with the fewest is taken, and so it is of what several
// beginnings lead to. Nothing is assumed of how far apart regions are. Fischler and Bolles, Random sample consensus, Communications of the ACM
// 24 (1981), with every price as a sample.
func fitProduct(prices []*typePrice) *productFit {
	byType, byRegion := map[string][]*typePrice{}, map[string][]*typePrice{}
	for _, p := range prices {
		byType[p.instanceType], byRegion[p.region] = append(byType[p.instanceType], p), append(byRegion[p.region], p)
	}
	var best *productFit
	explains, ofWindows := -1, 0
	for _, begin := range begins {
		fit := fitFrom(begin, byType, byRegion)
		n, windows := 0, 0
		for _, p := range prices {
			if explained, with := p.explained(fit.usd(p.pair)); explained {
				n++
				if with {
					windows++
				}
			}
		}
		if n > explains || n == explains && windows < ofWindows {
			best, explains, ofWindows = fit, n, windows
		}
	}
	return best
}

// fitFrom is fitProduct from one beginning.
func fitFrom(begin float64, byType, byRegion map[string][]*typePrice) *productFit {
	fit := &productFit{ofType: map[string]float64{}, ofRegion: map[string]float64{}}
	lower := func(of []*typePrice, other func(*typePrice) float64) float64 {
		factors := make([]float64, 0, len(of))
		for _, p := range of {
			factors = append(factors, p.onDemand/other(p))
		}
		slices.Sort(factors)
		return factors[int(float64(len(factors))*begin)]
	}
	for region := range byRegion {
		fit.ofRegion[region] = 1
	}
	for range 10 {
		for name, of := range byType {
			fit.ofType[name] = lower(of, func(p *typePrice) float64 { return fit.ofRegion[p.region] })
		}
		for region, of := range byRegion {
			fit.ofRegion[region] = lower(of, func(p *typePrice) float64 { return fit.ofType[p.instanceType] })
		}
	}
	for range 6 {
		for region, of := range byRegion {
			fit.ofRegion[region] = consensus(of, func(p *typePrice) float64 { return fit.ofType[p.instanceType] })
		}
		for name, of := range byType {
			fit.ofType[name] = consensus(of, func(p *typePrice) float64 { return fit.ofRegion[p.region] })
		}
	}
	return fit
}

// consensus is the factor by which what the others cost explains most of the prices, and of such factors the one with the fewest
// prices of Windows. It is refined to the median over the prices that it explains.
func consensus(prices []*typePrice, other func(*typePrice) float64) float64 {
	best, explains, ofWindows := 0.0, -1, 0
	var factors []float64
	try := func(factor float64) {
		n, windows := 0, 0
		for _, p := range prices {
			if explained, with := p.explained(factor * other(p)); explained {
				n++
				if with {
					windows++
				}
			}
		}
		if n > explains || n == explains && windows < ofWindows {
			best, explains, ofWindows = factor, n, windows
		}
	}
	for _, p := range prices {
		try(p.onDemand / other(p))
		if rest := p.onDemand - p.windows; rest > 0 {
			try(rest / other(p))
		}
	}
	for _, p := range prices {
		explained, with := p.explained(best * other(p))
		switch {
		case explained && with:
			factors = append(factors, (p.onDemand-p.windows)/other(p))
		case explained:
			factors = append(factors, p.onDemand/other(p))
		}
	}
	return median(factors)
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
