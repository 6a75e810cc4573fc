package nodes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// draft is a node while it is being built.
type draft struct {
	pool         *Pool
	facts        *providerFacts
	region, zone string
	machine      machine
	ordinal      int // within the pool
	node         *corev1.Node
}

func (d *draft) spot() bool { return d.pool.CapacityType == v1alpha1.CapacitySpot }

func (d *draft) reserved() bool { return d.pool.CapacityType == v1alpha1.CapacityReserved }

// label sets a label; an empty value is kept, because some clouds set labels without a value.
func (d *draft) label(key, value string) { d.node.Labels[key] = value }

func (d *draft) taint(key, value string) {
	d.node.Spec.Taints = append(d.node.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffectNoSchedule})
}

// unique returns n hexadecimal digits that are always the same for this node and differ between nodes.
func (d *draft) unique(purpose string, n int) string { return digest(purpose + "/" + d.node.Name)[:n] }

// uuid returns a UUID that is always the same for this node.
func (d *draft) uuid(purpose string) string { return uuidOf(purpose + "/" + d.node.Name) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func uuidOf(text string) string {
	h := digest(text)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// decimal returns a number of nine digits that is always the same for the text.
func decimal(text string) string {
	var n uint64
	for _, c := range []byte(digest(text)[:12]) {
		n = n*16 + uint64(strings.IndexByte("0123456789abcdef", c))
	}
	return fmt.Sprint(100000000 + n%900000000)
}

// Build makes the nodes of pools. Names that taken reports as in use are left out; taken may be nil. The same pools
// give the same nodes, in the same order.
func Build(pools []Pool, taken func(name string) bool) ([]*corev1.Node, error) {
	var nodes []*corev1.Node
	used := map[string]bool{}
	poolNames := map[string]bool{}
	next := map[string]int{}
	for i := range pools {
		pool := pools[i]
		drafts, err := pool.drafts()
		if err != nil {
			return nil, fmt.Errorf("pools[%d]%w", i, err)
		}
		if poolNames[pool.Name] {
			return nil, fmt.Errorf("pools[%d].name: %q is used twice; give the pools different names", i, pool.Name)
		}
		poolNames[pool.Name] = true
		for _, d := range drafts {
			prefix := d.namePrefix()
			name := ""
			for name == "" || used[name] || taken != nil && taken(name) {
				name = fmt.Sprintf("%s-%d", prefix, next[prefix])
				next[prefix]++
			}
			used[name] = true
			if err := d.build(name); err != nil {
				return nil, fmt.Errorf("pools[%d]%w", i, err)
			}
			nodes = append(nodes, d.node)
		}
	}
	return nodes, nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// dashed turns any text into part of an object's name.
func dashed(text string) string {
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(text), "-"), "-")
}

// namePrefix says in the node's name what people look for: cloud, place, machine and whether it is spot.
func (d *draft) namePrefix() string {
	if d.pool.NamePrefix != "" {
		return d.pool.NamePrefix
	}
	place := d.zone
	if place == "" || d.facts.siteZone(place) {
		place = d.region
	}
	parts := []string{dashed(d.pool.Cloud)}
	for _, part := range []string{place, d.pool.InstanceType} {
		if part = dashed(part); part != "" {
			parts = append(parts, part)
		}
	}
	if d.pool.CapacityType != v1alpha1.CapacityOnDemand {
		parts = append(parts, string(d.pool.CapacityType))
	}
	return strings.Join(parts, "-")
}

// build fills in the node.
func (d *draft) build(name string) error {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 || len(name) > validation.DNS1123LabelMaxLength {
		return fmt.Errorf(".namePrefix: %q cannot be a node's name: at most %d lower-case letters, digits and dashes",
			name, validation.DNS1123LabelMaxLength)
	}
	d.node = &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:        name,
		Labels:      map[string]string{},
		Annotations: map[string]string{PoolAnnotation: d.pool.Name, "volumes.kubernetes.io/controller-managed-attach-detach": "true"},
	}}
	d.standardLabels()
	p := d.facts
	if err := p.shape(d); err != nil {
		return err
	}
	if d.pool.Provisioner == provisionerKarpenter {
		karpenter(d)
	}
	maps.Copy(d.node.Annotations, d.pool.Annotations)
	for key, value := range d.pool.Labels {
		if value == "" {
			delete(d.node.Labels, key)
		} else {
			d.node.Labels[key] = value
		}
	}
	d.node.Spec.Taints = append(d.node.Spec.Taints, d.pool.Taints...)
	for key, value := range d.node.Labels {
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			return fmt.Errorf(": label %s: value %q: %s", key, value, problems[0])
		}
	}
	d.status(p)
	return nil
}

// standardLabels sets what the kubelet and the cloud's node controller set everywhere.
func (d *draft) standardLabels() {
	d.label(corev1.LabelHostname, d.node.Name)
	d.label(corev1.LabelOSStable, "linux")
	d.label("beta.kubernetes.io/os", "linux")
	d.label(corev1.LabelArchStable, d.machine.architecture)
	d.label("beta.kubernetes.io/arch", d.machine.architecture)
	if d.pool.InstanceType != "" {
		d.label(corev1.LabelInstanceTypeStable, d.pool.InstanceType)
		d.label(corev1.LabelInstanceType, d.pool.InstanceType)
	}
	if d.region != "" {
		d.label(corev1.LabelTopologyRegion, d.region)
		d.label(corev1.LabelFailureDomainBetaRegion, d.region)
	}
	if d.zone != "" {
		d.label(corev1.LabelTopologyZone, d.zone)
		d.label(corev1.LabelFailureDomainBetaZone, d.zone)
	}
}

// gpuResource is the extended resource under which NVIDIA's device plugin offers GPUs.
const gpuResource corev1.ResourceName = "nvidia.com/gpu"

// status fills in what the kubelet reports before its first heartbeat.
func (d *draft) status(p *providerFacts) {
	capacity, reserved := d.capacityAndReserved(p)
	allocatable := corev1.ResourceList{}
	for name, quantity := range capacity {
		left := quantity.DeepCopy()
		if r, ok := reserved[name]; ok {
			left.Sub(r)
			if left.Sign() < 0 {
				left = resource.Quantity{Format: quantity.Format}
			}
		}
		allocatable[name] = left
	}
	sum := digest("address/" + d.node.Name)
	var octets [3]byte
	_, _ = hex.Decode(octets[:], []byte(sum[:6])) // a digest is hexadecimal
	d.node.Status = corev1.NodeStatus{
		Capacity:    capacity,
		Allocatable: allocatable,
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.%d.%d.%d", octets[0]&0x7f, octets[1], octets[2])},
			{Type: corev1.NodeHostName, Address: d.node.Name},
		},
		NodeInfo: corev1.NodeSystemInfo{
			Architecture: d.machine.architecture, OperatingSystem: "linux", OSImage: p.osImage, KernelVersion: "6.12.0",
			KubeletVersion: kubeletVersion + p.kubeletSuffix, ContainerRuntimeVersion: "containerd://2.1.5",
			MachineID: d.unique("machine", 32), SystemUUID: d.uuid("system"), BootID: d.uuid("boot"),
		},
	}
}
