package files

import (
	"context"
	"maps"
	"slices"
	"sync"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// rules are the CEL rules of a definition. Compiling all of them takes longer than planning a small scenario, so those
// under each field of the spec are compiled when an object first has the field.
type rules struct {
	// upper are the rules of the object and of the spec itself.
	upper func() *cel.Validator
	// fields are those under each field of the spec.
	fields map[string]func() *cel.Validator
}

func newRules(schema *structuralschema.Structural) *rules {
	compile := func(only string) func() *cel.Validator {
		return sync.OnceValue(func() *cel.Validator { return cel.NewValidator(rulesUnder(schema, only), true, celconfig.PerCallLimit) })
	}
	out := &rules{upper: compile(""), fields: map[string]func() *cel.Validator{}}
	for name := range schema.Properties["spec"].Properties {
		out.fields[name] = compile(name)
	}
	return out
}

// rulesUnder is the schema with only the rules under one field of the spec; without a field only those of the object and
// of the spec itself.
func rulesUnder(schema *structuralschema.Structural, only string) *structuralschema.Structural {
	out := schema.DeepCopy()
	spec, ok := out.Properties["spec"]
	if !ok {
		return out
	}
	for name, property := range spec.Properties {
		if name != only {
			withoutRules(&property)
			spec.Properties[name] = property
		}
	}
	if only != "" {
		out.XValidations, spec.XValidations = nil, nil
		for name, property := range out.Properties {
			if name != "spec" {
				withoutRules(&property)
				out.Properties[name] = property
			}
		}
	}
	out.Properties["spec"] = spec
	return out
}

func withoutRules(schema *structuralschema.Structural) {
	schema.XValidations = nil
	if schema.Items != nil {
		withoutRules(schema.Items)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Structural != nil {
		withoutRules(schema.AdditionalProperties.Structural)
	}
	for name, property := range schema.Properties {
		withoutRules(&property)
		schema.Properties[name] = property
	}
}

// broken are the rules that an object breaks.
func (r *rules) broken(schema *structuralschema.Structural, object map[string]any) field.ErrorList {
	out, budget := r.upper().Validate(context.Background(), nil, schema, object, nil, celconfig.RuntimeCELCostBudget)
	spec, _ := object["spec"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		compiled, ok := r.fields[name]
		if !ok {
			continue
		}
		var found field.ErrorList
		found, budget = compiled().Validate(context.Background(), nil, schema, object, nil, budget)
		out = append(out, found...)
	}
	return out
}
