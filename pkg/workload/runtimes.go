package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
)

// RuntimeClasses are RuntimeClasses by their name.
type RuntimeClasses map[string]*nodev1.RuntimeClass

// RuntimeClassesOf finds these objects by name.
func RuntimeClassesOf(objects []*nodev1.RuntimeClass) RuntimeClasses {
	out := make(RuntimeClasses, len(objects))
	for _, object := range objects {
		out[object.Name] = object
	}
	return out
}

// Admit is a template as admission changes the pods that are made from it: with the overhead, the node selector and the
// tolerations of its RuntimeClass. A template without one, or of a class that is not known, is returned as it is. The error says
// why the API server refuses the pods; the class's node selector then counts.
func (c RuntimeClasses) Admit(template *corev1.PodTemplateSpec) (*corev1.PodTemplateSpec, error) {
	name := template.Spec.RuntimeClassName
	if name == nil || c[*name] == nil {
		return template, nil
	}
	class, out := c[*name], *template
	if class.Overhead != nil && len(class.Overhead.PodFixed) > 0 {
		out.Spec.Overhead = class.Overhead.PodFixed
	}
	if class.Scheduling == nil {
		return &out, nil
	}
	var conflicts []string
	for _, key := range slices.Sorted(maps.Keys(class.Scheduling.NodeSelector)) {
		if has, ok := template.Spec.NodeSelector[key]; ok && has != class.Scheduling.NodeSelector[key] {
			conflicts = append(conflicts, fmt.Sprintf("%s=%s (RuntimeClass %s selects %s)", key, has, class.Name, class.Scheduling.NodeSelector[key]))
		}
	}
	if len(class.Scheduling.NodeSelector) > 0 {
		if out.Spec.NodeSelector = maps.Clone(template.Spec.NodeSelector); out.Spec.NodeSelector == nil {
			out.Spec.NodeSelector = map[string]string{}
		}
		maps.Copy(out.Spec.NodeSelector, class.Scheduling.NodeSelector)
	}
	out.Spec.Tolerations = slices.Concat(template.Spec.Tolerations, class.Scheduling.Tolerations)
	if len(conflicts) > 0 {
		return &out, fmt.Errorf("selects nodes by %s, so that the API server refuses the pods; make them agree", strings.Join(conflicts, ", "))
	}
	return &out, nil
}
