package engine

// podSuspects lists the rules of pods about a workload, its own and those of others that select it, and its host ports.
func (s *Solver) podSuspects(i int32) []suspect {
	w, in := s.works[i], &s.m.snapshot.Workloads[i]
	var out []suspect
	add := func(rule ConflictRule, drop func(*trial)) { out = append(out, suspect{ConflictRule: rule, drop: drop}) }
	if len(in.HostPorts) > 0 {
		add(ConflictRule{RuleHostPort, portsText(in.HostPorts) + ", which one pod of a node can have"}, func(t *trial) { t.ports = false })
	}
	listed := map[int]bool{}
	if own := in.PodRules; own != nil {
		for k := range own.Apart {
			term := &own.Apart[k]
			numbers := s.numbersOf(w, func(rule podRule) bool { return ofTerm(rule, term) })
			text := ConflictRule{RulePodAntiAffinity, apartText(term.TopologyKey, term.Selector)}
			if term.alone(int(i)) {
				text = ownApart(term.TopologyKey, term.Selector)
			}
			if len(numbers) == 0 && !term.selects(int(i)) {
				continue // it selects nothing
			}
			add(text, func(t *trial) {
				t.pods.Apart = without(t.pods.Apart, func(other PodTerm) bool {
					return other.TopologyKey == term.TopologyKey && other.Selector == term.Selector
				})
				leaveOut(t, numbers)
			})
			note(listed, numbers)
		}
		for k := range own.Spread {
			constraint := &own.Spread[k]
			numbers := s.numbersOf(w, func(rule podRule) bool {
				spread, ok := rule.(*spreadRule)
				return ok && spread.constraint == constraint
			})
			add(s.spreadSuspect(w, own, k), func(t *trial) {
				t.pods.Spread = without(t.pods.Spread, func(other PodSpread) bool {
					return other.TopologyKey == constraint.TopologyKey && other.Selector == constraint.Selector && other.MaxSkew == constraint.MaxSkew
				})
				leaveOut(t, numbers)
			})
			note(listed, numbers)
		}
	}
	if w.pods == nil {
		return out
	}
	for k, rule := range w.pods.rules {
		if listed[k] {
			continue
		}
		text := rule.conflict()
		if t, ok := rule.(*together); ok {
			text.Message += s.awaited(w, t)
		}
		add(text, func(t *trial) { t.without[k] = true })
	}
	return out
}

// numbersOf are the numbers of the rules that a test names.
func (s *Solver) numbersOf(w *work, is func(podRule) bool) []int {
	if w.pods == nil {
		return nil
	}
	var out []int
	for k, rule := range w.pods.rules {
		if is(rule) {
			out = append(out, k)
		}
	}
	return out
}

// ofTerm says whether a rule comes from a workload's own term of anti-affinity.
func ofTerm(rule podRule, term *PodTerm) bool {
	switch typed := rule.(type) {
	case *apartOthers:
		return typed.term == term
	case *apartRule:
		return typed.owner && typed.set.key == term.TopologyKey && len(term.Workloads) > 0 && typed.set.first == &term.Workloads[0]
	}
	return false
}

func leaveOut(t *trial, numbers []int) {
	for _, k := range numbers {
		t.without[k] = true
	}
}

func note(listed map[int]bool, numbers []int) {
	for _, k := range numbers {
		listed[k] = true
	}
}

// awaited says what is with the pods that an affinity selects, where none of them has a place.
func (s *Solver) awaited(w *work, t *together) string {
	if len(t.affinity.Others) > 0 || t.missing != "" || len(t.works) == 0 {
		return ""
	}
	for _, i := range t.works {
		if len(s.works[i].allocs) > 0 {
			return ""
		}
	}
	for _, i := range t.works {
		if s.waitsFor(s.works[i], w, map[*work]bool{}) {
			return ", whose pods wait for its own in turn"
		}
	}
	return ", of which none has a place"
}

// waitsFor says whether a workload has affinity to another, or to one that waits for it.
func (s *Solver) waitsFor(w, other *work, seen map[*work]bool) bool {
	if w.pods == nil || w.pods.together == nil || seen[w] {
		return false
	}
	seen[w] = true
	for _, i := range w.pods.together.works {
		if s.works[i] == other || s.waitsFor(s.works[i], other, seen) {
			return true
		}
	}
	return false
}
