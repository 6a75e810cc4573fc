package app

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
)

func TestEventsSayWhatTheyAreTold(t *testing.T) {
	fake := events.NewFakeRecorder(2)
	recorder := literalRecorder{fake}
	recorder.Eventf(&corev1.Pod{}, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "1 in cloud aws, which has its 60% of the replicas")
	if got, want := <-fake.Events, "Warning FailedScheduling 1 in cloud aws, which has its 60% of the replicas"; got != want {
		t.Errorf("a message: got %q, want %q", got, want)
	}
	recorder.Eventf(&corev1.Pod{}, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "assigned to %s", "node-1")
	if got, want := <-fake.Events, "Normal Scheduled assigned to node-1"; got != want {
		t.Errorf("a format: got %q, want %q", got, want)
	}
}
