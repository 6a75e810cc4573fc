package latency

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"tradewind.dev/tradewind/pkg/location"
)

// maxSuggestions is how many names an error offers.
const maxSuggestions = 3

// nearestCountries are the codes whose code or name is like text, the most alike first.
func nearestCountries(text string) []string {
	const longest = 64 // of a country's name; what is longer is like none
	if len(text) > longest {
		return nil
	}
	if strings.EqualFold(text, "UK") {
		return []string{"GB"}
	}
	return nearest(text, location.Countries(), func(c location.Country) (string, []string) {
		return c.Code, []string{c.Code, c.Name}
	})
}

// nearestRegions are the regions of a cloud whose name is like text, the most alike first.
func nearestRegions(cloud, text string) []string {
	return nearest(text, location.Regions(cloud), func(r location.Region) (string, []string) {
		return r.Cloud + "/" + r.Name, []string{r.Name, r.City}
	})
}

// nearestClouds are the regions of this name in known clouds that text is a slip of: another case, or one letter.
func nearestClouds(text, region string) []string {
	var names []string
	for _, cloud := range location.Clouds() {
		if d := len(text) - len(cloud.ID); d < -1 || d > 1 || levenshtein.ComputeDistance(strings.ToLower(text), cloud.ID) > 1 {
			continue
		}
		if r, ok := location.LookupRegion(cloud.ID, region); ok {
			names = append(names, r.Cloud+"/"+r.Name)
		}
	}
	return names
}

// nearest ranks candidates by the edit distance between text and the closest of their words, without regard to case.
func nearest[T any](text string, candidates []T, describe func(T) (name string, words []string)) []string {
	type ranked struct {
		name     string
		distance int
	}
	text = strings.ToLower(text)
	limit := max(1, len(text)/3)
	var found []ranked
	for _, candidate := range candidates {
		name, words := describe(candidate)
		best := limit + 1
		for _, word := range words {
			best = min(best, levenshtein.ComputeDistance(text, strings.ToLower(word)))
		}
		if best <= limit {
			found = append(found, ranked{name, best})
		}
	}
	slices.SortFunc(found, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, f := range found[:min(len(found), maxSuggestions)] {
		if f.distance == 0 && found[0].distance == 0 || found[0].distance > 0 {
			names = append(names, f.name)
		}
	}
	return names
}

// didYouMean is the end of an error that offers names; empty where there is none to offer.
func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, ", ") + "?"
}
