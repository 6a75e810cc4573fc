package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
)

// offline runs the command line with exactly these arguments and returns its exit status and what it wrote.
func offline(t *testing.T, arguments ...string) (status int, out, problems string) {
	t.Helper()
	path, err := cliProgram()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// TestSnapshotIsSimulated writes a live cluster's state and plans from it.
func TestSnapshotIsSimulated(t *testing.T) {
	e := newEnvWithoutScheduler(t)
	e.stopShared()
	e.cluster.AddNodesYAML(t, `pools:
- {name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 2}
- {name: belgium, cloud: gcp, region: europe-west1, instanceType: e2-standard-2, count: 2}
`)
	const secret = "correct-horse-battery-staple"
	ireland := e.cluster.NodesOf(t, "ireland")[0].Name
	e.cluster.ApplyYAML(t, strings.NewReplacer("NAMESPACE", e.ns, "NODE", ireland, "SECRET", secret).Replace(`apiVersion: v1
kind: Secret
metadata: {name: token, namespace: NAMESPACE}
stringData: {token: SECRET}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, annotations: {note: SECRET}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: SECRET}}
    spec:
      nodeName: NODE
      containers:
      - name: server
        image: registry.example/SECRET
        args: [--password=SECRET]
        env: [{name: TOKEN, value: SECRET}]
        resources: {requests: {cpu: 200m, memory: 128Mi}}
---
apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: web, namespace: NAMESPACE}
spec:
  workloadSelector: {matchLabels: {app: web}}
  residency: {jurisdictions: [EU]}
---
apiVersion: tradewind.dev/v1alpha1
kind: CloudPool
metadata: {name: more}
spec: {cloud: gcp, region: europe-west1, zone: europe-west1-c, instanceType: e2-standard-4, maxNodes: 2}
`))
	t.Cleanup(func() {
		pools := e.objects.Resource(v1alpha1.GroupVersion.WithResource("cloudpools"))
		if err := pools.Delete(context.WithoutCancel(t.Context()), "more", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	e.wait("three pods on the node", func(ctx context.Context) error {
		pods, err := e.client.CoreV1().Pods(e.ns).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err == nil && len(pods.Items) != 3 {
			err = fmt.Errorf("%d are there", len(pods.Items))
		}
		return err
	})
	// Where no scheduler runs the template names the node. Now that they are there, it names none; paused, since they are to stay.
	anywhere := []byte(`{"spec": {"paused": true, "template": {"spec": {"nodeName": null}}}}`)
	if _, err := e.client.AppsV1().Deployments(e.ns).Patch(t.Context(), "web", types.MergePatchType, anywhere, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}

	folder := filepath.Join(t.TempDir(), "snapshot")
	status, out, problems := offline(t, "snapshot", "-o", folder, "-n", e.ns, "--kubeconfig", e.cluster.Kubeconfig(t, testbed.Admin))
	if status != 0 || !strings.Contains(out, "nodes.yaml: 4 objects") || !strings.Contains(out, "workloads.yaml: 1 object") {
		t.Fatalf("snapshot ends with %d: %s\n%s", status, out, problems)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret:\n%s", file, data)
		}
	}

	type plan struct {
		Moves, Unplaced int
		Placements      []struct {
			Name      string
			Decisions []struct {
				Cloud    string
				Replicas int
			}
		}
		Comparison struct {
			Moves, Replicas int
			SavingsUSD      float64
		}
		Pools []struct{ Pool string }
	}
	simulate := func(arguments ...string) plan {
		t.Helper()
		status, out, problems := offline(t, append([]string{"simulate", "-f", folder, "-o", "json"}, arguments...)...)
		if status != 0 || problems != "" {
			t.Fatalf("simulate %s ends with %d: %s", strings.Join(arguments, " "), status, problems)
		}
		var p plan
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		return p
	}
	lost := simulate("--lose", "cloud=aws")
	if lost.Moves != 3 || len(lost.Placements) != 1 || lost.Placements[0].Decisions[0].Cloud != "gcp" {
		t.Errorf("without AWS: %+v", lost)
	}
	if now := simulate("--compare", "current"); now.Comparison.Replicas != 3 || now.Comparison.Moves != 0 ||
		now.Comparison.SavingsUSD < -1e-9 || len(now.Pools) != 3 {
		t.Errorf("against what runs: %+v", now)
	}
}
