package kubefilters

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// node is NAME in zone ZONE with 2 CPUs, 8 GiB and 10 pods.
func node(name, zone string, change ...func(*corev1.Node)) *corev1.Node {
	resources := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	out := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone}},
		Status:     corev1.NodeStatus{Capacity: resources, Allocatable: resources},
	}
	for _, c := range change {
		c(out)
	}
	return out
}

// pod is shop/NAME with a label app and a CPU request; spec is the rest of its spec in YAML.
func pod(t testing.TB, name, app, cpu, on, spec string) *corev1.Pod {
	t.Helper()
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": app},
	}}
	if err := yaml.UnmarshalStrict([]byte(spec), &out.Spec); err != nil {
		t.Fatalf("the test's own YAML: %v\n%s", err, spec)
	}
	if len(out.Spec.Containers) == 0 {
		out.Spec.Containers = []corev1.Container{{Name: "main", Image: "registry.example/app:1"}}
	}
	if cpu != "" {
		out.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	out.Spec.NodeName = on
	return out
}

func read[T any](t testing.TB, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("the test's own YAML: %v\n%s", err, text)
	}
	return out
}

func filters(t testing.TB, objects Objects) *Filters {
	t.Helper()
	f, err := New(objects)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func check(t testing.TB, f *Filters, pod *corev1.Pod) *Result {
	t.Helper()
	result, err := f.Check(pod)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// lines are a result in words: "queue: …", "pod: Plugin: …", "NODE: Plugin: …", in the order of the given nodes.
func lines(result *Result, nodes []*corev1.Node) []string {
	var out []string
	add := func(of string, verdicts []Verdict) {
		for i := range verdicts {
			out = append(out, fmt.Sprintf("%s: %s: %s", of, verdicts[i].Plugin, verdicts[i].String()))
		}
	}
	add("queue", result.Queue)
	add("pod", result.Pod)
	for _, node := range nodes {
		add(node.Name, result.Nodes[node.Name])
	}
	return out
}
