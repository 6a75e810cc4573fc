package performance

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/test/utils/ktesting"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins/plan"
)

var placementObjects = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "placements"}

// planFor makes a Placement of a pod's workload, with room in every kind of place but one, and waits until the scheduler
// follows it. replicas is how many the workload wants; 0 leaves the plan as it is for any number.
func planFor(tCtx ktesting.TContext, r *run, pod *corev1.Pod, nodes []fwk.NodeInfo, replicas int32) error {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return errors.New("the pod has no owner to plan for")
	}
	planned := &v1alpha1.Placement{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Placement"},
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: state.PlacementName(owner.Kind, owner.Name)},
		Spec: v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: owner.APIVersion,
			Kind: owner.Kind, Name: owner.Name}},
	}
	planned.Status.Replicas = replicas
	type place struct {
		at           location.Location
		instanceType string
		capacityType v1alpha1.CapacityType
	}
	seen := map[place]bool{}
	for _, node := range nodes {
		found := location.FromNode(node.Node(), location.DefaultOptions())
		key := place{found.Location, found.InstanceType, found.CapacityType}
		if seen[key] {
			continue
		}
		seen[key] = true
		if len(seen) == 1 {
			continue // outside the plan
		}
		planned.Status.Decisions = append(planned.Status.Decisions, v1alpha1.PlacementDecision{
			Cloud: found.Cloud, Region: found.Region, Zone: found.Zone, InstanceType: found.InstanceType,
			CapacityType: found.CapacityType, Replicas: 100000,
		})
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(planned)
	if err != nil {
		return err
	}
	client := tCtx.Dynamic().Resource(placementObjects).Namespace(pod.Namespace)
	created, err := client.Create(tCtx, &unstructured.Unstructured{Object: fields}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a Placement: %w", err)
	}
	if err := unstructured.SetNestedField(created.Object, fields["status"], "status"); err != nil {
		return err
	}
	if _, err := client.UpdateStatus(tCtx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the status of a Placement: %w", err)
	}
	plugin, ok := r.plugins[plan.Name].(*plan.Plugin)
	if !ok {
		return fmt.Errorf("the profile has no plugin %s", plan.Name)
	}
	for deadline := time.Now().Add(4 * time.Minute); plugin.Live.Targets(pod) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the scheduler has not read a Placement")
		}
	}
	return nil
}
