package kubefilters

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// TestAssumeAndForget checks that after pods have been assumed where they fit and forgotten again the filters say what new
// ones say that are made with the pods where they are then.
func TestAssumeAndForget(t *testing.T) {
	specs := []string{"", antiAffinity, "containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]", `
topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule,
  labelSelector: {matchLabels: {app: web}}}]`}
	rapid.Check(t, func(rt *rapid.T) {
		var nodes []*corev1.Node
		for i := range rapid.IntRange(1, 6).Draw(rt, "nodes") {
			nodes = append(nodes, node(fmt.Sprintf("n%d", i), fmt.Sprintf("z%d", i%3)))
		}
		draw := func(name string) *corev1.Pod {
			return pod(t, name, rapid.SampledFrom([]string{"web", "db"}).Draw(rt, "app"),
				rapid.SampledFrom([]string{"", "500m", "1500m"}).Draw(rt, "cpu"), "", rapid.SampledFrom(specs).Draw(rt, "spec"))
		}
		replayed, err := New(Objects{Nodes: nodes})
		if err != nil {
			rt.Fatal(err)
		}
		defer replayed.Close()
		on := map[string]*corev1.Pod{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name, at := fmt.Sprintf("p%d", rapid.IntRange(0, 5).Draw(rt, "which")), nodes[rapid.IntRange(0, len(nodes)-1).Draw(rt, "node")].Name
			if known := on[name]; known != nil {
				if err := replayed.Assume(known, at); err == nil {
					rt.Fatalf("pod %s was assumed twice", name)
				}
				if err := replayed.Forget(known); err != nil {
					rt.Fatal(err)
				}
				delete(on, name)
				continue
			}
			p := draw(name)
			if result := check(t, replayed, p); len(result.Pod)+len(result.Nodes[at]) > 0 {
				continue
			}
			if err := replayed.Assume(p, at); err != nil {
				rt.Fatal(err)
			}
			p.Spec.NodeName = at
			on[name] = p
		}
		objects := Objects{Nodes: nodes, Pods: slices.Collect(maps.Values(on))}
		fresh, err := New(objects)
		if err != nil {
			rt.Fatal(err)
		}
		defer fresh.Close()
		asked := draw("asked")
		if got, want := lines(check(t, replayed, asked), nodes), lines(check(t, fresh, asked), nodes); !slices.Equal(got, want) {
			rt.Fatalf("replayed: %q\nanew:     %q", got, want)
		}
	})
}

func TestForgetRefuses(t *testing.T) {
	f := filters(t, Objects{Nodes: []*corev1.Node{node("a", "z1")}})
	if err := f.Forget(pod(t, "p", "web", "1", "a", "")); err == nil {
		t.Error("a pod that counts nowhere was forgotten")
	}
}
