package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/files"
)

// keep decodes an object into its Go type.
func (r *Result) keep(object *Object) error {
	switch object.Kind {
	case "PlacementPolicy":
		policy := new(v1alpha1.PlacementPolicy)
		if err := object.document.Decode(policy); err != nil {
			return err
		}
		policy.Namespace = object.Namespace
		r.read.PlacementPolicies = append(r.read.PlacementPolicies, policy)
		object.policy = &state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{policy}}
	case "ClusterPlacementPolicy":
		policy := new(v1alpha1.ClusterPlacementPolicy)
		if err := object.document.Decode(policy); err != nil {
			return err
		}
		r.read.ClusterPlacementPolicies = append(r.read.ClusterPlacementPolicies, policy)
		object.policy = &state.Objects{ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{policy}}
	case "PriceList":
		var list v1alpha1.PriceList
		if err := object.document.Decode(&list); err != nil {
			return err
		}
		r.read.PriceLists = append(r.read.PriceLists, list)
	case "LatencyMap":
		var list v1alpha1.LatencyMap
		if err := object.document.Decode(&list); err != nil {
			return err
		}
		r.read.LatencyMaps = append(r.read.LatencyMaps, list)
	case "CloudPool":
		var pool v1alpha1.CloudPool
		if err := object.document.Decode(&pool); err != nil {
			return err
		}
		r.have.Add(planning.LabelsOfPool(&pool.Spec))
	}
	return nil // the schema says all that there is to say of others
}

// meaning asks the code that decides what it makes of the objects. What the schema has said already of a field is not
// said again.
func (r *Result) meaning(now time.Time) error {
	r.twice()
	set := policy.NewSet(r.read.PlacementPolicies, r.read.ClusterPlacementPolicies)
	for _, object := range r.Objects {
		if !strings.HasSuffix(object.Kind, "PlacementPolicy") {
			continue
		}
		for _, problem := range set.Problems(policy.Source{Namespace: object.Namespace, Name: object.Name}) {
			r.add(object, problem.Field, problem.Message)
		}
	}
	r.tooMany(set)
	if len(r.read.PriceLists)+len(r.read.LatencyMaps)+len(r.read.PlacementPolicies)+len(r.read.ClusterPlacementPolicies) == 0 {
		return nil
	}
	catalog, err := pricing.Open()
	if err != nil {
		return err
	}
	r.notePolicies(catalog)
	if len(r.read.PriceLists)+len(r.read.LatencyMaps) == 0 {
		return nil
	}
	_, prices := pricing.New(catalog, r.read.PriceLists)
	for _, problem := range prices {
		r.addNamed(problem.Object, problem.Field, problem.Message)
	}
	r.doubts(catalog)
	matrix, err := latency.Open()
	if err != nil {
		return err
	}
	_, samples := latency.New(matrix, r.read.LatencyMaps, now)
	for _, problem := range samples {
		r.addNamed(problem.Object, problem.Field, problem.Message)
	}
	return nil
}

// notePolicies finds the values in policies that no known cloud has. The clouds that price lists of the files are of are known.
func (r *Result) notePolicies(catalog *pricing.Catalog) {
	r.read.PricedPlaces(r.have)
	for _, object := range r.Objects {
		if object.policy == nil {
			continue
		}
		for _, p := range object.policy.PlacementPolicies {
			object.doubts = policy.Doubts(&p.Spec, catalog)
		}
		for _, p := range object.policy.ClusterPlacementPolicies {
			object.doubts = policy.Doubts(&p.Spec.PolicySpec, catalog)
		}
	}
}

// weigh makes the warnings: those that were found, and the doubts that no value that is there dispels.
func (r *Result) weigh() {
	r.Warnings = slices.Clone(r.doubtful)
	for _, object := range r.Objects {
		for i := range object.doubts {
			if text := object.doubts[i].Among(r.have); text != "" {
				field := object.doubts[i].Field
				r.Warnings = append(r.Warnings, files.NewProblem(object.File, object.document.LineAt(field), object.String(), field, text))
			}
		}
	}
	sortProblems(r.Warnings)
}

// tooMany reports policies that would leave a pod with the very labels that they select under more policies or rules than may
// count for one workload.
func (r *Result) tooMany(set *policy.Set) {
	selectors := map[policy.Source]labels.Set{}
	for _, p := range r.read.PlacementPolicies {
		selectors[policy.Source{Namespace: p.Namespace, Name: p.Name}] = p.Spec.WorkloadSelector.MatchLabels
	}
	for _, p := range r.read.ClusterPlacementPolicies {
		selectors[policy.Source{Name: p.Name}] = p.Spec.WorkloadSelector.MatchLabels
	}
	type pods struct{ namespace, labels string }
	excess := map[pods]string{} // each kind of pod is looked at once
	for _, object := range r.Objects {
		selected, ok := selectors[policy.Source{Namespace: object.Namespace, Name: object.Name}]
		if !ok || !strings.HasSuffix(object.Kind, "PlacementPolicy") {
			continue
		}
		of := pods{object.Namespace, selected.String()}
		text, known := excess[of]
		if !known {
			if rules := set.For(object.Namespace, nil, selected); rules != nil {
				text = rules.Excess
			}
			excess[of] = text
		}
		if text != "" {
			r.add(object, "spec.workloadSelector", "a pod with these labels waits: "+text)
		}
	}
}

// doubts warns of prices that would be used for nothing as far as the catalog knows: of instance types and regions that
// a known cloud does not have.
func (r *Result) doubts(catalog *pricing.Catalog) {
	for i := range r.read.PriceLists {
		list := &r.read.PriceLists[i]
		object := r.named["PriceList/"+list.Name]
		if object == nil {
			continue
		}
		warn := func(field, format string, arguments ...any) {
			r.doubtful = append(r.doubtful, files.NewProblem(object.File, object.document.LineAt(field), object.String(), field, fmt.Sprintf(format, arguments...)))
		}
		place := func(field, cloud, region string) {
			if _, known := location.LookupRegion(cloud, region); known || region == "" {
				return
			}
			if _, known := location.LookupCloud(cloud); known {
				warn(field, "%s has no region %q that Tradewind knows; the price is used only for nodes in a region of exactly this name%s",
					cloud, region, location.DidYouMean(location.NearestRegions(cloud, region)))
			}
		}
		for i, entry := range list.Spec.Instances {
			field := fmt.Sprintf("spec.instances[%d]", i)
			if slices.Contains(catalog.Clouds(), entry.Cloud) && !catalog.Knows(entry.Cloud, entry.InstanceType) {
				warn(field+".instanceType", "the catalog knows no instance type %q of %s; the price is used only for nodes with exactly this type%s",
					entry.InstanceType, entry.Cloud, location.DidYouMean(catalog.Suggest(entry.Cloud, entry.InstanceType)))
			}
			place(field+".region", entry.Cloud, entry.Region)
		}
		for i, entry := range list.Spec.Resources {
			place(fmt.Sprintf("spec.resources[%d].region", i), entry.Cloud, entry.Region)
		}
		for i, entry := range list.Spec.Discounts {
			place(fmt.Sprintf("spec.discounts[%d].region", i), entry.Cloud, entry.Region)
		}
		for i, entry := range list.Spec.Egress {
			for end, name := range map[string]string{"from": entry.From, "to": entry.To} {
				cloud, region, _ := strings.Cut(name, "/")
				place(fmt.Sprintf("spec.egress[%d].%s", i, end), cloud, region)
			}
		}
	}
}

// twice reports objects that are in the files twice: only one of them could be applied.
func (r *Result) twice() {
	for _, object := range r.Objects {
		earlier, taken := r.named[object.String()]
		if taken && object.Name != "" {
			r.problem(object, "metadata.name", fmt.Sprintf("the same object is in %s:%d already; remove one, or give it another name", earlier.File, earlier.Line))
			continue
		}
		r.named[object.String()] = object
	}
}

func (r *Result) addNamed(name, field, message string) {
	if object := r.named[name]; object != nil {
		r.add(object, field, message)
	}
}

// add notes a problem, unless one of the same field, or of a part or the whole of a list of it, is known.
func (r *Result) add(object *Object, field, message string) {
	for i, known := range object.said {
		switch {
		case known == field || strings.HasPrefix(known, field+"["):
			return
		case strings.HasPrefix(field, known+"["): // the schema names a list, and this the value and what to write
			object.said[i] = field
			for k := range r.Problems {
				if p := &r.Problems[k]; p.File == object.File && p.Object == object.String() && p.Field == known {
					*p = files.NewProblem(object.File, object.document.LineAt(field), object.String(), field, message)
				}
			}
			return
		}
	}
	r.problem(object, field, message)
}

// Against counts what each policy would do in a cluster, and takes the values that its nodes have into account.
func (r *Result) Against(snapshot *state.Snapshot) error {
	for _, node := range snapshot.Nodes {
		r.have.Add(snapshot.Node(node).Class.Labels)
	}
	r.weigh()
	for _, object := range r.Objects {
		if object.policy == nil {
			continue
		}
		one := *object.policy
		one.PriceLists, one.LatencyMaps = snapshot.PriceLists, snapshot.LatencyMaps
		counts, err := against(snapshot, one)
		if err != nil {
			return err
		}
		object.Cluster = counts
	}
	return nil
}

func against(snapshot *state.Snapshot, one state.Objects) (*ClusterCounts, error) {
	selecting, err := state.NewWorld(one, snapshot.Time)
	if err != nil {
		return nil, err
	}
	counts := &ClusterCounts{Nodes: len(snapshot.Nodes)}
	for _, pod := range snapshot.Pods {
		rules, ok := snapshot.RulesIn(selecting, pod)
		if !ok {
			return nil, fmt.Errorf("the policy selects namespaces by label and namespace %s cannot be read; grant the verb list on namespaces", pod.Namespace)
		}
		if len(rules.Sources) > 0 && pod.DeletionTimestamp == nil && pod.Status.Phase != "Succeeded" && pod.Status.Phase != "Failed" {
			counts.SelectedPods++
		}
	}
	// The same rules for every pod, so that they can be asked for without one.
	namespace := ""
	one.PlacementPolicies, one.ClusterPlacementPolicies = slices.Clone(one.PlacementPolicies), slices.Clone(one.ClusterPlacementPolicies)
	for i, p := range one.PlacementPolicies {
		all := p.DeepCopy()
		all.Spec.WorkloadSelector = metav1.LabelSelector{}
		one.PlacementPolicies[i], namespace = all, all.Namespace
	}
	for i, p := range one.ClusterPlacementPolicies {
		all := p.DeepCopy()
		all.Spec.WorkloadSelector, all.Spec.NamespaceSelector = metav1.LabelSelector{}, nil
		one.ClusterPlacementPolicies[i] = all
	}
	world, err := state.NewWorld(one, snapshot.Time)
	if err != nil {
		return nil, err
	}
	rules := world.Rules(namespace, nil, nil)
	for _, node := range snapshot.Nodes {
		if rules.Static(snapshot.Node(node).Class).Allowed() {
			counts.AllowedNodes++
		}
	}
	return counts, nil
}
