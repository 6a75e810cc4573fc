package engine

import (
	"fmt"
	"slices"
	"strings"
)

// anyAddress is how Kubernetes writes that a port is bound on all addresses of a node.
const anyAddress = "0.0.0.0"

// String is the port in words: "host port 8080/TCP".
func (p HostPort) String() string {
	p = p.normal()
	if p.Address == "" {
		return fmt.Sprintf("host port %d/%s", p.Number, p.Protocol)
	}
	return fmt.Sprintf("host port %s:%d/%s", p.Address, p.Number, p.Protocol)
}

// normal writes a port in one way.
func (p HostPort) normal() HostPort {
	if p.Protocol == "" {
		p.Protocol = "TCP"
	}
	if p.Address == anyAddress {
		p.Address = ""
	}
	return p
}

// everywhere is the port on all addresses.
func (p HostPort) everywhere() HostPort {
	p.Address = ""
	return p
}

// ports are the host ports that workloads have. They are resources of which a node has one: each port on all addresses, and on
// every address that a workload binds it on. Who has it on all addresses has it on each of them.
type ports struct {
	first int // dimension of the first
	list  []HostPort
	index map[HostPort]int
}

func newPorts(snapshot *Snapshot, first int) ports {
	p := ports{first: first, index: map[HostPort]int{}}
	add := func(port HostPort) {
		if _, known := p.index[port]; !known {
			p.index[port] = first + len(p.list)
			p.list = append(p.list, port)
		}
	}
	for i := range snapshot.Workloads {
		for _, port := range snapshot.Workloads[i].HostPorts {
			add(port.normal().everywhere())
			add(port.normal())
		}
	}
	return p
}

// knows says whether the snapshot has the port in some workload.
func (p *ports) knows(port HostPort) bool {
	_, known := p.index[port.normal()]
	return known
}

// want puts what a replica with these ports takes into a vector of resources.
func (p *ports) want(vector []int64, wanted []HostPort) {
	for _, port := range wanted {
		port = port.normal()
		for k, other := range p.list {
			if other == port || port.Address == "" && other.everywhere() == port {
				vector[p.first+k] = 1
			}
		}
	}
}

// open puts the ports that a node has free, where others have these, into a vector of resources.
func (p *ports) open(vector []int64, taken []HostPort) {
	for k := range p.list {
		vector[p.first+k] = 1
	}
	for _, port := range taken {
		port = port.normal()
		for k, other := range p.list {
			if other == port || other.everywhere() == port.everywhere() && (port.Address == "" || other.Address == "") {
				vector[p.first+k] = 0
			}
		}
	}
}

// portless is a request without its host ports. It is none of the model's.
func (r *request) portless(p *ports) *request {
	out := *r
	out.full, out.vector, out.size = nil, slices.Clone(r.vector), slices.Clone(r.size)
	clear(out.vector[p.first:])
	clear(out.size[p.first:])
	return &out
}

// portsText lists a workload's host ports in words.
func portsText(list []HostPort) string {
	texts := make([]string, 0, len(list))
	for _, port := range list {
		texts = append(texts, port.String())
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ", ")
}
