package location

import (
	"math/bits"
	"strings"
)

// CountrySet is a set of countries: a bitset over all two-letter codes, comparable, of fixed size (88 bytes). The zero
// value is the empty set.
type CountrySet struct {
	words [(countrySlots + 63) / 64]uint64
}

// newCountrySet returns the set of the given ISO 3166-1 alpha-2 codes; what is no such code is left out.
func newCountrySet(codes ...string) CountrySet {
	var s CountrySet
	for _, code := range codes {
		s.add(code)
	}
	return s
}

func (s *CountrySet) add(code string) {
	if IsCountry(code) {
		slot := countrySlot(code)
		s.words[slot/64] |= 1 << (slot % 64)
	}
}

// Contains says whether a country is in the set. It is false for "" and for everything that is no ISO 3166-1 alpha-2
// code, so that an unknown place is in no jurisdiction. It allocates nothing.
func (s CountrySet) Contains(country string) bool {
	slot := countrySlot(country)
	return slot >= 0 && s.words[slot/64]&(1<<(slot%64)) != 0
}

// isEmpty says whether no country is in the set.
func (s CountrySet) isEmpty() bool { return s == CountrySet{} }

// Len is the number of countries in the set.
func (s CountrySet) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// union returns the countries in either set.
func (s CountrySet) union(other CountrySet) CountrySet {
	for i := range s.words {
		s.words[i] |= other.words[i]
	}
	return s
}

// intersect returns the countries in both sets: what two rules together allow.
func (s CountrySet) intersect(other CountrySet) CountrySet {
	for i := range s.words {
		s.words[i] &= other.words[i]
	}
	return s
}

// subsetOf says whether every country of s is in other.
func (s CountrySet) subsetOf(other CountrySet) bool { return s.intersect(other) == s }

// Codes returns the countries' codes in alphabetical order.
func (s CountrySet) Codes() []string {
	out := make([]string, 0, s.Len())
	for i := range countries {
		if code := countries[i].Code; s.Contains(code) {
			out = append(out, code)
		}
	}
	return out
}

// String is the codes separated by commas.
func (s CountrySet) String() string { return strings.Join(s.Codes(), ",") }
