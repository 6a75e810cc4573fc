package scales

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

// said is what a scale says.
type said struct {
	scale workload.Scale
	ok    bool
	err   error
}

// book reads scales from a map, by the names of owners.
type book struct {
	mu   sync.Mutex
	says map[string]said
	read map[string]int
}

func (b *book) Scale(_ context.Context, of *workload.Owner) (workload.Scale, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read[of.Name]++
	s := b.says[of.Name]
	return s.scale, s.ok, s.err
}

func key(name string) workload.Key {
	return workload.Key{Kind: "CloneSet.apps.kruise.io", Namespace: "shop", Name: name}
}

func pod(owner, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": owner},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps.kruise.io/v1alpha1", Kind: "CloneSet", Name: owner, UID: types.UID(owner), Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "c"}}},
	}
}

// TestFeed: scales are read of whose pods come and go, and of all from time to time; nothing is decided before they have been read.
func TestFeed(t *testing.T) {
	objects := informers.New()
	from := &book{says: map[string]said{
		"web": {workload.Scale{Replicas: 3}, true, nil}, "api": {workload.Scale{Replicas: 2}, true, nil},
		"none": {}, "down": {workload.Scale{}, true, errors.New("it is down")}, "dark": {workload.Scale{}, false, errors.New("nobody answers")},
	}, read: map[string]int{}}
	clock := testingclock.NewFakeClock(time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC))
	feed := newFeed(objects, from, clock)
	changes := 0
	objects.Scales.OnChange(func() { changes++ })
	for _, owner := range []string{"web", "api", "none", "down", "dark", "planned"} {
		objects.Pods.Set(pod(owner, owner+"-1"))
	}
	from.says["planned"] = said{workload.Scale{}, false, errors.New("nobody answers")}
	planned := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cloneset.apps.kruise.io-planned"}}
	objects.Placements.Set(planned)
	if unread := objects.Unread(); len(unread) != 1 || unread[0] != "scale" {
		t.Fatalf("unread are %v", unread)
	}
	next := feed.work(t.Context())
	want := map[workload.Key]workload.Scale{
		key("web"): {Replicas: 3}, key("api"): {Replicas: 2}, key("down"): {Counted: "it is down"}, key("planned"): {Counted: "nobody answers"},
	}
	if got := objects.Scales.All(); !maps.Equal(got, want) || changes != len(want) || len(objects.Unread()) != 0 {
		t.Fatalf("scales are %v after %d changes, unread %v", got, changes, objects.Unread())
	}
	if !next.At.Equal(clock.Now().Add(retry)) {
		t.Errorf("what failed is read again at %s", next.At)
	}

	clock.Step(retry)
	from.says["down"], from.says["dark"], from.says["planned"] = said{workload.Scale{Replicas: 7}, true, nil}, said{}, said{}
	if next = feed.work(t.Context()); from.read["web"] != 1 || from.read["down"] != 2 || !next.At.Equal(feed.due) {
		t.Errorf("read were %v; all again at %s", from.read, next.At)
	}
	if _, known := objects.Scales.Get(key("planned")); known {
		t.Error("one that has no scale any more is a workload yet")
	}

	from.says["web"] = said{workload.Scale{Replicas: 4}, true, nil}
	objects.Pods.Set(pod("web", "web-2"))
	feed.work(t.Context())
	if scale, _ := objects.Scales.Get(key("web")); scale.Replicas != 4 || from.read["api"] != 1 {
		t.Errorf("after a pod came it wants %d, and others were read %d times", scale.Replicas, from.read["api"])
	}
	labelled := pod("web", "web-2")
	labelled.Labels["new"] = "label"
	objects.Pods.Set(labelled)
	if feed.work(t.Context()); from.read["web"] != 2 {
		t.Error("a pod that neither came nor went had its owner read")
	}

	from.says["web"] = said{workload.Scale{}, true, errors.New("it is down")}
	clock.Step(interval)
	if feed.work(t.Context()); from.read["api"] != 2 {
		t.Error("after the interval not all were read")
	}
	if scale, _ := objects.Scales.Get(key("web")); scale != (workload.Scale{Replicas: 4}) {
		t.Errorf("what was known is forgotten when it cannot be read: %+v", scale)
	}

	// Without pods it is a workload for as long as its owner is there and wants replicas: what a loss took is made anew.
	before := objects.Workloads()
	for _, name := range []string{"web-1", "web-2"} {
		gone, _ := objects.Pods.Get("shop", name)
		objects.Pods.Remove(gone)
	}
	if after := objects.Workloads(); len(after) != len(before) {
		t.Errorf("there are %d workloads, and were %d", len(after), len(before))
	}
	from.says["web"] = said{}
	feed.work(t.Context())
	if after := objects.Workloads(); len(after) != len(before)-1 {
		t.Errorf("there are %d workloads, and were %d with one that is gone", len(after), len(before))
	}
	clock.Step(interval)
	feed.work(t.Context())
	clock.Step(interval)
	reads := from.read["web"]
	if feed.work(t.Context()); from.read["web"] != reads {
		t.Error("an owner that is gone is read for ever")
	}
}
