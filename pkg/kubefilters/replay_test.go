package kubefilters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
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

// TestBind counts a pod where no filter refuses it, and gives its claim the volume: the next pod finds none.
func TestBind(t *testing.T) {
	class := read[storagev1.StorageClass](t, `
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer`)
	volume := read[corev1.PersistentVolume](t, `
metadata: {name: disk}
spec:
  storageClassName: local
  accessModes: [ReadWriteOnce]
  capacity: {storage: 10Gi}
  local: {path: /disk}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [a]}]}]}}`)
	objects := Objects{Nodes: []*corev1.Node{node("a", "z1"), node("b", "z1")}, StorageClasses: []*storagev1.StorageClass{class}}
	var claims []*corev1.PersistentVolumeClaim
	for _, name := range []string{"one", "two"} {
		claims = append(claims, read[corev1.PersistentVolumeClaim](t, `
metadata: {namespace: shop, name: `+name+`}
spec: {storageClassName: local, accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}`))
	}
	objects.Claims, objects.Volumes = Settled(claims, []*corev1.PersistentVolume{volume})
	f := filters(t, objects)
	bind := func(claim, node, want string) {
		t.Helper()
		refused, err := f.Bind(pod(t, claim, "db", "100m", "", "volumes: [{name: data, persistentVolumeClaim: {claimName: "+claim+"}}]"), node)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range refused {
			got = append(got, refused[i].Plugin)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s on %s is refused by %q, want %q", claim, node, got, want)
		}
	}
	bind("one", "b", "VolumeBinding")
	bind("one", "a", "")
	bind("two", "a", "VolumeBinding")
	if _, err := f.Bind(pod(t, "three", "db", "", "", ""), "c"); err == nil || !strings.Contains(err.Error(), "node c") {
		t.Errorf("on a node that is not there: %v", err)
	}
}

// TestSummary counts nodes by what the scheduler would say first of them.
func TestSummary(t *testing.T) {
	nodes := []*corev1.Node{node("a", "z1"), node("b", "z1"), node("c", "z1"), node("d", "z1")}
	nodes[2].Spec.Taints = []corev1.Taint{{Key: "team", Value: "x", Effect: corev1.TaintEffectNoSchedule}}
	f := filters(t, Objects{Nodes: nodes, Pods: []*corev1.Pod{pod(t, "o1", "db", "1500m", "a", ""), pod(t, "o2", "db", "1500m", "b", "")}})
	for _, c := range []struct {
		cpu   string
		nodes []string
		want  string
		full  bool
	}{
		{"1", []string{"a", "b", "c"}, "2 Insufficient cpu, 1 node(s) had untolerated taint(s)", true},
		{"1", []string{"c"}, "1 node(s) had untolerated taint(s)", false},
		{"3", []string{"d"}, "1 Insufficient cpu", false}, // no pod that goes would help
		{"1", []string{"d"}, "", false},
	} {
		result, err := f.CheckOn(pod(t, "p", "web", c.cpu, "", ""), c.nodes...)
		if err != nil {
			t.Fatal(err)
		}
		if text, full := result.Summary(c.nodes...); text != c.want || full != c.full {
			t.Errorf("%s CPU on %v: %q %t, want %q %t", c.cpu, c.nodes, text, full, c.want, c.full)
		}
	}
}
