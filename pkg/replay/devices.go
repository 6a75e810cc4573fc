package replay

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
)

// deviceClaims are the claims of devices that are there, and those that Kubernetes makes of templates for the pods of the tasks, which
// then name them.
func (c *cluster) deviceClaims(tasks []*task) []*resourcev1.ResourceClaim {
	type key struct{ namespace, name string }
	templates := make(map[key]*resourcev1.ResourceClaimTemplate, len(c.Lists.ResourceClaimTemplates))
	for _, template := range c.Lists.ResourceClaimTemplates {
		templates[key{template.Namespace, template.Name}] = template
	}
	var out []*resourcev1.ResourceClaim
	leaves := c.leaving(tasks)
	for _, claim := range c.Lists.ResourceClaims {
		one := claim.DeepCopy()
		counted(&one.Spec)
		of := one.Status.ReservedFor
		if len(of) > 0 && !slices.ContainsFunc(of, func(r resourcev1.ResourceClaimConsumerReference) bool {
			return !leaves[[2]string{claim.Namespace, r.Name}]
		}) {
			one.Status = resourcev1.ResourceClaimStatus{} // its devices are free once they have left
		}
		out = append(out, one)
	}
	for _, t := range tasks {
		for _, pod := range slices.Concat(t.pods, t.spare) {
			for i := range pod.Spec.ResourceClaims {
				of := &pod.Spec.ResourceClaims[i]
				if of.ResourceClaimTemplateName == nil {
					continue
				}
				template := templates[key{pod.Namespace, *of.ResourceClaimTemplateName}]
				if template == nil {
					continue // nobody makes the claim, and the scheduler says so
				}
				claim := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{
					Namespace: pod.Namespace, Name: pod.Name + "-" + of.Name,
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: workload.Pod, Name: pod.Name, UID: pod.UID, Controller: ptr.To(true)}},
				}}
				template.Spec.Spec.DeepCopyInto(&claim.Spec)
				counted(&claim.Spec)
				out = append(out, claim)
				pod.Status.ResourceClaimStatuses = append(pod.Status.ResourceClaimStatuses, corev1.PodResourceClaimStatus{
					Name: of.Name, ResourceClaimName: &claim.Name,
				})
			}
		}
	}
	return out
}

// leaving are the pods, by namespace and name, that run and that the plan has elsewhere.
func (c *cluster) leaving(tasks []*task) map[[2]string]bool {
	out := map[[2]string]bool{}
	for _, pods := range c.running {
		for _, pod := range pods {
			out[[2]string{pod.Namespace, pod.Name}] = true
		}
	}
	for _, t := range tasks {
		for _, pod := range t.running {
			delete(out, [2]string{pod.Namespace, pod.Name})
		}
	}
	return out
}

// counted fills in what the API server does: a request for no number is for one device.
// Source: Kubernetes, pkg/apis/resource/v1/defaults.go.
func counted(spec *resourcev1.ResourceClaimSpec) {
	set := func(mode *resourcev1.DeviceAllocationMode, count *int64) {
		if *mode == "" {
			*mode = resourcev1.DeviceAllocationModeExactCount
		}
		if *mode == resourcev1.DeviceAllocationModeExactCount && *count == 0 {
			*count = 1
		}
	}
	for i := range spec.Devices.Requests {
		request := &spec.Devices.Requests[i]
		if request.Exactly != nil {
			set(&request.Exactly.AllocationMode, &request.Exactly.Count)
		}
		for k := range request.FirstAvailable {
			set(&request.FirstAvailable[k].AllocationMode, &request.FirstAvailable[k].Count)
		}
	}
}
