package cycle

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"
)

// The index holds exactly the pods without a node, by profile in all namespaces and in one, whatever came, went and was placed.
func TestWaitingIndexIsTrue(t *testing.T) {
	namespaces, profiles := []string{"a", "b"}, []string{"tradewind", "b/tradewind", ""}
	rapid.Check(t, func(t *rapid.T) {
		indexer := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, waitingIndexers)
		pods := map[string]*corev1.Pod{}
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: rapid.SampledFrom(namespaces).Draw(t, "namespace"), Name: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "name")),
			}}
			pod.Spec.SchedulerName = rapid.SampledFrom(profiles).Draw(t, "profile")
			pod.Spec.NodeName = rapid.SampledFrom([]string{"", "node"}).Draw(t, "node")
			key := pod.Namespace + "/" + pod.Name
			if rapid.Bool().Draw(t, "goes") {
				delete(pods, key)
				if err := indexer.Delete(pod); err != nil {
					t.Fatal(err)
				}
				continue
			}
			pods[key] = pod
			if err := indexer.Add(pod); err != nil {
				t.Fatal(err)
			}
		}
		for _, namespace := range append(slices.Clone(namespaces), "") {
			for _, profile := range profiles {
				want := map[string]bool{}
				for key, pod := range pods {
					if pod.Spec.NodeName == "" && pod.Spec.SchedulerName == profile && (namespace == "" || pod.Namespace == namespace) {
						want[key] = true
					}
				}
				key := ofProfile(profile)
				if namespace != "" {
					key = inNamespace(profile, namespace)
				}
				found, err := indexer.ByIndex(waitingIndex, key)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]bool{}
				for _, object := range found {
					got[object.(*corev1.Pod).Namespace+"/"+object.(*corev1.Pod).Name] = true
				}
				if !maps.Equal(got, want) || len(found) != len(want) {
					t.Fatalf("waiting for %q in %q: %v, want %v", profile, namespace, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
				}
			}
		}
	})
}
