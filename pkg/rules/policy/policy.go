// Package policy merges the PlacementPolicy and ClusterPlacementPolicy objects that select a pod into one set of rules.
//
// Hard rules of all policies add up: residency, required locations, spread, latency limits, cost ceilings and spot limits
// each keep the strictest. Rules that say the same count once, and how many may count for one workload is limited: beyond
// the limits no place satisfies them. Of each soft field the namespaced policy wins over the cluster's, then the older one; the
// loser is recorded as an Override, so that its condition can say so.
//
// The package is pure: objects in, immutable rules out. A part of a policy that cannot be understood never widens what
// is allowed: a broken residency or latency limit becomes a rule that no place satisfies, and a Problem that names the
// field and the remedy.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
)

// Source is the object a rule comes from.
type Source struct {
	// Namespace is empty for a ClusterPlacementPolicy.
	Namespace string
	Name      string
}

// Kind is "PlacementPolicy" or "ClusterPlacementPolicy".
func (s Source) Kind() string {
	if s.Namespace == "" {
		return "ClusterPlacementPolicy"
	}
	return "PlacementPolicy"
}

// String is "PlacementPolicy shop/web" or "ClusterPlacementPolicy eu-only".
func (s Source) String() string {
	if s.Namespace == "" {
		return s.Kind() + " " + s.Name
	}
	return s.Kind() + " " + s.Namespace + "/" + s.Name
}

// Problem is what is wrong with one field of a policy, in words, with the remedy.
type Problem struct {
	Source  Source
	Field   string
	Message string
}

// String is "PlacementPolicy shop/web: spec.residency.jurisdictions[0]: …".
func (p Problem) String() string { return fmt.Sprintf("%s: %s: %s", p.Source, p.Field, p.Message) }

// Override says that a soft field of Loser is not used for a pod because Winner sets it too.
type Override struct {
	Loser, Winner Source
	Field         string
}

// Residency is one policy's residency rule.
type Residency struct {
	Source Source
	// Also are further policies with the very same rule.
	Also []Source
	// Jurisdictions and Operators as written, joined by "+", for messages.
	Jurisdictions, Operators string
	// Countries and OperatorCountries are the allowed ISO 3166 codes; the matching Limits says whether the rule limits
	// them at all.
	Countries, OperatorCountries             location.CountrySet
	LimitsCountries, LimitsOperatorCountries bool
	// Broken is set when the rule cannot be understood: then no place satisfies it.
	Broken bool
}

// LocationRequirement is one required label-selector requirement over location labels.
type LocationRequirement struct {
	Source Source
	// Also are further policies with the very same requirement.
	Also        []Source
	Requirement labels.Requirement
	// Broken is set when the requirement cannot be understood: then no place satisfies it.
	Broken bool
	// Text is the requirement as a person would write it: "cloud not in azure".
	Text string
	id   string // equal for requirements that mean the same
}

// LocationPreference is one preferred requirement with its weight, 1 to 100.
type LocationPreference struct {
	Requirement labels.Requirement
	Weight      int32
	Text        string
}

// Spread is the strictest of all policies' spread rules over one topology key.
type Spread struct {
	TopologyKey string
	// MinDomains is 0 when there is none.
	MinDomains int
	// MaxSharePercent is 100 when there is none.
	MaxSharePercent int
	// MaxSkew is by how many replicas the fullest domain may exceed the emptiest among those with a node that the other
	// rules allow; 0 when there is none.
	MaxSkew int
}

// Availability is one loss that a workload must survive.
type Availability struct {
	// Survive is the kind of domain of which any one may vanish: a cloud, region, zone or cluster.
	Survive location.DomainKind
	// MinReplicasPercent of the replicas must be there after the loss, 1 to 99.
	MinReplicasPercent int
}

// Latency is one policy's limit on the round trip of its clients.
type Latency struct {
	Source Source
	// Also are further policies with the very same limit.
	Also            []Source
	Populations     []latency.Population
	MaxMilliseconds float64
	// Measured says that a round trip that nobody measured does not meet the limit.
	Measured bool
	// Broken is set when a client cannot be understood: then no place satisfies the limit.
	Broken bool
}

// Traffic is the calls to one workload.
type Traffic struct {
	Namespace, Name string
	// RequestsPerSecond of all replicas of the caller together.
	RequestsPerSecond float64
	// BytesPerRequest that a call sends and receives.
	BytesPerRequest float64
	// MaxMilliseconds is the longest round trip to the nearest replica; 0 when there is no limit.
	MaxMilliseconds float64
	// Measured says that a round trip that nobody measured does not meet the limit: the replicas count to which it was measured.
	Measured bool
	// Source is the policy that declares it.
	Source Source
}

// TrafficSource is workloads of a namespace whose calls may move the workload that they call; all of the namespace's when
// Name is empty.
type TrafficSource struct{ Namespace, Name string }

// Effective is the merged rules for the pods that one combination of policies selects. It is immutable.
type Effective struct {
	// Sources are the policies, the one that wins soft fields first.
	Sources []Source
	// Signature identifies the rules: two pods with one signature are under the same rules.
	Signature string

	Residency []Residency
	Required  []LocationRequirement
	Preferred []LocationPreference
	Spread    []Spread
	// Availability is the strictest of all policies' rules for each kind of loss.
	Availability []Availability
	// Latency are the hard limits. Clients are the populations that the expected round trip is scored for.
	Latency []Latency
	Clients []latency.Population
	// RequestsPerSecond of all clients together; 0 when the policy does not say.
	RequestsPerSecond float64
	// BytesPerRequest is the size of an answer to a client.
	BytesPerRequest float64
	// Traffic is scored; TrafficLimits are the hard limits of all policies.
	Traffic       []Traffic
	TrafficLimits []Traffic
	// TrafficFrom are the callers of other namespaces that the policies agree to, all together.
	TrafficFrom []TrafficSource
	// MaxHourlyUSD is the ceiling for the replicas of one workload, in US dollars an hour; HasMaxHourlyUSD says whether
	// there is one.
	MaxHourlyUSD    float64
	HasMaxHourlyUSD bool
	// SpotMaxPercent is 100 when there is no limit.
	SpotMaxPercent int
	SpotFallback   v1alpha1.SpotFallback
	// SpotPoolMaxPercent is the largest share of the replicas that one spot pool may hold; 0 when there is no limit.
	SpotPoolMaxPercent int
	// OptimizeFor is empty when no policy says.
	OptimizeFor v1alpha1.OptimizeFor

	// Failover, Rebalance and Enforcement are for what follows a plan; nil or empty when no policy says.
	Failover    *v1alpha1.Failover
	Rebalance   *v1alpha1.Rebalance
	Enforcement v1alpha1.Enforcement
	// Drained says that a policy made by "tradewind drain" is among the sources: replicas that run where its rules forbid
	// them are moved whether the workload is rebalanced or not.
	Drained bool

	Overrides []Override

	// Excess says, with the remedy, that the policies or their rules are more than may count for one workload: then no place
	// satisfies the rules. Empty when they are not.
	Excess string

	// merged are the policies that count, in the order of Sources.
	merged []*compiled
}

// Of lists the policies whose own rules, before they are added up, are as asked: those to change where the sum of several has one
// rule. The rules that are asked about are read, not kept.
func (e *Effective) Of(asked func(own *Effective) bool) []Source {
	var out []Source
	for _, p := range e.merged {
		if asked(&p.rules) {
			out = append(out, p.source)
		}
	}
	return out
}

// Held says why no place satisfies the rules, wherever it is: one of them cannot be read, or they are too many. Empty when
// neither is so.
func (e *Effective) Held() string {
	if e.Excess != "" {
		return e.Excess
	}
	for i := range e.Residency {
		if rule := &e.Residency[i]; rule.Broken {
			return rule.Source.String() + " names an unknown jurisdiction"
		}
	}
	for i := range e.Required {
		if rule := &e.Required[i]; rule.Broken {
			return rule.Source.String() + " has a location requirement that cannot be read"
		}
	}
	for i := range e.Latency {
		if rule := &e.Latency[i]; rule.Broken {
			return rule.Source.String() + " names a client location that cannot be read"
		}
	}
	return ""
}

// Agreed says whether a call from a workload may move the called one, whose rules these are: the callee's policies allow the
// caller, an administrator's policy declares the call, or both are of one namespace. Any other call is the caller's alone.
func (e *Effective) Agreed(call *Traffic, callerNamespace, callerName, calleeNamespace string) bool {
	if callerNamespace == calleeNamespace || call.Source.Namespace == "" {
		return true
	}
	return slices.ContainsFunc(e.TrafficFrom, func(from TrafficSource) bool {
		return from.Namespace == callerNamespace && (from.Name == "" || from.Name == callerName)
	})
}

// compiled is one policy, read once.
type compiled struct {
	id                int
	source            Source
	created           metav1.Time
	version           string // changes with the spec, not with the status
	selector          labels.Selector
	namespaceSelector labels.Selector // nil: every namespace (cluster policies)
	rules             Effective       // this policy's rules alone
}

// precedes says whether a's soft fields win over b's: namespaced over cluster, then older, then by name.
func (a *compiled) precedes(b *compiled) int {
	return cmp.Or(
		cmp.Compare(boolToInt(a.source.Namespace == ""), boolToInt(b.source.Namespace == "")),
		a.created.Compare(b.created.Time),
		strings.Compare(a.source.Name, b.source.Name),
	)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
