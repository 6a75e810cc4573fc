package planning

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"tradewind.dev/tradewind/pkg/engine"
)

// priorities are the values of PriorityClasses.
type priorities struct {
	byName   map[string]priority
	standard priority
}

// priority is the value of a PriorityClass; patient says that its pods preempt nobody.
type priority struct {
	value   int32
	patient bool
}

func newPriorities(classes []*schedulingv1.PriorityClass) priorities {
	// The two that every API server has.
	out := priorities{byName: map[string]priority{"system-cluster-critical": {value: 2_000_000_000}, "system-node-critical": {value: 2_000_001_000}}}
	found := false
	for _, class := range classes {
		of := priority{class.Value, class.PreemptionPolicy != nil && *class.PreemptionPolicy == corev1.PreemptNever}
		out.byName[class.Name] = of
		if class.GlobalDefault && (!found || of.value < out.standard.value) { // of several, admission takes the lowest
			out.standard, found = of, true
		}
	}
	return out
}

// of is the priority that admission gives pods of a template. A class that is not known counts as the default. What the
// template itself says in priority counts for nothing: whoever may write a template may write any number there, and the API
// server takes no pod with another than that of its class.
func (p priorities) of(spec *corev1.PodSpec) priority {
	if value, ok := p.byName[spec.PriorityClassName]; ok {
		return value
	}
	return p.standard
}

// quota is what a ResourceQuota leaves for further pods.
type quota struct {
	object *corev1.ResourceQuota
	left   map[corev1.ResourceName]int64 // in thousandths
}

// refuse finds the replicas whose pods the API server would refuse, since a ResourceQuota of their namespace is used up: all
// that do not run yet, by priority and then by name, until the quota is. Limits are those of the templates of planned
// workloads alone.
func (b *builder) refuse(pods []running) {
	quotas := map[string][]*quota{}
	for _, object := range b.input.Quotas {
		q := &quota{object: object, left: map[corev1.ResourceName]int64{}}
		for name, hard := range object.Spec.Hard {
			q.left[name] = hard.MilliValue()
		}
		quotas[object.Namespace] = append(quotas[object.Namespace], q)
	}
	if len(quotas) == 0 {
		return
	}
	for _, list := range quotas {
		slices.SortFunc(list, func(a, b *quota) int { return strings.Compare(a.object.Name, b.object.Name) })
	}
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		for _, q := range quotas[pod.Namespace] {
			if w, planned := b.index[pod.Workload]; planned {
				spec := &b.out.Workloads[w].Template.Spec
				if b.inScope(q.object, spec) {
					q.take(asks(spec), 1)
				}
			} else if len(q.object.Spec.Scopes) == 0 && q.object.Spec.ScopeSelector == nil {
				q.take(asksOf(&pod.Request), 1)
			}
		}
	}
	order := make([]int, len(b.out.Workloads))
	for i := range order {
		order[i] = i
	}
	snapshot := b.out.Snapshot.Workloads
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(snapshot[y].Priority, snapshot[x].Priority) })
	for _, i := range order {
		w, spec := &snapshot[i], &b.out.Workloads[i].Template.Spec
		waiting := w.Replicas
		for _, n := range pods[i].replicas {
			waiting -= n
		}
		if waiting <= 0 || len(quotas[w.Namespace]) == 0 {
			continue
		}
		more, tightest, asked := int64(waiting), (*quota)(nil), asks(spec)
		var of []*quota
		for _, q := range quotas[w.Namespace] {
			if !b.inScope(q.object, spec) {
				continue
			}
			of = append(of, q)
			if n := q.admits(asked); n < more {
				more, tightest = n, q
			}
		}
		for _, q := range of {
			q.take(asked, more)
		}
		if tightest != nil {
			w.Refused = waiting - int(more)
			w.RefusedBy = fmt.Sprintf("ResourceQuota %s/%s leaves room for %d more of its pods", w.Namespace, tightest.object.Name, more)
		}
	}
}

// asks is what a pod of a template takes of a quota, by the names that quotas have for it, in thousandths.
func asks(spec *corev1.PodSpec) map[corev1.ResourceName]int64 {
	pod := &corev1.Pod{Spec: *spec}
	out := map[corev1.ResourceName]int64{corev1.ResourcePods: 1000, "count/pods": 1000}
	for name, amount := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		out[name], out["requests."+name] = amount.MilliValue(), amount.MilliValue()
	}
	for name, amount := range resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{}) {
		out["limits."+name] = amount.MilliValue()
	}
	return out
}

// asksOf is the same of a pod of which only the request is known.
func asksOf(request *engine.Resources) map[corev1.ResourceName]int64 {
	out := map[corev1.ResourceName]int64{corev1.ResourcePods: 1000, "count/pods": 1000}
	add := func(name corev1.ResourceName, milli int64) { out[name], out["requests."+name] = milli, milli }
	add(corev1.ResourceCPU, request.MilliCPU)
	add(corev1.ResourceMemory, request.MemoryBytes*1000)
	for name, amount := range request.Extended {
		if name != podsResource {
			add(corev1.ResourceName(name), amount*1000)
		}
	}
	return out
}

func (q *quota) take(asked map[corev1.ResourceName]int64, n int64) {
	for name := range q.left {
		q.left[name] -= asked[name] * n
	}
}

// admits is how many more pods the quota lets be made.
func (q *quota) admits(asked map[corev1.ResourceName]int64) int64 {
	most := int64(1) << 40
	for name, left := range q.left {
		if each := asked[name]; each > 0 {
			most = min(most, max(left, 0)/each)
		}
	}
	return most
}

// inScope says whether a quota counts the pods of a template. A scope that is not known counts none, so that no replica is
// left out for a quota that may not concern it.
func (b *builder) inScope(object *corev1.ResourceQuota, spec *corev1.PodSpec) bool {
	requirements := make([]corev1.ScopedResourceSelectorRequirement, 0, len(object.Spec.Scopes))
	for _, scope := range object.Spec.Scopes {
		requirements = append(requirements, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if object.Spec.ScopeSelector != nil {
		requirements = append(requirements, object.Spec.ScopeSelector.MatchExpressions...)
	}
	for i := range requirements {
		if !meets(&requirements[i], spec) {
			return false
		}
	}
	return true
}

func meets(r *corev1.ScopedResourceSelectorRequirement, spec *corev1.PodSpec) bool {
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return spec.ActiveDeadlineSeconds != nil
	case corev1.ResourceQuotaScopeNotTerminating:
		return spec.ActiveDeadlineSeconds == nil
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(spec)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(spec)
	case corev1.ResourceQuotaScopePriorityClass:
		listed := slices.Contains(r.Values, spec.PriorityClassName)
		switch r.Operator {
		case corev1.ScopeSelectorOpIn:
			return listed
		case corev1.ScopeSelectorOpNotIn:
			return !listed
		case corev1.ScopeSelectorOpExists:
			return spec.PriorityClassName != ""
		case corev1.ScopeSelectorOpDoesNotExist:
			return spec.PriorityClassName == ""
		}
	}
	return false
}

// bestEffort says whether no container of a template asks for CPU or memory, or limits them.
func bestEffort(spec *corev1.PodSpec) bool {
	for name := range asks(spec) {
		switch name {
		case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory:
			return false
		}
	}
	return true
}
