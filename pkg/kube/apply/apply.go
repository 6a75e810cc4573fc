// Package apply writes objects by server-side apply, from generated apply configurations.
package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Configuration is a generated apply configuration of an object.
type Configuration interface {
	runtime.ApplyConfiguration
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

// Object applies an object without its status, making it where it is not. What owner applied earlier and is not in the
// configuration is removed; fields of other owners stay, unless the configuration has them. It returns the metadata of the object
// as the API server keeps it.
func Object(ctx context.Context, to client.Client, object Configuration, owner client.FieldOwner) (metav1.Object, error) {
	content, err := content(object)
	if err == nil {
		err = to.Apply(ctx, client.ApplyConfigurationFromUnstructured(content), owner, client.ForceOwnership)
	}
	return content, explain(object, err)
}

// Status applies the status of an object that exists, as Object does the rest.
func Status(ctx context.Context, to client.Client, object Configuration, owner client.FieldOwner) (metav1.Object, error) {
	content, err := content(object)
	if err == nil {
		err = to.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(content), owner, client.ForceOwnership)
	}
	return content, explain(object, err)
}

// content is an object as a client gives it back too: into a generated configuration the client does not read the answer.
func content(object Configuration) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	return &unstructured.Unstructured{Object: fields}, err
}

func explain(object Configuration, err error) error {
	if err == nil {
		return nil
	}
	key := client.ObjectKey{Namespace: ptr.Deref(object.GetNamespace(), ""), Name: ptr.Deref(object.GetName(), "")}
	return fmt.Errorf("write %s %s: %w", ptr.Deref(object.GetKind(), ""), key, err)
}

// As is a value of our API as the generated apply configuration T of its type: what its JSON leaves out, the configuration does.
// Value may have a part of the type's fields. It is an error if T does not know one.
func As[T any](value any) (*T, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	out := new(T)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		return nil, fmt.Errorf("read %T as %T: %w", value, out, err)
	}
	return out, nil
}
