package report

import (
	"fmt"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
)

// HoursPerMonth is the usual month of cloud prices: 365 × 24 / 12 hours.
const HoursPerMonth = 730

// Amount is a sum of money in US dollars an hour that may be unknown.
type Amount struct {
	// HourlyUSD is null when it is not known; then Reason says why.
	HourlyUSD *float64 `json:"hourlyUSD"`
	Reason    string   `json:"reason,omitempty"`
	// Source and Date of the price behind it.
	Source string `json:"source,omitempty"`
	Date   string `json:"date,omitempty"`
	// Basis of the price: list, discount, override, resources.
	Basis string `json:"basis,omitempty"`
}

func amount(usd float64, price pricing.Price) Amount {
	return Amount{HourlyUSD: &usd, Source: price.Source, Date: price.Date, Basis: price.Basis.String()}
}

// Milliseconds is a round trip that may be unknown.
type Milliseconds struct {
	// Milliseconds is null when it is not known; then Reason says why.
	Milliseconds *float64 `json:"milliseconds"`
	Reason       string   `json:"reason,omitempty"`
	// Basis of the figure: override, measured, upper estimate, proxy, estimate; the worst where several went in.
	Basis string `json:"basis,omitempty"`
	// Source says who measured, Date when; the oldest where several went in.
	Source string `json:"source,omitempty"`
	Date   string `json:"date,omitempty"`
}

func milliseconds(trip latency.RoundTrip, reason string) Milliseconds {
	if !trip.Known() {
		return Milliseconds{Reason: reason}
	}
	figure := trip.Milliseconds
	return Milliseconds{Milliseconds: &figure, Basis: trip.Basis.String(), Source: trip.Source, Date: trip.Date}
}

// Dollars is money of an hour as reports print it: four decimals below ten dollars, where a pod's hour is, and two above.
func Dollars(usd float64) string {
	if usd > -10 && usd < 10 {
		return strconv.FormatFloat(noMinusZero(usd, 5e-5), 'f', 4, 64)
	}
	return strconv.FormatFloat(usd, 'f', 2, 64)
}

// signedDollars is a difference: "+0.0123", "-0.0123", "0.0000".
func signedDollars(usd float64) string {
	text := Dollars(usd)
	if usd >= 5e-5 {
		return "+" + text
	}
	return text
}

func signedMilliseconds(ms float64) string {
	text := tenths(ms)
	if ms >= 0.05 {
		return "+" + text
	}
	return text
}

func tenths(value float64) string { return strconv.FormatFloat(noMinusZero(value, 0.05), 'f', 1, 64) }

// noMinusZero is 0 for what would be printed as "-0".
func noMinusZero(value, smallest float64) float64 {
	if value > -smallest && value < smallest {
		return 0
	}
	return value
}

const unknownText = "unknown"

func dollarsOf(usd *float64) string {
	if usd == nil {
		return unknownText
	}
	return Dollars(*usd)
}

// cents is money of a month: two decimals.
func cents(usd *float64) string {
	if usd == nil {
		return unknownText
	}
	return strconv.FormatFloat(noMinusZero(*usd, 0.005), 'f', 2, 64)
}

func tenthsOf(ms *float64) string {
	if ms == nil {
		return unknownText
	}
	return tenths(*ms)
}

// cores prints millicores: "1.5".
func cores(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) }

// gibibytes prints bytes: "1.5".
func gibibytes(bytes int64) string { return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 1, 64) }

// origin is a source with its date in parentheses: "(microsoft-azure-network, 2026-03)"; empty when neither is known.
func origin(source, date string) string {
	switch {
	case source == "" && date == "":
		return ""
	case date == "":
		return "(" + source + ")"
	case source == "":
		return "(" + date + ")"
	}
	return "(" + source + ", " + date + ")"
}

// count is "1 node", "3 nodes".
func count(n int, noun string) string {
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return printable.Number(n, noun, stem+"ies")
	}
	return printable.Number(n, noun, noun+"s")
}

// some lists names, the first few in full.
func some(names []string) string {
	const shown = 3
	if len(names) <= shown+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// orUnknown is a name, or "unknown".
func orUnknown(name string) string {
	if name == "" {
		return unknownText
	}
	return name
}

// unpricedReason says why a node has no price.
func unpricedReason(node *state.Node) string {
	at := &node.Class.Node
	switch {
	case at.Cloud == "":
		return "the node's cloud is not known"
	case at.InstanceType == "":
		return "the node has no instance type; a PriceList can price its resources"
	case at.CapacityType == "":
		return "the node's capacity type is not known"
	}
	where := placeOf(location.DomainRegion, &at.Location)
	if node.Windows {
		return fmt.Sprintf("the catalog's prices are of Linux, and the node runs Windows; a PriceList can give the price of %s %s in %s "+
			"(operatingSystem: windows)", at.CapacityType, at.InstanceType, where)
	}
	return fmt.Sprintf("nobody states a price of %s %s in %s; a PriceList can", at.CapacityType, at.InstanceType, where)
}
