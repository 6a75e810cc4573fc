package location

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxSuggestions is how many names a message offers.
const maxSuggestions = 3

// NearestCountries are the ISO 3166-1 alpha-2 codes that text may have meant, best first, at most three: by another name
// that people write (UK), or by a code or name that is like it.
func NearestCountries(text string) []string {
	if len(text) > maxLabelValue {
		return nil
	}
	if names := otherNames[strings.ToLower(strings.TrimSpace(text))]; len(names) > 0 && IsCountry(names[0]) {
		return slices.Clone(names)
	}
	return nearest(text, countries, func(c Country) (string, []string) { return c.Code, []string{c.Code, c.Name} })
}

// NearestRegions are the regions of a known cloud whose name or city is like text, as CLOUD/REGION, the most alike first, at
// most three. Those of all clouds are searched where cloud is empty.
func NearestRegions(cloud, text string) []string {
	if len(text) > maxLabelValue {
		return nil
	}
	return nearest(text, Regions(cloud), func(r Region) (string, []string) { return r.Cloud + "/" + r.Name, []string{r.Name, r.City} })
}

// NearestClouds are the ids of the known clouds that text is another name or a slip of: another case, or a letter or two.
func NearestClouds(text string) []string {
	if id := cloudNamed(text); id != "" {
		return []string{id}
	}
	if len(text) > maxLabelValue {
		return nil
	}
	return nearest(text, clouds, func(c Cloud) (string, []string) { return c.ID, []string{c.ID} })
}

// nearest are the candidates with the smallest edit distance between text and the closest of their words, without regard to
// case.
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
		if f.distance == found[0].distance {
			names = append(names, f.name)
		}
	}
	return names
}

// DidYouMean is the end of a message that offers names; empty where there is none to offer.
func DidYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, ", ") + "?"
}
