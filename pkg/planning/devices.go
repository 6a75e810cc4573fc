package planning

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/cel"

	"tradewind.dev/tradewind/pkg/engine"
)

// devices are those that drivers offer on nodes and that pods claim (dynamic resource allocation). Devices that one request may be given
// are counted like a resource of their nodes; that a device may serve several kinds of requests is not looked at.
type devices struct {
	templates map[claimKey]*resourcev1.ResourceClaimTemplate
	claims    map[claimKey]*resourcev1.ResourceClaim
	classes   map[string]*resourcev1.DeviceClass
	offers    []offer
	// kinds are the kinds of devices that planned workloads ask for, by the name of the resource that they are counted as.
	kinds    map[string]*deviceKind
	compiled *cel.Cache
}

// offer is a device of a driver that nobody has who is not planned.
type offer struct {
	node     string // empty for one that several nodes reach
	selector *corev1.NodeSelector
	device   cel.Device
}

// deviceKind is devices that a request may be given: how many each node has by its name, and those that several nodes reach.
type deviceKind struct {
	on     map[string]int64
	shared []*corev1.NodeSelector // nil for all nodes
}

// deviceName tells a device apart.
type deviceName struct{ driver, pool, device string }

// compiledSelectors is how many selectors of devices are kept compiled.
const compiledSelectors = 256

// readDevices reads what is offered, if any planned workload claims devices.
func (b *builder) readDevices() *devices {
	claimed := false
	for i := range b.out.Workloads {
		claimed = claimed || len(b.out.Workloads[i].Template.Spec.ResourceClaims) > 0
	}
	if !claimed {
		return nil
	}
	out := &devices{
		templates: map[claimKey]*resourcev1.ResourceClaimTemplate{}, claims: map[claimKey]*resourcev1.ResourceClaim{},
		classes: map[string]*resourcev1.DeviceClass{}, kinds: map[string]*deviceKind{},
		compiled: cel.NewCache(compiledSelectors, cel.Features{}),
	}
	for _, template := range b.input.ResourceClaimTemplates {
		out.templates[claimKey{template.Namespace, template.Name}] = template
	}
	for _, claim := range b.input.ResourceClaims {
		out.claims[claimKey{claim.Namespace, claim.Name}] = claim
	}
	for _, class := range b.input.DeviceClasses {
		out.classes[class.Name] = class
	}
	out.offer(b.input.ResourceSlices, b.takenDevices())
	return out
}

// takenDevices are the devices of claims that pods hold which are planned with no workload.
func (b *builder) takenDevices() map[deviceName]bool {
	planned := map[claimKey]bool{}
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		if _, ok := b.index[pod.Workload]; ok {
			planned[claimKey{pod.Namespace, pod.Name}] = true
		}
	}
	out := map[deviceName]bool{}
	for _, claim := range b.input.ResourceClaims {
		if claim.Status.Allocation == nil {
			continue
		}
		free := false
		for _, of := range claim.Status.ReservedFor {
			free = free || planned[claimKey{claim.Namespace, of.Name}]
		}
		for _, result := range claim.Status.Allocation.Devices.Results {
			if !free && (result.AdminAccess == nil || !*result.AdminAccess) {
				out[deviceName{result.Driver, result.Pool, result.Device}] = true
			}
		}
	}
	return out
}

// offer lists the devices of the newest slices that are not taken, nor tainted.
func (d *devices) offer(slices []*resourcev1.ResourceSlice, taken map[deviceName]bool) {
	type pool struct{ driver, name string }
	newest := map[pool]int64{}
	for _, slice := range slices {
		of := pool{slice.Spec.Driver, slice.Spec.Pool.Name}
		newest[of] = max(newest[of], slice.Spec.Pool.Generation)
	}
	for _, slice := range slices {
		spec := &slice.Spec
		if spec.Pool.Generation < newest[pool{spec.Driver, spec.Pool.Name}] {
			continue
		}
		for i := range spec.Devices {
			device := &spec.Devices[i]
			if taken[deviceName{spec.Driver, spec.Pool.Name, device.Name}] || tainted(device) {
				continue
			}
			one := offer{selector: spec.NodeSelector, device: cel.Device{
				Driver: spec.Driver, Attributes: device.Attributes, Capacity: device.Capacity,
				AllowMultipleAllocations: device.AllowMultipleAllocations,
			}}
			if spec.NodeName != nil {
				one.node = *spec.NodeName
			}
			if spec.PerDeviceNodeSelection != nil && *spec.PerDeviceNodeSelection {
				if one.selector = device.NodeSelector; device.NodeName != nil {
					one.node = *device.NodeName
				}
			}
			d.offers = append(d.offers, one)
		}
	}
}

func tainted(device *resourcev1.Device) bool {
	for i := range device.Taints {
		if device.Taints[i].Effect != resourcev1.DeviceTaintEffectNone {
			return true
		}
	}
	return false
}

// deviceRequest is a number of devices of a kind.
type deviceRequest struct {
	kind  string
	count int64
}

// requested are the devices that a pod of a workload needs beside those that it shares with others, and the nodes of those that these have:
// nil for all. missing says which claim cannot be made; empty when all can.
func (d *devices) requested(w *Workload) (requests []deviceRequest, nodes []*corev1.NodeSelector, missing string) {
	for i := range w.Template.Spec.ResourceClaims {
		of := &w.Template.Spec.ResourceClaims[i]
		var spec *resourcev1.ResourceClaimSpec
		switch {
		case of.ResourceClaimTemplateName != nil:
			template := d.templates[claimKey{w.Namespace, *of.ResourceClaimTemplateName}]
			if template == nil {
				return nil, nil, "ResourceClaimTemplate " + *of.ResourceClaimTemplateName + " does not exist"
			}
			spec = &template.Spec.Spec
		case of.ResourceClaimName != nil:
			claim := d.claims[claimKey{w.Namespace, *of.ResourceClaimName}]
			if claim == nil {
				return nil, nil, "ResourceClaim " + *of.ResourceClaimName + " does not exist"
			}
			if claim.Status.Allocation != nil {
				if claim.Status.Allocation.NodeSelector != nil {
					nodes = append(nodes, claim.Status.Allocation.NodeSelector)
				}
				continue
			}
			spec = &claim.Spec
		default:
			continue
		}
		for k := range spec.Devices.Requests {
			if request, ok := d.request(&spec.Devices.Requests[k]); ok {
				requests = append(requests, request)
			}
		}
	}
	return requests, nodes, ""
}

// request is what a request counts as; ok is false for one that takes no device. Of alternatives the first one counts of which there is
// any device.
func (d *devices) request(of *resourcev1.DeviceRequest) (out deviceRequest, ok bool) {
	if exact := of.Exactly; exact != nil {
		if exact.AdminAccess != nil && *exact.AdminAccess {
			return deviceRequest{}, false
		}
		return deviceRequest{d.kind(exact.DeviceClassName, exact.Selectors), max(exact.Count, 1)}, true
	}
	for i := range of.FirstAvailable {
		next := &of.FirstAvailable[i]
		one := deviceRequest{d.kind(next.DeviceClassName, next.Selectors), max(next.Count, 1)}
		if kind := d.kinds[one.kind]; !ok || len(kind.on)+len(kind.shared) > 0 {
			out = one
		}
		if ok = true; len(d.kinds[out.kind].on)+len(d.kinds[out.kind].shared) > 0 {
			break
		}
	}
	return out, ok
}

// kind is the name of the resource that devices of a class with further selectors are counted as.
func (d *devices) kind(class string, selectors []resourcev1.DeviceSelector) string {
	name, all := "devices of class "+class, []resourcev1.DeviceSelector(nil)
	if len(selectors) > 0 {
		var texts []string
		for i := range selectors {
			if selectors[i].CEL != nil {
				texts = append(texts, selectors[i].CEL.Expression)
			}
		}
		name += " that match " + strings.Join(texts, " and ")
	}
	if _, known := d.kinds[name]; known {
		return name
	}
	out := &deviceKind{on: map[string]int64{}}
	d.kinds[name] = out
	known := d.classes[class]
	if known == nil {
		return name // the scheduler gives no device of a class that does not exist
	}
	all = append(append(all, known.Spec.Selectors...), selectors...)
	for i := range d.offers {
		switch of := &d.offers[i]; {
		case !d.matches(of, all):
		case of.node != "":
			out.on[of.node]++
		default:
			out.shared = append(out.shared, of.selector)
		}
	}
	return name
}

// matches says whether a device meets all selectors. One that cannot be evaluated is not met.
func (d *devices) matches(of *offer, selectors []resourcev1.DeviceSelector) bool {
	for i := range selectors {
		if selectors[i].CEL == nil {
			return false
		}
		compiled := d.compiled.GetOrCompile(selectors[i].CEL.Expression)
		if compiled.Error != nil {
			return false
		}
		if ok, _, err := compiled.DeviceMatches(context.Background(), of.device); err != nil || !ok {
			return false
		}
	}
	return true
}

// countDevices adds to the resources of a node how many devices it has of each kind that is asked for.
func (d *devices) countDevices(node *corev1.Node, each *engine.Resources) {
	if d == nil {
		return
	}
	for name, kind := range d.kinds {
		count := kind.on[node.Name]
		for _, selector := range kind.shared {
			if selector == nil {
				count++
			} else if ok, err := nodeaffinity.NewLazyErrorNodeSelector(selector).Match(node); err == nil && ok {
				count++
			}
		}
		if count > 0 {
			each.Extended[name] = count
		}
	}
}
