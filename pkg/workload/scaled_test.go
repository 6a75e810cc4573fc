package workload_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
)

const cloneSet = "CloneSet.apps.kruise.io"

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// podOf is a pod of somebody else's kind of workload, with the claims of its volumes by their names.
func podOf(kind, owner, name string, labels map[string]string, claims map[string]string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: meta(name, kind, owner)}
	pod.Labels, pod.CreationTimestamp = labels, metav1.NewTime(noon)
	pod.Spec = corev1.PodSpec{NodeName: "a", SchedulerName: "tradewind", NodeSelector: map[string]string{"disk": "ssd"}, Tolerations: []corev1.Toleration{
		{Key: "team", Operator: corev1.TolerationOpExists}, {Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)},
	}}
	for _, volume := range slices.Sorted(maps.Keys(claims)) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claims[volume]},
		}})
	}
	return pod
}

// TestOwnerOf: of whom nothing but pods is read is who is of no kind that is known by itself.
func TestOwnerOf(t *testing.T) {
	for kind, want := range map[string]bool{
		"": false, "ReplicaSet": false, "StatefulSet": false, "Job": false, "DaemonSet": false, "Node": false,
		cloneSet: true, "StatefulSet.apps.kruise.io": true, "Job.batch.volcano.sh": true,
	} {
		of, ok := workload.OwnerOf(&corev1.Pod{ObjectMeta: meta("pod", kind, "web")})
		if ok != want || ok && (of.Key != key(kind, "web") || of.UID != "uid-of-owner" || workload.KindIn(of.APIVersion, of.ObjectKind()) != kind) {
			t.Errorf("of a %q: %+v, %t", kind, of, ok)
		}
	}
	if a, b := workload.KindIn("a.io/v1", "Cluster"), workload.KindIn("b.io/v1", "Cluster"); a == b {
		t.Errorf("two kinds of workloads are both %q", a)
	}
}

// TestScaled: a workload of which nothing but pods and the scale is read is planned as they tell. It had no plan before.
func TestScaled(t *testing.T) {
	pods := []*corev1.Pod{
		podOf(cloneSet, "web", "web-x1", map[string]string{"app": "web", "id": "x1"}, map[string]string{"config": "shared"}),
		podOf(cloneSet, "web", "web-x2", map[string]string{"app": "web", "id": "x2"}, map[string]string{"config": "shared"}),
		podOf("Task.tekton.dev", "build", "build-1", nil, nil), // without a scale
	}
	pods[1].CreationTimestamp = metav1.NewTime(noon.Add(time.Minute))
	pods[1].Spec.NodeSelector = map[string]string{"disk": "hdd"}
	ended := podOf(cloneSet, "web", "web-x0", map[string]string{"other": "label"}, nil)
	ended.Status.Phase = corev1.PodFailed
	objects := workload.Objects{Pods: append(pods, ended), Scales: map[workload.Key]workload.Scale{
		key(cloneSet, "web"): {Replicas: 5}, key(cloneSet, "none"): {Replicas: 2},
	}}
	all := objects.All()
	if len(all) != 1 {
		t.Fatalf("there are %+v", all)
	}
	w := &all[0]
	if w.Key != key(cloneSet, "web") || w.ObjectKind() != "CloneSet" || w.APIVersion != "apps.kruise.io/v1" || w.UID != "uid-of-owner" ||
		w.Replicas != 5 || w.Counted != "" {
		t.Errorf("it is %+v", w)
	}
	spec := &w.Template.Spec
	if !maps.Equal(w.Template.Labels, map[string]string{"app": "web"}) || spec.NodeName != "" || spec.NodeSelector["disk"] != "hdd" || len(spec.Tolerations) != 1 {
		t.Errorf("its template is %+v", w.Template)
	}
	if shared := w.SharedClaims(); !slices.Equal(shared, []string{"shared"}) || len(w.ClaimTemplates) != 0 {
		t.Errorf("all have claims %v, each %v", shared, w.ClaimTemplates)
	}
	if pods[1].Spec.NodeName != "a" || len(pods[1].Labels) != 2 || len(pods[1].Spec.Tolerations) != 2 {
		t.Error("a pod was changed")
	}
	if made := w.Made(0); workload.Of(made, nil) != w.Key {
		t.Errorf("a pod that is made of it is a replica of %s", workload.Of(made, nil))
	}

	objects.Scales[key(cloneSet, "web")] = workload.Scale{Counted: "it may not be read"}
	if all = objects.All(); all[0].Replicas != 2 || all[0].Counted == "" {
		t.Errorf("counted are %d, %q", all[0].Replicas, all[0].Counted)
	}
	objects.Pods = []*corev1.Pod{ended}
	if all = objects.All(); len(all) != 1 || all[0].Replicas != 0 || all[0].Template.Labels["other"] != "label" {
		t.Errorf("of the last pod, which goes: %+v", all)
	}
}

// TestScaledDeclared: what is declared says the template and how many, and pods say which claims each has.
func TestScaledDeclared(t *testing.T) {
	of := key("StatefulSet.apps.kruise.io", "db")
	declared := workload.Workload{Key: of, APIVersion: "apps.kruise.io/v1beta1", Replicas: 3, Template: &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "db"}}},
		ClaimTemplates: []workload.ClaimTemplate{{Name: "data"}}}
	objects := workload.Objects{Declared: []workload.Workload{declared}, Scales: map[workload.Key]workload.Scale{of: {Replicas: 3}}}
	if all := objects.All(); len(all) != 1 || !slices.Equal(all[0].OwnClaims(2), []string{"data-db-2"}) || all[0].Members != nil {
		t.Errorf("without pods: %+v", all)
	}
	objects.Pods = []*corev1.Pod{podOf(of.Kind, "db", "db-1", map[string]string{"index": "1"}, map[string]string{"data": "data-db-1"})}
	all := objects.All()
	if len(all) != 1 || all[0].Template != declared.Template || all[0].Replica(0) != "db-1" || all[0].Replica(1) != "db-0" || all[0].Replica(2) != "db-2" {
		t.Errorf("with one: %+v", all)
	}
}

// TestMembers: which claims each replica has follows from the pods, as far as these tell.
func TestMembers(t *testing.T) {
	stateful := "StatefulSet.apps.kruise.io"
	fast := "fast"
	for _, tt := range []struct {
		name     string
		kind     string
		replicas int
		// pods with the claim of the volume data.
		pods map[string]string
		want []string // "POD CLAIM"
	}{
		{"ordinals", stateful, 3, map[string]string{"db-0": "data-db-0", "db-1": "data-db-1"}, []string{"db-0 data-db-0", "db-1 data-db-1", "db-2 data-db-2"}},
		{"ordinals with a gap", stateful, 4, map[string]string{"db-0": "data-db-0", "db-2": "data-db-2", "db-10": "data-db-10"},
			[]string{"db-0 data-db-0", "db-2 data-db-2", "db-10 data-db-10", "db-1 data-db-1"}},
		{"fewer are wanted", stateful, 1, map[string]string{"db-0": "data-db-0", "db-1": "data-db-1"}, []string{"db-0 data-db-0"}},
		{"claims named as pods", "Cluster.postgresql.cnpg.io", 2, map[string]string{"db-1": "db-1", "db-2": "db-2"}, []string{"db-1 db-1", "db-2 db-2"}},
		{"one pod, and its claim", cloneSet, 2, map[string]string{"db-x1": "data-db-x1"}, []string{"db-x1 data-db-x1", "db-0 data-db-0"}},
		{"any names", cloneSet, 2, map[string]string{"db-x1": "p", "db-x2": "q"}, []string{"db-x1 p", "db-x2 q"}},
		{"one for all", cloneSet, 2, map[string]string{"db-x1": "p", "db-x2": "p"}, nil},
	} {
		objects := workload.Objects{
			Scales:       map[workload.Key]workload.Scale{key(tt.kind, "db"): {Replicas: tt.replicas}},
			StorageClass: func(string, string) (*string, bool) { return &fast, true },
		}
		for name, claim := range tt.pods {
			objects.Pods = append(objects.Pods, podOf(tt.kind, "db", name, nil, map[string]string{"data": claim}))
		}
		w := objects.All()[0]
		var got []string
		for i := range w.Members {
			got = append(got, fmt.Sprintf("%s %s", w.Replica(i), w.OwnClaims(i)[0]))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if tt.want == nil {
			continue
		}
		if !reflect.DeepEqual(w.ClaimTemplates, []workload.ClaimTemplate{{Name: "data", Class: &fast}}) || len(w.Template.Spec.Volumes) != 0 {
			t.Errorf("%s: made from %+v, template %+v", tt.name, w.ClaimTemplates, w.Template.Spec.Volumes)
		}
	}
}
