package pricing

import "tradewind.dev/tradewind/apis/v1alpha1"

// Commitment is machines that are paid for whether they are used or not: Count of an instance type in a region. Names are
// as the catalog spells them.
type Commitment struct {
	Cloud, Region, InstanceType string
	Count                       int
}

// Commitments are those of all price lists, in the order of the lists. Several of one instance type in one region add up in
// one.
func (p *Prices) Commitments() []Commitment { return p.commitments }

// Committed is the index of the commitment that covers nodes of a kind; -1 when none does. Only on-demand nodes are covered:
// the price of a spot node is paid besides.
func (p *Prices) Committed(q *NodeQuery) int {
	if len(p.commitments) == 0 || q.CapacityType != v1alpha1.CapacityOnDemand {
		return -1
	}
	at := place{q.Cloud, q.Region}
	instanceType := q.InstanceType
	if of := p.clouds[q.Cloud]; of != nil {
		instanceType = of.types.canonical(instanceType)
		at.region = p.catalog.canonicalRegion(q.Cloud, q.Region)
		if isEdgeZone(q.Cloud, q.Region, q.Zone) {
			at.region = of.edgeRegion(q.Zone)
		}
	}
	for i := range p.commitments {
		if c := &p.commitments[i]; c.Cloud == at.cloud && c.Region == at.region && c.InstanceType == instanceType {
			return i
		}
	}
	return -1
}

// commitment reads a commitment. No price follows from it: it says which machines cost nothing more when they are used.
func (b *builder) commitment(field string, entry *v1alpha1.Commitment) {
	at, ok := b.place(field, entry.Cloud, entry.Region)
	if !ok {
		return
	}
	if entry.Region == "" {
		b.problem(field+".region", "empty; write the region of the capacity")
		ok = false
	}
	if entry.InstanceType == "" {
		b.problem(field+".instanceType", "empty; write the instance type of the capacity")
		ok = false
	}
	if entry.Count < 1 {
		b.problem(field+".count", "%d; write how many instances are paid for, at least 1", entry.Count)
		ok = false
	}
	if _, good := b.figure(field+".hourlyUSD", &entry.HourlyUSD, maxHourlyUSD, hourlyRemedy); !good || !ok {
		return
	}
	instanceType := entry.InstanceType
	if of := b.prices.clouds[at.cloud]; of != nil {
		instanceType = of.types.canonical(instanceType)
	}
	for i := range b.prices.commitments {
		if c := &b.prices.commitments[i]; c.Cloud == at.cloud && c.Region == at.region && c.InstanceType == instanceType {
			c.Count += int(entry.Count)
			return
		}
	}
	b.prices.commitments = append(b.prices.commitments, Commitment{at.cloud, at.region, instanceType, int(entry.Count)})
}
