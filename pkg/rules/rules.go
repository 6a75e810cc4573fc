package rules

import (
	"sync"
	"sync/atomic"

	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Rules are the merged rules of a pod's policies, with the answers that depend on a class alone kept once computed.
// Safe for concurrent use.
type Rules struct {
	*policy.Effective
	latency  *RoundTrips
	required *policy.Requirements
	static   atomic.Pointer[[]atomic.Pointer[Static]] // by ID of the class
	grow     sync.Mutex                               // taken only when a class is seen for the first time
}

// Static is what the rules say of a class whatever runs already.
type Static struct {
	// Residency and Location are why the class is not allowed, or empty.
	Residency, Location string
	// Latency is why no client population reaches the class in time, or empty.
	Latency string
	// Covered holds, for each latency limit, the populations that reach the class in time, one bit each.
	Covered []uint64
	// Clients is the expected round trip from the scored populations.
	Clients latency.RoundTrip
	// UnmetPreference is the weight of the preferences that the class does not meet, divided by 100.
	UnmetPreference float64
}

// Allowed says whether every rule about the class alone allows it.
func (s *Static) Allowed() bool { return s.Residency == "" && s.Location == "" && s.Latency == "" }

// Reason is the first of the reasons, or empty.
func (s *Static) Reason() string {
	switch {
	case s.Residency != "":
		return s.Residency
	case s.Location != "":
		return s.Location
	default:
		return s.Latency
	}
}

// NewRules prepares merged rules for use. A nil effective means no policy: everything is allowed.
func NewRules(effective *policy.Effective, roundTrips *RoundTrips) *Rules {
	if effective == nil {
		effective = &policy.Effective{SpotMaxPercent: 100}
	}
	rules := &Rules{Effective: effective, latency: roundTrips, required: policy.NewRequirements(effective.Required)}
	rules.static.Store(&[]atomic.Pointer[Static]{})
	return rules
}

// Static returns what the rules say of a class. It allocates only when the class is new to these rules.
func (r *Rules) Static(class *Class) *Static {
	if known := *r.static.Load(); class.ID < len(known) {
		if static := known[class.ID].Load(); static != nil {
			return static
		}
	}
	computed := r.compute(class)
	r.grow.Lock()
	defer r.grow.Unlock()
	known := *r.static.Load()
	if class.ID >= len(known) {
		grown := make([]atomic.Pointer[Static], max(2*len(known), class.ID+1))
		for i := range known {
			grown[i].Store(known[i].Load())
		}
		r.static.Store(&grown)
		known = grown
	}
	known[class.ID].Store(computed)
	return computed
}

func (r *Rules) compute(class *Class) *Static {
	out := &Static{
		Residency: ResidencyReason(r.Effective, class.Location),
		Location:  r.locationReason(class),
	}
	for _, preference := range r.Preferred {
		if !preference.Requirement.Matches(class.Labels) {
			out.UnmetPreference += float64(preference.Weight) / 100
		}
	}
	out.Covered = make([]uint64, len(r.Latency))
	for i := range r.Latency {
		out.Covered[i] = r.latency.covered(&r.Latency[i], class.Place)
		if out.Covered[i] == 0 && out.Latency == "" {
			out.Latency, _ = r.latency.overReason(&r.Latency[i], class.Place)
		}
	}
	if len(r.Clients) > 0 {
		out.Clients = r.latency.expected(r.Clients, class.Place)
	}
	return out
}
