package latency

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// clockSkew is how far in the future a sample may have been observed: clocks differ.
const clockSkew = 5 * time.Minute

// candidate is the best sample so far of one direction of a pair.
type candidate struct {
	roundTrip RoundTrip
	observed  time.Time // zero where nobody said
	object    string
	sample    int // number of the sample among all that were accepted
}

// builder lays LatencyMaps over a map.
type builder struct {
	m        *Map
	now      time.Time
	best     map[uint64]candidate
	accepted int
	ends     map[string]Client // what was parsed already: a few places are named again and again
	problems []Problem
}

// parse is ParseClient, once a text.
func (b *builder) parse(text string) (Client, error) {
	if c, ok := b.ends[text]; ok {
		return c, nil
	}
	c, err := ParseClient(text)
	if err == nil {
		b.ends[text] = c
	}
	return c, err
}

func (b *builder) problem(object *v1alpha1.LatencyMap, field, format string, args ...any) {
	b.problems = append(b.problems, Problem{
		Object:  "LatencyMap/" + object.Name,
		Field:   field,
		Message: fmt.Sprintf(format, args...),
	})
}

// add reads the samples of one LatencyMap.
func (b *builder) add(object *v1alpha1.LatencyMap) {
	spec := &object.Spec
	b.m.stats.Samples += len(spec.Samples)
	if spec.MaxAge != nil && spec.MaxAge.Duration <= 0 {
		b.problem(object, "spec.maxAge", "%s is not above zero, so every sample of this map is left out; write how long a sample holds, as in 24h, or leave maxAge out", spec.MaxAge.Duration)
		b.m.stats.Rejected += len(spec.Samples)
		return
	}
	source := "LatencyMap/" + object.Name
	if spec.Source != "" {
		source += ": " + spec.Source
	}
	var expired, undated expiry
	for i := range spec.Samples {
		s := &spec.Samples[i]
		from, to, ok := b.fromTo(object, i, s)
		if !ok {
			b.m.stats.Rejected++
			continue
		}
		milliseconds, ok := b.milliseconds(object, i, s, from, to)
		if !ok {
			b.m.stats.Rejected++
			continue
		}
		var observed time.Time
		date := ""
		if s.ObservedAt != nil && !s.ObservedAt.IsZero() {
			observed = s.ObservedAt.Time
			date = observed.UTC().Format(time.DateOnly)
		}
		switch {
		case observed.After(b.now.Add(clockSkew)):
			b.problem(object, sampleField(i, "observedAt"), "%s is in the future; correct the time, or the clock of what measured", observed.UTC().Format(time.RFC3339))
			b.m.stats.Rejected++
			continue
		case spec.MaxAge != nil && observed.IsZero():
			undated.add(i)
			continue
		case spec.MaxAge != nil && b.now.Sub(observed) > spec.MaxAge.Duration:
			expired.add(i)
			continue
		}
		b.keep(pair(b.m.intern(from), b.m.intern(to)), candidate{
			roundTrip: RoundTrip{Milliseconds: milliseconds, Basis: BasisOverride, Source: source, Date: date},
			observed:  observed,
			object:    object.Name,
			sample:    b.accepted,
		})
		b.accepted++
	}
	b.m.stats.Expired += expired.count + undated.count
	if expired.count > 0 {
		b.problem(object, expired.field(), "%d of %d samples are older than maxAge %s and left out; measure again", expired.count, len(spec.Samples), spec.MaxAge.Duration)
	}
	if undated.count > 0 {
		b.problem(object, undated.field()+".observedAt", "%d of %d samples have no observedAt and are left out, since maxAge %s cannot be checked; say when they were measured, or leave maxAge out", undated.count, len(spec.Samples), spec.MaxAge.Duration)
	}
}

// expiry counts samples that are left out for their age.
type expiry struct{ count, first int }

func (e *expiry) add(sample int) {
	if e.count == 0 {
		e.first = sample
	}
	e.count++
}

func (e *expiry) field() string { return fmt.Sprintf("spec.samples[%d]", e.first) }

func sampleField(i int, field string) string { return fmt.Sprintf("spec.samples[%d].%s", i, field) }

// fromTo reads the two places of a sample.
func (b *builder) fromTo(object *v1alpha1.LatencyMap, i int, s *v1alpha1.LatencySample) (from, to Client, ok bool) {
	from, err := b.parse(s.From)
	if err != nil {
		b.problem(object, sampleField(i, "from"), "%v", err)
		return Client{}, Client{}, false
	}
	to, err = b.parse(s.To)
	if err != nil {
		b.problem(object, sampleField(i, "to"), "%v", err)
		return Client{}, Client{}, false
	}
	if from.country != "" && to.country != "" {
		b.problem(object, sampleField(i, "to"), "%v", errBothCountries)
		return Client{}, Client{}, false
	}
	return from, to, true
}

// milliseconds reads the figure of a sample and refuses what cannot be.
func (b *builder) milliseconds(object *v1alpha1.LatencyMap, i int, s *v1alpha1.LatencySample, from, to Client) (float64, bool) {
	field := sampleField(i, "milliseconds")
	milliseconds, err := number(s.Milliseconds)
	if err != nil {
		b.problem(object, field, "%v", err)
		return 0, false
	}
	a, aTolerance := from.whereabouts()
	c, cTolerance := to.whereabouts()
	if a.known && c.known {
		kilometres := a.kilometresTo(&c)
		if bound := lightBoundMilliseconds(kilometres, aTolerance+cTolerance); milliseconds < bound {
			b.problem(object, field, "%v ms is impossible: %s and %s are about %.0f km apart, and light needs at least %.1f ms there and back; measure again", milliseconds, from, to, kilometres, bound)
			return 0, false
		}
	}
	return milliseconds, true
}

// number is a quantity as the nearest floating-point number, where it is a round trip that can be believed. The quantity
// is a copy: some of its methods change it.
func number(q resource.Quantity) (float64, error) {
	approximate := q.AsApproximateFloat64()
	// A quantity made in Go can have an exponent whose digits fill the memory, so the rough figure is looked at first.
	if math.IsNaN(approximate) || approximate < minMilliseconds || approximate > maxMilliseconds {
		return 0, fmt.Errorf("%.6g is not between %v and %d milliseconds; write milliseconds without a unit, as in 23.5", approximate, minMilliseconds, maxMilliseconds)
	}
	exact, err := strconv.ParseFloat(q.AsDec().String(), 64)
	if err != nil {
		return 0, fmt.Errorf("%.6g cannot be read as a decimal number: %w", approximate, err)
	}
	return exact, nil
}

// whereabouts is where clients are and how many kilometres they may be off.
func (c Client) whereabouts() (point, float64) {
	if c.country != "" {
		return c.point, countryToleranceKilometres
	}
	return pointOf(c.place.Coordinates), regionToleranceKilometres
}

// keep remembers the better of a sample and the one that was there for its direction.
func (b *builder) keep(key uint64, c candidate) {
	if old, ok := b.best[key]; ok {
		b.m.stats.Superseded++
		if !c.before(old) {
			return
		}
	}
	b.best[key] = c
}

// before reports whether c wins over other.
func (c candidate) before(other candidate) bool {
	if !c.observed.Equal(other.observed) {
		return c.observed.After(other.observed)
	}
	if c.object != other.object {
		return c.object < other.object
	}
	return c.sample < other.sample
}

// finish lays the winners over both directions and computes the proxies that they change.
func (b *builder) finish() {
	m := b.m
	m.stats.Used = len(b.best)
	m.samples = make(map[uint64]RoundTrip, 2*len(b.best))
	for key, c := range b.best {
		m.samples[key] = c.roundTrip
		reverse := key>>32 | key<<32
		if _, ok := b.best[reverse]; !ok {
			m.samples[reverse] = c.roundTrip
		}
	}
	for key := range m.samples {
		m.addProxy(int32(key>>32), int32(uint32(key)))
	}
}

// addProxy computes the proxy from the country of region from to region to, which a sample speaks of.
func (m *Map) addProxy(from, to int32) {
	if from == to || int(from) >= len(m.matrix.regions) || to >= countryBase {
		return
	}
	index := m.matrix.regions[from].country
	if index == none {
		return
	}
	key := pair(index, to)
	if _, ok := m.proxies[key]; ok {
		return
	}
	c := &m.matrix.countries[index]
	var figures []float64
	date := ""
	for _, r := range c.regions {
		if r == to {
			continue
		}
		figure := m.direct(r, to)
		if !figure.Known() {
			continue
		}
		if figure.Date != "" && (date == "" || figure.Date < date) {
			date = figure.Date
		}
		figures = append(figures, figure.Milliseconds)
	}
	if m.proxies == nil {
		m.proxies = map[uint64]RoundTrip{}
	}
	m.proxies[key] = RoundTrip{
		Milliseconds: median(figures),
		Basis:        BasisProxy,
		Source:       proxySource(c.code) + "; LatencyMap samples among them",
		Date:         date,
	}
}
