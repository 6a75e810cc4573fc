package engine

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// onNodes is the axis of single nodes.
const onNodes = -1

// axisOfPods is the axis of a topology key; known is false where no node has it.
func (m *model) axisOfPods(key string) (axis int, known bool) {
	if key == corev1.LabelHostname {
		return onNodes, true
	}
	axis = m.podAxis(key)
	return axis, len(m.axes[axis].names) > 0
}

// relate finds the rules of pods that bind workloads to others.
func (s *Solver) relate() {
	for _, w := range s.works {
		w.pods = nil
	}
	sets := apartSets{}
	for i := range s.works {
		r := s.m.snapshot.Workloads[i].PodRules
		if r == nil {
			continue
		}
		for k := range r.Apart {
			s.relateApart(int32(i), &r.Apart[k], &sets)
		}
		for k := range r.Spread {
			s.relateSpread(int32(i), r, k)
		}
		if r.crosses() {
			s.podsOf(int32(i))
		}
		if r.Together != nil {
			s.relateTogether(int32(i), r.Together)
		}
	}
	for _, set := range sets.list {
		s.relateSet(set)
	}
	for _, w := range s.works {
		if w.pods != nil && w.pods.together != nil {
			s.depthOf(w, map[*work]bool{})
		}
	}
	s.bound = s.bound[:0]
	for i, w := range s.works {
		if w.pods != nil {
			s.bound = append(s.bound, int32(i))
		}
	}
	s.runsBroken()
}

// podsOf are the rules of a workload.
func (s *Solver) podsOf(i int32) *podWork {
	w := s.works[i]
	if w.pods == nil {
		w.pods = &podWork{}
	}
	return w.pods
}

// bind adds a rule of the workload with index i.
func (s *Solver) bind(i int32, rule podRule) {
	pods := s.podsOf(i)
	pods.rules = append(pods.rules, rule)
}

// Rules that count more workloads than mostWatched are looked at again when all are placed, and not whenever one of them moves;
// so are those beyond mostWatchers of one workload.
const mostWatched, mostWatchers = 256, 16

// watch notes that a rule of the workload with index i counts the pods of others.
func (s *Solver) watch(i int32, of []int) {
	if len(of) > mostWatched {
		return
	}
	for _, other := range of {
		if int32(other) == i || other < 0 || other >= len(s.works) {
			continue
		}
		if pods := s.podsOf(int32(other)); !contains(pods.watchers, i) && len(pods.watchers) < mostWatchers {
			pods.watchers = append(pods.watchers, i)
		}
	}
}

// depthOf is how long the longest chain of affinity is that starts at a workload; where chains are circles they end.
func (s *Solver) depthOf(w *work, above map[*work]bool) int {
	if w.pods == nil || w.pods.together == nil || above[w] {
		return 0
	}
	if w.pods.depth > 0 {
		return w.pods.depth
	}
	above[w] = true
	defer delete(above, w)
	depth := 0
	for _, i := range w.pods.together.works {
		depth = max(depth, s.depthOf(s.works[i], above))
	}
	w.pods.depth = depth + 1
	return w.pods.depth
}

// podOrder places workloads after those that they have affinity to, and of those that rules bind to others the ones of higher
// priority first: where the others bar them they come in vain.
func podOrder(a, b *work) int {
	depth := func(w *work) (depth int, priority int32) {
		if w.pods == nil {
			return 0, 0
		}
		return w.pods.depth, w.priority
	}
	deep, first := depth(a)
	deeper, second := depth(b)
	return cmp.Or(cmp.Compare(deep, deeper), cmp.Compare(second, first))
}

// apartKey tells lists of workloads apart by identity, since rules that select the same share one.
type apartKey struct {
	axis  int
	first *int
	n     int
}

// apartSets are the rules of anti-affinity between workloads.
type apartSets struct {
	index map[apartKey]*apartSet
	list  []*apartSet
}

// apartSet is a rule of anti-affinity of one or more workloads: no pod of its owners is in a domain with one that it selects.
type apartSet struct {
	axis             int
	first            *int // see apartKey
	key, selector    string
	owners, selected members
	mutual           bool // its owners are those that it selects
}

func (s *Solver) relateApart(i int32, term *PodTerm, sets *apartSets) {
	axis, known := s.m.axisOfPods(term.TopologyKey)
	if !known {
		return
	}
	if len(term.Others) > 0 {
		s.bind(i, &apartOthers{axis: axis, term: term})
	}
	if len(term.Workloads) == 0 || len(term.Workloads) == 1 && term.Workloads[0] == int(i) {
		return // limits have it
	}
	key := apartKey{axis, &term.Workloads[0], len(term.Workloads)}
	set := sets.index[key]
	if set == nil {
		set = &apartSet{axis: axis, first: key.first, key: term.TopologyKey, selector: term.Selector}
		for _, other := range term.Workloads {
			if other >= 0 && other < len(s.works) {
				set.selected.all = append(set.selected.all, int32(other))
			}
		}
		if sets.index == nil {
			sets.index = map[apartKey]*apartSet{}
		}
		sets.index[key] = set
		sets.list = append(sets.list, set)
	}
	if owners := set.owners.all; len(owners) == 0 || owners[len(owners)-1] != i {
		set.owners.all = append(set.owners.all, i)
	}
}

// relateSet binds owners and selected ones.
func (s *Solver) relateSet(set *apartSet) {
	set.mutual = slices.Equal(set.owners.all, set.selected.all)
	for _, i := range set.owners.all {
		_, selected := slices.BinarySearch(set.selected.all, i)
		s.bind(i, &apartRule{set: set, owner: true, selected: selected && !set.mutual})
	}
	if set.mutual {
		return
	}
	first := &s.m.snapshot.Workloads[set.owners.all[0]]
	name := first.Kind + " " + first.Namespace + "/" + first.Name
	for _, i := range set.selected.all {
		if _, owner := slices.BinarySearch(set.owners.all, i); !owner {
			s.bind(i, &apartRule{set: set, selected: true, first: name})
		}
	}
}
