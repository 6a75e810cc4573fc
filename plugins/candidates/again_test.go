package candidates

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"tradewind.dev/tradewind/plugins/cycle"
)

// queue is a framework that notes which pods are to be tried again.
type queue struct {
	fwk.Handle
	activated []string
}

func (q *queue) Activate(_ klog.Logger, pods map[string]*corev1.Pod) {
	for name := range pods {
		q.activated = append(q.activated, name)
	}
}

// A pod that is gone before it is tried again is forgotten after a while, and one that may still come is not.
func TestPodsThatNeverComeAgainAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := &queue{}
		p := &Plugin{Profile: &cycle.Profile{Handle: handle}}
		refuse := func(name string) {
			state := framework.NewCycleState()
			state.Write(Name, narrowed)
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
			p.PostFilter(context.Background(), state, pod, framework.NewDefaultNodeToStatus())
		}
		waits := func(name string) bool {
			_, waits := p.again.Load(types.UID(name))
			return waits
		}
		refuse("gone")
		time.Sleep(forgotten / 2)
		refuse("late")
		time.Sleep(forgotten / 2)
		refuse("at-the-limit")
		if !waits("gone") || !waits("late") {
			t.Errorf("after %v a pod is forgotten", forgotten)
		}
		time.Sleep(time.Second)
		refuse("last")
		if waits("gone") || !waits("late") || !waits("at-the-limit") || !waits("last") {
			t.Errorf("waited for: gone %t, late %t, at-the-limit %t, last %t; want all but the first",
				waits("gone"), waits("late"), waits("at-the-limit"), waits("last"))
		}
		if len(handle.activated) != 4 || handle.activated[0] != "shop/gone" {
			t.Errorf("tried again at once: %v", handle.activated)
		}
	})
}
