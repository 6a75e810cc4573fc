package failover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// history is a bench whose clouds are lost, cut off and back at any times, with what kubelets, the node controller and the
// controllers of workloads do meanwhile.
type history struct {
	*bench
	*rapid.T
	// since when the nodes of a cloud are off; zero while they run.
	off map[string]time.Time
	cut bool
	// late are the nodes whose kubelets renew their leases again and do not say yet that they are ready.
	late map[string]bool
	// owed are the pods that were deleted, to be made anew; made counts.
	owed []*corev1.Pod
	made int
	// replaced counts the replicas of a workload that were replaced in the present outage of a cloud, had how many there were
	// when it was first acted on: until the loss is known, replicas may still come.
	replaced, had map[string]int
}

func cloudOf(node string) string { return node[:3] }

func (h *history) pods() []corev1.Pod {
	var list corev1.PodList
	if err := h.api.List(h.Context(), &list); err != nil {
		h.Fatal(err)
	}
	return list.Items
}

func outageOfPod(pod *corev1.Pod) string {
	return pod.Labels["app"] + " in " + cloudOf(pod.Spec.NodeName)
}

// turn switches a cloud off, or on: one that comes back while all are cut off is as if it were off.
func (h *history) turn(cloud string) {
	if !h.off[cloud].IsZero() {
		if !h.cut {
			delete(h.off, cloud)
		}
		return
	}
	h.off[cloud] = h.clock.Now()
	for _, counts := range []map[string]int{h.replaced, h.had} {
		for key := range counts {
			if strings.HasSuffix(key, cloud) {
				delete(counts, key)
			}
		}
	}
}

// step lets up to 10 s go by, as long as a kubelet waits: leases are renewed, and the node controller and kubelets write what they see.
func (h *history) step(seconds int) {
	h.clock.Step(time.Duration(seconds) * time.Second)
	for name := range h.nodes {
		if h.off[cloudOf(name)].IsZero() && !h.cut {
			h.renew(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.nodes)) {
		node := h.nodes[name]
		silent, ready := h.clock.Now().Sub(h.leases[name]), node.Status.Conditions[0].Status
		switch {
		case silent > 50*time.Second && ready == corev1.ConditionTrue:
			h.ready(corev1.ConditionUnknown, name)
		case silent > 0:
			h.late[name] = false
		case ready != corev1.ConditionTrue && (h.late[name] || rapid.Bool().Draw(h.T, "the kubelet says ready")):
			h.ready(corev1.ConditionTrue, name)
		default:
			h.late[name] = ready != corev1.ConditionTrue // in the next step it says so: every 10 s it looks
		}
	}
}

// make makes the owed pods anew on nodes that are ready, or anywhere if they tolerate that.
func (h *history) make() {
	for _, old := range h.owed {
		on := []string{}
		tolerates := rapid.IntRange(0, 3).Draw(h.T, "tolerates lost nodes") == 0
		for name, node := range h.nodes {
			if tolerates || node.Status.Conditions[0].Status == corev1.ConditionTrue {
				on = append(on, name)
			}
		}
		if len(on) == 0 {
			return
		}
		slices.Sort(on)
		h.made++
		pod := &corev1.Pod{ObjectMeta: *old.ObjectMeta.DeepCopy(), Spec: *old.Spec.DeepCopy()}
		pod.Name = fmt.Sprintf("%s-%d", pod.Labels["app"], 100+h.made)
		pod.UID, pod.ResourceVersion, pod.CreationTimestamp = types.UID(pod.Name), "", metav1.NewTime(h.clock.Now())
		pod.Spec.NodeName = rapid.SampledFrom(on).Draw(h.T, "on")
		if err := h.api.Create(h.Context(), pod); err != nil {
			h.Fatal(err)
		}
	}
	h.owed = nil
}

// see shows the controller its own taints.
func (h *history) see() {
	var list corev1.NodeList
	if err := h.api.List(h.Context(), &list); err != nil {
		h.Fatal(err)
	}
	for i := range list.Items {
		if node := &list.Items[i]; len(node.Spec.Taints) != len(h.nodes[node.Name].Spec.Taints) {
			h.node(node.Name, nil)
		}
	}
}

// act lets the controller look, and checks what it did.
func (h *history) act() {
	before := h.pods()
	h.look(h.Context())
	h.see()
	now := map[string]bool{}
	for _, pod := range h.pods() {
		now[pod.Name] = true
	}
	there := map[string]int{}
	for i := range before {
		there[outageOfPod(&before[i])]++
	}
	for i := range before {
		pod := &before[i]
		if now[pod.Name] {
			continue
		}
		h.owed = append(h.owed, pod)
		cloud := cloudOf(pod.Spec.NodeName)
		if since := h.off[cloud]; since.IsZero() || h.clock.Now().Sub(since) < 40*time.Second {
			h.T.Fatalf("%s on %s is replaced; the cloud is off since %q", pod.Name, pod.Spec.NodeName, since)
		}
		key := outageOfPod(pod)
		if h.replaced[key] == 0 {
			h.had[key] = there[key]
		}
		if h.replaced[key]++; h.replaced[key] > h.had[key] {
			h.T.Fatalf("%d replicas of %s are replaced in one outage that found %d", h.replaced[key], key, h.had[key])
		}
	}
	for _, name := range strings.Fields(h.fences()) {
		if cloud := cloudOf(name); h.off[cloud].IsZero() && h.nodes[name].Status.Conditions[0].Status == corev1.ConditionTrue {
			h.T.Fatalf("%s is fenced and ready", name)
		}
	}
}

// TestOnceAnOutage lets anything happen: no replica of a running place is replaced, none twice in one outage, and when all has
// been back for long no pool is left out.
func TestOnceAnOutage(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBench(t)
		b.claim("free", "")
		b.workload("Deployment", "web", quick, nil, "aws-0", "aws-1", "gcp-0")
		b.workload("StatefulSet", "db", quick, []string{"free"}, "aws-0")
		b.plan()
		h := &history{bench: b, T: r, off: map[string]time.Time{}, late: map[string]bool{}, replaced: map[string]int{}, had: map[string]int{}}
		for range rapid.IntRange(2, 6).Draw(r, "happenings") {
			switch rapid.SampledFrom([]string{"aws", "aws", "gcp", "cut", "restart"}).Draw(r, "happens") {
			case "aws":
				h.turn("aws")
			case "gcp":
				h.turn("gcp")
			case "cut":
				h.cut = !h.cut
			case "restart":
				h.restart()
			}
			for range rapid.IntRange(1, 10).Draw(r, "steps") {
				h.step(rapid.IntRange(3, 10).Draw(r, "seconds"))
				if h.Controller.round.Load() == nil {
					h.plan()
				}
				h.act()
				h.make()
			}
		}
		h.cut, h.off = false, map[string]time.Time{}
		for range 20 {
			h.step(10)
			h.act()
			h.make()
		}
		if b.outage("aws") == "True Lost" || b.outage("gcp") == "True Lost" {
			r.Fatalf("all is back, and the outages are %q and %q", b.outage("aws"), b.outage("gcp"))
		}
	})
}

// TestComesLater lets a replacement come to the lost domain, since it tolerates that: it stays, also for a controller that was
// restarted meanwhile; and when the domain is lost anew it is replaced like any other.
func TestComesLater(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		b := shop(t)
		comes := func(name string) {
			pod := b.pod("web", name, "aws-0")
			pod.CreationTimestamp = metav1.NewTime(b.clock.Now())
			if err := b.api.Create(t.Context(), pod); err != nil {
				t.Fatal(err)
			}
		}
		b.loseAWS()
		b.round()
		b.deleted = nil
		comes("web-3")
		if restarts {
			b.restart()
		}
		b.pass(time.Minute, "aws-0 aws-1 ")
		b.round()
		b.wantDeleted()
		if _, pause := b.Losses(); pause == "" {
			t.Errorf("aws is not lost (restarts: %v)", restarts)
		}
		b.ready(corev1.ConditionTrue, "aws-0", "aws-1")
		b.pass(time.Second)
		b.round()
		b.pass(time.Minute)
		b.loseAWS()
		b.round()
		b.wantDeleted("web-3")
	}
}
