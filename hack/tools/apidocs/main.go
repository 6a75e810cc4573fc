// Command apidocs writes a reference of CustomResourceDefinitions in Markdown: every field with its type, default, limits
// and the messages of its validation rules, exactly as an API server enforces them.
//
// Usage: apidocs DIRECTORY, where every *.yaml file is a CustomResourceDefinition. It writes to standard output.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "apidocs: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("give one directory of CustomResourceDefinitions")
	}
	definitions, err := load(args[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, render(definitions))
	return err
}

// load reads the definitions of a directory: namespaced kinds first, then by name.
func load(directory string) ([]apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var definitions []apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(definition.Spec.Versions) != 1 || definition.Spec.Versions[0].Schema == nil {
			return nil, fmt.Errorf("%s: want one version with a schema, found %d versions", file, len(definition.Spec.Versions))
		}
		definitions = append(definitions, definition)
	}
	if len(definitions) == 0 {
		return nil, fmt.Errorf("%s holds no *.yaml file", directory)
	}
	slices.SortStableFunc(definitions, func(a, b apiextensionsv1.CustomResourceDefinition) int {
		return strings.Compare(order(a), order(b))
	})
	return definitions, nil
}

func order(d apiextensionsv1.CustomResourceDefinition) string {
	if d.Spec.Scope == apiextensionsv1.NamespaceScoped {
		return "0" + d.Spec.Names.Kind
	}
	return "1" + d.Spec.Names.Kind
}

func render(definitions []apiextensionsv1.CustomResourceDefinition) string {
	var b strings.Builder
	b.WriteString("# API reference\n\nGenerated from the CustomResourceDefinitions by `make generate`. Limits and rules are what the API server answers with\n" +
		"when an object breaks them. Quantities are whole numbers or quoted decimal numbers (`40`, `\"0.0416\"`).\n\n")
	for _, d := range definitions {
		kind := d.Spec.Names.Kind
		fmt.Fprintf(&b, "- [%s](#%s)\n", kind, strings.ToLower(kind))
	}
	seen := map[string]string{} // a rendered field, and the kind that has it
	for i := range definitions {
		renderKind(&b, &definitions[i], seen)
	}
	return b.String()
}

func renderKind(b *strings.Builder, d *apiextensionsv1.CustomResourceDefinition, seen map[string]string) {
	version, names := d.Spec.Versions[0], d.Spec.Names
	scope := "of the cluster"
	if d.Spec.Scope == apiextensionsv1.NamespaceScoped {
		scope = "namespaced"
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n`apiVersion: %s/%s`, `kind: %s`, %s; `kubectl get %s`",
		names.Kind, paragraph(version.Schema.OpenAPIV3Schema.Description), d.Spec.Group, version.Name, names.Kind, scope, names.Plural)
	for _, short := range names.ShortNames {
		fmt.Fprintf(b, " or `kubectl get %s`", short)
	}
	b.WriteString(" shows:\n\n")
	for _, column := range version.AdditionalPrinterColumns {
		if column.Description == "" {
			continue
		}
		wide := ""
		if column.Priority > 0 {
			wide = " (with `-o wide`)"
		}
		fmt.Fprintf(b, "- **%s**%s: %s.\n", column.Name, wide, column.Description)
	}
	var fields []string
	for _, part := range []string{"spec", "status"} {
		if schema, ok := version.Schema.OpenAPIV3Schema.Properties[part]; ok {
			fields = append(fields, rows(part, &schema, slices.Contains(version.Schema.OpenAPIV3Schema.Required, part))...)
		}
	}
	b.WriteString("\n")
	if own, owner := without(fields, seen); len(own) < len(fields)/2 {
		fields = own
		fmt.Fprintf(b, "It has every field of [%s](#%s), with the same meaning, and:\n\n", owner, strings.ToLower(owner))
	}
	for _, field := range fields {
		seen[field] = names.Kind
	}
	b.WriteString("| Field | Type | Meaning |\n| --- | --- | --- |\n" + strings.Join(fields, ""))
}

// without leaves out the fields that another kind has, and names that kind.
func without(fields []string, seen map[string]string) (own []string, owner string) {
	for _, field := range fields {
		if kind, ok := seen[field]; ok {
			owner = kind
		} else {
			own = append(own, field)
		}
	}
	return own, owner
}

// rows renders a field and the fields under it, one table row each.
func rows(path string, schema *apiextensionsv1.JSONSchemaProps, required bool) []string {
	notes := []string{paragraph(schema.Description)}
	if required {
		notes = append(notes, "Required.")
	}
	if schema.Default != nil {
		notes = append(notes, fmt.Sprintf("Default: `%s`.", strings.Trim(string(schema.Default.Raw), `"`)))
	}
	notes = append(notes, limits(schema)...)
	notes = append(notes, rules("Rule", schema)...)
	if schema.Items != nil && schema.Items.Schema != nil {
		notes = append(notes, rules("Rule for each", schema.Items.Schema)...)
	}
	notes = slices.DeleteFunc(notes, func(note string) bool { return note == "" })
	result := []string{fmt.Sprintf("| `%s` | %s | %s |\n", path, typeOf(path, schema), strings.ReplaceAll(strings.Join(notes, "<br>"), "|", `\|`))}
	if isLeaf(path, schema) {
		return result
	}
	inner := schema
	if schema.Items != nil && schema.Items.Schema != nil {
		inner, path = schema.Items.Schema, path+"[]"
	}
	names := make([]string, 0, len(inner.Properties))
	for name := range inner.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		property := inner.Properties[name]
		result = append(result, rows(path+"."+name, &property, slices.Contains(inner.Required, name))...)
	}
	return result
}

// isLeaf reports whether a field is of a type that Kubernetes documents.
func isLeaf(path string, schema *apiextensionsv1.JSONSchemaProps) bool {
	_, selector := schema.Properties["matchLabels"]
	return selector || strings.HasSuffix(path, ".conditions")
}

func typeOf(path string, schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.XIntOrString:
		return "quantity"
	case strings.HasSuffix(path, ".conditions"):
		return "list of conditions"
	case isLeaf(path, schema):
		return "label selector"
	case schema.Items != nil && schema.Items.Schema != nil:
		return "list of " + typeOf("", schema.Items.Schema) + "s"
	case schema.Format == "date-time":
		return "time"
	default:
		return schema.Type
	}
}

func limits(schema *apiextensionsv1.JSONSchemaProps) []string {
	var values, parts []string
	for _, value := range schema.Enum {
		values = append(values, "`"+strings.Trim(string(value.Raw), `"`)+"`")
	}
	if len(values) > 0 {
		parts = append(parts, "One of "+strings.Join(values, ", ")+".")
	}
	switch {
	case schema.Minimum != nil && schema.Maximum != nil:
		parts = append(parts, fmt.Sprintf("From %.0f to %.0f.", *schema.Minimum, *schema.Maximum))
	case schema.Minimum != nil:
		parts = append(parts, fmt.Sprintf("At least %.0f.", *schema.Minimum))
	case schema.Maximum != nil:
		parts = append(parts, fmt.Sprintf("At most %.0f.", *schema.Maximum))
	}
	if schema.MaxItems != nil {
		parts = append(parts, fmt.Sprintf("At most %d entries.", *schema.MaxItems))
	}
	if len(schema.XListMapKeys) > 0 {
		parts = append(parts, fmt.Sprintf("Entries differ in `%s`.", strings.Join(schema.XListMapKeys, "`, `")))
	}
	return []string{strings.Join(parts, " ")}
}

func rules(title string, schema *apiextensionsv1.JSONSchemaProps) []string {
	var result []string
	for _, rule := range schema.XValidations {
		result = append(result, title+": *"+rule.Message+"*.")
	}
	return result
}

// paragraph joins the lines of a description.
func paragraph(text string) string { return strings.Join(strings.Fields(text), " ") }
