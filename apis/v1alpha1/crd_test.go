package v1alpha1

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// crdFolder is where the generated CustomResourceDefinitions are.
const crdFolder = "../../deploy/crds"

// definition is a CustomResourceDefinition with everything an API server builds from it.
type definition struct {
	internal   *apiextensions.CustomResourceDefinition
	structural *structuralschema.Structural
	schema     schemavalidation.SchemaValidator
	rules      *cel.Validator
}

// definitions are the generated CustomResourceDefinitions by kind.
var definitions = sync.OnceValues(func() (map[string]*definition, error) {
	files, err := filepath.Glob(filepath.Join(crdFolder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	byKind := map[string]*definition{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		loaded, err := loadDefinition(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		byKind[loaded.internal.Spec.Names.Kind] = loaded
	}
	return byKind, nil
})

func loadDefinition(data []byte) (*definition, error) {
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &external); err != nil {
		return nil, err
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&external)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	d := &definition{internal: &apiextensions.CustomResourceDefinition{}}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, d.internal, nil); err != nil {
		return nil, err
	}
	properties := d.internal.Spec.Validation
	if properties == nil {
		properties = d.internal.Spec.Versions[0].Schema
	}
	var err error
	if d.structural, err = structuralschema.NewStructural(properties.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	if d.schema, _, err = schemavalidation.NewSchemaValidator(properties.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	d.rules = cel.NewValidator(d.structural, true, celconfig.PerCallLimit)
	return d, nil
}

// admit does to an object what an API server does on creation: unknown fields are refused (as kubectl asks it to), defaults
// are set, and then the schema, the list types and the CEL rules are checked. It changes the object.
func (d *definition) admit(object map[string]any) field.ErrorList {
	var errs field.ErrorList
	for _, path := range pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		errs = append(errs, field.Invalid(field.NewPath(path), field.OmitValueType{}, "unknown field"))
	}
	defaulting.Default(object, d.structural)
	errs = append(errs, schemavalidation.ValidateCustomResource(nil, object, d.schema)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	for _, err := range errs {
		switch err.Type { // the API server checks no rule on an object of the wrong shape
		case field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid, field.ErrorTypeNotSupported:
			return errs
		}
	}
	broken, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...)
}

// update does to an object what an API server does when it is to replace another: the rules may look at both.
func (d *definition) update(before, after map[string]any) field.ErrorList {
	broken, _ := d.rules.Validate(context.Background(), nil, d.structural, after, before, celconfig.RuntimeCELCostBudget)
	return broken
}

func definitionOf(t testing.TB, kind string) *definition {
	t.Helper()
	byKind, err := definitions()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := byKind[kind]
	if !ok {
		t.Fatalf("%s holds no CustomResourceDefinition of kind %q: run make generate", crdFolder, kind)
	}
	return d
}

// TestDefinitions checks what an API server checks when a CustomResourceDefinition is created, the estimated costs of the
// CEL rules included.
func TestDefinitions(t *testing.T) {
	for _, kind := range []string{"PlacementPolicy", "ClusterPlacementPolicy", "PriceList", "LatencyMap", "Placement", "CloudPool"} {
		t.Run(kind, func(t *testing.T) {
			d := definitionOf(t, kind)
			for _, err := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), d.internal) {
				t.Error(err)
			}
			names := d.internal.Spec.Names
			if len(names.ShortNames) == 0 {
				t.Error("no short name")
			}
			if len(d.internal.Spec.Versions[0].AdditionalPrinterColumns)+len(d.internal.Spec.AdditionalPrinterColumns) == 0 {
				t.Error("no printer columns")
			}
		})
	}
}
