package location

import "slices"

// Group is a named group of countries, usable wherever a policy takes a jurisdiction.
type Group struct {
	// Name is what policies write ("EU") and Description what it covers and leaves out.
	Name, Description string
	// Countries are the members' ISO 3166-1 alpha-2 codes in alphabetical order, with those of their territories that
	// have a code of their own and are part of the group in law.
	Countries []string
	// Source is the legal text or list that the membership is from, Date the day as of which it holds (YYYY-MM-DD).
	Source, Date string
}

// Groups returns the known groups by name.
func Groups() []Group {
	out := slices.Clone(groups)
	for i := range out {
		out[i].Countries = slices.Clone(out[i].Countries)
	}
	return out
}

// groupSets is the groups' countries by name.
var groupSets = func() map[string]CountrySet {
	sets := make(map[string]CountrySet, len(groups))
	for i := range groups {
		slices.Sort(groups[i].Countries)
		sets[groups[i].Name] = newCountrySet(groups[i].Countries...)
	}
	return sets
}()
