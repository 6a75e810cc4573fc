package topologyspread

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// domains remember the domain of a label that each node of the scheduler's list is in. To look labels up for thousands of nodes in each
// cycle takes several times as long as to see that the nodes are the same.
type domains struct {
	nodes   []*corev1.Node // that the numbers are of, by their place in the list
	numbers []int
	known   map[string]int
}

// mostKnown is how many domains are remembered for each node of the list: those of nodes that are gone are forgotten some time.
const mostKnown = 2

// of is the number of the domain of a node at a place in the list.
func (d *domains) of(key string, at int, node *corev1.Node) int {
	if d.nodes[at] != node {
		d.nodes[at], d.numbers[at] = node, d.number(node.Labels[key])
	}
	return d.numbers[at]
}

func (d *domains) number(value string) int {
	number, ok := d.known[value]
	if !ok {
		number = len(d.known)
		d.known[value] = number
	}
	return number
}

// counting are the nodes in a domain of any of those that are scored, until it is asked again.
func (p *Plugin) counting(all, scored []fwk.NodeInfo, keys []string) []fwk.NodeInfo {
	lists, wanted := make([]*domains, len(keys)), make([]map[int]bool, len(keys))
	for k, key := range keys {
		d := p.domains[key]
		if d == nil || len(d.nodes) != len(all) || len(d.known) > mostKnown*len(all)+len(scored) {
			d = &domains{nodes: make([]*corev1.Node, len(all)), numbers: make([]int, len(all)), known: map[string]int{}}
			p.domains[key] = d
		}
		lists[k], wanted[k] = d, map[int]bool{}
		for _, node := range scored {
			wanted[k][d.number(node.Node().Labels[key])] = true
		}
	}
	out := p.counted[:0] // thousands of nodes in each cycle would be half of what the scheduler leaves to be collected
	for at, info := range all {
		node := info.Node()
		for k, key := range keys {
			if wanted[k][lists[k].of(key, at, node)] {
				out = append(out, info)
				break
			}
		}
	}
	p.counted = out
	return out
}
