package files

import (
	resourcev1 "k8s.io/api/resource/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deviceVersion is the version that devices are written in.
var deviceVersion = resourcev1.SchemeGroupVersion.String()

// reduceSlice keeps which devices there are, and where.
func reduceSlice(from *resourcev1.ResourceSlice) client.Object {
	return &resourcev1.ResourceSlice{TypeMeta: typeMeta(deviceVersion, "ResourceSlice"), ObjectMeta: meta(from, nil), Spec: from.Spec}
}

// reduceDeviceClass keeps which devices a class is of, without their configuration.
func reduceDeviceClass(from *resourcev1.DeviceClass) client.Object {
	out := &resourcev1.DeviceClass{TypeMeta: typeMeta(deviceVersion, "DeviceClass"), ObjectMeta: meta(from, nil)}
	out.Spec.Selectors = from.Spec.Selectors
	return out
}

// deviceRequests are what is asked for, without the configuration of devices.
func deviceRequests(from *resourcev1.ResourceClaimSpec) resourcev1.ResourceClaimSpec {
	return resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: from.Devices.Requests}}
}

// reduceResourceClaim keeps what is asked for, and which devices it was given for whom.
func reduceResourceClaim(from *resourcev1.ResourceClaim) client.Object {
	out := &resourcev1.ResourceClaim{
		TypeMeta: typeMeta(deviceVersion, "ResourceClaim"), ObjectMeta: meta(from, nil), Spec: deviceRequests(&from.Spec),
		Status: resourcev1.ResourceClaimStatus{ReservedFor: from.Status.ReservedFor},
	}
	if given := from.Status.Allocation; given != nil {
		out.Status.Allocation = &resourcev1.AllocationResult{
			Devices: resourcev1.DeviceAllocationResult{Results: given.Devices.Results}, NodeSelector: given.NodeSelector,
		}
	}
	return out
}

func reduceResourceClaimTemplate(from *resourcev1.ResourceClaimTemplate) client.Object {
	return &resourcev1.ResourceClaimTemplate{
		TypeMeta: typeMeta(deviceVersion, "ResourceClaimTemplate"), ObjectMeta: meta(from, nil),
		Spec: resourcev1.ResourceClaimTemplateSpec{Spec: deviceRequests(&from.Spec.Spec)},
	}
}
