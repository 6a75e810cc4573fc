package engine

import "strconv"

// hostsOf is how many nodes of each pool have room for a replica of a request, at least 1: those that exist, by what pods leave free there
// that the plan does not decide on, and those that can be added. CPUs, memory and GPUs count. Replicas that prefer other nodes than each
// other pay for what is short of them.
func (m *model) hostsOf(r *request) []int32 {
	if known, ok := m.hosts[r]; ok {
		return known
	}
	roomy := func(free []int64) bool {
		return free[dimCPU] >= r.vector[dimCPU] && free[dimMemory] >= r.vector[dimMemory] && free[dimGPU] >= r.vector[dimGPU]
	}
	out := make([]int32, len(m.pools))
	for i := range m.pools {
		p, n := &m.pools[i], int32(0)
		if p.spare > 0 && roomy(p.template) {
			n = p.spare
		}
		for at := 0; at < len(p.free) && n < maxReplicas; at += m.dims {
			if roomy(p.free[at : at+m.dims]) {
				n++
			}
		}
		out[i] = max(n, 1)
	}
	m.hosts[r] = out
	return out
}

// poolAxis is the axis on which each pool is a domain, of its index.
func (m *model) poolAxis() int {
	return m.fineAxis("pool", func(p int) (string, bool) { return strconv.Itoa(p), true })
}

// coarse are the axes but for those on which nearly every pool is a domain of its own, which no limit is on.
func (m *model) coarse(axes []int) []int {
	out := make([]int, 0, len(axes))
	for _, axis := range axes {
		if m.axes[axis].fine {
			continue
		}
		out = append(out, axis)
	}
	return out
}

// fineAxis is an axis of that kind.
func (m *model) fineAxis(key string, name func(pool int) (string, bool)) int {
	axis := m.axis(key, name)
	m.axes[axis].fine = true
	return axis
}

// domains are how many of a PreferredSpread one of the axis is.
func (e *evenness) domains(domain int32) int32 {
	if e.hosts == nil {
		return 1
	}
	return e.hosts[domain]
}
