package files

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// unplanned is an object of a kind that is not read and that runs pods.
type unplanned struct{ kind, name string }

// kindIn is a kind with its group where that is none of Kubernetes' own: others have a Service or a Cluster too.
func kindIn(kind, apiVersion string) string {
	if group := groupOf(apiVersion); custom(group) {
		return kind + "." + group
	}
	return kind
}

func groupOf(apiVersion string) string {
	parsed, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return ""
	}
	return parsed.Group
}

// custom says whether a group is none of Kubernetes' own or of its sub-projects.
func custom(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// deepest is how many fields below the spec of an object the template of its pods may be.
const deepest = 8

// runsPods says whether an object of a kind that is not read runs pods: it holds a template of some, or it is of a group of
// others than Kubernetes and has a number of replicas.
func runsPods(object map[string]any) bool {
	kind, _ := object["kind"].(string)
	spec, ok := object["spec"].(map[string]any)
	if !ok || strings.HasSuffix(kind, "Template") || kind == "CustomResourceDefinition" {
		return false
	}
	version, _ := object["apiVersion"].(string)
	return holdsTemplate(spec, deepest) || custom(groupOf(version)) && holdsReplicas(spec)
}

// holdsTemplate says whether a value holds containers with images, as the spec of a pod does.
func holdsTemplate(value any, depth int) bool {
	if depth == 0 {
		return false
	}
	switch typed := value.(type) {
	case map[string]any:
		if containers, ok := typed["containers"].([]any); ok {
			for _, container := range containers {
				if fields, ok := container.(map[string]any); ok && fields["image"] != nil {
					return true
				}
			}
		}
		for _, inner := range typed {
			if holdsTemplate(inner, depth-1) {
				return true
			}
		}
	case []any:
		for _, inner := range typed {
			if holdsTemplate(inner, depth-1) {
				return true
			}
		}
	}
	return false
}

// replicaFields are the names under which operators' resources give a number of replicas.
var replicaFields = []string{"replicas", "instances", "count"}

// holdsReplicas says whether a spec, or a field or item of it, gives a number of replicas.
func holdsReplicas(spec map[string]any) bool {
	gives := func(fields map[string]any) bool {
		for _, name := range replicaFields {
			if number, ok := fields[name].(int64); ok && number > 0 {
				return true
			}
		}
		return false
	}
	if gives(spec) {
		return true
	}
	for _, value := range spec {
		if fields, ok := value.(map[string]any); ok && gives(fields) {
			return true
		}
		items, _ := value.([]any)
		for _, item := range items {
			if fields, ok := item.(map[string]any); ok && gives(fields) {
				return true
			}
		}
	}
	return false
}
