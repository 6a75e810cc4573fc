package location

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// ParseJurisdictions reads jurisdictions as policies write them: ISO 3166-1 alpha-2 codes ("DE") and the names of
// groups ("EU"), in any order, spelled exactly. The result is all their countries; that of an empty list is the empty
// set, which contains nothing. The error names the first bad value, its index and the nearest known names.
func ParseJurisdictions(jurisdictions []string) (CountrySet, error) {
	var out CountrySet
	for i, name := range jurisdictions {
		set, ok := groupSets[name]
		switch {
		case ok:
			out = out.union(set)
		case IsCountry(name):
			out.add(name)
		default:
			return CountrySet{}, &JurisdictionError{Index: i, Value: name, Nearest: nearestJurisdictions(name)}
		}
	}
	return out, nil
}

// JurisdictionError is a value that names no country and no group.
type JurisdictionError struct {
	// Index is the value's place in the list, from 0.
	Index int
	// Value is what was written and Nearest what may have been meant, best first, at most three.
	Value   string
	Nearest []string
}

// Error names the value, its index and what may have been meant.
func (e *JurisdictionError) Error() string {
	what := fmt.Sprintf("index %d: %q is no ISO 3166 country code and no jurisdiction group", e.Index, clip(e.Value))
	if len(e.Nearest) == 0 {
		return what + "; the groups are " + strings.Join(groupNames(), ", ")
	}
	return what + "; did you mean " + strings.Join(e.Nearest, " or ") + "?"
}

func groupNames() []string {
	out := make([]string, len(groups))
	for i := range groups {
		out[i] = groups[i].Name
	}
	return out
}

// clip shortens what someone else wrote for a message.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// otherNames are names that people write for a jurisdiction and that are neither a code nor a name in ISO 3166-1.
var otherNames = map[string][]string{
	"uk": {"GB"}, "united kingdom": {"GB"}, "great britain": {"GB"}, "england": {"GB"}, "scotland": {"GB"},
	"el": {"GR"}, "usa": {"US"}, "america": {"US"}, "united states": {"US"}, "europe": {"EU", "EEA", "Council-of-Europe"},
	"european union": {"EU"}, "european economic area": {"EEA"}, "gdpr": {"GDPR-adequate", "EEA", "EU"},
	"adequate": {"GDPR-adequate"}, "adequacy": {"GDPR-adequate"}, "holland": {"NL"}, "czech republic": {"CZ"},
	"south korea": {"KR"}, "korea": {"KR"}, "russia": {"RU"}, "taiwan": {"TW"}, "vietnam": {"VN"}, "turkey": {"TR"},
	"uae": {"AE"}, "eu27": {"EU"}, "eu-27": {"EU"}, "eu/eea": {"EEA"}, "apec-cbpr": {"CBPR"}, "coe": {"Council-of-Europe"},
	"latam": {"Mercosur"}, "swiss": {"CH"}, "iran": {"IR"}, "bolivia": {"BO"}, "venezuela": {"VE"}, "laos": {"LA"},
}

// nearestJurisdictions returns what a wrong value may have meant: another spelling, a country's name, or names at most
// two typing errors away.
func nearestJurisdictions(value string) []string {
	lower := strings.ToLower(strings.TrimSpace(value))
	if lower == "" || len(lower) > maxLabelValue {
		return nil
	}
	if names, ok := otherNames[lower]; ok {
		return slices.Clone(names)
	}
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	consider := func(name, spelling string) {
		limit := min(2, utf8.RuneCountInString(spelling)/3)
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(spelling)); d <= limit {
			found = append(found, candidate{name, d})
		}
	}
	for _, g := range groups {
		consider(g.Name, g.Name)
	}
	if alpha3, ok := alpha3Countries[lower]; ok {
		found = append(found, candidate{alpha3, 0})
	}
	for _, c := range countries {
		consider(c.Code, c.Code)
		consider(c.Code, c.Name)
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var out []string
	for _, c := range found {
		if !slices.Contains(out, c.name) && len(out) < 3 && c.distance <= found[0].distance+1 {
			out = append(out, c.name)
		}
	}
	return out
}

// alpha3Countries are the three-letter codes of countries in Europe and countries with cloud regions.
var alpha3Countries = map[string]string{
	"are": "AE", "arg": "AR", "aut": "AT", "aus": "AU", "bel": "BE", "bgr": "BG", "bhr": "BH", "bra": "BR", "can": "CA",
	"che": "CH", "chl": "CL", "chn": "CN", "col": "CO", "cyp": "CY", "cze": "CZ", "deu": "DE", "ger": "DE", "dnk": "DK",
	"esp": "ES", "est": "EE", "fin": "FI", "fra": "FR", "gbr": "GB", "grc": "GR", "hkg": "HK", "hrv": "HR", "hun": "HU",
	"idn": "ID", "ind": "IN", "irl": "IE", "isl": "IS", "isr": "IL", "ita": "IT", "jpn": "JP", "kor": "KR", "ltu": "LT",
	"lux": "LU", "lva": "LV", "mar": "MA", "mex": "MX", "mlt": "MT", "mys": "MY", "nga": "NG", "nld": "NL", "nor": "NO",
	"nzl": "NZ", "omn": "OM", "per": "PE", "phl": "PH", "pol": "PL", "prt": "PT", "qat": "QA", "rou": "RO", "rus": "RU",
	"sau": "SA", "sen": "SN", "sgp": "SG", "srb": "RS", "svk": "SK", "svn": "SI", "swe": "SE", "tha": "TH", "twn": "TW",
	"usa": "US", "ury": "UY", "vnm": "VN", "zaf": "ZA",
}
