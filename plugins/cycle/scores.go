package cycle

import (
	"context"
	"iter"
	"math"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
)

// Criterion is one part of what a replica is weighed by. Each is scored by a plugin of its own.
type Criterion int

// The criteria: the replica's compute price, its round trips, and the location preferences it does not meet.
const (
	Compute Criterion = iota
	RoundTrips
	Preference
	criteria
)

// scores turn dollars an hour into the scheduler's 0 to 100. All criteria share one scale: the same number of points is
// the same number of dollars, so that the sum over the plugins orders nodes by their whole score.
type scores struct {
	least, most [criteria]float64
	span        float64 // the widest criterion's, in dollars an hour
	// unpriced stands for the compute price of a node whose price is not known where a preference is weighed against it:
	// the dearest known one, or a dollar where none is known.
	unpriced float64
	classes  []classScore
}

type classScore struct {
	trips      float64 // dollars an hour; infinite when unknown
	unmet      float64
	tripsKnown bool
	seen       bool
}

// Price prices the nodes that a pod may go to, so that its points are known. Where it was not called before, the first
// PreScore of the cycle does it for the feasible nodes.
func (p *Profile) Price(pod *Pod, nodes iter.Seq[*state.Node]) { pod.scores = p.price(pod, nodes) }

// Unprice forgets what Price found.
func (p *Pod) Unprice() { p.scores = nil }

// PreScore implements fwk.PreScorePlugin: it prices the feasible nodes, once a cycle. It returns Skip when the criterion is the
// same everywhere.
func (s *Scoring) PreScore(_ context.Context, cycleState fwk.CycleState, object *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	pod, status := s.Pod(cycleState, object)
	if status != nil {
		return status
	}
	if pod.Alike {
		return fwk.NewStatus(fwk.Skip)
	}
	if pod.scores == nil {
		s.Price(pod, func(yield func(*state.Node) bool) {
			for _, node := range nodes {
				if !yield(s.Candidate(node)) {
					return
				}
			}
		})
	}
	if pod.scores.most[s.criterion]-pod.scores.least[s.criterion] <= negligibleUSD {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// negligibleUSD is a difference in dollars an hour that is no difference: a cent in a hundred years.
const negligibleUSD = 1e-8

func (p *Profile) price(pod *Pod, nodes iter.Seq[*state.Node]) *scores {
	s := &scores{classes: make([]classScore, len(p.Live.Classes()))}
	for i := range s.least {
		s.least[i], s.most[i] = math.Inf(1), math.Inf(-1)
	}
	optimizeFor := p.OptimizeFor(pod.Rules.OptimizeFor)
	var buffer [8]latency.RoundTrip
	unpriced := [2]float64{math.Inf(1), math.Inf(-1)} // the least and most unmet preference of nodes without a known price
	for candidate := range nodes {
		class := s.class(pod, candidate.Class, optimizeFor, buffer[:])
		if class.tripsKnown {
			s.note(RoundTrips, class.trips)
		}
		if compute, known := candidate.HourlyUSD(pod.Request); known {
			s.note(Compute, compute)
			s.note(Preference, rules.PreferenceUSD(class.unmet, compute))
		} else {
			unpriced[0], unpriced[1] = min(unpriced[0], class.unmet), max(unpriced[1], class.unmet)
		}
	}
	if s.unpriced = s.most[Compute]; math.IsInf(s.unpriced, -1) {
		s.unpriced = 1
	}
	if unpriced[0] <= unpriced[1] {
		s.note(Preference, rules.PreferenceUSD(unpriced[0], s.unpriced))
		s.note(Preference, rules.PreferenceUSD(unpriced[1], s.unpriced))
	}
	for i := range s.least {
		s.span = max(s.span, s.most[i]-s.least[i])
	}
	return s
}

func (s *scores) note(criterion Criterion, usd float64) {
	s.least[criterion], s.most[criterion] = min(s.least[criterion], usd), max(s.most[criterion], usd)
}

func (s *scores) class(pod *Pod, class *rules.Class, optimizeFor v1alpha1.OptimizeFor, buffer []latency.RoundTrip) classScore {
	if class.ID < len(s.classes) && s.classes[class.ID].seen {
		return s.classes[class.ID]
	}
	trips := pod.Rules.Trips(class, pod.View, pod.Callees, optimizeFor, buffer)
	out := classScore{trips: trips.USD, tripsKnown: trips.Known, unmet: pod.Rules.Static(class).UnmetPreference, seen: true}
	if class.ID < len(s.classes) {
		s.classes[class.ID] = out
	}
	return out
}

// Score implements fwk.ScorePlugin: a node's points for the criterion.
func (s *Scoring) Score(_ context.Context, state fwk.CycleState, object *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	pod, status := s.Pod(state, object)
	if status != nil {
		return 0, status
	}
	return s.criterion.Points(state, pod, s.Candidate(node)), nil
}

// ScoreExtensions implements fwk.ScorePlugin: scores come normalized.
func (*Scoring) ScoreExtensions() fwk.ScoreExtensions { return nil }

// Points are a node's for the criterion: 100 for the cheapest of the nodes that were priced, and less by the dollars it is
// dearer. What is not known scores as the dearest.
func (criterion Criterion) Points(_ fwk.CycleState, pod *Pod, candidate *state.Node) int64 {
	s := pod.scores
	if s == nil || s.span <= negligibleUSD {
		return 0
	}
	usd := s.most[criterion]
	switch criterion {
	case Compute:
		if compute, known := candidate.HourlyUSD(pod.Request); known {
			usd = compute
		}
	case RoundTrips:
		if class := candidate.Class; class.ID < len(s.classes) && s.classes[class.ID].tripsKnown {
			usd = s.classes[class.ID].trips
		}
	default:
		compute, known := candidate.HourlyUSD(pod.Request)
		if !known {
			compute = s.unpriced
		}
		if class := candidate.Class; class.ID < len(s.classes) {
			usd = rules.PreferenceUSD(s.classes[class.ID].unmet, compute)
		}
	}
	points := float64(fwk.MaxNodeScore) * (1 - (usd-s.least[criterion])/s.span)
	return min(max(int64(math.Round(points)), 0), fwk.MaxNodeScore)
}
