package placement

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// FieldOwner is the field manager of what the planner writes to Placements. Others write further fields of their statuses
// under names of their own.
const FieldOwner client.FieldOwner = "tradewind-placement"

// Apply applies an object of Tradewind's: metadata holds labels and owners, and body the rest ("spec" or "status"). What
// owner applied earlier and body does not hold is removed; fields of other owners stay. With a subresource ("status") the
// object must exist. It returns the object as the API server keeps it.
func Apply(ctx context.Context, to client.Client, kind string, key client.ObjectKey, owner client.FieldOwner, subresource string,
	metadata, body map[string]any) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	for field, value := range body {
		object.Object[field] = value
	}
	if metadata != nil {
		object.Object["metadata"] = metadata
	}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetName(key.Name)
	if key.Namespace != "" {
		object.SetNamespace(key.Namespace)
	}
	configuration := client.ApplyConfigurationFromUnstructured(object)
	var err error
	if subresource == "" {
		err = to.Apply(ctx, configuration, owner, client.ForceOwnership)
	} else {
		err = to.SubResource(subresource).Apply(ctx, configuration, owner, client.ForceOwnership)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind, key, err)
	}
	return object, nil
}

// Fields are a status, or a part of one, as Apply takes it: fields that are not set are left out.
func Fields(value any) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	return fields, nil
}

// metadataOf are the labels and the owner of a workload's Placement.
func metadataOf(w *workload) map[string]any {
	return map[string]any{
		"labels": labelsOf(w),
		"ownerReferences": []any{map[string]any{
			"apiVersion": w.APIVersion, "kind": w.Kind, "name": w.Name, "uid": string(w.uid), "controller": true,
		}},
	}
}

func labelsOf(w *workload) map[string]any {
	const longest = 63
	labels := map[string]any{v1alpha1.LabelWorkloadKind: w.Kind}
	if len(w.Name) <= longest {
		labels[v1alpha1.LabelWorkloadName] = w.Name
	}
	return labels
}

// labelled says whether a Placement has the labels and the owner of a workload.
func labelled(object *v1alpha1.Placement, w *workload) bool {
	for key, value := range labelsOf(w) {
		if object.Labels[key] != value {
			return false
		}
	}
	owner := metav1.GetControllerOfNoCopy(object)
	return owner != nil && owner.UID == w.uid && len(object.OwnerReferences) == 1
}
