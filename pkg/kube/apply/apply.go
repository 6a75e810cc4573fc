// Package apply writes Tradewind's objects by server-side apply.
package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

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
