package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/report"
)

// run runs the command in this process, without a kubeconfig.
func run(t *testing.T, stdin string, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	var out, err bytes.Buffer
	code = Run(context.Background(), append([]string{"tradewind"}, arguments...), "v1.2.3", strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func TestCatalogShow(t *testing.T) {
	code, out, err := run(t, "", "catalog", "show", "aws", "eu-west-1", "m6i.large", "--egress-to", "gcp/europe-west1", "--latency-to", "azure/westeurope", "--clients", "DE", "-o", "json")
	if code != 0 || err != "" {
		t.Fatalf("exit %d: %s", code, err)
	}
	var got report.Catalog
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Instances) != 1 || len(got.Egress) != 1 || len(got.RoundTrips) != 2 || len(got.Clouds) != 1 || len(got.Regions) != 1 {
		t.Fatalf("got %s", out)
	}
	instance := got.Instances[0]
	for what, price := range map[string]report.Amount{"on-demand": instance.OnDemand, "spot": instance.Spot} {
		if price.HourlyUSD == nil || *price.HourlyUSD <= 0 || price.Source == "" || price.Date == "" {
			t.Errorf("%s price %+v", what, price)
		}
	}
	if instance.CPU != 2 || instance.MemoryGiB != 8 {
		t.Errorf("m6i.large has %v CPU and %v GiB", instance.CPU, instance.MemoryGiB)
	}
	for _, trip := range got.RoundTrips {
		if trip.Milliseconds.Milliseconds == nil || trip.Basis == "" || trip.Source == "" || trip.Date == "" {
			t.Errorf("round trip %+v", trip)
		}
	}
	if egress := got.Egress[0]; egress.USDPerGB == nil || egress.Source == "" || egress.To != "gcp/europe-west1" {
		t.Errorf("egress %+v", egress)
	}
}

// TestUnknownIsNull checks that what nobody states is null with a reason, in the JSON itself.
func TestUnknownIsNull(t *testing.T) {
	_, out, _ := run(t, "", "catalog", "show", "hetzner", "fsn1", "--latency-to", "acme/lux-1", "-o", "json")
	var got struct {
		Egress     []map[string]any `json:"egress"`
		RoundTrips []map[string]any `json:"roundTrips"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for key, figure := range map[string]map[string]any{"usdPerGB": got.Egress[0], "milliseconds": got.RoundTrips[0]} {
		value, present := figure[key]
		if !present || value != nil || figure["reason"] == "" || figure["reason"] == nil {
			t.Errorf("%s: %v; want null with a reason", key, figure)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		arguments string
		want      string
	}{
		{"catalog show asw", `unknown cloud "asw"; the catalog knows aws, azure`},
		{"catalog show aws eu-wst-1", "did you mean aws/eu-west-1"},
		{"catalog show aws eu-west-1 m6i.lrge", "did you mean m6i.large"},
		{"catalog show aws eu-west-1 m6i.large --egress-to DE", `"DE" is a country`},
		{"catalog show aws eu-west-1 --clients UK", "did you mean GB?"},
		{"catalog show aws --clients DE", "need a region"},
		{"catalog show aws -o xml", `--output "xml" is unknown; use one of table, json, yaml, csv`},
		{"catalog jurisdictions EUROPE", `Error: "EUROPE" is no ISO 3166 country code`},
		{"catalog shwo", `unknown command "shwo" for "tradewind catalog"; did you mean show?`},
		{"explain pod", "say which pod"},
		{"explain pod/", "the name of the pod is empty: write tradewind explain pod NAME"},
		{"explain pod/web --scheduler-config none.yaml", "--scheduler-config: open none.yaml: no such file"},
		{"explain deployment web", "only pods can be explained"},
		{"explain pod web", "there is no kubeconfig; give --kubeconfig FILE"},
		{"explain pod/web --optimize-for Speed", "use one of Cost, Latency, Balanced"},
		{"report cost --by team", "group by cloud, region, node, namespace, workload, policy"},
		{"report cost", "there is no kubeconfig"},
		{"report latency -o pdf", "use one of table, json, yaml, csv"},
		{"policy check", "requires at least 1 arg"},
		{"policy check none.yaml", "none.yaml: no such file"},
		{"policy check - --against-cluster", "there is no kubeconfig"},
	} {
		code, out, err := run(t, "", strings.Fields(c.arguments)...)
		if code != 1 || out != "" || !strings.Contains(err, c.want) {
			t.Errorf("%s: exit %d, output %q, error %q; want %q", c.arguments, code, out, err, c.want)
		}
	}
}

func TestPolicyCheck(t *testing.T) {
	good := "apiVersion: tradewind.dev/v1alpha1\nkind: ClusterPlacementPolicy\nmetadata: {name: eu}\nspec: {workloadSelector: {}, residency: {jurisdictions: [EU]}}\n"
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, err := run(t, "", "policy", "check", file); code != 0 || err != "" || out != file+":1: ClusterPlacementPolicy/eu: ok\n" {
		t.Errorf("exit %d, output %q, error %q", code, out, err)
	}
	bad := strings.Replace(good, "EU", "EUU", 1) + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
	code, out, err := run(t, bad, "policy", "check", "-")
	if code != 1 || !strings.Contains(out, "ClusterPlacementPolicy/eu: not valid") || !strings.Contains(out, "not Tradewind's, ignored: Secret/s (v1)") ||
		!strings.Contains(err, "standard input:4: ClusterPlacementPolicy/eu: spec.residency.jurisdictions: ") || strings.Contains(err, "Error") {
		t.Errorf("exit %d, output %q, error %q", code, out, err)
	}
	code, out, _ = run(t, bad, "policy", "check", "-", "-o", "json")
	var result struct {
		Objects  []struct{ Valid bool }
		Problems []struct {
			File, Object, Field, Message string
			Line                         int
		}
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if code != 1 || len(result.Objects) != 1 || result.Objects[0].Valid || len(result.Problems) != 1 || result.Problems[0].Line != 4 {
		t.Errorf("exit %d, %+v", code, result)
	}
}

func TestFormatsAgree(t *testing.T) {
	_, asJSON, _ := run(t, "", "catalog", "jurisdictions", "-o", "json")
	_, asYAML, _ := run(t, "", "catalog", "jurisdictions", "-o", "yaml")
	converted, err := yaml.YAMLToJSON([]byte(asYAML))
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal([]byte(asJSON), &a) != nil || json.Unmarshal(converted, &b) != nil {
		t.Fatal("no JSON")
	}
	first, _ := json.Marshal(a)
	second, _ := json.Marshal(b)
	if !bytes.Equal(first, second) {
		t.Error("JSON and YAML differ")
	}
	_, asCSV, _ := run(t, "", "catalog", "jurisdictions", "-o", "csv")
	if lines := strings.Count(asCSV, "\n"); lines < 5 || !strings.HasPrefix(asCSV, "name,countries,description,source,date\n") {
		t.Errorf("CSV of %d lines: %q", lines, asCSV)
	}
}

func TestVersion(t *testing.T) {
	if _, out, _ := run(t, "", "version"); !strings.HasPrefix(out, "tradewind v1.2.3 (go") {
		t.Errorf("version %q", out)
	}
}

// TestHelp checks that every command that does something has examples, under the name that it is called by.
func TestHelp(t *testing.T) {
	for _, arguments := range [][]string{
		{"explain"}, {"report", "cost"}, {"report", "latency"}, {"catalog", "show"}, {"catalog", "jurisdictions"}, {"policy", "check"}, {"simulate"}, {"snapshot"},
	} {
		for _, calledBy := range []string{"tradewind", "/usr/local/bin/kubectl-tradewind"} {
			name := "tradewind "
			if calledBy != "tradewind" {
				name = "kubectl tradewind "
			}
			var out bytes.Buffer
			code := Run(context.Background(), slices.Concat([]string{calledBy}, arguments, []string{"--help"}), "", nil, &out, &out)
			example := "  " + name + strings.Join(arguments, " ")
			if code != 0 || !strings.Contains(out.String(), "Examples:") || !strings.Contains(out.String(), example) {
				t.Errorf("%s %v: exit %d, help without %q:\n%s", calledBy, arguments, code, example, out.String())
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	for arguments, want := range map[string]string{
		"catalog show ":                 "hetzner",
		"catalog show aws ":             "eu-west-1",
		"catalog show aws eu-west-1 ":   "m6i.large",
		"report cost --by ":             "workload",
		"catalog jurisdictions -o ":     "yaml",
		"explain pod x --optimize-for ": "Latency",
	} {
		fields := append(strings.Fields(arguments), "")
		if _, out, _ := run(t, "", append([]string{"__complete"}, fields...)...); !slices.Contains(strings.Split(out, "\n"), want) {
			t.Errorf("completion of %q does not offer %s: %.200s", arguments, want, out)
		}
	}
}

func TestReadyProfiles(t *testing.T) {
	ready, err := readSchedulers("")
	if err != nil {
		t.Fatal(err)
	}
	profiles := ready.optimizeFor
	if len(profiles) != 3 || profiles["tradewind"] != "Balanced" || profiles["tradewind-cost"] != "Cost" || profiles["tradewind-latency"] != "Latency" {
		t.Errorf("profiles %v", profiles)
	}
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	if err := os.WriteFile(file, []byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: plain
- schedulerName: mine
  plugins: {filter: {disabled: [{name: NodePorts}]}, multiPoint: {enabled: [{name: TradewindCost}]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := readSchedulers(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(own.optimizeFor) != 1 || own.optimizeFor["mine"] != "Balanced" || len(own.plugins) != 2 || own.plugins["mine"].Filters("NodePorts") ||
		!own.plugins["plain"].Filters("NodePorts") {
		t.Errorf("of a file: %+v", own)
	}
	if err := os.WriteFile(file, []byte("apiVersion: v1\nkind: Pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSchedulers(file); err == nil || !strings.Contains(err.Error(), "--scheduler-config "+file) {
		t.Errorf("of a Pod: %v", err)
	}
}

// TestProgressIsQuiet checks that nothing is written where there is no terminal, and that --progress writes plain lines.
func TestProgressIsQuiet(t *testing.T) {
	for _, asked := range []bool{false, true} {
		var out syncBuffer
		env := &environment{terminal: &out, progress: asked}
		p := env.startProgress()
		p.say("reading %s", "pods")
		deadline := time.Now().Add(4 * time.Minute)
		for asked && out.String() == "" && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		p.close()
		got := out.String()
		if !asked && got != "" || asked && !strings.HasPrefix(got, "reading pods (") || strings.ContainsAny(got, "\r\x1b") {
			t.Errorf("asked %v: wrote %q", asked, got)
		}
	}
}
