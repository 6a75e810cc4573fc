package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const good = `apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: web}
spec:
  workloadSelector: {matchLabels: {app: web}}
  residency: {jurisdictions: [EU]}
`

func checkText(t testing.TB, text string) *Result {
	t.Helper()
	result, err := Files([]string{"-"}, strings.NewReader(text), "shop", now)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"nothing", "# a comment\n---\n\n", ""},
		{"another kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}", ""},
		{"JSON", `{"apiVersion":"tradewind.dev/v1alpha1","kind":"PlacementPolicy","metadata":{"name":"web"},"spec":{"workloadSelector":{}}}`, ""},
		{"unknown field", good + "  optimiseFor: Cost\n", "standard input:7: PlacementPolicy/shop/web: spec.optimiseFor: unknown field; the fields here are availability, cost,"},
		{"unknown field of another case", good + "  optimizefor: Cost\n", ":7: PlacementPolicy/shop/web: spec.optimizefor: unknown field; did you mean optimizeFor?"},
		{"unknown field deep down", good + "  latency:\n    clients:\n    - location: DE\n      share: 100\n", ":10: PlacementPolicy/shop/web: spec.latency.clients[0].share: unknown field"},
		{"schema", good + "  optimizeFor: cost\n", `:7: PlacementPolicy/shop/web: spec.optimizeFor: Unsupported value: "cost": supported values:`},
		{"rule", good + "  latency:\n    clients:\n    - {location: DE, sharePercent: 99}\n", ":8: PlacementPolicy/shop/web: spec.latency.clients: Invalid value: shares add up to 99; they must add up to 100"},
		{"meaning", strings.Replace(good, "EU", "EUROPE", 1), `:6: PlacementPolicy/shop/web: spec.residency.jurisdictions: `},
		{"client", good + "  latency: {clients: [{location: aws/eu-wst-1, sharePercent: 100}]}\n", `spec.latency.clients[0].location: aws has no region "eu-wst-1"; did you mean aws/eu-west-1`},
		{"another name of a cloud", good + "  locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws, google]}]}\n",
			`:7: PlacementPolicy/shop/web: spec.locations.required[0].values[1]: "google" is another name of the cloud gcp, and no place is found by it; write gcp`},
		{"second document", good + "---\n" + strings.Replace(good, "EU", "XX", 1), "the same object is in standard input:1 already"},
		{"line of the second document", good + "---\n" + strings.NewReplacer("name: web", "name: b", "[EU]", "[XX]").Replace(good), "standard input:13: PlacementPolicy/shop/b: spec.residency.jurisdictions"},
		{"no name", strings.Replace(good, "{name: web}", "{}", 1), "metadata.name: Required value: give the object a name"},
		{"bad name", strings.Replace(good, "name: web", "name: Web_1", 1), "metadata.name: Invalid value: \"Web_1\""},
		{"namespace of a cluster's policy", strings.NewReplacer("PlacementPolicy", "ClusterPlacementPolicy", "name: web", "name: web, namespace: x").Replace(good),
			"metadata.namespace: ClusterPlacementPolicy belongs to the whole cluster: remove the namespace"},
		{"another version", strings.Replace(good, "v1alpha1", "v1", 1), `apiVersion: "tradewind.dev/v1" is not served; write tradewind.dev/v1alpha1`},
		{"no such kind", strings.Replace(good, "PlacementPolicy", "PlacmentPolicy", 1), `kind: tradewind.dev has no kind "PlacmentPolicy"; it has CloudPool, ClusterPlacementPolicy, LatencyMap, Placement, PlacementPolicy, PriceList`},
		{"twice a key", good + "  residency: {jurisdictions: [US]}\n", `PlacementPolicy/web: key "residency" already set in map`},
		{"no YAML", good + "---\na: b: c\n", "standard input:8: document 2: mapping values are not allowed"},
		{"no object", "hello", "standard input:1: document 1: not a Kubernetes object"},
		{"wrong type", strings.Replace(good, "[EU]", "EU", 1), "spec.residency.jurisdictions: Invalid value: \"string\""},
		{"no spec", strings.Split(good, "spec:")[0], "spec: Required value"},
		{"list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: tradewind.dev/v1alpha1\n  kind: PriceList\n  metadata: {name: a}\n  spec:\n    instances:\n    - {cloud: aws, instanceType: x, hourlyUSD: -1}\n",
			"standard input:9: PriceList/a: spec.instances[0].hourlyUSD"},
		{"sample", "apiVersion: tradewind.dev/v1alpha1\nkind: LatencyMap\nmetadata: {name: a}\nspec: {samples: [{from: DE, to: FR, milliseconds: 1}]}",
			"LatencyMap/a: spec.samples[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := checkText(t, c.text)
			var got []string
			for _, problem := range result.Problems {
				got = append(got, problem.String())
			}
			if c.want == "" {
				if !result.Valid() {
					t.Errorf("problems %q, want none", got)
				}
				return
			}
			if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("problems\n\t%s\nwant one with\n\t%s", strings.Join(got, "\n\t"), c.want)
			}
			for _, object := range result.Objects {
				said := slices.ContainsFunc(result.Problems, func(p Problem) bool { return p.Object == object.String() })
				if said == object.Valid {
					t.Errorf("%s: valid %v, but problems %q", object, object.Valid, got)
				}
			}
		})
	}
}

// TestMoreThanMayCount is about policies that are sound one by one and more than may count together.
func TestMoreThanMayCount(t *testing.T) {
	one := func(name string) string { return strings.Replace(good, "name: web", "name: "+name, 1) + "---\n" }
	var text strings.Builder
	for i := range 64 {
		text.WriteString(one(fmt.Sprint("p", i)))
	}
	if result := checkText(t, text.String()); !result.Valid() {
		t.Fatalf("64 policies: %v", result.Problems[0])
	}
	text.WriteString(one("more"))
	text.WriteString(strings.Replace(one("elsewhere"), "name: elsewhere", "name: elsewhere, namespace: other", 1))
	result := checkText(t, text.String())
	if len(result.Problems) != 65 {
		t.Fatalf("%d problems, want one of each policy of the namespace", len(result.Problems))
	}
	if got, want := result.Problems[64].String(), "PlacementPolicy/shop/more: spec.workloadSelector: a pod with these labels waits: 65 policies select the pod and at most 64 may: "; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWarnings(t *testing.T) {
	result := checkText(t, "apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: a}\nspec:\n  instances:\n"+
		"  - {cloud: aws, instanceType: m6i.lage, hourlyUSD: 1}\n  - {cloud: acme, instanceType: big, hourlyUSD: 1}\n  - {cloud: aws, instanceType: m6i.large, hourlyUSD: 1}\n  discounts:\n  - {cloud: gcp, region: europe-wst1, percent: 5}\n  egress:\n  - {from: aws/eu-wst-1, to: internet, usdPerGB: 1}\n")
	if !result.Valid() || len(result.Warnings) != 3 {
		t.Fatalf("problems %v, warnings %v; want three", result.Problems, result.Warnings)
	}
	if got := result.Warnings[1].String(); !strings.Contains(got, ":10: PriceList/a: spec.discounts[0].region: gcp has no region") || !strings.Contains(got, "europe-west1") {
		t.Errorf("warning %q", got)
	}
	if got := result.Warnings[2].String(); !strings.Contains(got, ":12: PriceList/a: spec.egress[0].from: aws has no region") {
		t.Errorf("warning %q", got)
	}
	if got := result.Warnings[0].String(); !strings.Contains(got, "standard input:6: PriceList/a: spec.instances[0].instanceType") || !strings.Contains(got, "m6i.large") {
		t.Errorf("warning %q", got)
	}
}

func TestFolders(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Files([]string{folder}, nil, "shop", now); err == nil || !strings.Contains(err.Error(), "holds no .yaml") {
		t.Errorf("an empty folder: %v", err)
	}
	write("a.yaml", good)
	write("deep/b.yml", strings.Replace(good, "name: web", "name: b, namespace: other", 1))
	write("README.md", "not: [yaml")
	write("nodes.yaml", "pools: []")
	result, err := Files([]string{folder}, nil, "shop", now)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Valid() || len(result.Objects) != 2 || len(result.Ignored) != 1 || result.Objects[1].Namespace != "other" {
		t.Errorf("objects %+v, problems %v", result.Objects, result.Problems)
	}
	result, err = Files([]string{filepath.Join(folder, "nodes.yaml")}, nil, "shop", now)
	if err != nil || result.Valid() {
		t.Errorf("a file without objects that was named: %v, problems %v", err, result.Problems)
	}
	if _, err := Files([]string{filepath.Join(folder, "none.yaml")}, nil, "shop", now); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestAgainst(t *testing.T) {
	node := func(name, zone string) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyRegion: zone[:len(zone)-1], corev1.LabelTopologyZone: zone}},
			Spec:       corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef0"},
		}
	}
	pod := func(namespace, app string, phase corev1.PodPhase) *corev1.Pod {
		name := namespace + app + string(phase)
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Labels: map[string]string{"app": app}},
			Status:     corev1.PodStatus{Phase: phase},
		}
	}
	snapshot, err := state.NewSnapshot(state.Lists{
		Nodes:      []*corev1.Node{node("a", "eu-west-1a"), node("b", "us-east-1a"), node("c", "eu-central-1a")},
		Pods:       []*corev1.Pod{pod("shop", "web", "Running"), pod("shop", "web", "Succeeded"), pod("shop", "db", "Pending"), pod("ops", "web", "Running")},
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}, {ObjectMeta: metav1.ObjectMeta{Name: "ops"}}},
	}, location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	result := checkText(t, good+"---\n"+`apiVersion: tradewind.dev/v1alpha1
kind: ClusterPlacementPolicy
metadata: {name: team-a}
spec: {workloadSelector: {}, namespaceSelector: {matchLabels: {team: a}}, locations: {required: [{key: topology.kubernetes.io/region, operator: In, values: [us-east-1]}]}}
---
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: m}
spec: {samples: [{from: DE, to: aws/eu-west-1, milliseconds: 1}]}
`)
	if err := result.Against(snapshot); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, object := range result.Objects {
		if object.Cluster != nil {
			got = append(got, fmt.Sprint(object.Name, *object.Cluster))
		}
	}
	if want := []string{"web{1 2 3}", "team-a{2 1 3}"}; !slices.Equal(got, want) {
		t.Errorf("counts %q, want %q; problems %v", got, want, result.Problems)
	}
}

// FuzzFiles checks that no input crashes the reader, that every problem names the file and a line that it has, and that
// what is called valid is valid when it is read again.
func FuzzFiles(f *testing.F) {
	for _, seed := range []string{
		good, "---\n" + good + "...\n---\n", "a: b: c", "- 1\n- 2", "{", "a: &a [*a]", "\xff\xfe", "apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: 3\nspec: []",
		"apiVersion: v1\nkind: List\nitems: [1, {}, {kind: PlacementPolicy, apiVersion: tradewind.dev/v1alpha1}]",
		"kind: LatencyMap\napiVersion: tradewind.dev/v1alpha1\nmetadata: {name: a}\nspec: {maxAge: 1h, samples: [{from: DE, to: aws/eu-west-1, milliseconds: 1e3}]}",
		"kind: ClusterPlacementPolicy\napiVersion: tradewind.dev/v1alpha1\nmetadata: {generateName: a-}\nspec: {workloadSelector: {}, cost: {maxHourlyUSD: .5}, spread: [{topologyKey: a}]}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		result, err := Files([]string{"-"}, strings.NewReader(string(data)), "shop", now)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, problem := range result.Problems {
			ofFile := problem.Document == 0 && problem.Object == "" // which has no line
			if problem.File == "" || problem.Message == "" || problem.Line < 1 && !ofFile || problem.Line > lines {
				t.Errorf("problem %+v of a file of %d lines", problem, lines)
			}
		}
		again, err := Files([]string{"-"}, strings.NewReader(string(data)), "shop", now)
		if err != nil || fmt.Sprint(again.Problems) != fmt.Sprint(result.Problems) {
			t.Errorf("read again: %v, %v; before: %v", err, again.Problems, result.Problems)
		}
	})
}

// TestHugeExponentsAreRefusedAtOnce: reading 1e-999999999 as a quantity would take hours.
func TestHugeExponentsAreRefusedAtOnce(t *testing.T) {
	text := "apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: bad}\nspec:\n  instances:\n" +
		"  - {cloud: aws, instanceType: m5.large, hourlyUSD: \"1e-999999999\"}\n"
	result, err := Files([]string{"-"}, strings.NewReader(text), "default", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if result.Valid() || result.Problems[0].Field != "spec.instances[0].hourlyUSD" {
		t.Errorf("problems %v, want one of spec.instances[0].hourlyUSD", result.Problems)
	}
}
