package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"tradewind.dev/tradewind/test/chaos/history"
	"tradewind.dev/tradewind/test/chaos/kubelet"
)

// Tradewind's resources, by the names of the API alone: the suite shares no types with what it checks.
var (
	placementResource = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "placements"}
	poolResource      = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "cloudpools"}
	policyResource    = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "placementpolicies"}
	guardResource     = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "clusterplacementpolicies"}
	definitionKind    = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

const byNode = "node"

// watch begins the suite's own watches at the API server, past all proxies.
func (w *world) watch() {
	w.Helper()
	// Watches that break and requests that fail are what this is about; they are not news.
	utilruntime.ErrorHandlers = nil //nolint:reassign // its documented use
	klog.SetLogger(logr.Discard())

	factory := informers.NewSharedInformerFactory(w.client, 0)
	pods := factory.Core().V1().Pods().Informer()
	err := pods.AddIndexers(cache.Indexers{byNode: func(object any) ([]string, error) {
		return []string{object.(*corev1.Pod).Spec.NodeName}, nil
	}})
	if err != nil {
		w.Fatal(err)
	}
	w.podCache = pods.GetIndexer()
	w.handle(pods, func(object any) { w.sawPod(object.(*corev1.Pod), false) }, func(object any) { w.sawPod(object.(*corev1.Pod), true) })
	fenced := map[string]bool{}
	w.handle(factory.Core().V1().Nodes().Informer(), func(object any) {
		node := object.(*corev1.Node)
		is := slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
			return t.Key == corev1.TaintNodeOutOfService && t.Value == "tradewind-failover"
		})
		if is != fenced[node.Name] {
			fenced[node.Name] = is
			w.record.Add(history.Event{Fence: &history.Fence{Node: node.Name, On: is}})
		}
	}, func(object any) { delete(fenced, object.(*corev1.Node).Name) })
	factory.Start(w.Context().Done())

	own := dynamicinformer.NewDynamicSharedInformerFactory(w.objects, 0)
	placements := own.ForResource(placementResource).Informer()
	w.placements = placements.GetStore()
	w.handle(placements, func(object any) { w.sawPlacement(object.(*unstructured.Unstructured)) }, func(any) {})
	own.Start(w.Context().Done())
	if !cache.WaitForCacheSync(w.Context().Done(), pods.HasSynced) {
		w.Fatal("the suite's own watch of pods did not begin")
	}
}

func (w *world) handle(informer cache.SharedIndexInformer, seen, gone func(any)) {
	w.Helper()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    seen,
		UpdateFunc: func(_, object any) { seen(object) },
		DeleteFunc: func(object any) {
			if last, is := object.(cache.DeletedFinalStateUnknown); is {
				object = last.Obj
			}
			gone(object)
		},
	})
	if err != nil {
		w.Fatal(err)
	}
}

// workloadOf names the workload of a pod by its controller; empty for pods of others.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return ""
	}
	kind, name := owner.Kind, owner.Name
	if kind == "ReplicaSet" {
		kind, name = "Deployment", strings.TrimSuffix(name, "-"+pod.Labels["pod-template-hash"])
	}
	return fmt.Sprintf("%s %s/%s", kind, pod.Namespace, name)
}

func (w *world) sawPod(pod *corev1.Pod, gone bool) {
	w.record.Add(history.Event{Pod: &history.Pod{
		UID: string(pod.UID), Namespace: pod.Namespace, Name: pod.Name, Workload: workloadOf(pod), Node: pod.Spec.NodeName,
		Ready: kubelet.Ready(pod), Ending: pod.DeletionTimestamp != nil, Gone: gone,
	}})
}

func (w *world) sawPlacement(object *unstructured.Unstructured) {
	w.record.Add(history.Event{Plan: planOf(object)})
}

// planOf is what a Placement says.
func planOf(object *unstructured.Unstructured) *history.Plan {
	kind, _, _ := unstructured.NestedString(object.Object, "spec", "workload", "kind")
	name, _, _ := unstructured.NestedString(object.Object, "spec", "workload", "name")
	replicas, _, _ := unstructured.NestedInt64(object.Object, "status", "replicas")
	decisions, _, _ := unstructured.NestedSlice(object.Object, "status", "decisions")
	plan := &history.Plan{
		Workload: fmt.Sprintf("%s %s/%s", kind, object.GetNamespace(), name), UID: string(object.GetUID()),
		Replicas: int(replicas), Decisions: map[string]int{},
	}
	for _, entry := range decisions {
		d, is := entry.(map[string]any)
		if !is {
			continue
		}
		text := func(key string) string { s, _ := d[key].(string); return s }
		n, _ := d["replicas"].(int64)
		plan.Decisions[history.Place(text("cloud"), text("region"), text("instanceType"), text("capacityType") == "spot")] += int(n)
	}
	return plan
}

// podsOf are the pods of a node.
func (w *world) podsOf(node string) []*corev1.Pod {
	found, err := w.podCache.ByIndex(byNode, node)
	if err != nil {
		return nil
	}
	var out []*corev1.Pod
	for _, object := range found {
		out = append(out, object.(*corev1.Pod))
	}
	return out
}

// podsOfLoad are the pods of a workload that are not ending, by name.
func (w *world) podsOfLoad(id string) []*corev1.Pod {
	var out []*corev1.Pod
	for _, object := range w.podCache.List() {
		if pod := object.(*corev1.Pod); pod.DeletionTimestamp == nil && workloadOf(pod) == id {
			out = append(out, pod)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// now is a time that objects can be marked with.
func now() string { return time.Now().Format(time.RFC3339Nano) }
