package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/report"
)

// joined are documents, one after the other.
func joined(documents ...string) string { return strings.Join(documents, "\n---\n") }

// nodeOnAWS is a node in a zone of AWS; more are further fields of its metadata and spec as YAML, labels first.
func nodeOnAWS(name, zone, cpu string, labels ...string) string {
	more := ""
	for _, label := range labels {
		more += ", " + label
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %[1]s,
  labels: {topology.kubernetes.io/region: %[2]s, topology.kubernetes.io/zone: %[3]s,
  node.kubernetes.io/instance-type: m5.xlarge, kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux%[5]s}},
  spec: {providerID: "aws:///%[3]s/i-0123456789abcdef0"}, status: {allocatable: {cpu: %[4]s, memory: 15Gi, pods: "58"},
  capacity: {cpu: "4", memory: 16Gi}}}`,
		name, zone[:len(zone)-1], zone, cpu, more)
}

// inRack is a node of a private cloud.
func inRack(name, cpu, spec string, labels ...string) string {
	more := ""
	for _, label := range labels {
		more += ", " + label
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %[1]s, labels: {tradewind.dev/cloud: hall,
  tradewind.dev/country: NL,
  tradewind.dev/operator-country: NL, tradewind.dev/capacity-type: on-demand, topology.kubernetes.io/region: ams,
  kubernetes.io/hostname: %[1]s,
  node.kubernetes.io/instance-type: rack%[4]s}}, spec: {%[3]s}, status: {allocatable: {cpu: %[2]s, memory: 15Gi,
  pods: "58"}}}`, name, cpu, spec, more)
}

// podOf is a pod template of namespace shop; more are further fields of its spec.
func podOf(name, cpu, more string) string {
	return fmt.Sprintf(`{metadata: {labels: {app: %s}}, spec: {containers: [{name: c, image: i,
  resources: {requests: {cpu: %s, memory: 256Mi}}}]%s}}`, name, cpu, more)
}

func deploymentOf(name string, replicas int, cpu, more string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, namespace: shop},
  spec: {replicas: %[2]d, selector: {matchLabels: {app: %[1]s}}, template: %[3]s}}`,
		name, replicas, podOf(name, cpu, more))
}

// setOf is a StatefulSet with a claim for each replica.
func setOf(name string, replicas int, cpu, class string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: %[1]s, namespace: shop},
  spec: {replicas: %[2]d, serviceName: %[1]s, selector: {matchLabels: {app: %[1]s}},
  template: %[3]s, volumeClaimTemplates: [{metadata: {name: disk}, spec: {accessModes: [ReadWriteOnce],
  storageClassName: %[4]s, resources: {requests: {storage: 1Gi}}}}]}}`,
		name, replicas, podOf(name, cpu, ""), class)
}

const usesData = ", volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]"

func claimOf(name, class, volume, mode string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s, namespace: shop},
  spec: {accessModes: [%s], storageClassName: %s, volumeName: %q, resources: {requests: {storage: 1Gi}}}}`,
		name, mode, class, volume)
}

// volumeOf is a PersistentVolume; source says where the data is, and requires which label of nodes it needs.
func volumeOf(name, source, requires, value string) string {
	affinity := ""
	if requires != "" {
		affinity = fmt.Sprintf(`, nodeAffinity: {required: {nodeSelectorTerms: [
  {matchExpressions: [{key: %s, operator: In, values: [%s]}]}]}}`, requires, value)
	}
	return fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: %s}, spec: {capacity: {storage: 1Gi},
  accessModes: [ReadWriteOnce], %s%s}}`, name, source, affinity)
}

func ebs(name, zone string) string {
	return volumeOf(name, "csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1}", "topology.ebs.csi.aws.com/zone", zone)
}

func classOf(name, provisioner, mode, more string) string {
	return fmt.Sprintf(`{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: %s}, provisioner: %s,
  volumeBindingMode: %s%s}`, name, provisioner, mode, more)
}

func inZone(zone string) string {
	return fmt.Sprintf(`, allowedTopologies: [
  {matchLabelExpressions: [{key: topology.ebs.csi.aws.com/zone, values: [%s]}]}]`, zone)
}

const (
	waits     = "WaitForFirstConsumer"
	immediate = "Immediate"
)

func selecting(name, spec string) string {
	return fmt.Sprintf(`{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: %[1]s,
  namespace: shop}, spec: {workloadSelector: {matchLabels: {app: %[1]s}}, %[2]s}}`, name, spec)
}

const inEurope = "residency: {jurisdictions: [EU]}"

func poolOf(most int, more string) string {
	return fmt.Sprintf(`{apiVersion: tradewind.dev/v1alpha1, kind: CloudPool, metadata: {name: general},
  spec: {cloud: aws, region: eu-west-1, zone: eu-west-1b, instanceType: m5.xlarge, maxNodes: %d%s}}`, most, more)
}

func daemonOf(cpu, more string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: ops},
  spec: {selector: {matchLabels: {app: agent}}, template: %s}}`, podOf("agent", cpu, more))
}

func runsOn(pod, ownerKind, owner, node, cpu, more string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop,
  ownerReferences: [{apiVersion: apps/v1, kind: %s, name: %s, uid: u, controller: true}]},
  spec: {nodeName: %s, containers: [{name: c, image: i, resources: {requests: {cpu: %s}}}]%s},
  status: {phase: Running}}`, pod, ownerKind, owner, node, cpu, more)
}

// The devices of a driver, which pods claim.
const (
	gpuClass = `{apiVersion: resource.k8s.io/v1, kind: DeviceClass, metadata: {name: gpu.example},
  spec: {selectors: [{cel: {expression: "device.driver == 'gpu.example'"}}]}}`
	gpuTemplate = `{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, metadata: {name: gpu, namespace: shop},
  spec: {spec: {devices: {requests: [{name: g,
  exactly: {deviceClassName: gpu.example, count: 1,
  selectors: [{cel: {expression: "device.capacity['gpu.example'].memory.compareTo(quantity('20Gi')) > 0"}}]}}]}}}}`
	claimsGPU = ", resourceClaims: [{name: g, resourceClaimTemplateName: gpu}]"
)

// gpusOf are the devices of a node, and a small one.
func gpusOf(node string, count int) string {
	devices := []string{"{name: small, capacity: {memory: {value: 10Gi}}}"}
	for i := range count {
		devices = append(devices, fmt.Sprintf("{name: gpu-%d, capacity: {memory: {value: 40Gi}}}", i))
	}
	return fmt.Sprintf(`{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: %[1]s},
  spec: {driver: gpu.example, nodeName: %[1]s, pool: {name: %[1]s, generation: 1, resourceSliceCount: 1},
  devices: [%[2]s]}}`,
		node, strings.Join(devices, ", "))
}

// overHosts spreads replicas of web over nodes.
const overHosts = `, topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname, maxSkew: 1,
  whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]`

// keepsOff and beside are affinity over nodes to the pods of another workload.
func keepsOff(app string) string { return affinityOf("podAntiAffinity", app) }
func beside(app string) string   { return affinityOf("podAffinity", app) }

func affinityOf(kind, app string) string {
	return fmt.Sprintf(`, affinity: {%s: {requiredDuringSchedulingIgnoredDuringExecution: [
  {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: %s}}}]}}`, kind, app)
}

// nodesWith is the nodes that hold replicas of a workload, "n1:2 new:1", and how many have no place: "nowhere:1".
func nodesWith(plan *report.Plan, name string) string {
	on := map[string]int{}
	for i := range plan.Placements {
		w := &plan.Placements[i]
		if w.Name != name {
			continue
		}
		for k := range w.Decisions {
			for _, n := range w.Decisions[k].Nodes {
				node := n.Name
				if node == "" {
					node = "new"
				}
				on[node] += n.Replicas
			}
		}
		if w.Unplaced > 0 {
			on["nowhere"] = w.Unplaced
		}
	}
	var out []string
	for _, node := range slices.Sorted(maps.Keys(on)) {
		out = append(out, fmt.Sprintf("%s:%d", node, on[node]))
	}
	return strings.Join(out, " ")
}
