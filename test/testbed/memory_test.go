package testbed_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed"
)

// fiftyNodes is the size of cluster for which the testbed's memory is promised.
const fiftyNodes = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.large, count: 15}
- {cloud: gcp, region: europe-west1, instanceType: e2-standard-4, capacityType: spot, count: 15}
- {cloud: azure, region: westeurope, zones: ["1", "2"], instanceType: Standard_D4s_v5, count: 15}
- {cloud: lux-dc, country: LU, cpu: 16, memory: 64Gi, count: 5}
`

// maxMemory is the promise: MiB for all programs of a cluster of 50 nodes.
const maxMemory = 700

const hundredPods = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: many, namespace: default}
spec:
  replicas: 100
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec: {containers: [{name: many, image: many}]}
`

// TestMemory checks that 50 nodes with 100 pods fit in the memory that is promised.
func TestMemory(t *testing.T) {
	t.Parallel()
	bed := testbed.Start(t, testbed.Options{Nodes: fiftyNodes})
	cluster := bed.Cluster(t, "")
	cluster.ApplyYAML(t, hundredPods)
	testbed.WaitFor(t, patience, "100 pods to run", func(ctx context.Context) (bool, error) {
		d, err := cluster.Client().AppsV1().Deployments("default").Get(ctx, "many", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if d.Status.ReadyReplicas < 100 {
			return false, fmt.Errorf("%d are ready", d.Status.ReadyReplicas)
		}
		return true, nil
	})
	testbed.WaitFor(t, patience, "the programs to settle in their memory", func(context.Context) (bool, error) {
		if used := bed.Memory(t) >> 20; used >= maxMemory {
			return false, fmt.Errorf("%d MiB, want less than %d", used, maxMemory)
		}
		return true, nil
	})
	t.Logf("ready after %s, %d MiB", bed.StartTime().Round(time.Millisecond), bed.Memory(t)>>20)
}

// BenchmarkStart measures how long a cluster of 50 nodes takes until every node is ready, how long it takes to go, and
// the memory of all its programs.
func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	var ready, memory float64
	for b.Loop() {
		bed, err := testbed.New(b.Context(), testbed.Options{Nodes: fiftyNodes})
		if err != nil {
			b.Fatal(err)
		}
		ready += bed.StartTime().Seconds()
		memory += float64(bed.Memory(b)) / (1 << 20)
		if err := bed.Stop(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ready/float64(b.N), "s/ready")
	b.ReportMetric(memory/float64(b.N), "MiB")
}
