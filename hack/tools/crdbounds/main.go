// Command crdbounds completes CustomResourceDefinitions with bounds that Go types of Kubernetes cannot carry as markers.
//
//   - Label selectors: lengths and numbers of entries, and the four operators. The API server estimates what a CEL rule
//     costs from such bounds and refuses a rule over something unbounded.
//   - Quantities: a plain decimal number with an optional suffix n, u, m or k, as every quantity of this API is an amount
//     of money, of time or a percentage. Exponents are refused because parsing a quantity takes time in proportion to 10
//     to the power of its exponent.
//   - Times: as Go reads them, which is stricter than the format date-time; a time that Go cannot read would stop every watch.
//   - Quantities in a map are resources of a machine: none is negative, and the suffixes of memory (Gi) are allowed.
//
// Usage: crdbounds DIRECTORY, where every *.yaml file is a CustomResourceDefinition, rewritten in place.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

const (
	maxRequirements   = 32  // matchExpressions of a selector
	maxLabels         = 32  // matchLabels of a selector
	maxValues         = 64  // values of a requirement
	maxLabelKeyLength = 317 // prefix 253, "/", name 63: k8s.io/apimachinery/pkg/util/validation.IsQualifiedName
	maxLabelLength    = 63  // k8s.io/apimachinery/pkg/util/validation.LabelValueMaxLength
	maxQuantityLength = 24
	quantityPattern   = `^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$`
	// Below 1000P and with three decimals at most: others are not written again as they were read, or are longer then.
	resourcePattern = `^[+]?(` +
		`[0-9]{1,3}([.][0-9]{0,3})?P|[0-9]{1,2}([.][0-9]{0,3})?Pi|[0-9]{1,6}([.][0-9]{0,3})?T|[0-9]{1,5}([.][0-9]{0,3})?Ti|` +
		`[0-9]{1,9}([.][0-9]{0,3})?G|[0-9]{1,8}([.][0-9]{0,3})?Gi|[0-9]{1,12}([.][0-9]{0,3})?M|[0-9]{1,11}([.][0-9]{0,3})?Mi|` +
		`[0-9]{1,15}([.][0-9]{0,3})?k|[0-9]{1,14}([.][0-9]{0,3})?Ki|[0-9]{1,18}([.][0-9]{0,3})?|[0-9]{1,21}[num]|[.][0-9]{1,3}([kMGTP]|[KMGTP]i)?)$`
	timePattern        = `^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	intOrStringKeyword = "x-kubernetes-int-or-string"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "crdbounds: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("give one directory of CustomResourceDefinitions")
	}
	files, err := filepath.Glob(filepath.Join(args[0], "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no *.yaml file", args[0])
	}
	for _, file := range files {
		if err := rewrite(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func rewrite(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var crd map[string]any
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return err
	}
	bound(crd)
	data, err = yaml.Marshal(crd)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// bound walks a tree and completes every schema in it.
func bound(node any) {
	switch node := node.(type) {
	case map[string]any:
		boundQuantity(node)
		boundTime(node)
		if properties, ok := node["properties"].(map[string]any); ok {
			boundRequirement(properties)
			boundSelector(properties)
		}
		for _, child := range node {
			bound(child)
		}
		if resource := child(node, "additionalProperties"); resource["pattern"] == quantityPattern {
			resource["pattern"] = resourcePattern
		}
	case []any:
		for _, child := range node {
			bound(child)
		}
	}
}

func boundQuantity(schema map[string]any) {
	if isIntOrString, ok := schema[intOrStringKeyword].(bool); !ok || !isIntOrString {
		return
	}
	if _, ok := schema["pattern"]; !ok {
		return // an IntOrString of another kind
	}
	schema["pattern"] = quantityPattern
	schema["maxLength"] = maxQuantityLength
}

func boundTime(schema map[string]any) {
	if _, ok := schema["pattern"]; !ok && schema["format"] == "date-time" && schema["type"] == "string" {
		schema["pattern"] = timePattern
	}
}

func boundRequirement(properties map[string]any) {
	key, operator, values := child(properties, "key"), child(properties, "operator"), child(properties, "values")
	if key == nil || operator == nil || values == nil {
		return
	}
	key["maxLength"] = maxLabelKeyLength
	operator["enum"] = []any{"In", "NotIn", "Exists", "DoesNotExist"}
	values["maxItems"] = maxValues
	if items := child(values, "items"); items != nil {
		items["maxLength"] = maxLabelLength
	}
}

func boundSelector(properties map[string]any) {
	expressions, labels := child(properties, "matchExpressions"), child(properties, "matchLabels")
	if expressions == nil || labels == nil {
		return
	}
	expressions["maxItems"] = maxRequirements
	labels["maxProperties"] = maxLabels
	if values := child(labels, "additionalProperties"); values != nil {
		values["maxLength"] = maxLabelLength
	}
}

func child(node map[string]any, name string) map[string]any {
	c, _ := node[name].(map[string]any)
	return c
}
