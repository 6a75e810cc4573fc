package v1alpha1

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// admissionCase is one object, as its spec in YAML, and the errors an API server answers with; none for a good one.
type admissionCase struct {
	name string
	spec string
	want []string
}

// run admits every case as an object of a kind. Prefix is put before every spec.
func runAdmission(t *testing.T, kind, prefix string, cases []admissionCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			document := "apiVersion: " + GroupVersion.String() + "\nkind: " + kind + "\nmetadata: {name: example}\nspec:\n" +
				indent(prefix+strings.TrimLeft(c.spec, "\n"))
			object, err := parseObject([]byte(document))
			if err != nil {
				t.Fatalf("the test's own YAML: %v\n%s", err, document)
			}
			var got []string
			for _, err := range definitionOf(t, kind).admit(object) {
				got = append(got, err.Error())
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

// parseObject reads YAML as an API server does: whole numbers are integers.
func parseObject(document []byte) (map[string]any, error) {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	return object, json.Unmarshal(data, &object)
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n\t "), "\n")
	for i, line := range lines {
		lines[i] = "  " + strings.ReplaceAll(line, "\t", "")
	}
	return strings.Join(lines, "\n") + "\n"
}
