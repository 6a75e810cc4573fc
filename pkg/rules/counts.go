package rules

import (
	"math"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// The functions of this file are the arithmetic of the rules over all replicas of a workload together: how many of n replicas
// that should run may, or must, be where. Filters, the engine, the mover and statuses count with them.

// MostInDomain is how many of n replicas a spread rule lets one domain hold: the rule's share of them, rounded down, but at
// least one.
func MostInDomain(rule *policy.Spread, n int) int { return max(1, n*rule.MaxSharePercent/100) }

// LeastDomains is how many domains a spread rule wants to hold one of n replicas: no more than there are replicas.
func LeastDomains(rule *policy.Spread, n int) int { return min(rule.MinDomains, n) }

// MostInDomains is how many of n replicas so many domains may hold together by a spread rule's share and its least number of domains:
// where there are fewer, a replica waits for each that is missing.
func MostInDomains(rule *policy.Spread, n, domains int) int {
	return max(0, min(n, domains*MostInDomain(rule, n), n-max(0, LeastDomains(rule, n)-domains)))
}

// MostBeside is how many replicas a spread rule lets one domain hold while the emptiest one holds so many; math.MaxInt where
// the rule does not limit the skew.
func MostBeside(rule *policy.Spread, emptiest int) int {
	if rule.MaxSkew == 0 {
		return math.MaxInt
	}
	return emptiest + rule.MaxSkew
}

// MostOnSpot is how many of n replicas may be on spot capacity: the rules' share of them, rounded down.
func MostOnSpot(rules *policy.Effective, n int) int { return n * rules.SpotMaxPercent / 100 }

// MostInSpotPool is how many of n replicas may be in one spot pool: the rules' share of them, rounded down, but at least one;
// all where the rules do not limit it.
func MostInSpotPool(rules *policy.Effective, n int) int {
	if rules.SpotPoolMaxPercent == 0 {
		return n
	}
	return max(1, n*rules.SpotPoolMaxPercent/100)
}

// MostOffSpot is how many of n replicas may be elsewhere than on spot capacity: all, or where the rules wait for spot capacity
// those for which there is none.
func MostOffSpot(rules *policy.Effective, n int) int {
	if rules.SpotFallback == v1alpha1.SpotFallbackWait {
		return n - MostOnSpot(rules, n)
	}
	return n
}

// MostLost is how many of n replicas may be lost at once, so that at least minPercent of them, rounded up, are left.
func MostLost(minPercent, n int) int { return n * (100 - minPercent) / 100 }

// CeilingTolerance is by how much the sum of replicas' prices may be above a ceiling, in US dollars an hour: sums of
// floating-point prices must not turn a met ceiling into a missed one.
const CeilingTolerance = 1e-9

// overCeiling says whether replicas that cost so many US dollars an hour together break the rules' cost ceiling.
func overCeiling(rules *policy.Effective, usd float64) bool {
	return rules.HasMaxHourlyUSD && usd > rules.MaxHourlyUSD+CeilingTolerance
}

// forbidsSpot says that no replica may be on spot capacity, forbidsOther that none may be elsewhere, however many there are.
func forbidsSpot(rules *policy.Effective) bool { return rules.SpotMaxPercent == 0 }

func forbidsOther(rules *policy.Effective) bool {
	return rules.SpotMaxPercent == 100 && rules.SpotFallback == v1alpha1.SpotFallbackWait
}
