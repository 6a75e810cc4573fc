package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSimulateWhatPodsAskFor plans what kube-scheduler would refuse elsewhere for the sake of volumes, runtime classes, daemons
// and the labels of nodes. Each was once planned where the pods could not run, or was left without a place that there is.
func TestSimulateWhatPodsAskFor(t *testing.T) {
	gke := `{apiVersion: v1, kind: Node, metadata: {name: g1, labels: {topology.kubernetes.io/region: europe-west1,
  topology.kubernetes.io/zone: europe-west1-b, node.kubernetes.io/instance-type: e2-standard-4,
  kubernetes.io/hostname: g1}},
  spec: {providerID: "gce://p/europe-west1-b/g1"}, status: {allocatable: {cpu: "3.9", memory: 15Gi, pods: "58"}}}`
	pricesOfHall := `{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: own}, spec: {source: own,
  date: "2026-01-01", resources: [{cloud: hall, cpuHourlyUSD: "0.02", memoryGiBHourlyUSD: "0.002"}]}}`
	local := "local: {path: /data}"
	kata := func(scheduling, overhead string) string {
		return fmt.Sprintf(`{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: kata}, handler: kata,
  scheduling: {%s}, overhead: {podFixed: {%s}}}`, scheduling, overhead)
	}
	isKata := ", runtimeClassName: kata"
	for _, c := range []struct {
		name, files, workload, want string
		// says is in the reason why replicas have no place, or in the rules that are not kept; rule is one of the conflict's.
		rule, says string
	}{
		{
			name: "a local volume's node is cordoned",
			files: joined(
				inRack("r1", "4", "unschedulable: true"), inRack("r2", "4", ""), pricesOfHall,
				setOf("db", 1, "500m", "disks"), claimOf("disk-db-0", "disks", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", local, "kubernetes.io/hostname", "r1"),
			),
			workload: "db", want: "nowhere:1", rule: "volume", says: "volume pv-0 of claim disk-db-0",
		},
		{
			name: "a local volume's node",
			files: joined(
				inRack("r1", "2", ""), inRack("r2", "4", ""), pricesOfHall, setOf("db", 1, "500m", "disks"),
				claimOf("disk-db-0", "disks", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", local, "kubernetes.io/hostname", "r2"),
			),
			workload: "db", want: "r2:1",
		},
		{
			name: "a local volume's node is gone",
			files: joined(
				inRack("r1", "4", ""), pricesOfHall, setOf("db", 1, "500m", "disks"),
				claimOf("disk-db-0", "disks", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", local, "kubernetes.io/hostname", "r9"),
			),
			workload: "db", want: "nowhere:1", rule: "volume", says: "volume pv-0 of claim disk-db-0",
		},
		{
			name: "a driver's own key",
			files: joined(
				inRack("r1", "2", "", "storage.example/shelf: a"), inRack("r2", "4", "", "storage.example/shelf: b"),
				pricesOfHall, setOf("db", 1, "500m", "shelves"),
				claimOf("disk-db-0", "shelves", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", "csi: {driver: storage.example, volumeHandle: v}", "storage.example/shelf", "b"),
			),
			workload: "db", want: "r2:1",
		},
		{
			name: "a class's topology, before there is a claim",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "300m"), nodeOnAWS("n2", "eu-west-1b", "3"),
				classOf("zonal", "ebs.csi.aws.com", waits, inZone("eu-west-1a")), setOf("db", 1, "500m", "zonal"),
			),
			workload: "db", want: "nowhere:1", rule: "volume", says: "StorageClass zonal",
		},
		{
			name: "a class's cloud",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), gke, classOf("gp3", "ebs.csi.aws.com", waits, ""),
				claimOf("data", "gp3", "", "ReadWriteOnce"), deploymentOf("app", 1, "500m", usesData),
			),
			workload: "app", want: "n1:1",
		},
		{
			name: "a class of pods' own volumes",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), gke, classOf("gp3", "ebs.csi.aws.com", waits, ""),
				deploymentOf("app", 2, "500m", `, volumes: [{name: s, ephemeral: {volumeClaimTemplate: {spec: {
  accessModes: [ReadWriteOnce], storageClassName: gp3, resources: {requests: {storage: 1Gi}}}}}}]`),
			),
			workload: "app", want: "n1:2",
		},
		{
			name: "a class's topology against residency",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "us-east-1a", "3"),
				classOf("abroad", "ebs.csi.aws.com", waits, inZone("us-east-1a")), setOf("db", 2, "500m", "abroad"),
				selecting("db", inEurope),
			),
			workload: "db", want: "nowhere:2", rule: "residency", says: "is outside residency EU",
		},
		{
			name: "a class that binds at once, nobody says where",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), classOf("san", "san.example", immediate, ""),
				claimOf("data", "san", "", "ReadWriteOnce"), deploymentOf("app", 1, "500m", usesData),
				selecting("app", inEurope),
			),
			workload: "app", want: "nowhere:1", rule: "residency", says: "of claim data",
		},
		{
			name: "a volume that may be anywhere",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), volumeOf("pv", "nfs: {server: nfs.example, path: /}", "", ""),
				claimOf("data", `""`, "pv", "ReadWriteOnce"), deploymentOf("app", 1, "500m", usesData),
				selecting("app", inEurope),
			),
			workload: "app", want: "nowhere:1", rule: "residency",
			says: "the volume of claim data is without a known country (residency EU)",
		},
		{
			name: "who runs stays for all that",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1b", "3"),
				volumeOf("pv", "nfs: {server: nfs.example, path: /}", "", ""),
				claimOf("data", `""`, "pv", "ReadWriteOnce"), deploymentOf("app", 2, "500m", usesData),
				selecting("app", inEurope), runsOn("app-1-x", "ReplicaSet", "app-1", "n2", "500m", usesData),
				`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: app-1, namespace: shop,
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: app, uid: u, controller: true}]},
  spec: {selector: {matchLabels: {app: app}}}}`,
			),
			workload: "app", want: "n2:1 nowhere:1", rule: "residency",
			says: "the volume of claim data is without a known country (residency EU)",
		},
		{
			name: "one pod at a time",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"), ebs("pv", "eu-west-1a"),
				claimOf("data", "gp3", "pv", "ReadWriteOncePod"), deploymentOf("app", 2, "500m", usesData),
			),
			workload: "app", want: "n1:1 nowhere:1", rule: "volume", says: "claim data is ReadWriteOncePod",
		},
		{
			name: "one pod at a time, of another workload",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), ebs("pv", "eu-west-1a"),
				claimOf("data", "gp3", "pv", "ReadWriteOncePod"), deploymentOf("app", 1, "500m", usesData),
				deploymentOf("other", 1, "500m", usesData),
			),
			workload: "other", want: "nowhere:1", rule: "volume", says: "Deployment shop/app does",
		},
		{
			name: "a limit on volumes",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), classOf("gp3", "ebs.csi.aws.com", waits, ""),
				setOf("db", 4, "100m", "gp3"),
				`{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n1},
  spec: {drivers: [{name: ebs.csi.aws.com, nodeID: i, topologyKeys: [], allocatable: {count: 3}}]}}`,
				runsOn("other-0", "Rare", "other", "n1", "100m", usesData),
				claimOf("data", "gp3", "pv", "ReadWriteOnce"), ebs("pv", "eu-west-1a"),
			),
			workload: "db", want: "n1:2 nowhere:2", rule: "capacity", says: "1 volume of driver ebs.csi.aws.com",
		},
		{
			name:  "no node at all",
			files: deploymentOf("app", 1, "500m", ""), workload: "app", want: "nowhere:1", rule: "size",
			says: "there is no node, and no CloudPool says by maxNodes that one can be added",
		},
		{
			name: "more zones than there are",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), deploymentOf("app", 2, "500m", ""),
				selecting("app", "spread: [{topologyKey: topology.kubernetes.io/zone, minDomains: 2}]"),
			),
			workload: "app", want: "n1:1 nowhere:1", rule: "spread", says: "in at least 2 zones",
		},
		{
			name: "a limit of no volume at all",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "1"),
				classOf("gp3", "ebs.csi.aws.com", waits, ""), setOf("db", 1, "100m", "gp3"),
				`{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n1},
  spec: {drivers: [{name: ebs.csi.aws.com, nodeID: i, topologyKeys: [], allocatable: {count: 0}}]}}`,
			),
			workload: "db", want: "n2:1",
		},
		{
			name: "a class that was deleted",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), classOf("other", "ebs.csi.aws.com", waits, ""),
				setOf("db", 1, "100m", "gone"),
			),
			workload: "db", want: "nowhere:1", rule: "volume",
			says: "StorageClass gone does not exist (claim disk-db-0)",
		},
		{
			name: "losses that volumes cannot survive",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1b", "3"),
				nodeOnAWS("n3", "us-east-1a", "3"), setOf("db", 2, "500m", "gp3"),
				claimOf("disk-db-0", "gp3", "v0", "ReadWriteOnce"), claimOf("disk-db-1", "gp3", "v1", "ReadWriteOnce"),
				ebs("v0", "eu-west-1a"), ebs("v1", "eu-west-1b"), selecting("db", "availability: {survive: zone}"),
			),
			workload: "db", want: "n1:1 n2:1", says: "volume v0 of claim disk-db-0, volume v1 of claim disk-db-1",
		},
		{
			name: "too many in the volumes' zone",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1b", "3"), setOf("db", 2, "500m", "gp3"),
				claimOf("disk-db-0", "gp3", "v0", "ReadWriteOnce"), claimOf("disk-db-1", "gp3", "v1", "ReadWriteOnce"),
				ebs("v0", "eu-west-1a"), ebs("v1", "eu-west-1a"),
				selecting("db", `availability: {survive: zone, minReplicasPercent: 50},
  spread: [{topologyKey: topology.kubernetes.io/zone, minDomains: 2, maxSharePercent: 50}]`),
			),
			workload: "db", want: "n1:2", says: "volume v0 of claim disk-db-0, volume v1 of claim disk-db-1",
		},
		{
			name: "devices that nobody has",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), gpuTemplate, deploymentOf("train", 1, "500m", claimsGPU),
			),
			workload: "train", want: "nowhere:1", rule: "size", says: "1 device of class gpu.example",
		},
		{
			name: "devices of a node",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"), gpuTemplate, gpuClass,
				gpusOf("n2", 3), deploymentOf("train", 4, "500m", claimsGPU),
				`{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: other, namespace: shop},
  spec: {devices: {requests: [{name: g, exactly: {deviceClassName: gpu.example, count: 1}}]}},
  status: {allocation: {devices: {results: [{request: g, driver: gpu.example, pool: n2, device: gpu-0}]}}}}`,
			),
			workload: "train", want: "n2:2 nowhere:2",
		},
		{
			name: "a template of devices that is not there",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), gpuClass, gpusOf("n1", 2),
				deploymentOf("train", 1, "500m", claimsGPU),
			),
			workload: "train", want: "nowhere:1", rule: "devices", says: "ResourceClaimTemplate gpu does not exist",
		},
		{
			name: "a runtime class's nodes",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"),
				inRack("r1", "4", "taints: [{key: kata, effect: NoSchedule}]", "kata: 'yes'"), pricesOfHall,
				kata("nodeSelector: {kata: 'yes'}, tolerations: [{key: kata, operator: Exists}]", "cpu: 100m"),
				deploymentOf("box", 2, "500m", isKata),
			),
			workload: "box", want: "r1:2",
		},
		{
			name: "a runtime class's overhead",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), kata("", "cpu: '1'"), deploymentOf("box", 3, "500m", isKata),
			),
			workload: "box", want: "n1:2 nowhere:1", rule: "capacity",
		},
		{
			name: "limits of pods",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"),
				`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 3,
  selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c,
  image: i}], resources: {limits: {cpu: 1300m, memory: 1Gi}}}}}}`,
			),
			workload: "web", want: "n1:2 nowhere:1",
		},
		{
			name: "daemons of new nodes",
			files: joined(
				poolOf(9, ""), daemonOf("1500m", ""), deploymentOf("web", 4, "1900m", ""),
			),
			workload: "web", want: "new:4",
		},
		{
			name: "a daemon that runs on no new node",
			files: joined(
				poolOf(2, ""), daemonOf("1500m", ", nodeSelector: {disk: fast}"), deploymentOf("web", 4, "1900m", ""),
			),
			workload: "web", want: "new:4",
		},
		{
			name: "daemons that are not there yet",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"), daemonOf("2", ""),
				strings.Replace(runsOn("agent-x", "DaemonSet", "agent", "n1", "2", ""), "namespace: shop", "namespace: ops", 1),
				deploymentOf("web", 3, "900m", ""),
			),
			workload: "web", want: "n1:1 n2:1 nowhere:1",
		},
		{
			name: "disk of new nodes",
			files: joined(
				poolOf(2, ""),
				`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop},
  spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c,
  image: i, resources: {requests: {cpu: 100m, ephemeral-storage: 2Gi}}}]}}}}`,
			),
			workload: "web", want: "new:1",
		},
		{
			name: "labels of new nodes",
			files: joined(
				poolOf(2, ""),
				deploymentOf("web", 1, "100m", `, nodeSelector: {beta.kubernetes.io/os: linux, beta.kubernetes.io/arch: amd64,
  failure-domain.beta.kubernetes.io/zone: eu-west-1b}`),
			),
			workload: "web", want: "new:1",
		},
		{
			name: "a volume of a node, and room beside it",
			files: joined(
				nodeOnAWS("n1", "eu-west-1b", "1", "shelf: a"), poolOf(3, ""), setOf("db", 2, "900m", "disks"),
				claimOf("disk-db-0", "disks", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", local, "kubernetes.io/hostname", "n1"),
			),
			workload: "db", want: "n1:1 new:1",
		},
		{
			name: "no new node has a node's volume",
			files: joined(
				nodeOnAWS("n1", "eu-west-1b", "3"), poolOf(3, ""), runsOn("other-0", "Rare", "other", "n1", "2", ""),
				setOf("db", 1, "2", "disks"), claimOf("disk-db-0", "disks", "pv-0", "ReadWriteOnce"),
				volumeOf("pv-0", local, "kubernetes.io/hostname", "n1"),
			),
			workload: "db", want: "nowhere:1", rule: "volume",
		},
		{
			name: "spread over nodes to be added, more replicas than nodes",
			files: joined(
				poolOf(3, ""), deploymentOf("web", 4, "100m", overHosts),
			),
			workload: "web", want: "new:4",
		},
		{
			name: "a daemon that keeps off the taint of new nodes",
			files: joined(
				poolOf(1, ", taints: [{key: gpu, effect: NoSchedule}]"), daemonOf("3", ""),
				deploymentOf("web", 1, "3", ", tolerations: [{key: gpu, operator: Exists}]"),
			),
			workload: "web", want: "new:1",
		},
		{
			name: "the higher priority comes first where a rule is scarce",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"),
				`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}`,
				deploymentOf("aaa", 1, "100m", keepsOff("vip")),
				deploymentOf("vip", 1, "100m", ", priorityClassName: high"),
			),
			workload: "vip", want: "n1:1",
		},
		{
			name: "two pairs on a node each",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"),
				deploymentOf("hub0", 1, "200m", ""), deploymentOf("hub1", 1, "200m", ""),
				deploymentOf("c0", 1, "2500m", beside("hub0")), deploymentOf("c1", 1, "2500m", beside("hub1")),
			),
			workload: "c1", want: "n2:1",
		},
		{
			name: "a field of nodes",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"),
				deploymentOf("web", 2, "100m", `,
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
  {matchFields: [{key: metadata.name,
  operator: NotIn, values: [n1]}]}]}}}`),
			),
			workload: "web", want: "n2:2",
		},
		{
			name: "a node by its name",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), nodeOnAWS("n2", "eu-west-1a", "3"),
				deploymentOf("web", 2, "100m", ", nodeName: n2"),
			),
			workload: "web", want: "n2:2",
		},
		{
			name: "a volume that is made with the first of those that share it",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "1"), nodeOnAWS("n2", "eu-west-1b", "1"),
				classOf("gp3", "ebs.csi.aws.com", waits, ""), claimOf("data", "gp3", "", "ReadWriteOnce"),
				deploymentOf("app", 4, "500m", usesData),
			),
			workload: "app", want: "n1:2 nowhere:2", rule: "volume",
			says: "claim data is settled for one topology.kubernetes.io/zone",
		},
		{
			name: "volumes made by hand are counted",
			files: joined(
				nodeOnAWS("n1", "eu-west-1a", "3"), classOf("disks", "kubernetes.io/no-provisioner", waits, ""),
				strings.Replace(volumeOf("pv-0", local, "kubernetes.io/hostname", "n1"), "spec: {", "spec: {storageClassName: disks, ", 1),
				setOf("db", 2, "100m", "disks"),
			),
			workload: "db", want: "n1:1 nowhere:1", rule: "volume", says: "no volume of StorageClass disks is free",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, plan, stderr := simulate(t, c.files, "--no-losses", "-f", "-")
			checkPlan(t, &plan)
			wantCode := 0
			if strings.Contains(c.want, "nowhere") {
				wantCode = 2
			}
			if got := nodesWith(&plan, c.workload); got != c.want || plan.Unplaced == 0 && code != wantCode {
				t.Errorf("on %s, want %s; exit %d: %s", got, c.want, code, stderr)
			}
			said := ""
			for i := range plan.Placements {
				w := &plan.Placements[i]
				if w.Name != c.workload {
					continue
				}
				said += strings.Join(w.Unkept, "; ")
				if w.Conflict != nil {
					said += w.Conflict.Message
					if c.rule != "" && !slices.Contains(w.Conflict.Rules, c.rule) {
						t.Errorf("the conflict is of %v, want %s: %s", w.Conflict.Rules, c.rule, w.Conflict.Message)
					}
				}
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}
