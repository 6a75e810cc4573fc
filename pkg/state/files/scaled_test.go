package files

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/workload"
)

const cloneSets = aNode + `---
apiVersion: apps.kruise.io/v1alpha1
kind: CloneSet
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  updateStrategy: {type: InPlaceIfPossible}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast}}]
---
apiVersion: apps.kruise.io/v1alpha1
kind: CloneSet
metadata: {name: unsaid, namespace: shop}
spec: {template: {spec: {containers: [{name: a, image: b}]}}}
---
apiVersion: apps.example.com/v1
kind: App
metadata: {name: wrapped, namespace: shop}
spec: {replicas: 2, template: {spec: {containers: [{name: a, image: b}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: wrapped, namespace: shop, ownerReferences: [{apiVersion: apps.example.com/v1, kind: App, name: wrapped, uid: u, controller: true}]}
spec: {replicas: 2, template: {spec: {containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: web}, minReplicas: 4, maxReplicas: 9}
---
apiVersion: v1
kind: Pod
metadata: {name: web-x1, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: web, uid: u, controller: true}]}
spec: {nodeName: a, containers: [{name: a, resources: {requests: {cpu: 100m}}}], volumes: [{name: data, persistentVolumeClaim: {claimName: data-web-x1}}]}
`

func planned(s *Scenario) []string {
	var out []string
	for i := range s.Workloads {
		w := &s.Workloads[i]
		out = append(out, fmt.Sprintf("%s: %d, %v", w.Key, w.Replicas, w.OwnClaims(0)))
	}
	return out
}

// TestOtherKindsInFiles: an object of somebody else's kind with replicas and a template was named as not planned, and its pods took room.
// It is a workload of these, unless another one in the files runs them for it.
func TestOtherKindsInFiles(t *testing.T) {
	set, err := Read([]string{"-"}, strings.NewReader(cloneSets), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Unplanned["CloneSet.apps.kruise.io"]; len(set.Unplanned) != 1 || !slices.Equal(got, []string{"shop/unsaid"}) {
		t.Errorf("not planned are %v", set.Unplanned)
	}
	scenario, err := set.Scenario(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range scenario.Problems {
		t.Error(problem)
	}
	want := []string{"CloneSet.apps.kruise.io shop/web: 4, [data-web-x1]", "Deployment shop/wrapped: 2, []"}
	if got := planned(scenario); !slices.Equal(got, want) {
		t.Errorf("planned are %q, want %q", got, want)
	}
	if of := scenario.Pods[0].Workload; of != scenario.Workloads[0].Key {
		t.Errorf("the pod is a replica of %s", of)
	}
}

// TestSnapshotOfOtherKinds: what a snapshot writes of such workloads is read as they are in the cluster, where only their pods are read.
func TestSnapshotOfOtherKinds(t *testing.T) {
	live := scenarioOf(t, cloneSets)
	lists := *live.Lists
	lists.Declared, lists.Deployments = nil, nil
	lists.Scales = map[workload.Key]workload.Scale{{Kind: "CloneSet.apps.kruise.io", Namespace: "shop", Name: "web"}: {Replicas: 2}}
	written, err := Snapshot(&lists, SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range written {
		text.WriteString("---\n")
		text.Write(file.Data)
	}
	read := scenarioOf(t, text.String())
	for _, problem := range read.Problems {
		t.Error(problem)
	}
	if got, want := planned(read), []string{"CloneSet.apps.kruise.io shop/web: 2, [data-web-x1]"}; !slices.Equal(got, want) {
		t.Errorf("read are %q, want %q, of\n%s", got, want, text.String())
	}
	before := lists.Workloads()[0]
	after := &read.Workloads[0]
	if after.Template.Labels["app"] != "web" || !slices.Equal(after.OwnClaims(1), before.OwnClaims(1)) || len(after.Template.Spec.Volumes) != 0 {
		t.Errorf("read is %+v, written was %+v", after, before)
	}
	if other, err := Snapshot(&lists, SnapshotOptions{Namespaces: []string{"other"}}); err != nil || slices.ContainsFunc(other, func(f File) bool { return f.Name == "workloads.yaml" }) {
		t.Errorf("of another namespace: %v, %v", other, err)
	}
}
