package kubefilters

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestProfiles checks that a profile's own filters are asked, with its arguments, and no others.
func TestProfiles(t *testing.T) {
	profiles, err := ReadProfiles([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: plain
- schedulerName: foreign
  plugins: {multiPoint: {enabled: [{name: SomebodyElses}]}}
  pluginConfig: [{name: SomebodyElses, args: {anything: 1}}]
- schedulerName: portless
  plugins: {filter: {disabled: [{name: NodePorts}]}}
- schedulerName: few
  plugins: {multiPoint: {disabled: [{name: "*"}], enabled: [{name: NodePorts}, {name: DefaultBinder}, {name: PrioritySort}]}}
- schedulerName: inZone
  pluginConfig:
  - name: NodeAffinity
    args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
      {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [z2]}]}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	const port = "containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]"
	tainted := node("a", "z1", func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "team", Effect: corev1.TaintEffectNoSchedule}}
	})
	objects := Objects{Nodes: []*corev1.Node{tainted}, Pods: []*corev1.Pod{pod(t, "other", "db", "", "a", port)}}
	const taint, ports = "TaintToleration", "NodePorts"
	for name, want := range map[string][]string{
		"plain": {taint, ports}, "foreign": {taint, ports}, "portless": {taint}, "few": {ports}, "inZone": {"NodeAffinity", taint, ports},
	} {
		f, err := NewOf(profiles[name], objects)
		if err != nil {
			t.Fatal(name, err)
		}
		var got []string
		for _, verdict := range check(t, f, pod(t, "p", "web", "1", "", port)).Nodes["a"] {
			got = append(got, verdict.Plugin)
		}
		f.Close()
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: refused by %q, want %q", name, got, want)
		}
		if asked := profiles[name].Filters(ports); asked != slices.Contains(want, ports) {
			t.Errorf("%s: asks NodePorts about nodes: %t", name, asked)
		}
	}
	if profiles["foreign"].Filters("SomebodyElses") != true || profiles["plain"].Filters("SomebodyElses") {
		t.Error("a plugin of somebody else's is not told from none")
	}
	for text, want := range map[string]string{
		"apiVersion: v1\nkind: Pod": "scheduler configuration: ", "{": "scheduler configuration: ",
		"apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofile: []": "unknown field",
	} {
		if _, err := ReadProfiles([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
