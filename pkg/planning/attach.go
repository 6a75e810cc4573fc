package planning

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"tradewind.dev/tradewind/pkg/location"
)

// metadataName is the only field of a node that node selectors may look at.
const metadataName = "metadata.name"

// attachments say which nodes volumes can be attached to. They are the node selectors of volumes and StorageClasses, each once:
// nodes that one of them tells apart are pools of their own.
type attachments struct {
	selectors []*nodeaffinity.LazyErrorNodeSelector
	texts     []string // by which selectors that are alike are found
	byText    map[string]int
	keys      map[string]bool // of labels that they look at
	set       map[string]bool // of those that any node has
	// listed are the selectors that only nodes with a value of a label can match, so that not each is asked of each node;
	// others must be asked of all.
	listed map[labelValue][]int
	others []int
	// pools that match, by selector, in order.
	pools [][]int
	// sets are lists of pools that workloads share, by their text; interned are they by the lists that they were found for.
	sets     map[string][]int
	interned map[listOf][]int
}

// listOf tells a list of pools apart by identity.
type listOf struct {
	first *int
	n     int
}

// labelValue is a value of a label.
type labelValue struct{ key, value string }

func newAttachments() *attachments {
	return &attachments{byText: map[string]int{}, keys: map[string]bool{}, set: map[string]bool{}, listed: map[labelValue][]int{}, sets: map[string][]int{}, interned: map[listOf][]int{}}
}

// selectorText is a selector in its wire form.
func selectorText(selector *corev1.NodeSelector) string {
	wire, err := selector.Marshal()
	if err != nil {
		return selector.String()
	}
	return string(wire)
}

// add returns the number of a selector.
func (a *attachments) add(selector *corev1.NodeSelector) int {
	text := selectorText(selector)
	if known, ok := a.byText[text]; ok {
		return known
	}
	number := len(a.selectors)
	a.byText[text] = number
	a.selectors, a.texts = append(a.selectors, nodeaffinity.NewLazyErrorNodeSelector(selector)), append(a.texts, text)
	var values []labelValue
	listed := true
	for i := range selector.NodeSelectorTerms {
		term := &selector.NodeSelectorTerms[i]
		var of []labelValue
		for _, requirements := range [][]corev1.NodeSelectorRequirement{term.MatchExpressions, term.MatchFields} {
			for k := range requirements {
				r := &requirements[k]
				a.keys[r.Key] = true
				if r.Operator != corev1.NodeSelectorOpIn || of != nil && len(r.Values) >= len(of) {
					continue
				}
				of = make([]labelValue, 0, len(r.Values))
				for _, value := range r.Values {
					of = append(of, labelValue{r.Key, value})
				}
			}
		}
		listed = listed && (of != nil || len(term.MatchExpressions)+len(term.MatchFields) == 0) // an empty term matches no node
		values = append(values, of...)
	}
	if !listed {
		a.others = append(a.others, number)
		return number
	}
	for _, value := range values {
		if of := a.listed[value]; len(of) == 0 || of[len(of)-1] != number {
			a.listed[value] = append(of, number)
		}
	}
	return number
}

// find is the number of a selector; ok is false for one that was not added.
func (a *attachments) find(selector *corev1.NodeSelector) (number int, ok bool) {
	number, ok = a.byText[selectorText(selector)]
	return number, ok
}

// matching are the selectors that a node matches, in order. Labels that a node does not have yet, but its storage drivers give it, count.
func (a *attachments) matching(node *corev1.Node, at *location.Node) []int {
	if len(a.selectors) == 0 {
		return nil
	}
	known := location.LabelsOf(*at)
	seen := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: map[string]string{}}}
	for key := range a.keys {
		if value, ok := node.Labels[key]; ok {
			seen.Labels[key] = value
		} else if value, ok := known[key]; ok {
			seen.Labels[key] = value
		} else if value, ok := a.driverLabel(key, node, at); ok {
			seen.Labels[key] = value
		}
	}
	var out []int
	try := func(number int) {
		if ok, err := a.selectors[number].Match(seen); err == nil && ok {
			out = append(out, number)
		}
	}
	for key, value := range seen.Labels {
		for _, number := range a.listed[labelValue{key, value}] {
			try(number)
		}
	}
	for _, number := range a.listed[labelValue{metadataName, node.Name}] {
		try(number)
	}
	for _, number := range a.others {
		try(number)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// driverLabel is the label that a storage driver will give a node. A node that is there has it, where any node has.
func (a *attachments) driverLabel(key string, node *corev1.Node, at *location.Node) (value string, ok bool) {
	if node.Name != "" && a.set[key] {
		return "", false
	}
	return location.TopologyLabel(key, at.Location)
}

// observe notes which of the labels that selectors look at any node has.
func (a *attachments) observe(nodes []*corev1.Node) {
	for key := range a.keys {
		a.set[key] = slices.ContainsFunc(nodes, func(node *corev1.Node) bool { _, ok := node.Labels[key]; return ok })
	}
}

// labelsFor are the labels of storage drivers that a node like this one will have, of those that selectors look at.
func (a *attachments) labelsFor(at *location.Node) map[string]string {
	out := map[string]string{}
	for key := range a.keys {
		if value, ok := location.TopologyLabel(key, at.Location); ok {
			out[key] = value
		}
	}
	return out
}

// text tells apart nodes that match other selectors. It does not depend on how these are numbered.
func (a *attachments) text(matching []int) string {
	if len(matching) == 0 {
		return ""
	}
	texts := make([]string, 0, len(matching))
	for _, number := range matching {
		texts = append(texts, a.texts[number])
	}
	slices.Sort(texts)
	return digest(strings.Join(texts, "\x00"))
}

// assign notes that a pool matches selectors. Pools come in order.
func (a *attachments) assign(pool int, matching []int) {
	for len(a.pools) < len(a.selectors) {
		a.pools = append(a.pools, nil)
	}
	for _, number := range matching {
		a.pools[number] = append(a.pools[number], pool)
	}
}

// poolsOf are the pools that match a selector.
func (a *attachments) poolsOf(number int) []int {
	if number < len(a.pools) {
		return a.pools[number]
	}
	return nil
}

// shared is the one list of these pools, which is not nil.
func (a *attachments) shared(pools []int) []int {
	var list listOf
	if len(pools) > 0 {
		list = listOf{&pools[0], len(pools)}
		if known, ok := a.interned[list]; ok {
			return known
		}
	}
	text := fmt.Sprint(pools)
	known, ok := a.sets[text]
	if !ok {
		known = append(make([]int, 0, max(len(pools), 1)), pools...)
		a.sets[text] = known
	}
	if len(pools) > 0 {
		a.interned[list] = known
	}
	return known
}

// inBoth are the elements of two lists in order that both have.
func inBoth(a, b []int) []int {
	out := make([]int, 0, min(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return out
}
