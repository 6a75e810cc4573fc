package workload_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
)

// meta is of an object of namespace shop that a controller owns; none when its kind is empty.
func meta(name, ownerKind, owner string) metav1.ObjectMeta {
	out := metav1.ObjectMeta{Namespace: "shop", Name: name}
	if ownerKind != "" {
		kind, _, _ := strings.Cut(ownerKind, ".")
		out.OwnerReferences = []metav1.OwnerReference{
			{Kind: "Other", Name: "other"},
			{APIVersion: versionOf(ownerKind), Kind: kind, Name: owner, UID: "uid-of-owner", Controller: ptr.To(true)},
		}
	}
	return out
}

// versionOf is the API version of a kind of controller; one with a dot names its group.
func versionOf(kind string) string {
	if _, group, foreign := strings.Cut(kind, "."); foreign {
		return group + "/v1"
	}
	switch kind {
	case workload.Job:
		return "batch/v1"
	case workload.Rollout:
		return "argoproj.io/v1alpha1"
	case workload.ReplicationController, "Node":
		return "v1"
	case workload.Deployment, workload.ReplicaSet, workload.StatefulSet, workload.DaemonSet:
		return "apps/v1"
	}
	return "group/v1"
}

func key(kind, name string) workload.Key {
	return workload.Key{Kind: kind, Namespace: "shop", Name: name}
}

func set(name, ownerKind, owner string, replicas int32, annotations map[string]string) *appsv1.ReplicaSet {
	out := &appsv1.ReplicaSet{ObjectMeta: meta(name, ownerKind, owner), Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}}
	out.Annotations = annotations
	out.Spec.Template.Labels = map[string]string{"of": name}
	return out
}

// TestOf checks whose replica a pod is: as its owners say where they are known, else as its labels and names do. The
// planner once called the pods of a Rollout those of a ReplicaSet while failover called them a Rollout's, so that neither
// the plan nor a policy of it was found.
func TestOf(t *testing.T) {
	owners := workload.OwnersOf([]*appsv1.ReplicaSet{
		set("web-abc", "Rollout", "web", 1, nil), set("alone-abc", "", "", 1, nil), set("fleet-abc", "Fleet", "game", 1, nil),
	})
	hash, rolloutHash := map[string]string{"pod-template-hash": "abc"}, map[string]string{workload.RolloutHashLabel: "abc"}
	for _, tt := range []struct {
		name             string
		ownerKind, owner string
		labels           map[string]string
		// known is the workload where the owners are, unknown where they are not.
		known, unknown workload.Key
	}{
		{"of a Rollout", "ReplicaSet", "web-abc", rolloutHash, key("Rollout", "web"), key("Rollout", "web")},
		{"of a Deployment", "ReplicaSet", "api-abc", hash, key("Deployment", "api"), key("Deployment", "api")},
		{"of a ReplicaSet that its Deployment let go of", "ReplicaSet", "alone-abc", hash,
			key("ReplicaSet", "alone-abc"), key("Deployment", "alone")},
		{"of what controls ReplicaSets too", "ReplicaSet", "fleet-abc", nil, key("Fleet.group", "game"), key("ReplicaSet", "fleet-abc")},
		{"of a ReplicaSet by another name", "ReplicaSet", "web", hash, key("ReplicaSet", "web"), key("ReplicaSet", "web")},
		{"of a StatefulSet", "StatefulSet", "db", nil, key("StatefulSet", "db"), key("StatefulSet", "db")},
		{"of somebody else's StatefulSet", "StatefulSet.apps.kruise.io", "db", nil, key("StatefulSet.apps.kruise.io", "db"), key("StatefulSet.apps.kruise.io", "db")},
		{"of a kind of somebody else's", "CloneSet.apps.kruise.io", "web", nil, key("CloneSet.apps.kruise.io", "web"), key("CloneSet.apps.kruise.io", "web")},
		{"of nobody", "", "", nil, key("Pod", "pod"), key("Pod", "pod")},
	} {
		pod := &corev1.Pod{ObjectMeta: meta("pod", tt.ownerKind, tt.owner)}
		pod.Labels = tt.labels
		if got := workload.Of(pod, owners); got != tt.known {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.known)
		}
		if got := workload.Of(pod, nil); got != tt.unknown {
			t.Errorf("%s, owners unknown: %s, want %s", tt.name, got, tt.unknown)
		}
		revision := key("Pod", "pod")
		if tt.owner != "" {
			revision = key(tt.ownerKind, tt.owner)
		}
		if got := workload.Revision(pod); got != revision {
			t.Errorf("%s: revision %s, want %s", tt.name, got, revision)
		}
	}
}

func TestRoleOf(t *testing.T) {
	for kind, want := range map[string]workload.Role{
		"": workload.Alone, "DaemonSet": workload.OfNode, "Node": workload.OfNode, "Job": workload.OfJob,
		"ReplicaSet": workload.Replica, "CloneSet": workload.Replica,
	} {
		if got := workload.RoleOf(&corev1.Pod{ObjectMeta: meta("pod", kind, "x")}); got != want {
			t.Errorf("a pod of a %q is %d, want %d", kind, got, want)
		}
	}
}

// TestReplicasOfJob checks how many pods of a Job should run. The scheduler once counted its parallelism alone, and so did
// drain and drill.
func TestReplicasOfJob(t *testing.T) {
	spec := func(parallelism, completions *int32, suspend bool) batchv1.JobSpec {
		return batchv1.JobSpec{Parallelism: parallelism, Completions: completions, Suspend: &suspend}
	}
	job := func(spec batchv1.JobSpec, status batchv1.JobStatus) batchv1.Job {
		return batchv1.Job{Spec: spec, Status: status}
	}
	done := []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	for name, tt := range map[string]struct {
		job  batchv1.Job
		want int
	}{
		"nothing said":       {batchv1.Job{}, 1},
		"in parallel":        {job(spec(ptr.To[int32](4), ptr.To[int32](10), false), batchv1.JobStatus{}), 4},
		"nearly done":        {job(spec(ptr.To[int32](4), ptr.To[int32](10), false), batchv1.JobStatus{Succeeded: 9}), 1},
		"more than wanted":   {job(spec(ptr.To[int32](4), ptr.To[int32](2), false), batchv1.JobStatus{Succeeded: 3}), 0},
		"suspended":          {job(spec(ptr.To[int32](4), nil, true), batchv1.JobStatus{}), 0},
		"ended":              {job(spec(ptr.To[int32](4), nil, false), batchv1.JobStatus{Conditions: done}), 0},
		"a queue":            {job(spec(ptr.To[int32](4), nil, false), batchv1.JobStatus{}), 4},
		"a queue that ends":  {job(spec(ptr.To[int32](4), nil, false), batchv1.JobStatus{Succeeded: 1, Active: 2}), 2},
		"a queue just ended": {job(spec(ptr.To[int32](4), nil, false), batchv1.JobStatus{Succeeded: 4}), 0},
	} {
		if got := workload.ReplicasOfJob(&tt.job); got != tt.want {
			t.Errorf("%s: %d replicas, want %d", name, got, tt.want)
		}
		if _, got, ok := workload.Declared(&tt.job); !ok || got != tt.want {
			t.Errorf("%s: it declares %d (%t), want %d", name, got, ok, tt.want)
		}
	}
}

// TestAll checks which workloads there are and how many replicas each is to have.
func TestAll(t *testing.T) {
	going := meta("going", "", "")
	going.DeletionTimestamp = &metav1.Time{}
	objects := workload.Objects{
		Deployments: []*appsv1.Deployment{{ObjectMeta: meta("web", "", "")}, {ObjectMeta: going}},
		StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: meta("db", "", ""), Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](2), Ordinals: &appsv1.StatefulSetOrdinals{Start: 5},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "disk"}}},
		}}},
		ReplicationControllers: []*corev1.ReplicationController{
			{ObjectMeta: meta("old", "", ""), Spec: corev1.ReplicationControllerSpec{
				Replicas: ptr.To[int32](3), Template: &corev1.PodTemplateSpec{},
			}},
			{ObjectMeta: meta("bare", "", "")},
			{ObjectMeta: meta("owned", "DeploymentConfig", "x"), Spec: corev1.ReplicationControllerSpec{Template: &corev1.PodTemplateSpec{}}},
		},
		Jobs: []*batchv1.Job{
			{ObjectMeta: meta("batch", "", ""), Spec: batchv1.JobSpec{Suspend: ptr.To(true)}},
			{ObjectMeta: meta("done", "", ""), Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
				{Type: batchv1.JobFailed, Status: corev1.ConditionTrue},
			}}},
		},
		ReplicaSets: []*appsv1.ReplicaSet{
			set("web-1", "Deployment", "web", 4, nil),
			set("alone", "", "", 2, map[string]string{workload.AnnotationDeploymentReplicas: "9"}),
			set("canary-1", "Rollout", "canary", 7, map[string]string{
				workload.AnnotationRolloutRevision: "9", workload.AnnotationRolloutReplicas: "8",
			}),
			set("canary-2", "Rollout", "canary", 1, map[string]string{
				workload.AnnotationRolloutRevision: "10", workload.AnnotationRolloutReplicas: "8",
			}),
			set("game-1", "Fleet", "game", 2, nil), set("game-2", "Fleet", "game", 3, nil),
		},
	}
	type want struct {
		key      workload.Key
		replicas int
		template string
	}
	wanted := []want{
		{key("ReplicaSet", "alone"), 2, "alone"}, {key("Job", "batch"), 0, ""}, {key("Rollout", "canary"), 8, "canary-2"},
		{key("StatefulSet", "db"), 2, ""}, {key("Fleet.group", "game"), 5, "game-2"}, {key("ReplicationController", "old"), 3, ""},
		{key("Deployment", "web"), 1, ""},
	}
	var got []want
	all := objects.All()
	for _, w := range all {
		got = append(got, want{w.Key, w.Replicas, w.Template.Labels["of"]})
	}
	if !slices.Equal(got, wanted) {
		t.Fatalf("workloads\n%v, want\n%v", got, wanted)
	}
	if canary := all[2]; canary.APIVersion != "argoproj.io/v1alpha1" || canary.UID != "uid-of-owner" {
		t.Errorf("the Rollout is %s %s", canary.APIVersion, canary.UID)
	}
	if claims := all[3].OwnClaims(1); !slices.Equal(claims, []string{"disk-db-6"}) {
		t.Errorf("the second replica has the claims %v", claims)
	}
}

// TestPod checks what is asked of a pod by itself.
func TestPod(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}},
		{Name: "cache", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
	}}}
	if claims := workload.Claims(pod); !slices.Equal(claims, []string{"disk", "web-1-cache"}) {
		t.Errorf("claims %v", claims)
	}
	if !workload.Live(pod) || workload.Ended(pod) || workload.Ready(pod) {
		t.Error("a pod that waits counts, and is not ready")
	}
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
	}
	if !workload.Ready(pod) {
		t.Error("it is not ready")
	}
	pod.DeletionTimestamp = &metav1.Time{}
	if workload.Live(pod) || workload.Ended(pod) {
		t.Error("a pod that is being deleted counts no more, and has not ended")
	}
	pod.DeletionTimestamp, pod.Status.Phase = nil, corev1.PodFailed
	if workload.Live(pod) || !workload.Ended(pod) {
		t.Error("a pod that failed has ended")
	}
}

// TestRequests checks that a limit without a request is the request, as the API server has it, and that the spec stays.
func TestRequests(t *testing.T) {
	list := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	spec := &corev1.PodSpec{Overhead: list("10m"), Containers: []corev1.Container{
		{Resources: corev1.ResourceRequirements{Limits: list("2"), Requests: list("1")}},
		{Resources: corev1.ResourceRequirements{Limits: list("500m")}},
	}}
	if got := workload.Requests(spec); got.Cpu().MilliValue() != 1510 {
		t.Errorf("it asks for %s", got.Cpu())
	}
	if len(spec.Containers[1].Resources.Requests) > 0 {
		t.Error("the spec was changed")
	}
}

// TestRequestsOfThePod checks what counts where a pod as a whole has requests or limits, as the API server fills in.
func TestRequestsOfThePod(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		out := corev1.ResourceList{}
		for name, text := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
			if text != "" {
				out[name] = resource.MustParse(text)
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		container, pod corev1.ResourceRequirements
		cpu, memory    int64
	}{
		"limits alone are requests":              {pod: corev1.ResourceRequirements{Limits: list("1700m", "1Gi")}, cpu: 1700, memory: 1 << 30},
		"what a container asks for is the pod's": {container: corev1.ResourceRequirements{Requests: list("300m", "")}, pod: corev1.ResourceRequirements{Limits: list("2", "2Gi")}, cpu: 300, memory: 2 << 30},
		"a container's limit too":                {container: corev1.ResourceRequirements{Limits: list("400m", "")}, pod: corev1.ResourceRequirements{Limits: list("2", "")}, cpu: 400},
		"the pod's requests count":               {container: corev1.ResourceRequirements{Requests: list("300m", "")}, pod: corev1.ResourceRequirements{Requests: list("1", ""), Limits: list("2", "")}, cpu: 1000},
		"nothing of the pod":                     {container: corev1.ResourceRequirements{Requests: list("300m", "1Gi")}, cpu: 300, memory: 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &corev1.PodSpec{Containers: []corev1.Container{{Resources: c.container}}, Resources: &c.pod}
			before := spec.DeepCopy()
			if got := workload.Requests(spec); got.Cpu().MilliValue() != c.cpu || got.Memory().Value() != c.memory {
				t.Errorf("it asks for %s and %s, want %dm and %d", got.Cpu(), got.Memory(), c.cpu, c.memory)
			}
			if !equality.Semantic.DeepEqual(spec, before) {
				t.Error("the spec was changed")
			}
		})
	}
}

// TestAdmit checks what a RuntimeClass adds to pods, and that the template stays.
func TestAdmit(t *testing.T) {
	sandbox := &nodev1.RuntimeClass{
		ObjectMeta: metav1.ObjectMeta{Name: "sandbox"}, Handler: "runsc",
		Overhead: &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")}},
		Scheduling: &nodev1.Scheduling{
			NodeSelector: map[string]string{"sandbox": "yes"},
			Tolerations:  []corev1.Toleration{{Key: "sandbox", Operator: corev1.TolerationOpExists}},
		},
	}
	classes := workload.RuntimeClassesOf([]*nodev1.RuntimeClass{sandbox})
	template := func(class string, selector map[string]string) *corev1.PodTemplateSpec {
		out := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{NodeSelector: selector, Tolerations: []corev1.Toleration{{Key: "team"}}}}
		if class != "" {
			out.Spec.RuntimeClassName = &class
		}
		return out
	}
	plain := template("", nil)
	if got, err := classes.Admit(plain); got != plain || err != nil {
		t.Errorf("a pod without a class became %+v, %v", got, err)
	}
	unknown := template("other", nil)
	if got, err := classes.Admit(unknown); got != unknown || err != nil {
		t.Errorf("a pod of a class that is not known became %+v, %v", got, err)
	}
	given := template("sandbox", map[string]string{"disk": "fast"})
	before := given.DeepCopy()
	got, err := classes.Admit(given)
	if err != nil || !maps.Equal(got.Spec.NodeSelector, map[string]string{"disk": "fast", "sandbox": "yes"}) || len(got.Spec.Tolerations) != 2 ||
		got.Spec.Overhead.Cpu().MilliValue() != 250 {
		t.Errorf("got %+v, %v", got.Spec, err)
	}
	if !equality.Semantic.DeepEqual(given, before) {
		t.Error("the template was changed")
	}
	if _, err := classes.Admit(template("sandbox", map[string]string{"sandbox": "no"})); err == nil || !strings.Contains(err.Error(), "sandbox=no") {
		t.Errorf("what the API server refuses: %v", err)
	}
}
