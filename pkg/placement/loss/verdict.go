package loss

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kind of a domain, the larger first.
type Kind int

// The kinds.
const (
	Cloud Kind = iota
	Region
	Zone
	Pool
)

// String is the word for the kind.
func (k Kind) String() string { return [...]string{"cloud", "region", "zone", "pool"}[k] }

// Domain is a place of which all nodes are out of order.
type Domain struct {
	Kind Kind
	// Name is "aws", "aws/eu-west-1", "aws/eu-west-1/eu-west-1a" or the pool's.
	Name string
	// Since the last of its nodes was there.
	Since time.Time
	// Earliest is when the loss may be acted on at the earliest, however long it has lasted.
	Earliest time.Time
	// Certain says that two observers agree on every node; Drill that all of it is a drill.
	Certain, Drill bool
	// Nodes by name.
	Nodes []string
}

// String is "cloud aws".
func (d *Domain) String() string { return d.Kind.String() + " " + d.Name }

// Due is when replicas of the domain are replaced under a policy that lets a loss last for after.
func (d *Domain) Due(after time.Duration) time.Time {
	if !d.Certain {
		after *= DoubtFactor
	}
	if due := d.Since.Add(after); due.After(d.Earliest) {
		return due
	}
	return d.Earliest
}

// Verdict is how a cluster's nodes are.
type Verdict struct {
	// States of nodes that are not alive, by name.
	States map[string]State
	// Since is when these nodes were last there.
	Since map[string]time.Time
	// Domains that are out of order as a whole, the largest only: the zones of a lost cloud are not named too. Sorted.
	Domains []Domain
	// Blind, when not empty, says why nothing must be done: the observers themselves seem to be cut off.
	Blind string
}

type domainKey struct {
	kind Kind
	name string
}

// Judge says which nodes and domains are out of order. A pool of one node is no domain: Kubernetes replaces the pods of a
// single lost node by itself, and slows down only where many are lost.
func Judge(nodes []Node, now time.Time) *Verdict {
	v := &Verdict{States: map[string]State{}, Since: map[string]time.Time{}}
	domains := map[domainKey][]*Node{}
	out := 0
	for i := range nodes {
		n := &nodes[i]
		if state, since := judge(n, now); state != Alive {
			v.States[n.Name], v.Since[n.Name] = state, since
			if state != Drilled {
				out++
			}
		}
		for _, key := range keys(n) {
			domains[key] = append(domains[key], n)
		}
	}
	if len(v.States) == 0 {
		return v
	}
	whole := 0 // domains of which every node is alive
	for key, members := range domains {
		alive, drilled := 0, 0
		for _, n := range members {
			switch v.States[n.Name] {
			case Alive:
				alive++
			case Drilled:
				drilled++
			}
		}
		switch {
		case alive == len(members) && key.kind != Pool:
			whole++
		case alive == 0 && (key.kind != Pool || len(members) > 1 || drilled > 0):
			v.Domains = append(v.Domains, v.domain(key, members))
		}
	}
	v.keepLargest()
	if 2*out > len(nodes) && whole == 0 {
		v.Blind = fmt.Sprintf("%d of %d nodes look lost and no zone is whole: it may be this API server that is cut off", out, len(nodes))
	}
	return v
}

// keys are the domains that a node is in, as far as they are known.
func keys(n *Node) []domainKey {
	var out []domainKey
	if n.At.Cloud != "" {
		out = append(out, domainKey{Cloud, n.At.Cloud})
		if region := n.At.RegionKey(); region != "" {
			out = append(out, domainKey{Region, region})
			if n.At.Zone != "" {
				out = append(out, domainKey{Zone, region + "/" + n.At.Zone})
			}
		}
	}
	if n.Pool != "" {
		out = append(out, domainKey{Pool, n.Pool})
	}
	return out
}

func (v *Verdict) domain(key domainKey, members []*Node) Domain {
	d := Domain{Kind: key.kind, Name: key.name, Certain: true, Drill: true}
	for _, n := range members {
		d.Nodes = append(d.Nodes, n.Name)
		if since := v.Since[n.Name]; since.After(d.Since) {
			d.Since = since
		}
		state := v.States[n.Name]
		if at := n.Since.Add(min(n.Holds/renewals, longestConfirmation)); state == Lost && at.After(d.Earliest) {
			d.Earliest = at
		}
		d.Certain = d.Certain && state != Doubted
		d.Drill = d.Drill && state == Drilled
	}
	slices.Sort(d.Nodes)
	return d
}

// keepLargest leaves out domains whose nodes all are in a larger one.
func (v *Verdict) keepLargest() {
	slices.SortFunc(v.Domains, func(a, b Domain) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	covered := map[string]bool{}
	v.Domains = slices.DeleteFunc(v.Domains, func(d Domain) bool {
		larger := true
		for _, name := range d.Nodes {
			larger = larger && covered[name]
			covered[name] = true
		}
		return larger
	})
}

// DomainOf is the lost domain that a node is in, nil when it is in none.
func (v *Verdict) DomainOf(node string) *Domain {
	for i := range v.Domains {
		if _, found := slices.BinarySearch(v.Domains[i].Nodes, node); found {
			return &v.Domains[i]
		}
	}
	return nil
}
