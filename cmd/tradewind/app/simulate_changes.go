package app

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/files"
)

// changes are what is asked to be otherwise than in the files.
type changes struct {
	lose   []selector
	prices []priceChange
	scales []scaleChange
}

type priceChange struct {
	selector selector
	factor   float64
}

type scaleChange struct {
	text, namespace, name string
	replicas              int
}

// selector names pools; every term must agree.
type selector struct {
	text  string
	terms []selectorTerm
}

type selectorTerm struct{ key, value string }

// What pools are named by: the kinds of domains, and single nodes.
const (
	cloudKey   = string(location.DomainCloud)
	regionKey  = string(location.DomainRegion)
	zoneKey    = string(location.DomainZone)
	clusterKey = string(location.DomainCluster)
	poolKey    = string(location.DomainPool)
	nodeKey    = "node"
)

// selectorKeys are what pools can be named by, each with what it reads of one.
var selectorKeys = map[string]func(*planning.PoolInfo) string{
	cloudKey:       func(p *planning.PoolInfo) string { return p.At.Cloud },
	regionKey:      func(p *planning.PoolInfo) string { return p.At.Region },
	zoneKey:        func(p *planning.PoolInfo) string { return p.At.Zone },
	clusterKey:     func(p *planning.PoolInfo) string { return p.Cluster },
	poolKey:        func(p *planning.PoolInfo) string { return p.Name },
	"instanceType": func(p *planning.PoolInfo) string { return p.At.InstanceType },
	"capacityType": func(p *planning.PoolInfo) string { return string(p.At.CapacityType) },
	nodeKey:        nil,
}

func parseSelector(flag, text string) (selector, error) {
	out := selector{text: text}
	keys := "cloud, region, zone, cluster, pool, instanceType, capacityType, node"
	for _, term := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(term, "=")
		if _, known := selectorKeys[key]; !ok || !known || value == "" {
			return out, fmt.Errorf("%s %q: %q names nothing; write KEY=VALUE with a key of %s", flag, text, term, keys)
		}
		for _, other := range out.terms {
			if other.key == key && other.value != value {
				return out, fmt.Errorf("%s %q: terms with commas between hold together, and nothing has two of %s; name each by itself", flag, text, key)
			}
		}
		out.terms = append(out.terms, selectorTerm{key, value})
	}
	return out, nil
}

// matches says whether a pool, or with a node its node, is selected. A region may be named with its cloud
// ("aws/eu-west-1"), and a pool by the CloudPool that declares it.
func (s *selector) matches(pool *planning.PoolInfo, node string) bool {
	for _, term := range s.terms {
		if term.key == nodeKey {
			if node != term.value {
				return false
			}
			continue
		}
		have := selectorKeys[term.key](pool)
		agrees := have == term.value || term.key == regionKey && term.value == pool.At.RegionKey() ||
			term.key == poolKey && pool.Declared != nil && pool.Declared.Name == term.value
		if !agrees {
			return false
		}
	}
	return true
}

func (s *selector) byNode() bool {
	return slices.ContainsFunc(s.terms, func(t selectorTerm) bool { return t.key == nodeKey })
}

func parseChanges(lose, price, scale []string) (changes, error) {
	var out changes
	for _, text := range lose {
		s, err := parseSelector("--lose", text)
		if err != nil {
			return out, err
		}
		out.lose = append(out.lose, s)
	}
	for _, text := range price {
		at := strings.LastIndex(text, "=x")
		if at < 0 {
			return out, fmt.Errorf("--price %q: write SELECTOR=xFACTOR, such as cloud=aws=x1.3", text)
		}
		factor, err := strconv.ParseFloat(text[at+2:], 64)
		if err != nil || !(factor >= 0) || math.IsInf(factor, 0) {
			return out, fmt.Errorf("--price %q: %q is no factor; write 0 or more, such as 1.3", text, text[at+2:])
		}
		s, err := parseSelector("--price", text[:at])
		if err != nil {
			return out, err
		}
		if s.byNode() {
			return out, fmt.Errorf("--price %q: nodes of a pool have one price; name the pool", text)
		}
		out.prices = append(out.prices, priceChange{s, factor})
	}
	for _, text := range scale {
		name, count, ok := strings.Cut(text, "=")
		replicas, err := strconv.Atoi(count)
		if !ok || err != nil || replicas < 0 || replicas > files.MaxReplicas || name == "" {
			return out, fmt.Errorf("--scale %q: write [NAMESPACE/]WORKLOAD=N with N from 0 to %d", text, files.MaxReplicas)
		}
		change := scaleChange{text: text, name: name, replicas: replicas}
		if namespace, workload, qualified := strings.Cut(name, "/"); qualified {
			change.namespace, change.name = namespace, workload
		}
		out.scales = append(out.scales, change)
	}
	return out, nil
}

// scale changes how many replicas workloads want.
func (c *changes) scale(in *planning.Input) error {
	for _, change := range c.scales {
		found := false
		var names []string
		for i := range in.Workloads {
			w := &in.Workloads[i]
			names = append(names, w.Namespace+"/"+w.Name)
			if w.Name == change.name && (change.namespace == "" || change.namespace == w.Namespace) {
				w.Replicas, found = change.replicas, true
			}
		}
		if !found {
			return fmt.Errorf("--scale %s: the files have no such workload; they have %s", change.text, listOf(names))
		}
	}
	return nil
}

// loser answers for pools and nodes that are to be lost, and remembers which selectors named something.
type loser struct {
	lose []selector
	used []bool
	next func(*planning.PoolInfo) string
}

const lostReason = "lost in this simulation"

// install makes the input's pools and nodes unavailable as asked.
func (c *changes) install(in *planning.Input) *loser {
	l := &loser{lose: c.lose, used: make([]bool, len(c.lose)), next: in.PoolUnavailable}
	if len(c.lose) == 0 {
		return l
	}
	in.PoolUnavailable = l.pool
	usable := in.Unavailable
	in.Unavailable = func(node *corev1.Node) string {
		for i := range l.lose {
			if s := &l.lose[i]; len(s.terms) == 1 && s.terms[0].key == nodeKey && s.terms[0].value == node.Name {
				l.used[i] = true
				return lostReason
			}
		}
		return usable(node)
	}
	return l
}

func (l *loser) pool(pool *planning.PoolInfo) string {
	reason := ""
	for i := range l.lose {
		if s := &l.lose[i]; !s.byNode() && s.matches(pool, "") {
			l.used[i] = true
			reason = lostReason
		}
	}
	if reason == "" && l.next != nil {
		reason = l.next(pool)
	}
	return reason
}

// gone says of nodes whether they are lost.
func (l *loser) gone(result *planning.Result) func(*corev1.Node) bool {
	return func(node *corev1.Node) bool {
		pool, known := result.PoolOf[node.Name]
		return slices.ContainsFunc(l.lose, func(s selector) bool {
			if s.byNode() {
				return len(s.terms) == 1 && s.terms[0].value == node.Name
			}
			return known && result.Pools[pool].Cluster == node.Labels[v1alpha1.LabelCluster] && s.matches(&result.Pools[pool], "")
		})
	}
}

// unused names what was to be lost and is not there.
func (l *loser) unused(result *planning.Result) error {
	for i, used := range l.used {
		s := &l.lose[i]
		if used || !s.byNode() && slices.ContainsFunc(result.Pools, func(p planning.PoolInfo) bool { return s.matches(&p, "") }) {
			continue
		}
		return unmatched("--lose", s, result)
	}
	return nil
}

// reprice multiplies the prices of pools.
func (c *changes) reprice(result *planning.Result) error {
	for i := range c.prices {
		change, found := &c.prices[i], false
		for k := range result.Pools {
			if change.selector.matches(&result.Pools[k], "") {
				result.Snapshot.Pools[k].Price.USD *= change.factor
				found = true
			}
		}
		if !found {
			return unmatched("--price", &change.selector, result)
		}
	}
	return nil
}

func unmatched(flag string, s *selector, result *planning.Result) error {
	if s.byNode() {
		return fmt.Errorf("%s %s: there is no such node (name a node alone, without other terms)", flag, s.text)
	}
	if len(result.Pools) == 0 {
		return errors.New(flag + " " + s.text + ": the files have no nodes and no CloudPool with maxNodes")
	}
	var have []string
	for _, term := range s.terms {
		var values []string
		for i := range result.Pools {
			if value := selectorKeys[term.key](&result.Pools[i]); value != "" {
				values = append(values, value)
			}
		}
		have = append(have, term.key+"= "+listOf(values))
	}
	return fmt.Errorf("%s %s names no pool; there are %s", flag, s.text, strings.Join(have, "; "))
}

// listOf is some of the distinct names, sorted, in one line.
func listOf(names []string) string {
	const shown = 12
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > shown:
		return printable.Line(fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown))
	}
	return printable.Line(strings.Join(names, ", "))
}
