package files

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
)

// Scenario is what a plan is made from, out of files.
type Scenario struct {
	*planning.Input
	// Lists are the objects that the input was made from.
	Lists *state.Lists
	// Problems are bad input, of the files and of what they mean together; the rest is in the input.
	Problems []Problem
	// Warnings are about what can be right but seldom is.
	Warnings []Problem
	// Notes say what of several objects together is not looked at.
	Notes []string
	// Clusters are the ClusterProfiles by name.
	Clusters map[string]*ClusterProfile
}

// cluster is the cluster that a node says it is in; empty for other objects.
func (o *Object) cluster() string {
	if node, ok := o.Value.(*corev1.Node); ok && node.Labels[v1alpha1.LabelCluster] != "" {
		return " " + node.Labels[v1alpha1.LabelCluster]
	}
	return ""
}

// Scenario brings the objects together. now decides which samples of LatencyMaps are too old. Errors mean a broken build.
func (s *Set) Scenario(options location.Options, now time.Time) (*Scenario, error) {
	b := &assembly{
		set: s, named: map[string]*Object{}, out: &Scenario{Clusters: map[string]*ClusterProfile{}},
	}
	for _, object := range s.Objects {
		b.named[object.String()] = object
		if object.Refused {
			b.refused(object)
		} else {
			b.add(object)
		}
	}
	for _, name := range s.Unread {
		b.unread(name)
	}
	b.rollouts()
	b.scaled()
	world, err := state.NewWorld(b.lists.Objects, now)
	if err != nil {
		return nil, err
	}
	b.out.Input, b.out.Lists = planning.From(&b.lists, world, options, nil), &b.lists
	b.finish()
	b.meaning(world, now)
	b.out.Problems = append(b.out.Problems, s.Problems...)
	return b.out, nil
}

// assembly is a scenario while it is put together.
type assembly struct {
	set   *Set
	out   *Scenario
	lists state.Lists
	named map[string]*Object
	have  location.Values // nil until somebody asks
	holds []hold
}

// hold keeps workloads where they are: a policy that may select them cannot be read, and an uncertain answer moves
// nothing.
type hold struct {
	namespace string // empty for all
	selector  labels.Selector
	reason    string
}

// refused notes whom an object that no API server would take concerns.
func (b *assembly) refused(object *Object) {
	if !strings.HasSuffix(object.Kind, "PlacementPolicy") {
		return
	}
	h := hold{namespace: object.Namespace, selector: labels.Everything(), reason: fmt.Sprintf("%s is not valid (%s:%d)", object, object.File, object.Line(""))}
	if spec, ok := object.document.Object["spec"].(map[string]any); ok {
		if read, ok := selectorOf(spec["workloadSelector"]); ok {
			h.selector = read
		}
	}
	b.holds = append(b.holds, h)
}

// selectorOf reads a label selector; ok is false when it cannot be read.
func selectorOf(value any) (labels.Selector, bool) {
	encoded, err := json.Marshal(value)
	if err != nil || value == nil {
		return nil, false
	}
	var selector metav1.LabelSelector
	if err := json.Unmarshal(encoded, &selector); err != nil {
		return nil, false
	}
	read, err := metav1.LabelSelectorAsSelector(&selector)
	return read, err == nil
}

// unread notes whom a document concerns of which nothing but the name could be read.
func (b *assembly) unread(name string) {
	parts := strings.Split(name, "/")
	reason := name + " cannot be read"
	switch {
	case parts[0] == "ClusterPlacementPolicy", name == "PlacementPolicy":
		b.holds = append(b.holds, hold{selector: labels.Everything(), reason: reason})
	case parts[0] == "PlacementPolicy" && len(parts) == 3:
		b.holds = append(b.holds, hold{namespace: parts[1], selector: labels.Everything(), reason: reason})
	case parts[0] == "PlacementPolicy":
		b.holds = append(b.holds, hold{namespace: "default", selector: labels.Everything(), reason: reason})
	}
}

// add puts an object where it belongs.
func (b *assembly) add(object *Object) {
	if profile, ok := object.Value.(*ClusterProfile); ok {
		b.out.Clusters[profile.Name] = profile
		return
	}
	typed, ok := object.Value.(client.Object)
	if !ok {
		return
	}
	typed.SetNamespace(object.Namespace)
	typed.SetName(object.Name)
	if namespace, ok := typed.(*corev1.Namespace); ok { // as the API server labels it
		metav1.SetMetaDataLabel(&namespace.ObjectMeta, corev1.LabelMetadataName, namespace.Name)
	}
	b.lists.Add(typed)
}

// workloads adds the workloads that are to run.
func (b *assembly) workloads() {
	for _, w := range b.lists.Workloads() {
		b.out.Workloads = append(b.out.Workloads, planning.Workload{Workload: w})
		// Some are known by their ReplicaSets alone.
		if object := b.named[Name(w.Kind, w.Namespace, w.Name)]; object != nil && w.Replicas > 0 && !requests(w.Template) {
			b.warn(object, "spec.template.spec.containers", "no container requests anything, so a replica costs nothing and fits anywhere; give resources.requests")
		}
	}
}

// requests says whether any container asks for CPU or memory.
func requests(template *corev1.PodTemplateSpec) bool {
	asks := planning.Request(&template.Spec)
	return asks.MilliCPU > 0 || asks.MemoryBytes > 0 || asks.GPUs > 0 || asks.GPUSlices > 0
}

// finish does what needs all objects.
func (b *assembly) finish() {
	in := b.out.Input
	b.workloads()
	b.autoscaled()
	for i := range in.Workloads {
		w := &in.Workloads[i]
		for _, h := range b.holds {
			if (h.namespace == "" || h.namespace == w.Namespace) && h.selector.Matches(labels.Set(w.Template.Labels)) {
				w.Hold = h.reason
				break
			}
		}
	}
	if len(b.out.Clusters) > 0 {
		b.clusters()
		out := in.PoolUnavailable
		in.PoolUnavailable = func(pool *planning.PoolInfo) string { return cmp.Or(b.out.clusterUnavailable(pool), out(pool)) }
	}
}

// meaning notes what is wrong with policies, prices and round-trip times as the code that decides sees them.
func (b *assembly) meaning(world *state.World, now time.Time) {
	for _, object := range b.set.Objects {
		if list, ok := object.Value.(*v1alpha1.PriceList); ok && !object.Refused {
			if ahead := pricing.Ahead(&list.Spec, now); ahead != "" {
				b.warn(object, "spec.date", ahead)
			}
		}
		if object.Refused || !strings.HasSuffix(object.Kind, "PlacementPolicy") {
			continue
		}
		for _, problem := range world.Policies.Problems(policy.Source{Namespace: object.Namespace, Name: object.Name}) {
			b.problem(object, problem.Field, problem.Message)
		}
		b.doubts(object, world)
	}
	for _, problem := range world.PriceProblems {
		b.problem(b.named[problem.Object], problem.Field, problem.Message)
	}
	for _, problem := range world.LatencyProblems {
		b.problem(b.named[problem.Object], problem.Field, problem.Message)
	}
}

// doubts warns of values that a policy demands and that neither a known cloud nor a node or pool of the files has.
func (b *assembly) doubts(object *Object, world *state.World) {
	var spec *v1alpha1.PolicySpec
	switch typed := object.Value.(type) {
	case *v1alpha1.PlacementPolicy:
		spec = &typed.Spec
	case *v1alpha1.ClusterPlacementPolicy:
		spec = &typed.Spec.PolicySpec
	default:
		return
	}
	for _, doubt := range policy.Doubts(spec, world.Prices.Catalog()) {
		if b.have == nil {
			b.have = b.values()
		}
		if text := doubt.Among(b.have); text != "" {
			b.warn(object, doubt.Field, text)
		}
	}
}

// values are those of location labels that the nodes and pools of the files have, and those that PriceLists price.
func (b *assembly) values() location.Values {
	out := location.Values{}
	b.lists.PricedPlaces(out)
	for _, node := range b.out.Nodes {
		out.Add(location.LabelsOf(location.FromNode(node, b.out.Location)))
	}
	for _, pool := range b.out.Pools {
		out.Add(planning.LabelsOfPool(&pool.Spec))
	}
	return out
}

func (b *assembly) problem(object *Object, field, message string) {
	if object != nil {
		b.out.Problems = append(b.out.Problems, NewProblem(object.File, object.Line(field), object.String(), field, message))
	}
}

func (b *assembly) warn(object *Object, field, message string) {
	b.out.Warnings = append(b.out.Warnings, NewProblem(object.File, object.Line(field), object.String(), field, message))
}
