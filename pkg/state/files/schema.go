package files

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
)

// Definition is a CustomResourceDefinition of Tradewind with what an API server builds from it. It is safe for
// concurrent use.
type Definition struct {
	// Version is GROUP/VERSION as objects write it.
	Version string
	// Namespaced says whether objects are in namespaces.
	Namespaced bool

	kind       string
	structural *structuralschema.Structural
	schema     schemavalidation.SchemaValidator
	rules      *rules
}

// kindOfFile finds the kind in the text of a definition: reading all of it takes long, and most are not needed.
var kindOfFile = regexp.MustCompile(`(?m)^    kind: ([A-Za-z]+)$`)

// definitions read the embedded files on demand, each once, by kind.
var definitions = sync.OnceValues(func() (map[string]func() (*Definition, error), error) {
	byKind := map[string]func() (*Definition, error){}
	err := fs.WalkDir(deploy.CustomResourceDefinitions, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(deploy.CustomResourceDefinitions, path)
		if err != nil {
			return err
		}
		kind := kindOfFile.FindSubmatch(data)
		if kind == nil {
			return fmt.Errorf("%s: names no kind", path)
		}
		byKind[string(kind[1])] = sync.OnceValues(func() (*Definition, error) {
			d, err := newDefinition(data)
			if err != nil {
				return nil, fmt.Errorf("built-in definition %s: %w", path, err)
			}
			return d, nil
		})
		return nil
	})
	return byKind, err
})

// Kinds are the kinds that Tradewind defines, sorted.
func Kinds() ([]string, error) {
	byKind, err := definitions()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(byKind)), nil
}

// DefinitionOf returns the definition of a kind of Tradewind's; nil when it has no such kind. Errors mean a broken build.
func DefinitionOf(kind string) (*Definition, error) {
	byKind, err := definitions()
	if err != nil || byKind[kind] == nil {
		return nil, err
	}
	return byKind[kind]()
}

func newDefinition(data []byte) (*Definition, error) {
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &external); err != nil {
		return nil, err
	}
	version := external.Spec.Versions[0]
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, err
	}
	d := &Definition{
		kind: external.Spec.Names.Kind, Version: external.Spec.Group + "/" + version.Name,
		Namespaced: external.Spec.Scope == apiextensionsv1.NamespaceScoped,
	}
	var err error
	if d.structural, err = structuralschema.NewStructural(&internal); err != nil {
		return nil, err
	}
	if d.schema, _, err = schemavalidation.NewSchemaValidator(&internal); err != nil {
		return nil, err
	}
	d.rules = newRules(d.structural)
	return d, nil
}

// FieldError is what is wrong with one field.
type FieldError struct{ Field, Message string }

// Admit says what an API server would refuse of an object. It sets the defaults in the object.
func (d *Definition) Admit(object map[string]any) []FieldError {
	var out []FieldError
	paths := pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	slices.Sort(paths)
	for _, path := range paths {
		out = append(out, FieldError{path, "unknown field" + d.nearField(path)})
	}
	out = append(out, d.metadata(object)...)
	defaulting.Default(object, d.structural)
	errs := schemavalidation.ValidateCustomResource(nil, object, d.schema)
	slices.SortStableFunc(errs, func(a, b *field.Error) int { // it goes through the fields in any order
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.ErrorBody(), b.ErrorBody()))
	})
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if !slices.ContainsFunc(errs, wrongShape) { // as the API server: no rule is asked about an object of the wrong shape
		errs = append(errs, d.rules.broken(d.structural, object)...)
	}
	for _, err := range errs {
		out = append(out, readable(err))
	}
	return out
}

// noForm is what is said of a value of which none of several types is allowed; of ours those are quantities.
var noForm = regexp.MustCompile(`"([^"]+)" must validate at least one schema \(anyOf\)`)

// readable is what the API server's code says of a field in words for people: it names no object and no type in the words of Go.
func readable(err *field.Error) FieldError {
	out := FieldError{strings.TrimPrefix(strings.TrimPrefix(err.Field, "<nil>"), "."), err.ErrorBody()}
	if found := noForm.FindStringSubmatch(err.Detail); found != nil {
		return FieldError{found[1], `is no quantity; write a number, in quotes where it has a fraction or a unit ("0.25", "500m")`}
	}
	if value, ok := err.BadValue.(string); ok && err.Type == field.ErrorTypeInvalid && (value == "object" || value == "array" || value == "") {
		out.Message = err.Detail // the value is named by its type, or not at all
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
func (d *Definition) metadata(object map[string]any) []FieldError {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return []FieldError{{"metadata", "Required value: give the object a name"}}
	}
	name, isText := metadata["name"].(string)
	generated, _ := metadata["generateName"].(string)
	if name == "" && generated == "" || metadata["name"] != nil && !isText {
		return []FieldError{{"metadata.name", "Required value: give the object a name"}}
	}
	var out []FieldError
	if name != "" {
		for _, message := range validation.NameIsDNSSubdomain(name, false) {
			out = append(out, FieldError{"metadata.name", fmt.Sprintf("Invalid value: %q: %s", name, message)})
		}
	}
	if namespace, _ := metadata["namespace"].(string); namespace != "" && !d.Namespaced {
		out = append(out, FieldError{"metadata.namespace", d.kind + " belongs to the whole cluster: remove the namespace"})
	}
	return out
}

// nearField names the field that an unknown one may be meant to be: same letters, another case, or one edit away.
func (d *Definition) nearField(path string) string {
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
