package informers

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

func awsNode(name, instanceType string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a", corev1.LabelInstanceTypeStable: instanceType,
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{Capacity: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		}},
	}
}

func requests(cpu string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
}

// TestTable checks that every listener is told every change once, in order, and that the table has what was told.
func TestTable(t *testing.T) {
	objects := New()
	var told [2][]string
	for i := range told {
		objects.Pods.OnChange(func(before, after *corev1.Pod) {
			text := ""
			for _, pod := range []*corev1.Pod{before, after} {
				if text += " "; pod != nil {
					text += string(pod.UID)
				}
			}
			told[i] = append(told[i], text)
			if _, there := objects.Pods.Get("shop", "web"); there != (after != nil) {
				t.Errorf("told%s, and it is there: %t", text, there)
			}
		})
	}
	pod := func(uid string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: types.UID(uid)}}
	}
	handler := objects.Pods.handler()
	handler.OnAdd(pod("a"), true)
	handler.OnUpdate(pod("a"), pod("b"))
	handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "shop/web", Obj: pod("b")}) // its deletion was missed
	for i := range told {
		if want := []string{"  a", " a b", " b "}; !slices.Equal(told[i], want) {
			t.Errorf("listener %d was told %q, want %q", i, told[i], want)
		}
	}
	if all := objects.Pods.All(); len(all) != 0 {
		t.Errorf("left are %d", len(all))
	}
}

// TestUnread names the kinds that have not been read, and none once all have been.
func TestUnread(t *testing.T) {
	objects, read := New(), false
	objects.sources = []source{{"pod", func() bool { return read }}, {"node", func() bool { return read }}, {"job", func() bool { return true }}}
	if unread := objects.Unread(); !slices.Equal(unread, []string{"node", "pod"}) {
		t.Errorf("unread are %v", unread)
	}
	read = true
	if unread := objects.Unread(); len(unread) != 0 {
		t.Errorf("unread are %v", unread)
	}
}

// TestTransforms checks that the cache keeps what the controllers look at, and little else.
func TestTransforms(t *testing.T) {
	node := awsNode("a", "m7i.large")
	node.UID, node.ResourceVersion = "u", "7"
	node.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: "1,2", "big": "text"}
	node.Spec.Unschedulable, node.Spec.Taints = true, []corev1.Taint{{Key: "team", Value: "a", Effect: corev1.TaintEffectNoSchedule}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure}, {Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	node.Status.Images = []corev1.ContainerImage{{Names: []string{"x"}}}
	node.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}, {Manager: FieldOwner}, {Manager: FieldOwner, Subresource: "status"}}
	kept, err := transformNode(node.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	got := kept.(*corev1.Node)
	if location.FromNode(got, location.DefaultOptions()).Location != location.FromNode(node, location.DefaultOptions()).Location {
		t.Error("the location of the node was lost")
	}
	if len(got.Status.Conditions) != 1 || got.Status.Conditions[0].Type != corev1.NodeReady || !got.Spec.Unschedulable || len(got.Spec.Taints) != 1 {
		t.Errorf("got %+v", got)
	}
	if len(got.Status.Images) != 0 || len(got.Annotations) != 1 || len(got.ManagedFields) != 1 || got.ManagedFields[0].Manager != FieldOwner {
		t.Errorf("got %+v", got)
	}
	if got.UID != "u" || got.ResourceVersion != "7" || got.Status.Capacity.Cpu().Value() != 2 {
		t.Errorf("got %+v", got)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "p", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"big": "text"}},
		Spec: corev1.PodSpec{
			SchedulerName: "tradewind", NodeName: "a",
			Containers: []corev1.Container{{Name: "c", Image: "i", Resources: requests("1")}, {Name: "d", Resources: requests("500m")}},
			Overhead:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelHostname}},
			}},
			Volumes: []corev1.Volume{
				{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
			},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{
			{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
		}},
	}
	pod.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 443, HostPort: 8443}}
	kept, err = transformPod(pod.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	small := kept.(*corev1.Pod)
	if small.UID != pod.UID || small.Spec.SchedulerName != pod.Spec.SchedulerName || !workload.Live(small) || !maps.Equal(pod.Labels, small.Labels) || small.Annotations != nil || small.Status.PodIP != "" {
		t.Errorf("got %+v", small)
	}
	if want := state.Request(pod); state.Request(small) != want || want.MilliCPU != 1750 {
		t.Errorf("it requests %+v, kept of %+v", state.Request(small), want)
	}
	if ports := small.Spec.Containers[0].Ports; len(ports) != 1 || ports[0].HostPort != 8443 || small.Spec.Affinity.NodeAffinity != nil ||
		len(small.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) != 1 {
		t.Errorf("of what it keeps from others: %+v", small.Spec)
	}
	if len(small.Spec.Volumes) != 1 || small.Spec.Volumes[0].Name != "data" || small.Spec.NodeName != "a" || len(small.Status.Conditions) != 1 {
		t.Errorf("got %+v", small)
	}
}
