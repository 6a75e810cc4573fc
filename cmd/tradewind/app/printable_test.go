package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/report"
)

// hostile is text that a terminal obeys or that hides: an escape sequence, an 8-bit one, a bidirectional override, a
// zero-width space, a separator of lines, and a line of our own.
const hostile = "\x1b[2J\u009b31m\u202eexe\u200b\u2028\nError: all is well"

// quoted is the hostile text within double quotes of YAML.
func quoted() string {
	encoded, _ := json.Marshal(hostile)
	return strings.Trim(string(printable.JSON(encoded)), `"`)
}

// plainText fails when something is written that does not show as itself, or when a name made a line of its own.
func plainText(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if !printable.Is(r) && r != '\n' {
			t.Errorf("%s holds %U:\n%q", what, r, text)
			return
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Error: all is well") {
			t.Errorf("%s has a line of a name's:\n%s", what, text)
		}
	}
}

// Names, kinds, fields, values and names of files reach a terminal printable, in every format.
func TestNothingRawReachesTheTerminal(t *testing.T) {
	const node = `apiVersion: v1
kind: Node
metadata: {name: a, labels: {topology.kubernetes.io/region: "X", topology.kubernetes.io/zone: "X", node.kubernetes.io/instance-type: "X", tradewind.dev/cloud: "X", tradewind.dev/cluster: "X"}}
spec: {providerID: "X://a/b"}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
`
	const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 1, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}}
---
`
	inputs := map[string]string{
		"a node's labels":  node + workload,
		"a name":           "apiVersion: v1\nkind: Node\nmetadata: {name: \"X\"}\n---\n" + workload,
		"a kind":           "apiVersion: v1\nkind: \"X\"\nmetadata: {name: a}\n---\n" + workload,
		"a version":        "apiVersion: \"apps/X\"\nkind: Deployment\nmetadata: {name: a}\n",
		"a field":          "apiVersion: v1\nkind: Pod\nmetadata: {name: a, \"X\": 1}\nspec: {nodeName: a, \"X\": 1}\n",
		"a quantity":       "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {allocatable: {\"X\": \"X\"}}\n",
		"a key twice":      "\"X\": 1\n\"X\": 2\n",
		"a policy":         "apiVersion: tradewind.dev/v1alpha1\nkind: PlacementPolicy\nmetadata: {name: \"X\", namespace: \"X\"}\nspec: {\"X\": 1, workloadSelector: {}, residency: {jurisdictions: [\"X\"]}}\n",
		"a kind of ours":   "apiVersion: tradewind.dev/v1alpha1\nkind: \"X\"\nmetadata: {name: \"X\"}\n",
		"a price list":     "apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: p}\nspec: {source: \"X\", instances: [{cloud: \"aws\", instanceType: \"X\", hourlyUSD: 1}]}\n",
		"a cluster":        "apiVersion: multicluster.x-k8s.io/v1alpha1\nkind: ClusterProfile\nmetadata: {name: fra}\nstatus: {conditions: [{type: ControlPlaneHealthy, status: \"False\", message: \"X\"}]}\n---\n" + node + workload,
		"no YAML":          "\"X\": [",
		"what is not read": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"X\", namespace: \"X\"}\n",
	}
	for name, text := range inputs {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a"+strings.ReplaceAll(hostile, "/", "")+".yaml")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "X", quoted())), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, format := range []string{"table", "json", "csv"} {
				_, out, problems := run(t, "", "simulate", "-f", file, "-o", format)
				plainText(t, "simulate -o "+format, out)
				plainText(t, "simulate -o "+format+" (errors)", problems)
			}
			for _, format := range []string{"table", "json", "yaml"} {
				_, out, problems := run(t, "", "policy", "check", file, "-o", format)
				plainText(t, "policy check -o "+format, out)
				plainText(t, "policy check (errors)", problems)
				if format != "table" && yaml.Unmarshal([]byte(out), new(any)) != nil {
					t.Errorf("no %s:\n%s", format, out)
				}
			}
		})
	}
	for _, arguments := range [][]string{
		{hostile}, {"simulate", "-f", hostile}, {"simulate", "--" + hostile}, {"policy", "check", "-o", hostile}, {"simulate", "-f", "-", "--lose", hostile}, {"catalog", "show", hostile, hostile},
	} {
		_, out, problems := run(t, "", arguments...)
		plainText(t, strings.Join(arguments, " "), strings.ReplaceAll(out+problems, "\nError: all is well", "")) // the user's own words
	}
}

// JSON keeps the value of what it escapes.
func TestJSONKeepsValues(t *testing.T) {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"" + quoted() + "\"}\n"
	for _, format := range []string{"json", "yaml"} {
		code, out, problems := run(t, text, "policy", "check", "-", "-o", format)
		var got struct {
			Ignored []struct{ Object string }
		}
		if err := yaml.Unmarshal([]byte(out), &got); code != 0 || err != nil || len(got.Ignored) != 1 || got.Ignored[0].Object != "ConfigMap/"+hostile+" (v1)" {
			t.Errorf("status %d, %v: %q\n%s%s", code, err, got, out, problems)
		}
	}
}

// The columns of a table stand under each other also where a cell was escaped.
func TestColumnsStayStraight(t *testing.T) {
	text := report.Table([]string{"NAME", ">COUNT"}, [][]string{{hostile, "1"}, {"web", "2"}})
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		if utf8.RuneCountInString(line) != utf8.RuneCountInString(lines[0]) {
			t.Errorf("lines of different widths:\n%s", text)
		}
	}
	plainText(t, "the table", text)
}

// What messages quote is clipped, and the field is named.
func TestLongValuesAreNotEchoed(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	const workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: REPLICAS, template: {spec: {containers: [{name: a, resources: {requests: {cpu: CPU}}}]}}}\n"
	const prices = "apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: p}\nspec: {instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: PRICE}]}\n"
	for _, c := range []struct{ name, text, want string }{
		{"a quantity", strings.NewReplacer("REPLICAS", "1", "CPU", `"`+long+`"`).Replace(workload), "spec.template.spec.containers[0].resources.requests[cpu]: "},
		{"replicas", strings.NewReplacer("REPLICAS", long, "CPU", "1").Replace(workload), "spec.replicas: "},
		{"a price", strings.Replace(prices, "PRICE", `"`+long+`"`, 1), "spec.instances[0].hourlyUSD: "},
		{"a name", "apiVersion: v1\nkind: Node\nmetadata: {name: \"" + long + "\"}\n", "metadata.name: "},
		{"a field", `{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"},"spec":{"` + long + `":1}}`, "unknown field"},
		{"a long key", "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {\"" + long + "\": 1}\n", "standard input:4: document 1: did not find expected"},
		{"not a number", strings.NewReplacer("REPLICAS", ".nan", "CPU", "1").Replace(workload), "standard input:4: document 1: Deployment/web: spec.replicas: is no number that JSON has"},
		{"infinite", strings.NewReplacer("REPLICAS", "1", "CPU", "-.inf").Replace(workload), "spec.template.spec.containers[0].resources.requests.cpu: is no number that JSON has"},
		{"true as a number", strings.NewReplacer("REPLICAS", "true", "CPU", "1").Replace(workload), "Deployment/default/web: spec.replicas: cannot use bool as a number"},
		{"true as a quantity", strings.NewReplacer("REPLICAS", "1", "CPU", "true").Replace(workload), "requests[cpu]: true is no quantity; write a number with a unit"},
		{"true as a price", strings.Replace(prices, "PRICE", "true", 1), "spec.instances[0].hourlyUSD: "},
		{"a time that is none", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, creationTimestamp: tomorrow}\nspec: {nodeName: a}\n", "standard input:3: Pod/default/a: metadata.creationTimestamp: "},
		{"a number as a selector's value", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {a: 1}}\nspec: {nodeName: a}\n", "metadata.labels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, problems := run(t, c.text, "simulate", "-f", "-")
			if code != 1 || !strings.Contains(problems, c.want) {
				t.Errorf("status %d: %.2000s\nwant %s", code, problems, c.want)
			}
			for line := range strings.Lines(problems + out) {
				if len(line) > 4096 {
					t.Errorf("a line of %d bytes: %.500s", len(line), line)
				}
			}
		})
	}
}
