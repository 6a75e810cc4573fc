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

// Event makes an event on a workload of a round.
func Event(recorder events.EventRecorder, round *rounds.Round, key workload.Key, kind, reason, note string) {
	apiVersion := ""
	for i := range round.Result.Workloads {
		w := &round.Result.Workloads[i]
		if w.Key == key {
			apiVersion = w.APIVersion
			break
		}
	}
	regarding := &corev1.ObjectReference{APIVersion: apiVersion, Kind: key.Kind, Namespace: key.Namespace, Name: key.Name}
	recorder.Eventf(regarding, nil, kind, reason, "Move", "%s", status.Clip(note, maxNote))
}
