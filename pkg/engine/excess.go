package engine

// excessive are the workloads that ask for more than all the pools that they may use hold together, were these empty. They
// come last: what cannot be placed whole shall not keep others out.
func (s *Solver) excessive() map[int32]bool {
	room := map[*row]float64{}
	out := map[int32]bool{}
	for _, i := range s.order {
		w := s.works[i]
		most, known := room[w.row]
		if !known {
			most = s.most(w.row)
			room[w.row] = most
		}
		if float64(w.n) > most {
			out[i] = true
		}
	}
	return out
}

// most is how many replicas of a row the empty pools hold at most.
func (s *Solver) most(r *row) float64 {
	sum := 0.0
	for _, i := range r.pools {
		holds, limited := 0.0, false
		for d, size := range r.request.size {
			if size <= 0 {
				continue
			}
			if n := s.m.pools[i].total[d] / size; !limited || n < holds {
				holds, limited = n, true
			}
		}
		if !limited {
			return maxReplicas
		}
		sum += holds
	}
	return sum
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
