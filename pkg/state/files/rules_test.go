package files

import (
	"testing"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

func countRules(schema *structuralschema.Structural) int {
	n := len(schema.XValidations)
	if schema.Items != nil {
		n += countRules(schema.Items)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Structural != nil {
		n += countRules(schema.AdditionalProperties.Structural)
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		n += countRules(&property)
	}
	return n
}

// Every rule of a definition is in exactly one part.
func TestNoRuleIsLost(t *testing.T) {
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		definition, err := DefinitionOf(kind)
		if err != nil {
			t.Fatal(err)
		}
		all := countRules(definition.structural)
		parts := countRules(rulesUnder(definition.structural, ""))
		for name := range definition.structural.Properties["spec"].Properties {
			parts += countRules(rulesUnder(definition.structural, name))
		}
		if all == 0 || parts != all {
			t.Errorf("%s has %d rules, its parts %d", kind, all, parts)
		}
		if countRules(definition.structural) != all {
			t.Errorf("%s was changed", kind)
		}
	}
}
