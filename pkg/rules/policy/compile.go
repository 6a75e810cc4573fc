package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	apifield "k8s.io/apimachinery/pkg/util/validation/field"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/printable"
)

// LocationKeys are the labels that policies may require, prefer and spread over, with the word used for them in messages.
var LocationKeys = map[string]string{
	v1alpha1.LabelCloud:            "cloud",
	v1alpha1.LabelCountry:          "country",
	v1alpha1.LabelCapacityType:     "capacity type",
	corev1.LabelTopologyRegion:     "region",
	corev1.LabelTopologyZone:       "zone",
	corev1.LabelInstanceTypeStable: "instance type",
}

// compiler reads one policy and collects what is wrong with it.
type compiler struct {
	out      compiled
	problems []Problem
}

func (c *compiler) problem(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{Source: c.out.source, Field: field, Message: fmt.Sprintf(format, args...)})
}

// compile reads one policy's spec. When the selector itself is broken the result selects nothing.
func (c *compiler) compile(spec *v1alpha1.PolicySpec) {
	c.out.selector = c.selector("spec.workloadSelector", &spec.WorkloadSelector)
	rules := &c.out.rules
	rules.SpotMaxPercent = 100
	rules.OptimizeFor = spec.OptimizeFor
	rules.Failover, rules.Rebalance, rules.Enforcement = spec.Failover, spec.Rebalance, spec.Enforcement
	if spec.Availability != nil {
		rules.Availability = []Availability{{Survive: location.DomainKind(spec.Availability.Survive), MinReplicasPercent: int(spec.Availability.MinReplicasPercent)}}
	}
	c.residency(spec.Residency)
	c.locations(spec.Locations)
	c.spread(spec.Spread)
	c.latency(spec.Latency)
	c.traffic(spec.Traffic)
	for _, from := range spec.TrafficFrom {
		rules.TrafficFrom = append(rules.TrafficFrom, TrafficSource{Namespace: from.Namespace, Name: from.Name})
	}
	c.cost(spec.Cost)
}

// selector reads a label selector; one that cannot be read selects nothing.
func (c *compiler) selector(field string, spec *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(spec)
	if err == nil {
		return selector
	}
	message := err.Error()
	var all utilerrors.Aggregate
	if errors.As(err, &all) {
		err = all.Errors()[0]
	}
	var refused *apifield.Error
	if errors.As(err, &refused) { // its path leads to a part of the selector in the words of Go
		message = fmt.Sprintf("%s: %s", printable.Quote(fmt.Sprint(refused.BadValue)), refused.Detail)
	}
	c.problem(field, "%s; the policy selects no pod until it is corrected", message)
	return labels.Nothing()
}

func (c *compiler) residency(spec *v1alpha1.Residency) {
	if spec == nil {
		return
	}
	rule := Residency{
		Source:        c.out.source,
		Jurisdictions: strings.Join(spec.Jurisdictions, "+"),
		Operators:     strings.Join(spec.OperatorJurisdictions, "+"),
	}
	read := func(field string, names []string) (location.CountrySet, bool) {
		if len(names) == 0 {
			return location.CountrySet{}, false
		}
		set, err := location.ParseJurisdictions(names)
		if err != nil {
			c.problem("spec.residency."+field, "%v; the pods it selects wait until it is corrected", err)
			rule.Broken = true
		}
		return set, true
	}
	rule.Countries, rule.LimitsCountries = read("jurisdictions", spec.Jurisdictions)
	rule.OperatorCountries, rule.LimitsOperatorCountries = read("operatorJurisdictions", spec.OperatorJurisdictions)
	if !rule.LimitsCountries && !rule.LimitsOperatorCountries {
		c.problem("spec.residency", "names no jurisdiction; list jurisdictions or operatorJurisdictions, or remove the field")
		return
	}
	c.out.rules.Residency = []Residency{rule}
}

func (c *compiler) locations(spec *v1alpha1.Locations) {
	if spec == nil {
		return
	}
	for i := range spec.Required {
		requirement, text, ok := c.requirement(fmt.Sprintf("spec.locations.required[%d]", i), &spec.Required[i])
		id := "broken " + text
		if ok {
			id = requirement.String() // its values are sorted
		}
		c.out.rules.Required = append(c.out.rules.Required,
			LocationRequirement{Source: c.out.source, Requirement: requirement, Text: text, Broken: !ok, id: id})
	}
	c.contradictions(spec.Required)
	for i := range spec.Preferred {
		preferred := &spec.Preferred[i]
		requirement, text, ok := c.requirement(fmt.Sprintf("spec.locations.preferred[%d]", i), &preferred.LabelSelectorRequirement)
		if ok {
			weight := min(max(preferred.Weight, 1), 100)
			c.out.rules.Preferred = append(c.out.rules.Preferred, LocationPreference{Requirement: requirement, Weight: weight, Text: text})
		}
	}
}

// requirement reads one label-selector requirement over location labels.
func (c *compiler) requirement(field string, spec *metav1.LabelSelectorRequirement) (labels.Requirement, string, bool) {
	word, known := LocationKeys[spec.Key]
	if !known {
		keys := make([]string, 0, len(LocationKeys))
		for key := range LocationKeys {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		c.problem(field+".key", "%q is no location label; use one of %s", spec.Key, strings.Join(keys, ", "))
		return labels.Requirement{}, spec.Key, false
	}
	operator, ok := operators[spec.Operator]
	switch takes := operator == selection.In || operator == selection.NotIn; {
	case !ok:
		c.problem(field+".operator", "%q is no operator; use In or NotIn with values, or Exists or DoesNotExist without", string(spec.Operator))
		return labels.Requirement{}, word, false
	case takes && len(spec.Values) == 0:
		c.problem(field+".values", "%s needs values; name at least one, or use Exists or DoesNotExist", spec.Operator)
		return labels.Requirement{}, word, false
	case !takes && len(spec.Values) > 0:
		c.problem(field+".values", "%s takes no values; remove them, or use In or NotIn", spec.Operator)
		return labels.Requirement{}, word, false
	}
	for i, value := range spec.Values {
		if err := location.CheckValue(spec.Key, value); err != nil {
			c.problem(fmt.Sprintf("%s.values[%d]", field, i), "%v", err)
			return labels.Requirement{}, word, false
		}
	}
	requirement, err := labels.NewRequirement(spec.Key, operator, meant(spec))
	if err != nil {
		c.problem(field, "%v; use operator In or NotIn with values, or Exists or DoesNotExist without", err)
		return labels.Requirement{}, word, false
	}
	var text string
	switch spec.Operator {
	case metav1.LabelSelectorOpIn:
		text = word + " " + strings.Join(spec.Values, " or ")
	case metav1.LabelSelectorOpNotIn:
		text = word + " not " + strings.Join(spec.Values, " nor ")
	case metav1.LabelSelectorOpExists:
		text = "a known " + word
	default:
		text = "no " + word
	}
	return *requirement, text, true
}

// operators are those of location requirements.
var operators = map[metav1.LabelSelectorOperator]selection.Operator{
	metav1.LabelSelectorOpIn: selection.In, metav1.LabelSelectorOpNotIn: selection.NotIn,
	metav1.LabelSelectorOpExists: selection.Exists, metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
}

// meant are the values of a requirement. What is not to be in a region is not to be there either where its cloud spells the name
// in another case: a prohibition that matched nothing would fail open.
func meant(spec *metav1.LabelSelectorRequirement) []string {
	if spec.Operator != metav1.LabelSelectorOpNotIn || spec.Key != corev1.LabelTopologyRegion {
		return spec.Values
	}
	out := slices.Clone(spec.Values)
	for _, value := range spec.Values {
		for _, name := range location.Spellings(value) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// contradictions reports required requirements on one key that no value can satisfy.
func (c *compiler) contradictions(required []metav1.LabelSelectorRequirement) {
	allowed := map[string]map[string]bool{}
	for _, requirement := range required {
		if requirement.Operator != metav1.LabelSelectorOpIn {
			continue
		}
		values := map[string]bool{}
		for _, value := range requirement.Values {
			if earlier, ok := allowed[requirement.Key]; !ok || earlier[value] {
				values[value] = true
			}
		}
		allowed[requirement.Key] = values
	}
	for _, requirement := range required {
		values, limited := allowed[requirement.Key]
		if !limited {
			continue
		}
		if requirement.Operator == metav1.LabelSelectorOpNotIn {
			for _, value := range requirement.Values {
				delete(values, value)
			}
		}
		if requirement.Operator == metav1.LabelSelectorOpDoesNotExist {
			clear(values)
		}
	}
	for key, values := range allowed {
		if len(values) == 0 {
			c.problem("spec.locations.required", "the requirements on %s exclude each other: no place can meet them; remove one", key)
		}
	}
}

func (c *compiler) spread(spec []v1alpha1.Spread) {
	for i := range spec {
		rule := Spread{TopologyKey: spec[i].TopologyKey, MaxSharePercent: 100}
		if _, ok := LocationKeys[rule.TopologyKey]; !ok && rule.TopologyKey != corev1.LabelHostname {
			c.problem(fmt.Sprintf("spec.spread[%d].topologyKey", i),
				"%q is no location label; use tradewind.dev/cloud, tradewind.dev/country, topology.kubernetes.io/region, "+
					"topology.kubernetes.io/zone or kubernetes.io/hostname", rule.TopologyKey)
			continue
		}
		if spec[i].MinDomains != nil {
			rule.MinDomains = int(*spec[i].MinDomains)
		}
		if spec[i].MaxSharePercent != nil {
			rule.MaxSharePercent = min(max(int(*spec[i].MaxSharePercent), 1), 100)
		}
		if spec[i].MaxSkew != nil {
			rule.MaxSkew = max(int(*spec[i].MaxSkew), 1)
		}
		c.out.rules.Spread = append(c.out.rules.Spread, rule)
	}
}

func (c *compiler) latency(spec *v1alpha1.Latency) {
	if spec == nil {
		return
	}
	populations := make([]latency.Population, 0, len(spec.Clients))
	broken, sum := false, int32(0)
	for i, client := range spec.Clients {
		parsed, err := latency.ParseClient(client.Location)
		if err != nil {
			c.problem(fmt.Sprintf("spec.latency.clients[%d].location", i), "%v", err)
			broken = true
			continue
		}
		sum += client.SharePercent
		populations = append(populations, latency.Population{Client: parsed, SharePercent: client.SharePercent})
	}
	if !broken && sum != 100 {
		c.problem("spec.latency.clients", "shares add up to %d; they must add up to 100", sum)
	}
	c.out.rules.Clients = populations
	if spec.RequestsPerSecond != nil {
		c.out.rules.RequestsPerSecond = float64(*spec.RequestsPerSecond)
	}
	if spec.BytesPerRequest != nil {
		c.out.rules.BytesPerRequest = float64(*spec.BytesPerRequest)
	}
	if spec.MaxMilliseconds != nil {
		c.out.rules.Latency = []Latency{{
			Source: c.out.source, Populations: populations, MaxMilliseconds: float64(*spec.MaxMilliseconds), Broken: broken,
			Measured: spec.Figures == v1alpha1.LatencyFiguresMeasured,
		}}
	}
}

func (c *compiler) traffic(spec []v1alpha1.Traffic) {
	for i := range spec {
		rule := Traffic{
			Namespace: spec[i].To.Namespace, Name: spec[i].To.Name, RequestsPerSecond: float64(spec[i].RequestsPerSecond),
			BytesPerRequest: float64(spec[i].BytesPerRequest), Source: c.out.source,
		}
		if spec[i].MaxMilliseconds != nil {
			rule.MaxMilliseconds, rule.Measured = float64(*spec[i].MaxMilliseconds), spec[i].Figures == v1alpha1.LatencyFiguresMeasured
			c.out.rules.TrafficLimits = append(c.out.rules.TrafficLimits, rule)
		}
		c.out.rules.Traffic = append(c.out.rules.Traffic, rule)
	}
}

func (c *compiler) cost(spec *v1alpha1.Cost) {
	if spec == nil {
		return
	}
	rules := &c.out.rules
	if spec.MaxHourlyUSD != nil {
		if spec.MaxHourlyUSD.Cmp(resource.Quantity{}) <= 0 {
			c.problem("spec.cost.maxHourlyUSD", "%s is not above zero: no replica can be placed; give a ceiling in US dollars an hour, or remove the field",
				spec.MaxHourlyUSD.String())
		}
		rules.MaxHourlyUSD, rules.HasMaxHourlyUSD = asWritten(spec.MaxHourlyUSD), true
	}
	if spec.Spot != nil {
		rules.SpotMaxPercent = min(max(int(spec.Spot.MaxPercent), 0), 100)
		rules.SpotFallback = spec.Spot.Fallback
		if spec.Spot.MaxPoolSharePercent != nil {
			rules.SpotPoolMaxPercent = min(max(int(*spec.Spot.MaxPoolSharePercent), 1), 100)
		}
	}
}

// asWritten is the number nearest to a quantity's decimal. The approximate value of "0.35" is 0.35000000000000003, which
// is what messages would then say. Quantities out of any policy's range stay approximate: their decimals could be huge.
func asWritten(quantity *resource.Quantity) float64 {
	approximate := quantity.AsApproximateFloat64()
	if size := math.Abs(approximate); !(size >= 1e-9 && size <= 1e9) {
		return approximate
	}
	decimal := quantity.DeepCopy() // AsDec changes its receiver, which other goroutines may be reading
	if exact, err := strconv.ParseFloat(decimal.AsDec().String(), 64); err == nil {
		return exact
	}
	return approximate
}
