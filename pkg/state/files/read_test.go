package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	aNode = `apiVersion: v1
kind: Node
metadata:
  name: a
  labels: {topology.kubernetes.io/region: eu-west-1, topology.kubernetes.io/zone: eu-west-1a, node.kubernetes.io/instance-type: m7i.large}
spec: {providerID: aws:///eu-west-1a/i-0123456789abcdef0}
status: {allocatable: {cpu: "2", memory: 8Gi, pods: "110"}}
`
	web = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: server
        resources: {requests: {cpu: 100m, memory: 64Mi}}
`
	policyText = `apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: web, namespace: shop}
spec:
  workloadSelector: {matchLabels: {app: web}}
  residency: {jurisdictions: [EU]}
`
)

func scenarioOf(t testing.TB, text string) *Scenario {
	t.Helper()
	set, err := Read([]string{"-"}, strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := set.Scenario(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	return scenario
}

func TestBadInput(t *testing.T) {
	good := aNode + "---\n" + web
	for _, c := range []struct {
		name, text, want string
		workloads        int
	}{
		{"good", good, "", 1},
		{"a list", "apiVersion: v1\nkind: List\nitems: [" + `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}` + "]\n", "", 0},
		{"a list of one kind", `{"apiVersion":"v1","kind":"NamespaceList","items":[{"metadata":{"name":"shop"}}]}`, "", 0},
		{"another kind", good + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", "", 1},
		{"what controllers write", good + "---\napiVersion: tradewind.dev/v1alpha1\nkind: Placement\nmetadata: {name: c}\n", "", 1},
		{"broken", good + "---\nkind: [\n", "standard input:21: document 3: did not find expected node content; the document is left out", 1},
		{"no object", good + "---\nhello\n", "standard input:21: document 3: not a Kubernetes object", 1},
		{"negative replicas", strings.Replace(good, "replicas: 2", "replicas: -2", 1), "standard input:13: Deployment/shop/web: spec.replicas: -2 is no number of replicas; write 0 to 16777216", 0},
		{"absurd replicas", strings.Replace(good, "replicas: 2", "replicas: 99999999999", 1), "spec.replicas: 99999999999 is no number of replicas", 0},
		{"replicas in words", strings.Replace(good, "replicas: 2", "replicas: two", 1), "standard input:13: Deployment/shop/web: spec.replicas: cannot use string as a number; the object is left out", 0},
		{"negative request", strings.Replace(good, "100m", "-100m", 1), ":19: Deployment/shop/web: spec.template.spec.containers[0].resources.requests[cpu]: -100m is negative; write 0 or more", 0},
		{"no quantity", strings.Replace(good, "100m", "much", 1), `spec.template.spec.containers[0].resources.requests[cpu]: "much" is no quantity; write a number with a unit`, 0},
		{"huge exponent", strings.Replace(good, "100m", "1e999999999", 1), `requests[cpu]: "1e999999999" is more than any node has`, 0},
		{"huge exponent elsewhere", strings.Replace(good, "      containers:", "      volumes: [{name: v, emptyDir: {sizeLimit: \"1e-999999999\"}}]\n      containers:", 1), `spec.template.spec.volumes[0].emptyDir.sizeLimit: "1e-999999999" is more than`, 0},
		{"absurd memory", strings.Replace(good, "64Mi", "1e30", 1), "requests[memory]: 1e+30 is more than any node has; is the unit right?", 0},
		{"negative node", strings.Replace(good, "8Gi", "-8Gi", 1), "standard input:7: Node/a: status.allocatable[memory]: -8Gi is negative", 1},
		{"a negative overhead", good + "---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: r\noverhead: {podFixed: {cpu: -1}}\n",
			"RuntimeClass/r: overhead.podFixed[cpu]: -1 is negative", 1},
		{"an overhead", good + "---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: r\noverhead: {podFixed: {cpu: 1, memory: 1Gi}}\n", "", 1},
		{"a huge device", good + "---\napiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: r}\nspec: {driver: d, nodeName: a, pool: {name: a, generation: 1, resourceSliceCount: 1}, devices: [{name: g, capacity: {memory: {value: 1e99}}}]}\n",
			"ResourceSlice/r: spec.devices[0].capacity[memory].value: 1e+99 is more than any node has", 1},
		{"a device", good + "---\napiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: r}\nspec: {driver: d, nodeName: a, pool: {name: a, generation: 1, resourceSliceCount: 1}, devices: [{name: g, capacity: {memory: {value: 40Gi}}}]}\n", "", 1},
		{"unknown field", strings.Replace(good, "replicas: 2", "replica: 2", 1), ":13: Deployment/shop/web: spec.replica: unknown field; it is ignored: correct its name, or remove it", 1},
		{"unknown field of a policy", good + "---\n" + strings.Replace(policyText, "residency", "residencyy", 1), "PlacementPolicy/shop/web: spec.residencyy: unknown field", 1},
		{"unknown field of a status", strings.Replace(good, "status: {", "status: {somethingNew: 1, ", 1), "", 1},
		{"twice", good + "---\n" + web, "standard input:23: Deployment/shop/web: metadata.name: the same object is in standard input:9 already, which counts", 1},
		{"a key twice", strings.Replace(good, "  replicas: 2\n", "  replicas: 2\n  replicas: 3\n", 1), `Deployment/shop/web: key "replicas" already set in map; the document is left out`, 0},
		{"an old version", strings.Replace(good, "apps/v1", "apps/v1beta1", 1), `apiVersion: "apps/v1beta1" is not served any more, or not yet; write apps/v1`, 0},
		{"no name", strings.Replace(good, "name: web, ", "", 1), "metadata.name: Required value: give the object a name", 0},
		{"no kind of Tradewind's", good + "---\n" + strings.Replace(policyText, "PlacementPolicy", "PlacmentPolicy", 1), `tradewind.dev has no kind "PlacmentPolicy"`, 1},
		{"no jurisdiction", good + "---\n" + strings.Replace(policyText, "[EU]", "[EUU]", 1), "PlacementPolicy/shop/web: spec.residency.jurisdictions", 1},
		{"shares that do not add up", good + "---\n" + policyText + "  latency: {clients: [{location: DE, sharePercent: 60}]}\n", "shares add up to 60; they must add up to 100", 1},
		{"a rule that contradicts itself", good + "---\n" + policyText + "  locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}, {key: tradewind.dev/cloud, operator: NotIn, values: [aws]}]}\n",
			"PlacementPolicy/shop/web: spec.locations.required", 1},
		{"a price that is negative", good + "---\napiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: p}\nspec: {instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: \"-1\"}]}\n",
			"PriceList/p: spec.instances[0].hourlyUSD", 1},
		{"limits of a pool", good + "---\napiVersion: tradewind.dev/v1alpha1\nkind: CloudPool\nmetadata: {name: p}\nspec: {cloud: aws, minNodes: 3, maxNodes: 2}\n", "CloudPool/p: spec.minNodes", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario := scenarioOf(t, c.text)
			var got []string
			for _, problem := range scenario.Problems {
				got = append(got, problem.String())
			}
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("problems\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), c.want)
			}
			if len(scenario.Workloads) != c.workloads {
				t.Errorf("%d workloads, want %d", len(scenario.Workloads), c.workloads)
			}
		})
	}
}

// What a policy says that nobody can read must not let its workloads go anywhere.
func TestUnreadablePoliciesHold(t *testing.T) {
	other := strings.NewReplacer("name: web", "name: db", "app: web", "app: db").Replace(web)
	for _, c := range []struct {
		name, policy string
		held         []string
	}{
		{"valid", policyText, nil},
		{"not valid", strings.Replace(policyText, "residency:", "residencyy:", 1), []string{"web"}},
		{"selector that cannot be read", strings.Replace(policyText, "{matchLabels: {app: web}}", "5", 1), []string{"db", "web"}},
		{"no YAML", strings.Replace(policyText, "  residency", "  workloadSelector: {}\n  residency", 1), []string{"db", "web"}},
		{"of another namespace", strings.NewReplacer("residency:", "residencyy:", "namespace: shop", "namespace: other").Replace(policyText), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario := scenarioOf(t, web+"---\n"+other+"---\n"+c.policy)
			var held []string
			for i := range scenario.Workloads {
				if scenario.Workloads[i].Hold != "" {
					held = append(held, scenario.Workloads[i].Name)
				}
			}
			slices.Sort(held)
			if !slices.Equal(held, c.held) {
				t.Errorf("held %v, want %v; problems %v", held, c.held, scenario.Problems)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	const podSpecText = "spec: {containers: [{name: a, resources: {limits: {cpu: 100m}}}]}"
	scenario := scenarioOf(t, aNode+`---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {replicas: 3, ordinals: {start: 2}, template: {`+podSpecText+`}, volumeClaimTemplates: [{metadata: {name: data}}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: report}
spec: {parallelism: 5, completions: 3, template: {`+podSpecText+`}}
status: {succeeded: 1}
---
apiVersion: batch/v1
kind: Job
metadata: {name: done}
spec: {template: {`+podSpecText+`}}
status: {conditions: [{type: Complete, status: "True"}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]}
spec: {template: {`+podSpecText+`}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec: {template: {`+podSpecText+`}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: elsewhere}
spec: {template: {spec: {nodeSelector: {a: b}, containers: [{name: a}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-x, labels: {pod-template-hash: "1"}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u, controller: true}]}
spec: {nodeName: a, containers: [{name: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ended}
spec: {nodeName: a, containers: [{name: a}]}
status: {phase: Succeeded}
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ClusterProfile
metadata: {name: fra, namespace: fleet}
spec: {displayName: fra, clusterManager: {name: karmada}}
status: {conditions: [{type: ControlPlaneHealthy, status: "False", reason: Gone, message: no answer, lastTransitionTime: "2026-11-01T00:00:00Z"}]}
---
apiVersion: tradewind.dev/v1alpha1
kind: CloudPool
metadata: {name: p}
spec: {cloud: aws, clusterName: fra}
`)
	for _, problem := range scenario.Problems {
		t.Error(problem)
	}
	var got []string
	for i := range scenario.Workloads {
		w := &scenario.Workloads[i]
		got = append(got, fmt.Sprintf("%s %s/%s %d %v %d", w.Kind, w.Namespace, w.Name, w.Replicas, w.OwnClaims(0), w.FirstOrdinal))
	}
	for i := range scenario.Pods {
		p := &scenario.Pods[i]
		got = append(got, fmt.Sprintf("pod of %s %s on %s, %d m", p.Workload.Kind, p.Workload.Name, p.Node, p.Request.MilliCPU))
	}
	for _, set := range scenario.DaemonSets {
		got = append(got, "DaemonSet "+set.Name)
	}
	want := []string{"StatefulSet default/db 3 [data-db-2] 2", "Job default/report 2 [] 0", "pod of Deployment web on a, 0 m", "DaemonSet agent", "DaemonSet elsewhere"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if reason := scenario.PoolUnavailable(&planning.PoolInfo{Cluster: "fra"}); reason != "cluster fra is not healthy: no answer" {
		t.Errorf("reason %q", reason)
	}
	if reason := scenario.PoolUnavailable(&planning.PoolInfo{Cluster: ""}); reason != "" {
		t.Errorf("reason %q", reason)
	}
	if len(scenario.Warnings) != 1 || !strings.Contains(scenario.Warnings[0].String(), `Node/a: metadata.labels[tradewind.dev/cluster]: "" is none of the clusters`) {
		t.Errorf("warnings %v", scenario.Warnings)
	}
}

func TestFolderWithOneBrokenFile(t *testing.T) {
	folder := t.TempDir()
	const count = 300
	for i := range count {
		text := strings.Replace(web, "name: web", fmt.Sprintf("name: w%d", i), 1)
		if i == 150 {
			text = "kind: {"
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("w%d.yaml", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	set, err := Read([]string{folder}, nil, Options{Progress: func(n, _ int) { files = n }})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Objects) != count-1 || len(set.Problems) != 1 || !strings.Contains(set.Problems[0].File, "w150.yaml") || files != count {
		t.Errorf("%d objects, problems %v, %d files", len(set.Objects), set.Problems, files)
	}
}

// FuzzRead checks that no input crashes the reader, that every problem names a line that the file has, and that reading
// again gives the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		aNode, web, policyText, aNode + "---\n" + web + "---\n" + policyText, "kind: List\napiVersion: v1\nitems: [1, {}, {kind: Pod, apiVersion: v1}]",
		`{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"},"status":{"allocatable":{"cpu":1e9}}}]}`,
		"a: &a [*a]", "--- {kind: Job, apiVersion: batch/v1, metadata: {name: j}, spec: {parallelism: -1}}\n...\n---",
		"kind: Pod\napiVersion: v1\nmetadata: {name: p, ownerReferences: [{kind: ReplicaSet, controller: true}]}\nspec: {nodeName: a}",
		"kind: CloudPool\napiVersion: tradewind.dev/v1alpha1\nmetadata: {name: p}\nspec: {cloud: aws, maxNodes: 3, allocatable: {cpu: 1e999}}",
		"kind: CloudPool\napiVersion: tradewind.dev/v1alpha1\nspec: {maxNodes: A, minNodes: B, allocatable: , labels: 1, region: 2}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		scenario := scenarioOf(t, string(data))
		lines := strings.Count(string(data), "\n") + 1
		for _, problem := range scenario.Problems {
			ofFile := problem.Document == 0 && problem.Object == "" // which has no line
			if problem.File == "" || problem.Message == "" || problem.Line < 1 && !ofFile || problem.Line > lines {
				t.Errorf("problem %+v of a file of %d lines", problem, lines)
			}
		}
		if again := scenarioOf(t, string(data)); fmt.Sprint(again.Problems) != fmt.Sprint(scenario.Problems) {
			t.Errorf("read again: %v; before: %v", again.Problems, scenario.Problems)
		}
		if _, err := planning.Build(scenario.Input); err != nil {
			t.Error(err)
		}
	})
}

// FuzzQuantity checks that a quantity with which nothing is wrong can be read and computed with.
func FuzzQuantity(f *testing.F) {
	for _, text := range []string{"100m", "2Gi", "1e3", "1e999999999", "-1", "0", ".5", "1E", "9223372036854775807Ei", "1e-3", "+1", "1.000000000000000000001", "０"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if quantityReason(text) != "" {
			return
		}
		quantity, err := resource.ParseQuantity(text)
		if err != nil || quantity.Sign() < 0 || quantity.MilliValue() < 0 || quantity.Value() < 0 {
			t.Errorf("%q: %v, %v", text, quantity.String(), err)
		}
	})
}
