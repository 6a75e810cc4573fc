package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
)

// TestDrillSaysWhatIsMissing: of a workload that was not back there was said how many replicas are ready, and neither why nor what to do.
func TestDrillSaysWhatIsMissing(t *testing.T) {
	const waits = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."
	pending := func(pod *corev1.Pod) {
		pod.Spec.NodeName = ""
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: waits}}
	}
	placement := func(kind, reason, message string) *v1alpha1.Placement {
		return &v1alpha1.Placement{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"},
			Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
			Status: v1alpha1.PlacementStatus{
				Replicas: 2, Unplaced: 2, Conditions: []metav1.Condition{{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}},
			},
		}
	}
	for _, c := range []struct {
		name string
		// edit is what the pods of web are after the loss; those that it says are not kept are gone.
		edit      func(*corev1.Pod) (kept bool)
		full      bool
		placement *v1alpha1.Placement
		lasted    time.Duration
		want      []missing
	}{
		{name: "back", edit: func(pod *corev1.Pod) bool {
			pod.Spec.NodeName = "g"
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			return true
		}},
		{
			name: "no room", full: true, edit: func(pod *corev1.Pod) bool { pending(pod); return true },
			placement: placement(v1alpha1.ConditionPlanned, "Unplaced", "2 of 2 replicas have no place: too little cpu"),
			want: []missing{{
				2, "without a node: " + strings.TrimSuffix(waits, ".") + "; the plan says: 2 of 2 replicas have no place: too little cpu",
				"add larger nodes, or lower the pod's requests: these are too small for it even when empty (opens 1 node)",
			}},
		},
		{
			name: "not looked at", edit: func(pod *corev1.Pod) bool { pod.Spec.NodeName = ""; return true },
			want: []missing{{
				2, "without a node: no scheduler has said why", "1 node could take the pod now: wait for the scheduler's next try, or see whether it runs " +
					"(kubectl get pods -A -l app.kubernetes.io/name=tradewind-scheduler)",
			}},
		},
		{
			name: "one starts, one is not made", edit: func(pod *corev1.Pod) bool {
				pod.Spec.NodeName = "g"
				pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
					Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}},
				}}
				return pod.Name == "web-1-0"
			},
			want: []missing{
				{1, "not ready: container main: ImagePullBackOff: no such image", "kubectl describe pod web-1-0 -n shop says more"},
				{
					1, "without a pod: Deployment web has not made it anew",
					"kubectl describe deployment web -n shop says why, of a Deployment also its ReplicaSets",
				},
			},
		},
		{
			name: "too early", edit: func(*corev1.Pod) bool { return true }, lasted: 10 * time.Second,
			want: []missing{{2, "still in cloud=aws: failover.after of its policy is 30s, and the drill lasted 10s", "give a --timeout above that"}},
		},
		{
			name: "nobody replaces them", edit: func(*corev1.Pod) bool { return true }, lasted: time.Minute,
			placement: placement(v1alpha1.ConditionFailedOver, "Settled", "of an outage before"),
			want: []missing{{
				2, "still in cloud=aws: tradewind-controller has not replaced them",
				"see whether it runs (kubectl get pods -A -l app.kubernetes.io/name=tradewind-controller), and what it logs",
			}},
		},
		{
			name: "they may not be replaced", edit: func(*corev1.Pod) bool { return true }, lasted: time.Minute,
			placement: placement(v1alpha1.ConditionFailedOver, loss.ReasonStays, "after the loss of aws: its volume cannot follow"),
			want:      []missing{{2, "still in cloud=aws: after the loss of aws: its volume cannot follow", ""}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cluster := t.Context(), liveClient(t, nil)
			var problems bytes.Buffer
			d := &drill{
				env:   &environment{out: &problems, err: &problems, data: &problems, terminal: &problems, now: time.Now},
				flags: newClusterFlags(), lose: "cloud=aws", schedulers: defaultSchedulers,
			}
			d.flags.workloads = true
			*d.flags.config.KubeConfig = nobody(t)
			var err error
			if d.place, err = parsePlace("--lose", d.lose); err != nil {
				t.Fatal(err)
			}
			o, _, err := d.prepare(liveShop(t))
			if err != nil {
				t.Fatal(err)
			}
			if c.full {
				full(t, cluster)
			}
			var pods corev1.PodList
			if err := cluster.List(ctx, &pods, client.MatchingLabels{"app": "web"}); err != nil {
				t.Fatal(err)
			}
			for i := range pods.Items {
				pod := &pods.Items[i]
				kept, status := c.edit(pod), pod.Status
				err := cluster.Update(ctx, pod)
				if pod.Status = status; kept {
					err = errors.Join(err, cluster.Status().Update(ctx, pod))
				} else {
					err = errors.Join(err, cluster.Delete(ctx, pod))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.placement != nil {
				if err := cluster.Create(ctx, c.placement); err != nil {
					t.Fatal(err)
				}
			}
			o.lasted = c.lasted
			if err := o.look(ctx, cluster, c.lasted); err != nil {
				t.Fatal(err)
			}
			if err := d.explain(ctx, cluster, o); err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(o.Workloads, func(w drilledWorkload) bool { return w.Name == "web" })
			if got := o.Workloads[at].Missing; !slices.Equal(got, c.want) {
				t.Errorf("missing\n%+v\nwant\n%+v", got, c.want)
			}
			var text strings.Builder
			if err := o.Text(&text); err != nil {
				t.Fatal(err)
			}
			if said := strings.Contains(text.String(), "\nDeployment shop/web is not back:\n"); said != (len(c.want) > 0) {
				t.Errorf("it prints\n%s", text.String())
			}
			data, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range c.want {
				if !strings.Contains(text.String(), " of 2 replicas "+m.Reason+"\n") || !strings.Contains(text.String(), m.Remedy) {
					t.Errorf("it prints\n%s", text.String())
				}
				if reason, _ := json.Marshal(m.Reason); !strings.Contains(string(data), `"reason":`+string(reason)) {
					t.Errorf("as JSON it is %s", data)
				}
			}
		})
	}
}
