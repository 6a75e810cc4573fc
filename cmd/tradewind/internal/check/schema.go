package check

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
)

// definition is a CustomResourceDefinition with what an API server builds from it.
type definition struct {
	kind, version string
	namespaced    bool
	structural    *structuralschema.Structural
	schema        schemavalidation.SchemaValidator
	rules         *cel.Validator
}

// definitions are Tradewind's CustomResourceDefinitions by kind.
var definitions = sync.OnceValues(func() (map[string]*definition, error) {
	byKind := map[string]*definition{}
	err := fs.WalkDir(deploy.CustomResourceDefinitions, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(deploy.CustomResourceDefinitions, path)
		if err != nil {
			return err
		}
		d, err := newDefinition(data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		byKind[d.kind] = d
		return nil
	})
	return byKind, err
})

func newDefinition(data []byte) (*definition, error) {
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &external); err != nil {
		return nil, err
	}
	version := external.Spec.Versions[0]
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, err
	}
	d := &definition{
		kind: external.Spec.Names.Kind, version: external.Spec.Group + "/" + version.Name,
		namespaced: external.Spec.Scope == apiextensionsv1.NamespaceScoped,
	}
	var err error
	if d.structural, err = structuralschema.NewStructural(&internal); err != nil {
		return nil, err
	}
	if d.schema, _, err = schemavalidation.NewSchemaValidator(&internal); err != nil {
		return nil, err
	}
	d.rules = cel.NewValidator(d.structural, true, celconfig.PerCallLimit)
	return d, nil
}

// fieldError is what is wrong with one field.
type fieldError struct{ field, message string }

// admit says what an API server would refuse of an object. It sets the defaults in the object.
func (d *definition) admit(object map[string]any) []fieldError {
	var out []fieldError
	paths := pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	slices.Sort(paths)
	for _, path := range paths {
		out = append(out, fieldError{path, "unknown field" + d.nearField(path)})
	}
	out = append(out, d.metadata(object)...)
	defaulting.Default(object, d.structural)
	errs := schemavalidation.ValidateCustomResource(nil, object, d.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if !slices.ContainsFunc(errs, wrongShape) { // as the API server: no rule is asked about an object of the wrong shape
		broken, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	for _, err := range errs {
		out = append(out, fieldError{strings.TrimPrefix(err.Field, "<nil>."), err.ErrorBody()})
	}
	return out
}

func wrongShape(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid, field.ErrorTypeNotSupported:
		return true
	}
	return false
}

// metadata checks the object's name, which no schema describes.
func (d *definition) metadata(object map[string]any) []fieldError {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return []fieldError{{"metadata", "Required value: give the object a name"}}
	}
	name, isText := metadata["name"].(string)
	generated, _ := metadata["generateName"].(string)
	if name == "" && generated == "" || metadata["name"] != nil && !isText {
		return []fieldError{{"metadata.name", "Required value: give the object a name"}}
	}
	var out []fieldError
	if name != "" {
		for _, message := range validation.NameIsDNSSubdomain(name, false) {
			out = append(out, fieldError{"metadata.name", fmt.Sprintf("Invalid value: %q: %s", name, message)})
		}
	}
	if namespace, _ := metadata["namespace"].(string); namespace != "" && !d.namespaced {
		out = append(out, fieldError{"metadata.namespace", d.kind + " belongs to the whole cluster: remove the namespace"})
	}
	return out
}

// nearField names the field that an unknown one may be meant to be: same letters, another case, or one edit away.
func (d *definition) nearField(path string) string {
	schema := d.structural
	all := steps(path)
	for _, step := range all[:len(all)-1] {
		if property, ok := schema.Properties[step]; ok {
			schema = &property
		} else if schema.Items != nil {
			schema = schema.Items
		}
	}
	wanted := all[len(all)-1]
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.EqualFold(name, wanted) || strings.EqualFold(strings.TrimSuffix(name, "s"), strings.TrimSuffix(wanted, "s")) {
			return "; did you mean " + name + "?"
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; the fields here are " + strings.Join(names, ", ")
}
