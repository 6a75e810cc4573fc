package app

import (
	"errors"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

func rejected(nodes map[string][]string) *framework.NodeToStatus {
	statuses := framework.NewDefaultNodeToStatus()
	for node, reasons := range nodes {
		statuses.Set(node, fwk.NewStatus(fwk.Unschedulable, reasons...))
	}
	return statuses
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name string
		fit  framework.FitError
		want string
	}{
		{"no nodes", framework.FitError{}, "0 nodes: the cluster has none"},
		{"grouped, most first", framework.FitError{NumAllNodes: 6, Diagnosis: framework.Diagnosis{NodeToStatus: rejected(map[string][]string{
			"a": {"outside residency EU"}, "b": {"outside residency EU"}, "c": {"outside residency EU"},
			"d": {"over 50 ms from DE"}, "e": {"Insufficient cpu"}, "f": {"Insufficient memory", "Too many pods"},
		})}}, "0/6 nodes: 3 outside residency EU, 1 Insufficient cpu, 1 Insufficient memory and Too many pods, 1 over 50 ms from DE"},
		{"kubernetes' own words", framework.FitError{NumAllNodes: 1, Diagnosis: framework.Diagnosis{NodeToStatus: rejected(map[string][]string{
			"a": {"node(s) had untolerated taint(s)"},
		})}}, "0/1 nodes: 1 node(s) had untolerated taint(s)"},
		{"several reasons, in any order", framework.FitError{NumAllNodes: 2, Diagnosis: framework.Diagnosis{NodeToStatus: rejected(map[string][]string{
			"a": {"Insufficient nvidia.com/gpu", "Insufficient cpu"}, "b": {"Insufficient cpu", "Insufficient nvidia.com/gpu"},
		})}}, "0/2 nodes: 2 Insufficient cpu and Insufficient nvidia.com/gpu"},
		{"before any node was looked at", framework.FitError{NumAllNodes: 3, Diagnosis: framework.Diagnosis{
			PreFilterMsg: "the volume of claim data is outside residency EU", NodeToStatus: framework.NewDefaultNodeToStatus(),
		}}, "0/3 nodes: the volume of claim data is outside residency EU"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := explain(&tt.fit); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestNodesTheFrameworkLeftOutAreCounted(t *testing.T) {
	statuses := rejected(map[string][]string{"a": {"outside residency EU"}})
	statuses.SetAbsentNodesStatus(fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) didn't match"))
	fit := &framework.FitError{NumAllNodes: 4, Diagnosis: framework.Diagnosis{NodeToStatus: statuses}}
	if got, want := explain(fit), "0/4 nodes: 3 node(s) didn't match, 1 outside residency EU"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestUnplacedIsAnErrorWithTheWholeMessage(t *testing.T) {
	status := fwk.NewStatus(fwk.Unschedulable).WithError(&unplaced{message: "0/3 nodes: 3 Insufficient cpu"})
	var u *unplaced
	if !errors.As(status.AsError(), &u) || status.Message() != "0/3 nodes: 3 Insufficient cpu" {
		t.Errorf("status %q with error %v", status.Message(), status.AsError())
	}
}
