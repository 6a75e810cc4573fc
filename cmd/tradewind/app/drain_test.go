package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
)

// liveClient is liveShop as an API server has it. When a drain begins, follow is called with the client.
func liveClient(t *testing.T, follow func(context.Context, client.Client)) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objectsOf(liveShop(t))...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			err := c.Create(ctx, object, options...)
			if _, begins := object.(*v1alpha1.ClusterPlacementPolicy); begins && err == nil && follow != nil {
				follow(ctx, c)
			}
			return err
		},
	}).Build()
}

func objectsOf(snapshot *state.Snapshot) []client.Object {
	var out []client.Object
	add := func(objects ...client.Object) { out = append(out, objects...) }
	lists := &snapshot.Lists
	for _, object := range lists.Namespaces {
		add(object)
	}
	for _, object := range lists.Nodes {
		add(object)
	}
	for _, object := range lists.Pods {
		add(object)
	}
	for _, object := range lists.Deployments {
		add(object)
	}
	for _, object := range lists.ReplicaSets {
		add(object)
	}
	for _, object := range lists.Jobs {
		add(object)
	}
	for _, object := range lists.PlacementPolicies {
		add(object)
	}
	return out
}

// moved brings all pods of Tradewind's scheduler elsewhere, as the controller would, but for those of one workload.
func moved(t *testing.T, but string) func(context.Context, client.Client) {
	return func(ctx context.Context, c client.Client) {
		var pods corev1.PodList
		if err := c.List(ctx, &pods); err != nil {
			t.Error(err)
		}
		for i := range pods.Items {
			if pod := &pods.Items[i]; pod.Spec.SchedulerName == "tradewind" && pod.Labels["app"] != but && pod.Labels["app"] != "batch" {
				pod.Spec.NodeName = "g"
				if err := c.Update(ctx, pod); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// full leaves no room on the node of Google Cloud.
func full(t *testing.T, cluster client.Client) {
	t.Helper()
	var node corev1.Node
	if err := cluster.Get(t.Context(), client.ObjectKey{Name: "g"}, &node); err != nil {
		t.Fatal(err)
	}
	node.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("100m")
	if err := cluster.Status().Update(t.Context(), &node); err != nil {
		t.Fatal(err)
	}
}

// nobody is a kubeconfig of a server that nobody runs.
func nobody(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]}"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// drainOn does what the command does after it has connected.
func drainOn(t *testing.T, cluster client.Client, change func(*drain)) (out, said string, err error) {
	t.Helper()
	var printed, problems bytes.Buffer
	d := &drain{
		env: &environment{
			out: &printed, err: &problems, data: &printed, terminal: &problems,
			now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
		},
		flags: newClusterFlags(), output: formatTable, schedulers: defaultSchedulers, timeout: 5 * time.Second,
	}
	d.flags.workloads = true
	*d.flags.config.KubeConfig = nobody(t) // of which only scale subresources would be asked, which no workload here has
	if d.place, err = parsePlace("drain", "cloud=aws"); err != nil {
		t.Fatal(err)
	}
	change(d)
	err = d.on(t.Context(), cluster)
	return printed.String(), problems.String(), err
}

// drains is how many drains are in force.
func drains(t *testing.T, cluster client.Client) int {
	t.Helper()
	var list v1alpha1.ClusterPlacementPolicyList
	if err := cluster.List(t.Context(), &list, client.MatchingLabels{v1alpha1.LabelDrain: "true"}); err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

// TestDrain checks what a drain prints, and whether it ends with an error, which is exit status 1.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name   string
		full   bool
		follow func(context.Context, client.Client)
		change func(*drain)
		// out are parts of what is printed, and fails of the error; none for exit status 0. drains is how many are in force after it.
		out, fails []string
		drains     int
	}{
		{
			name: "preview", change: func(d *drain) { d.dryRun = true },
			out: []string{
				"DRAIN cloud=aws: 4 of 4 replicas of 2 workloads would move, 4 are there\n\n" +
					"WORKLOAD   KIND        REPLICAS  LEFT  TO\n" +
					"shop/free  Deployment         2     2  2 gcp-europe-west1-b\n" +
					"shop/web   Deployment         2     2  2 gcp-europe-west1-b\n\n" +
					"Other pods stay: 1 of Jobs, 2 of other schedulers.\n",
			},
		},
		{
			name: "preview without room", full: true, change: func(d *drain) { d.dryRun = true },
			out:   []string{"0 of 4 replicas of 2 workloads would move, 4 are there", "2 nowhere: "},
			fails: []string{"the rest of the cluster cannot hold what runs in cloud=aws:\n  ", "--force"},
		},
		{name: "no room", full: true, fails: []string{"the rest of the cluster cannot hold what runs in cloud=aws"}},
		{
			name: "emptied", follow: moved(t, ""), drains: 1,
			out: []string{"DRAIN cloud=aws: 4 of 4 replicas of 2 workloads moved, 0 are there\n", "shop/web   Deployment         2     0  2 gcp-europe-west1-b\n"},
		},
		{name: "not waited for", change: func(d *drain) { d.noWait = true }, drains: 1, out: []string{"0 of 4 replicas of 2 workloads moved, 4 are there"}},
		{
			name: "what can be moved", full: true, follow: moved(t, "web"), change: func(d *drain) { d.force = true }, drains: 1,
			out: []string{"2 of 4 replicas of 2 workloads moved, 2 are there"}, fails: []string{"2 replicas are left in cloud=aws: there is no other place"},
		}, {
			name: "nothing can be moved", full: true, change: func(d *drain) { d.force = true }, drains: 1,
			out: []string{"0 of 4 replicas of 2 workloads moved, 4 are there"}, fails: []string{"4 replicas are left in cloud=aws: there is no other place"},
		},
		{
			name: "no controller", change: func(d *drain) { d.timeout = time.Millisecond }, drains: 1,
			fails: []string{
				"not done within --timeout 1ms: 4 replicas are left in cloud=aws; the drain goes on (undo with: tradewind drain cloud=aws --undo)",
				"Deployment shop/web: 2 left: nothing is said of it: is tradewind-controller running?",
			},
		},
		{name: "nothing to undo", change: func(d *drain) { d.undo = true }, fails: []string{"cloud=aws is not being drained, nor is any other place"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := liveClient(t, c.follow)
			if c.full {
				full(t, cluster)
			}
			if c.change == nil {
				c.change = func(*drain) {}
			}
			out, said, err := drainOn(t, cluster, c.change)
			for _, part := range c.out {
				if !strings.Contains(out, part) {
					t.Errorf("it does not print\n%s\nbut\n%s", part, out)
				}
			}
			if (err != nil) != (len(c.fails) > 0) {
				t.Fatalf("ends with %v, said %s", err, said)
			}
			for _, part := range c.fails {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("ends with %q, without %q", err, part)
				}
			}
			if n := drains(t, cluster); n != c.drains {
				t.Errorf("%d drains are in force, want %d", n, c.drains)
			}
		})
	}
}

// TestDrainUndo begins a drain twice and ends it.
func TestDrainUndo(t *testing.T) {
	cluster := liveClient(t, moved(t, ""))
	for _, want := range []string{"ClusterPlacementPolicy drain-cloud-aws forbids cloud=aws; undo with: tradewind drain cloud=aws --undo\n", "cloud=aws is being drained already"} {
		if _, said, err := drainOn(t, cluster, func(*drain) {}); err != nil || !strings.Contains(said, want) {
			t.Fatalf("said %q, %v; want %q", said, err, want)
		}
	}
	out, _, err := drainOn(t, cluster, func(d *drain) { d.undo = true })
	if err != nil || !strings.HasPrefix(out, "cloud=aws may be used again.") || drains(t, cluster) != 0 {
		t.Errorf("undone with %q, %v; %d drains are left", out, err, drains(t, cluster))
	}
}

// TestDrainOfEndingNamespaces: a drain refused for want of room for what goes away by itself, or waited for it.
func TestDrainOfEndingNamespaces(t *testing.T) {
	cluster := liveClient(t, moved(t, "old"))
	create := func(object client.Object, name, ownerKind, owner string) {
		t.Helper()
		object.SetName(name)
		object.SetUID(types.UID(name))
		if _, cluster := object.(*corev1.Namespace); !cluster {
			object.SetNamespace("gone")
		}
		if owner != "" {
			object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: ownerKind, Name: owner, Controller: ptr.To(true)}})
		}
		if err := cluster.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "old"}}, Spec: corev1.PodSpec{
		SchedulerName: "tradewind", NodeSelector: map[string]string{corev1.LabelTopologyRegion: "eu-west-1"},
		Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}}}},
	}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"example.com/slow"}}}
	create(namespace, "gone", "", "")
	create(&appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](1), Template: template}}, "old", "", "")
	create(&appsv1.ReplicaSet{}, "old-1", "Deployment", "old")
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
	pod.Spec.NodeName = "a"
	create(pod, "old-1-0", "ReplicaSet", "old-1")
	create(&corev1.Pod{Spec: corev1.PodSpec{NodeName: "a"}}, "by-hand", "", "")

	if _, _, err := drainOn(t, cluster, func(d *drain) { d.dryRun = true }); err == nil || !strings.Contains(err.Error(), "Deployment gone/old: no other place for 1 of 1 replica") {
		t.Fatalf("before the namespace is deleted: %v", err)
	}
	if err := cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	out, said, err := drainOn(t, cluster, func(*drain) {})
	if err != nil {
		t.Fatalf("%v, said %s", err, said)
	}
	for _, want := range []string{
		"DRAIN cloud=aws: 4 of 4 replicas of 2 workloads moved, 0 are there\n", "\nOther pods stay: 1 of Jobs, 2 of other schedulers.\n",
		"\n2 pods go with their namespaces, which are being deleted.\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not print\n%s\nbut\n%s", want, out)
		}
	}
}

// TestDrainWhileANamespaceEnds: what is in a namespace that begins to be deleted while the drain waits is not waited for.
func TestDrainWhileANamespaceEnds(t *testing.T) {
	cluster := liveClient(t, func(ctx context.Context, c client.Client) {
		var shop corev1.Namespace
		err := c.Get(ctx, client.ObjectKey{Name: "shop"}, &shop)
		if err == nil {
			shop.Finalizers = []string{"example.com/slow"}
			err = c.Update(ctx, &shop)
		}
		if err := errors.Join(err, c.Delete(ctx, &shop)); err != nil {
			t.Error(err)
		}
	})
	out, said, err := drainOn(t, cluster, func(*drain) {})
	if err != nil || !strings.Contains(out, "DRAIN cloud=aws: 0 of 0 replicas of 0 workloads moved, 0 are there\n") ||
		!strings.Contains(out, "7 pods go with their namespaces, which are being deleted.") {
		t.Errorf("%v, said %s, printed\n%s", err, said, out)
	}
}
