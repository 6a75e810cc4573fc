package loss

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tradewind.dev/tradewind/pkg/location"
)

// kinds are the kinds of domains that are judged, the larger first.
var kinds = []location.DomainKind{location.DomainCloud, location.DomainRegion, location.DomainZone, location.DomainPool}

// Domain is a place of which all nodes are out of order.
type Domain struct {
	location.Domain
	// Since the last of its nodes was there.
	Since time.Time
	// Certain says that two observers agree on every node; Drill that all of it is a drill.
	Certain, Drill bool
	// From when on it was certain; where it is not, before then nothing must be done.
	From time.Time
	// Nodes by name.
	Nodes []string
}

// Due is when replicas of the domain are replaced under a policy that lets a loss last for after: not before it is certain, or
// DoubtFactor times as late where it is doubted. A doubt too waits until a path that is cut would have been noticed.
func (d *Domain) Due(after time.Duration) time.Time {
	if !d.Certain {
		after *= DoubtFactor
	}
	return later(d.Since.Add(after), d.From)
}

// Lost says whether the domain is lost by now where a doubt lasts DoubtFactor times after.
func (d *Domain) Lost(after time.Duration, now time.Time) bool {
	return d.Certain || !now.Before(d.Due(after))
}

// Verdict is how a cluster's nodes are.
type Verdict struct {
	// States of nodes that are not alive, by name.
	States map[string]State
	// Since is when these nodes were last there.
	Since map[string]time.Time
	// Domains that are out of order as a whole, the largest only: the zones of a lost cloud are not named too. Sorted. There
	// is none while Blind.
	Domains []Domain
	// Blind, when not empty, says why nothing must be done: the observers themselves seem to be cut off. Scattered says that
	// it is because most nodes look lost although the path works.
	Blind     string
	Scattered bool
}

// Blinded takes back what follows from domains.
func (v *Verdict) Blinded(why string) { v.Blind, v.Domains = why, nil }

// Judge says which nodes and domains are out of order. A pool of one node is no domain: Kubernetes replaces the pods of a
// single lost node by itself, and slows down only where many are lost.
func Judge(nodes []Node, path Path, now time.Time) *Verdict {
	v := &Verdict{States: map[string]State{}, Since: map[string]time.Time{}}
	domains := map[location.Domain][]*Node{}
	found := map[string]finding{}
	out, unheard, all := 0, 0, 0
	for i := range nodes {
		n := &nodes[i]
		if n.Joining {
			continue
		}
		all++
		if f := judge(n, &path, now); f.state != Alive {
			v.States[n.Name], v.Since[n.Name], found[n.Name] = f.state, f.since, f
			if f.state != Drilled {
				out++
			}
		}
		if n.Ready == ReadyUnknown {
			unheard++ // one that says itself that it is not ready is heard
		}
		for _, key := range keys(n) {
			domains[key] = append(domains[key], n)
		}
	}
	whole := 0 // domains with nodes that are alive, of which every node is heard
	for key, members := range domains {
		alive, drilled, silent := 0, 0, 0
		for _, n := range members {
			if n.Ready == ReadyUnknown {
				silent++
			}
			switch v.States[n.Name] {
			case Alive:
				alive++
			case Drilled:
				drilled++
			}
		}
		if silent == 0 && alive > 0 && key.Kind != location.DomainPool {
			whole++
		}
		switch {
		case alive == 0 && (key.Kind != location.DomainPool || len(members) > 1 || drilled > 0):
			v.Domains = append(v.Domains, domain(key, members, found))
		}
	}
	v.keepLargest()
	switch down := path.Down(now); {
	case down != "":
		v.Blinded(down)
	case path.Known && unheard > 0 && now.Before(path.settled()):
		v.Blinded(fmt.Sprintf("nodes renew their leases, or are seen to, since %s only: others may be heard of until %s",
			stamp(path.Since), stamp(path.settled())))
	case 2*out > all && whole == 0:
		v.Scattered = true
		v.Blinded(fmt.Sprintf("%d of %d nodes look lost and no zone is whole: it may be this API server that is cut off", out, all))
	}
	v.doubtTogether(all-out, path.gap())
	return v
}

// doubtTogether doubts the loss of several domains that fell silent at once and had more nodes than are left: that all of them
// were lost is less likely than that the API server is cut off from all but its own surroundings.
func (v *Verdict) doubtTogether(left int, apart time.Duration) {
	var certain []*Domain
	for i := range v.Domains {
		if d := &v.Domains[i]; d.Certain && !d.Drill {
			certain = append(certain, d)
		}
	}
	for _, first := range certain {
		var together []*Domain
		nodes := map[string]bool{}
		for _, d := range certain {
			if d.Since.Before(first.Since) || d.Since.Sub(first.Since) > apart {
				continue
			}
			together = append(together, d)
			for _, name := range d.Nodes {
				nodes[name] = true
			}
		}
		if len(together) < 2 || len(nodes) <= left {
			continue
		}
		for _, d := range together {
			d.Certain = false
		}
		for name := range nodes {
			if v.States[name] == Lost {
				v.States[name] = Doubted
			}
		}
	}
}

// keys are the domains that a node is in, as far as they are known.
func keys(n *Node) []location.Domain {
	var out []location.Domain
	for _, kind := range kinds {
		if domain, known := n.At.Domain(kind, ""); known {
			out = append(out, domain)
		}
	}
	if n.Pool != "" {
		out = append(out, location.Domain{Kind: location.DomainPool, Name: n.Pool})
	}
	return out
}

func domain(key location.Domain, members []*Node, found map[string]finding) Domain {
	d := Domain{Domain: key, Certain: true, Drill: true}
	for _, n := range members {
		f := found[n.Name]
		d.Nodes = append(d.Nodes, n.Name)
		d.Since, d.From = later(d.Since, f.since), later(d.From, f.certain)
		d.Certain = d.Certain && f.state != Doubted
		d.Drill = d.Drill && f.state == Drilled
	}
	slices.Sort(d.Nodes)
	return d
}

// keepLargest leaves out domains whose nodes all are in a larger one.
func (v *Verdict) keepLargest() {
	slices.SortFunc(v.Domains, func(a, b Domain) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), cmp.Compare(a.Name, b.Name))
	})
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

// Has says whether a node is one of the domain's.
func (d *Domain) Has(node string) bool {
	_, found := slices.BinarySearch(d.Nodes, node)
	return found
}

// DomainOf is the domain that a node is in, nil when it is in none.
func (v *Verdict) DomainOf(node string) *Domain {
	for i := range v.Domains {
		if v.Domains[i].Has(node) {
			return &v.Domains[i]
		}
	}
	return nil
}
