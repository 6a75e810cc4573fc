package rules

import (
	"k8s.io/apimachinery/pkg/selection"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// ResidencyReason is why a location does not satisfy the residency rules, or empty when it does: the first of ResidencyAgainst.
func ResidencyReason(rules *policy.Effective, at location.Location) string {
	for i := range rules.Residency {
		if reason := placeReason(&rules.Residency[i], at); reason != "" {
			return reason
		}
		if reason := operatorReason(&rules.Residency[i], at); reason != "" {
			return reason
		}
	}
	return ""
}

func placeReason(rule *policy.Residency, at location.Location) string {
	switch {
	case rule.Broken:
		return "held back: " + rule.Source.String() + " names an unknown jurisdiction"
	case rule.LimitsCountries && at.Country == "":
		return "without a known country (residency " + rule.Jurisdictions + ")"
	case rule.LimitsCountries && !rule.Countries.Contains(at.Country):
		return "outside residency " + rule.Jurisdictions
	}
	return ""
}

func operatorReason(rule *policy.Residency, at location.Location) string {
	switch {
	case rule.Broken:
		return "" // said of the place
	case rule.LimitsOperatorCountries && at.OperatorCountry == "":
		return "without a known operator (operator jurisdiction " + rule.Operators + ")"
	case rule.LimitsOperatorCountries && !rule.OperatorCountries.Contains(at.OperatorCountry):
		return "operated from outside " + rule.Operators
	}
	return ""
}

// MeetsLocation says whether a class meets one required location. A requirement on something that is not known of the class is
// not met, whatever its operator, except DoesNotExist.
func MeetsLocation(required *policy.LocationRequirement, class *Class) bool {
	if required.Broken {
		return false
	}
	if _, known := class.Labels[required.Requirement.Key()]; !known {
		return required.Requirement.Operator() == selection.DoesNotExist
	}
	return required.Requirement.Matches(class.Labels)
}

// locationReason is why a class does not meet the required locations, or empty when it does.
func (r *Rules) locationReason(class *Class) string {
	if r.Excess != "" {
		return "held back: " + r.Excess
	}
	i, unmet := r.required.FirstUnmet(class.Labels)
	if !unmet {
		return ""
	}
	reason, _ := unmetReason(&r.Required[i], class)
	return reason
}

// unmetReason is why a class does not meet a required location that it does not meet; unknown says that what the requirement is
// about is not known of the class.
func unmetReason(required *policy.LocationRequirement, class *Class) (reason string, unknown bool) {
	if required.Broken {
		return "held back: " + required.Source.String() + " has a location requirement that cannot be read", false
	}
	key := required.Requirement.Key()
	if _, known := class.Labels[key]; !known {
		return "without a known " + policy.LocationKeys[key] + " (policy wants " + required.Text + ")", true
	}
	return "outside location " + required.Text, false
}
