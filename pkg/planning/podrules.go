package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// referPods notes which node labels are topology keys of rules of pods.
func (b *builder) referPods() {
	note := func(terms []corev1.PodAffinityTerm) {
		for i := range terms {
			b.selects(terms[i].TopologyKey, true)
		}
	}
	for i := range b.out.Workloads {
		spec := &b.out.Workloads[i].Template.Spec
		note(workload.AntiAffinity(spec))
		note(workload.PodAffinity(spec))
		for _, constraint := range workload.HardSpread(spec) {
			b.selects(constraint.TopologyKey, true)
		}
		for _, wish := range b.preferredSpread(&b.out.Workloads[i]) {
			b.selects(wish.TopologyKey, true)
		}
	}
	for i := range b.input.Pods {
		note(b.input.Pods[i].AntiAffinity)
	}
}

// podRules resolves the selectors of the rules of pods, of the planned workloads and of pods that stay where they are.
func (b *builder) podRules() {
	r := newPodResolver(b)
	for i := range b.out.Workloads {
		b.out.Snapshot.Workloads[i].PodRules = r.rules(i)
	}
	r.standing()
}

// podResolver finds pods by selectors: those of the planned workloads, and others with a node.
type podResolver struct {
	b         *builder
	workloads *podIndex
	others    *podIndex
	pods      []*Pod // parallel to others
	at        []nodeAt
	spaces    map[string]labels.Set
	known     map[string]*foundPods
}

func newPodResolver(b *builder) *podResolver {
	r := &podResolver{b: b, workloads: newPodIndex(), others: newPodIndex(), spaces: map[string]labels.Set{}, known: map[string]*foundPods{}}
	for i := range b.out.Workloads {
		w := &b.out.Workloads[i]
		r.workloads.add(w.Namespace, w.Template.Labels)
	}
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		if _, planned := b.index[pod.Workload]; planned || pod.Workload == (workload.Key{}) {
			continue // it is among the workloads, or is being deleted
		}
		if at, ok := b.nodeOf(pod); ok {
			r.others.add(pod.Namespace, pod.Labels)
			r.pods, r.at = append(r.pods, pod), append(r.at, at)
		}
	}
	for _, list := range []*podIndex{r.workloads, r.others} {
		for name := range list.byNamespace {
			r.spaces[name] = labels.Set{corev1.LabelMetadataName: name} // as the API server labels it
		}
	}
	maps.Copy(r.spaces, b.input.Namespaces)
	return r
}

// rules are those of one workload; nil when it has none.
func (r *podResolver) rules(i int) *engine.PodRules {
	w := &r.b.out.Workloads[i]
	spec := &w.Template.Spec
	out := &engine.PodRules{}
	field := "spec.template.spec.affinity."
	for k, term := range workload.AntiAffinity(spec) {
		found, ok := r.term(i, &term, fmt.Sprintf("%spodAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[%d]", field, k))
		if ok {
			out.Apart = append(out.Apart, engine.PodTerm{TopologyKey: term.TopologyKey, Selector: labelSelectorText(term.LabelSelector), PodSet: found.set})
		}
	}
	if terms := workload.PodAffinity(spec); len(terms) > 0 {
		out.Together = &engine.PodAffinity{}
		var texts []string
		var all foundPods
		for k, term := range terms {
			found, _ := r.term(i, &term, fmt.Sprintf("%spodAffinity.requiredDuringSchedulingIgnoredDuringExecution[%d]", field, k))
			if k == 0 {
				all = found
			} else {
				all.set.Workloads, all.others = inBoth(all.set.Workloads, found.set.Workloads), inBoth(all.others, found.others)
				all.set.Others = r.places(all.others)
			}
			if !slices.Contains(out.Together.TopologyKeys, term.TopologyKey) {
				out.Together.TopologyKeys = append(out.Together.TopologyKeys, term.TopologyKey)
			}
			texts = append(texts, labelSelectorText(term.LabelSelector))
		}
		out.Together.PodSet = all.set
		out.Together.Selector = strings.Join(slices.Compact(texts), " and ")
	}
	if out.Together == nil {
		out.Together = r.b.sharing(i)
	}
	for _, c := range workload.HardSpread(spec) {
		out.Spread = append(out.Spread, r.spread(i, &c))
	}
	if len(out.Apart)+len(out.Spread) == 0 && out.Together == nil {
		return nil
	}
	return out
}

// spread resolves a topology spread constraint. One with an empty selector counts no pods.
func (r *podResolver) spread(i int, c *corev1.TopologySpreadConstraint) engine.PodSpread {
	w := &r.b.out.Workloads[i]
	out := engine.PodSpread{
		TopologyKey: c.TopologyKey, MaxSkew: int(c.MaxSkew), Selector: labelSelectorText(c.LabelSelector),
		IgnoreNodeAffinity: c.NodeAffinityPolicy != nil && *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyIgnore,
		HonorTaints:        c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor,
	}
	if c.MinDomains != nil {
		out.MinDomains = int(*c.MinDomains)
	}
	selector, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
	if err != nil {
		r.b.problem(w.String(), "spec.template.spec.topologySpreadConstraints", "its labelSelector cannot be read, and counts no pod: %v", err)
		return out
	}
	s := wanted{selector: selector}
	s.match(w.Kind, w.Template.Labels, c.MatchLabelKeys)
	if !s.selector.Empty() {
		out.PodSet = r.find(i, []string{w.Namespace}, &s).set
	}
	return out
}

// term resolves a term of affinity or anti-affinity of a workload; ok is false where it cannot be read.
func (r *podResolver) term(i int, term *corev1.PodAffinityTerm, field string) (found foundPods, ok bool) {
	w := &r.b.out.Workloads[i]
	namespaces, s, err := r.read(w.Kind, w.Namespace, w.Template.Labels, term)
	if err != nil {
		r.b.problem(w.String(), field, "cannot be read, and selects no pod: %v", err)
		return foundPods{}, false
	}
	return r.find(i, namespaces, s), true
}

// read is what a term of a pod of this kind of workload in a namespace, with these labels, selects.
func (r *podResolver) read(kind, namespace string, of labels.Set, term *corev1.PodAffinityTerm) (namespaces []string, s *wanted, err error) {
	selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	if err != nil {
		return nil, nil, fmt.Errorf("labelSelector: %w", err)
	}
	s = &wanted{selector: selector}
	s.match(kind, of, term.MatchLabelKeys)
	s.mismatch(kind, of, term.MismatchLabelKeys)
	namespaces = slices.Clone(term.Namespaces)
	if term.NamespaceSelector != nil {
		spaces, err := metav1.LabelSelectorAsSelector(term.NamespaceSelector)
		if err != nil {
			return nil, nil, fmt.Errorf("namespaceSelector: %w", err)
		}
		for name, set := range r.spaces {
			if spaces.Matches(set) {
				namespaces = append(namespaces, name)
			}
		}
	} else if len(namespaces) == 0 {
		namespaces = []string{namespace}
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces), s, nil
}

// foundPods are the pods that a selector selects: workloads, and numbers of others, which are also counted by node.
type foundPods struct {
	set    engine.PodSet
	others []int
}

// find are the pods that are wanted in some namespaces, for the workload with index i. Who wants the same shares the answer.
func (r *podResolver) find(i int, namespaces []string, s *wanted) foundPods {
	if _, selectable := s.selector.Requirements(); !selectable {
		return foundPods{} // which is written as the selector of everything is
	}
	key := strings.Join(namespaces, ",") + " " + s.selector.String()
	found, known := r.known[key]
	if !known {
		found = &foundPods{others: r.others.matching(namespaces, s.selector)}
		found.set = engine.PodSet{Workloads: r.workloads.matching(namespaces, s.selector), Others: r.places(found.others)}
		r.known[key] = found
	}
	_, own := slices.BinarySearch(found.set.Workloads, i)
	switch {
	case s.revision && own:
		return foundPods{set: engine.PodSet{Workloads: []int{i}}}
	case s.revision:
		return foundPods{}
	case s.notRevision && own:
		out := *found
		out.set.Workloads = slices.DeleteFunc(slices.Clone(out.set.Workloads), func(other int) bool { return other == i })
		return out
	}
	return *found
}

// places counts pods by node, in the order of pools and nodes.
func (r *podResolver) places(pods []int) []engine.PodsAt {
	count := map[nodeAt]int{}
	for _, k := range pods {
		count[r.at[k]]++
	}
	return inOrder(count)
}

func inOrder(count map[nodeAt]int) []engine.PodsAt {
	var out []engine.PodsAt
	for at, n := range count {
		out = append(out, engine.PodsAt{Pool: at.pool, Node: at.node, Pods: n})
	}
	slices.SortFunc(out, func(a, b engine.PodsAt) int { return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Node, b.Node)) })
	return out
}

// standing gives the workloads that terms of pods that stay where they are select the terms of these.
func (r *podResolver) standing() {
	type key struct {
		workload int
		topology string
	}
	count, first := map[key]map[nodeAt]int{}, map[key]string{}
	selected := map[string][]int{}
	for k, pod := range r.pods {
		for t := range pod.AntiAffinity {
			term := &pod.AntiAffinity[t]
			namespaces, s, err := r.read("", pod.Namespace, pod.Labels, term)
			if err != nil {
				continue // the API server lets no such pod be
			}
			if _, selectable := s.selector.Requirements(); !selectable {
				continue
			}
			id := strings.Join(namespaces, ",") + " " + s.selector.String()
			works, known := selected[id]
			if !known {
				works = r.workloads.matching(namespaces, s.selector)
				selected[id] = works
			}
			for _, i := range works {
				at := key{i, term.TopologyKey}
				if count[at] == nil {
					count[at] = map[nodeAt]int{}
				}
				count[at][r.at[k]]++
				if name := pod.Namespace + "/" + pod.Name; first[at] == "" || name < first[at] {
					first[at] = name
				}
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(count), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.workload, b.workload), strings.Compare(a.topology, b.topology))
	})
	for _, at := range keys {
		w := &r.b.out.Snapshot.Workloads[at.workload]
		if w.PodRules == nil {
			w.PodRules = &engine.PodRules{}
		}
		w.PodRules.Apart = append(w.PodRules.Apart, engine.PodTerm{
			TopologyKey: at.topology, Owner: "Pod " + first[at], PodSet: engine.PodSet{Others: inOrder(count[at])},
		})
	}
}

// labelSelectorText is a selector in words.
func labelSelectorText(selector *metav1.LabelSelector) string {
	if selector == nil {
		return ""
	}
	return metav1.FormatLabelSelector(selector)
}

// wanted is a selector of pods. Revisions are told apart by labels that only their controllers know: what they say is kept apart.
type wanted struct {
	selector labels.Selector
	// revision says that pods of the own revision are wanted alone, notRevision that they are not wanted.
	revision, notRevision bool
}

// match demands the same values of labels as the pod itself has.
func (s *wanted) match(kind string, of labels.Set, keys []string) {
	for _, key := range keys {
		if value, ok := of[key]; ok {
			s.require(key, selection.In, value)
		} else if key != "" && key == revisionLabel(kind) {
			s.revision = true
		}
	}
}

// mismatch demands other values.
func (s *wanted) mismatch(kind string, of labels.Set, keys []string) {
	for _, key := range keys {
		if value, ok := of[key]; ok {
			s.require(key, selection.NotIn, value)
		} else if key != "" && key == revisionLabel(kind) {
			s.notRevision = true
		}
	}
}

func (s *wanted) require(key string, operator selection.Operator, value string) {
	if requirement, err := labels.NewRequirement(key, operator, []string{value}); err == nil {
		s.selector = s.selector.Add(*requirement)
	}
}

// revisionLabel is the label that a controller sets on the pods of each revision of a kind of workload; empty where it sets none.
func revisionLabel(kind string) string {
	switch kind {
	case workload.StatefulSet:
		return appsv1.StatefulSetRevisionLabel
	case workload.Deployment:
		return appsv1.DefaultDeploymentUniqueLabelKey
	case workload.Rollout:
		return workload.RolloutHashLabel
	}
	return ""
}

// samePodRules says whether rules of pods say the same of two versions of a workload, and select the same of it.
func samePodRules(a, b *corev1.PodTemplateSpec) bool {
	same := equality.Semantic.DeepEqual
	return a == b || maps.Equal(a.Labels, b.Labels) && same(workload.AntiAffinity(&a.Spec), workload.AntiAffinity(&b.Spec)) &&
		same(workload.PodAffinity(&a.Spec), workload.PodAffinity(&b.Spec)) && same(workload.HardSpread(&a.Spec), workload.HardSpread(&b.Spec)) &&
		same(workload.PreferredAntiAffinity(&a.Spec), workload.PreferredAntiAffinity(&b.Spec)) &&
		same(workload.PreferredSpread(&a.Spec), workload.PreferredSpread(&b.Spec)) && slices.Equal(HostPorts(&a.Spec), HostPorts(&b.Spec))
}
