package planning

import (
	"context"
	"slices"
	"strconv"
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
	// nodes are all nodes by name, and reach those that match a selector, by its text.
	nodes []*corev1.Node
	reach map[string][]string
	// unread says that nothing of claims and of what drivers offer is known: then nobody's claims are looked at.
	unread bool
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

// deviceKind is devices that a request may be given: how many each node has by its name. One that several nodes reach is counted on one
// of them.
type deviceKind struct {
	on map[string]int64
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
		compiled: cel.NewCache(compiledSelectors, cel.Features{}), nodes: slices.Clone(b.input.Nodes), reach: map[string][]string{},
		unread: len(b.input.ResourceSlices)+len(b.input.DeviceClasses)+len(b.input.ResourceClaims)+len(b.input.ResourceClaimTemplates) == 0,
	}
	slices.SortFunc(out.nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
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
	planned, named := map[claimKey]bool{}, map[claimKey]bool{}
	for i := range b.out.Workloads {
		for _, claim := range b.out.Workloads[i].Template.Spec.ResourceClaims {
			if claim.ResourceClaimName != nil { // it stays where it is, whoever has it
				named[claimKey{b.out.Workloads[i].Namespace, *claim.ResourceClaimName}] = true
			}
		}
	}
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
		free := len(claim.Status.ReservedFor) > 0 && !named[claimKey{claim.Namespace, claim.Name}]
		for _, of := range claim.Status.ReservedFor {
			free = free && planned[claimKey{claim.Namespace, of.Name}]
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
func (d *devices) offer(list []*resourcev1.ResourceSlice, taken map[deviceName]bool) {
	type pool struct{ driver, name string }
	newest := map[pool]int64{}
	for _, slice := range list {
		of := pool{slice.Spec.Driver, slice.Spec.Pool.Name}
		newest[of] = max(newest[of], slice.Spec.Pool.Generation)
	}
	for _, slice := range list {
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
	if d.unread {
		return nil, nil, ""
	}
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
			if w.Replicas > 1 { // it is allocated once, for all of them
				for k := range claim.Spec.Devices.Requests {
					if request, ok := d.request(&claim.Spec.Devices.Requests[k]); ok {
						requests = append(requests, deviceRequest{d.near(request), 1})
					}
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
		return d.counted(exact.DeviceClassName, exact.Selectors, exact.AllocationMode, exact.Count), true
	}
	for i := range of.FirstAvailable {
		next := &of.FirstAvailable[i]
		one := d.counted(next.DeviceClassName, next.Selectors, next.AllocationMode, next.Count)
		if !ok || len(d.kinds[one.kind].on) > 0 {
			out = one
		}
		if ok = true; len(d.kinds[out.kind].on) > 0 {
			break
		}
	}
	return out, ok
}

// counted is a request as a number of devices of a kind. All devices of a node are one, of which a node that has any has one.
func (d *devices) counted(class string, selectors []resourcev1.DeviceSelector, mode resourcev1.DeviceAllocationMode, count int64) deviceRequest {
	kind := d.kind(class, selectors)
	if mode != resourcev1.DeviceAllocationModeAll {
		return deviceRequest{kind, max(count, 1)}
	}
	all := "all " + kind
	if _, known := d.kinds[all]; !known {
		d.kinds[all] = &deviceKind{on: map[string]int64{}}
		for node := range d.kinds[kind].on {
			d.kinds[all].on[node] = 1
		}
	}
	return deviceRequest{all, 1}
}

// sharedDevices is how many replicas may be on a node that has the devices which they share.
const sharedDevices = 1 << 20

// near is the kind that nodes have which have as many devices as a request is for.
func (d *devices) near(request deviceRequest) string {
	name := "nodes with " + strconv.FormatInt(request.count, 10) + " " + request.kind
	if _, known := d.kinds[name]; !known {
		d.kinds[name] = &deviceKind{on: map[string]int64{}}
		for node, count := range d.kinds[request.kind].on {
			if count >= request.count {
				d.kinds[name].on[node] = sharedDevices
			}
		}
	}
	return name
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
	shared := 0
	for i := range d.offers {
		switch of := &d.offers[i]; {
		case !d.matches(of, all):
		case of.node != "":
			out.on[of.node]++
		default:
			if reach := d.reachOf(of.selector); len(reach) > 0 {
				out.on[reach[shared%len(reach)]]++
				shared++
			}
		}
	}
	return name
}

// reachOf are the names of the nodes that match a selector, in order; nil matches all.
func (d *devices) reachOf(selector *corev1.NodeSelector) []string {
	text := ""
	if selector != nil {
		text = "of " + selectorText(selector)
	}
	known, ok := d.reach[text]
	if ok {
		return known
	}
	matcher := nodeaffinity.NewLazyErrorNodeSelector(selector)
	for _, node := range d.nodes {
		if selector != nil {
			if ok, err := matcher.Match(node); err != nil || !ok {
				continue
			}
		}
		known = append(known, node.Name)
	}
	d.reach[text] = known
	return known
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
		if count := kind.on[node.Name]; count > 0 {
			each.Extended[name] = count
		}
	}
}

// keepRunning lets nodes have as many devices, and attach as many volumes, as the replicas have that run there: limits that have become
// smaller, and devices that their driver offers no more, are for those that come.
func (b *builder) keepRunning() {
	type counted struct {
		at   nodeAt
		name string
	}
	var has map[counted]int64
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		w, planned := b.index[pod.Workload]
		at, ok := b.nodeOf(pod)
		if !planned || !ok || at.node < 0 {
			continue
		}
		for name, amount := range b.out.Snapshot.Workloads[w].Request.Extended {
			if !strings.HasPrefix(name, attachPrefix) && (b.devices == nil || b.devices.kinds[name] == nil) {
				continue
			}
			if has == nil {
				has = map[counted]int64{}
			}
			has[counted{at, name}] += amount
		}
	}
	for of, amount := range has {
		free := b.out.Snapshot.Pools[of.at.pool].Nodes[of.at.node].Free.Extended
		free[of.name] = max(free[of.name], amount)
	}
}
