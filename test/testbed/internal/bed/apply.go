package bed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// object is an object read from a file.
type object struct {
	*unstructured.Unstructured
	file string
}

// Apply creates or updates the objects in files and folders of YAML or JSON, as the administrator, by server-side apply.
// Custom resource definitions come first, then namespaces, then the rest in the order of the files.
func (c *Cluster) Apply(ctx context.Context, paths ...string) error {
	objects, err := readObjects(paths)
	if err != nil {
		return err
	}
	return c.applyObjects(ctx, objects)
}

// ApplyYAML does as Apply with the objects of one YAML text.
func (c *Cluster) ApplyYAML(ctx context.Context, text string) error {
	objects, err := decodeObjects("manifest", strings.NewReader(text))
	if err != nil {
		return err
	}
	return c.applyObjects(ctx, objects)
}

func (c *Cluster) applyObjects(ctx context.Context, objects []object) error {
	slices.SortStableFunc(objects, func(a, b object) int { return rank(a) - rank(b) })
	config, err := c.Config(Admin)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	discoveryClient, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoveryClient))
	for _, o := range objects {
		if err := apply(ctx, client, mapper, o); err != nil {
			return fmt.Errorf("%s: %s %s: %w", o.file, o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// rank orders objects: what others need comes first.
func rank(o object) int {
	switch o.GetKind() {
	case "CustomResourceDefinition":
		return 0
	case "Namespace":
		return 1
	case "ServiceAccount", "ClusterRole", "Role", "PriorityClass", "StorageClass":
		return 2
	default:
		return 3
	}
}

// applyTimeout is how long one object is tried: a custom resource's type is served a moment after its definition is
// accepted, and a pod's service account is made a moment after its namespace.
const applyTimeout = 15 * time.Second

func apply(ctx context.Context, client dynamic.Interface, mapper *restmapper.DeferredDiscoveryRESTMapper, o object) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	var refused error // by the server, the last time
	for {
		err := applyOnce(ctx, client, mapper, o)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && refused != nil:
			return refused // says more than that the time is over
		case !meta.IsNoMatchError(err) && (!retryable(err) || unknownField(err)):
			return err
		}
		refused = err
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
			mapper.Reset()
		}
	}
}

// unknownField says whether the object has a field that its type has not. Server-side apply calls that an internal error.
func unknownField(err error) bool {
	return strings.Contains(err.Error(), "field not declared in schema")
}

func applyOnce(ctx context.Context, client dynamic.Interface, mapper *restmapper.DeferredDiscoveryRESTMapper, o object) error {
	kind := o.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := o.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	applied, err := resource.Apply(ctx, o.GetName(), o.Unstructured, metav1.ApplyOptions{FieldManager: "tradewind-testbed", Force: true})
	if err != nil || o.GetKind() != "CustomResourceDefinition" {
		return err
	}
	return waitEstablished(ctx, resource, applied)
}

// waitEstablished returns when the API server serves the type of a custom resource definition.
func waitEstablished(ctx context.Context, resource dynamic.ResourceInterface, crd *unstructured.Unstructured) error {
	for {
		conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
		for _, condition := range conditions {
			if c, ok := condition.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the type to be served: %w", ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
		var err error
		if crd, err = resource.Get(ctx, crd.GetName(), metav1.GetOptions{}); err != nil {
			return err
		}
	}
}

func readObjects(paths []string) ([]object, error) {
	var objects []object
	for _, path := range paths {
		files, err := manifestFiles(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			read, err := decodeObjects(file, bytes.NewReader(data))
			if err != nil {
				return nil, err
			}
			objects = append(objects, read...)
		}
	}
	return objects, nil
}

// manifestFiles returns the path itself when it is a file, and otherwise the manifests of the folder and those below it.
func manifestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .yaml, .yml or .json file in this folder", path)
	}
	return files, err
}

func decodeObjects(file string, r io.Reader) ([]object, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(r, 4096)
	var objects []object
	for i := 1; ; i++ {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", file, i, err)
		}
		if len(u.Object) == 0 {
			continue // an empty document
		}
		items := []*unstructured.Unstructured{u}
		if u.IsList() {
			items = nil
			err := u.EachListItem(func(item runtime.Object) error {
				items = append(items, item.(*unstructured.Unstructured))
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("%s: document %d: %w", file, i, err)
			}
		}
		for _, item := range items {
			if item.GetAPIVersion() == "" || item.GetKind() == "" || item.GetName() == "" {
				return nil, fmt.Errorf("%s: document %d: apiVersion, kind and metadata.name are needed", file, i)
			}
			objects = append(objects, object{item, file})
		}
	}
}
