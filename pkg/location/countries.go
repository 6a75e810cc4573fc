package location

import "slices"

// Country is a country or territory with a code of its own in ISO 3166-1.
type Country struct {
	// Code is the alpha-2 code ("DE") and Name the English short name.
	Code, Name string
	// City is the city whose coordinates stand for the country's people: the capital, or the largest city where that
	// is another one (Sydney for Australia); for the United States, whose people live on two coasts, a city near the
	// centre of population; for places without a city, their main settlement or the middle.
	City string
	// Latitude and Longitude are the city's, in degrees.
	Latitude, Longitude float64
}

// Coordinates is the point that stands for the country's people.
func (c Country) Coordinates() Coordinates {
	return Coordinates{Latitude: c.Latitude, Longitude: c.Longitude, Known: true}
}

// countrySlots is the number of codes that two letters can form.
const countrySlots = 26 * 26

// countryIndex is the position in countries by countrySlot, plus one.
var countryIndex = func() (index [countrySlots]uint16) {
	for i, c := range countries {
		index[countrySlot(c.Code)] = uint16(i + 1)
	}
	return index
}()

// countrySlot numbers the codes AA to ZZ from 0; it is -1 for everything else.
func countrySlot(code string) int {
	if len(code) != 2 || code[0]-'A' >= 26 || code[1]-'A' >= 26 {
		return -1
	}
	return int(code[0]-'A')*26 + int(code[1]-'A')
}

// IsCountry says whether code is an ISO 3166-1 alpha-2 code in upper case.
func IsCountry(code string) bool {
	slot := countrySlot(code)
	return slot >= 0 && countryIndex[slot] != 0
}

// LookupCountry returns a country by its ISO 3166-1 alpha-2 code in upper case.
func LookupCountry(code string) (Country, bool) {
	slot := countrySlot(code)
	if slot < 0 || countryIndex[slot] == 0 {
		return Country{}, false
	}
	return countries[countryIndex[slot]-1], true
}

// Countries returns all countries by code.
func Countries() []Country { return slices.Clone(countries) }
