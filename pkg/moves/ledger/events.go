package ledger

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/workload"
)

// maxNote is the longest note that an event takes, in bytes.
const maxNote = 1024

// Event makes an event on a workload of a round. Of events on one workload for one reason those about different objects are told apart:
// related is the pod that is moved, or nil; others within some minutes are one event that counts them, in the words of the first.
func Event(recorder events.EventRecorder, round *rounds.Round, key workload.Key, related *corev1.ObjectReference, kind, reason, note string) {
	regarding := &corev1.ObjectReference{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name}
	for i := range round.Result.Workloads {
		if w := &round.Result.Workloads[i]; w.Key == key {
			regarding.APIVersion, regarding.Kind, regarding.UID = w.APIVersion, w.ObjectKind(), w.UID
			break
		}
	}
	if related == nil { // else the recorder takes a pointer to nothing for an object
		recorder.Eventf(regarding, nil, kind, reason, "Move", "%s", status.Clip(note, maxNote))
		return
	}
	recorder.Eventf(regarding, related, kind, reason, "Move", "%s", status.Clip(note, maxNote))
}
