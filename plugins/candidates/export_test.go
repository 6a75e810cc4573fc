package candidates

// Forget makes the next cycle look at all nodes anew: what keeping them is measured against.
func (p *Plugin) Forget() { p.nodes = nodes{} }

// Ungroup makes nodes that differ in memory groups of their own: what grouping them is measured against.
func (p *Plugin) Ungroup() {
	type part struct {
		group   int
		perByte float64
	}
	var groups []group
	known := map[part]int{}
	for member := range p.nodes.rooms {
		left := &p.nodes.rooms[member]
		key := part{left.group, left.facts.Rates.PerByte}
		at, ok := known[key]
		if !ok {
			at = len(groups)
			known[key] = at
			of := p.nodes.groups[left.group]
			of.node, of.members, of.leastPerByte, of.mostPerByte = left.facts, nil, key.perByte, key.perByte
			groups = append(groups, of)
		}
		groups[at].members = append(groups[at].members, member)
		left.group = at
	}
	p.nodes.groups = groups
}
