package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
)

// plant is in every place of the objects below where a secret may be.
const plant = "hunter2"

// secretive is a pod that names secrets wherever it can.
const secretive = `
metadata:
  labels: {app: web}
  annotations: {token: hunter2}
spec:
  nodeSelector: {disk: ssd}
  tolerations: [{key: team, operator: Exists}]
  imagePullSecrets: [{name: hunter2}]
  serviceAccountName: hunter2
  hostAliases: [{ip: 1.2.3.4, hostnames: [hunter2]}]
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Exists}]}]
    podAffinity:
      preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: hunter2}}]
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack, labelSelector: {matchLabels: {role: cache}}}]
  initContainers: [{name: init, image: hunter2, args: [hunter2], resources: {requests: {cpu: 10m}}}]
  containers:
  - name: main
    image: registry.example/hunter2
    command: [run, --password=hunter2]
    args: [hunter2]
    env: [{name: PASSWORD, value: hunter2}, {name: KEY, valueFrom: {secretKeyRef: {name: hunter2, key: k}}}]
    envFrom: [{secretRef: {name: hunter2}}]
    livenessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: Authorization, value: hunter2}]}}
    lifecycle: {preStop: {exec: {command: [hunter2]}}}
    volumeMounts: [{name: hunter2, mountPath: /x}]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m}}
    ports: [{name: hunter2, containerPort: 80, hostPort: 8080}]
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: data}}
  - {name: secret, secret: {secretName: hunter2}}
  - {name: map, configMap: {name: hunter2}}
  - {name: csi, csi: {driver: d, volumeAttributes: {password: hunter2}}}
  - {name: all, projected: {sources: [{secret: {name: hunter2}}]}}
`

// plantedMeta is metadata with secrets in it.
func plantedMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: "u", Generation: 3, Finalizers: []string{"a/" + plant},
		Annotations:   map[string]string{"kubectl.kubernetes.io/last-applied-configuration": plant},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: plant}},
	}
}

func plantedLists(t *testing.T) *state.Lists {
	t.Helper()
	var template corev1.PodTemplateSpec
	if err := yaml.UnmarshalStrict([]byte(secretive), &template); err != nil {
		t.Fatal(err)
	}
	three, class := int32(3), "fast"
	isController := true
	node := new(corev1.Node)
	if err := yaml.Unmarshal([]byte(aNode), node); err != nil {
		t.Fatal(err)
	}
	node.ObjectMeta.Annotations = map[string]string{"a": plant, v1alpha1.AnnotationCoordinates: "1,2"}
	node.Labels["disk"] = "ssd"
	node.Status.Images = []corev1.ContainerImage{{Names: []string{plant}}}
	node.Status.Addresses = []corev1.NodeAddress{{Address: plant}}
	pod := &corev1.Pod{ObjectMeta: plantedMeta("shop", "web-1-x"), Spec: template.Spec}
	pod.Spec.NodeName = "a"
	pod.Labels = map[string]string{"pod-template-hash": "1", "role": "cache", "note": plant}
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-1", Controller: &isController}}
	policy := &v1alpha1.PlacementPolicy{ObjectMeta: plantedMeta("shop", "p"), Spec: v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}}}}
	return &state.Lists{
		Nodes: []*corev1.Node{node}, Pods: []*corev1.Pod{pod},
		Namespaces:  []*corev1.Namespace{{ObjectMeta: plantedMeta("", "shop")}},
		Deployments: []*appsv1.Deployment{{ObjectMeta: plantedMeta("shop", "web"), Spec: appsv1.DeploymentSpec{Replicas: &three, Template: template}}, {ObjectMeta: plantedMeta("ops", "other"), Spec: appsv1.DeploymentSpec{Template: template}}},
		StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: plantedMeta("shop", "db"), Spec: appsv1.StatefulSetSpec{Replicas: &three, Template: template, ServiceName: plant,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: plantedMeta("", "data")}}}}},
		Jobs:       []*batchv1.Job{{ObjectMeta: plantedMeta("shop", "job"), Spec: batchv1.JobSpec{Template: template}}},
		DaemonSets: []*appsv1.DaemonSet{{ObjectMeta: plantedMeta("shop", "daemon"), Spec: appsv1.DaemonSetSpec{Template: template}}},
		Claims:     []*corev1.PersistentVolumeClaim{{ObjectMeta: plantedMeta("shop", "data"), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "v", StorageClassName: &class}}},
		Volumes: []*corev1.PersistentVolume{{ObjectMeta: plantedMeta("", "v"), Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: plant, VolumeAttributes: map[string]string{"k": plant}, NodeStageSecretRef: &corev1.SecretReference{Name: plant}},
		}}}},
		StorageClasses: []*storagev1.StorageClass{{ObjectMeta: plantedMeta("", "fast"), Provisioner: "ebs.csi.aws.com", Parameters: map[string]string{"csi.storage.k8s.io/provisioner-secret-name": plant, "zone": "eu-west-1a"}}},
		CloudPools:     []*v1alpha1.CloudPool{{ObjectMeta: plantedMeta("", "pool"), Spec: v1alpha1.CloudPoolSpec{Cloud: "aws", MaxNodes: &three}}},
		Objects: state.Objects{
			PlacementPolicies: []*v1alpha1.PlacementPolicy{policy},
			PriceLists:        []v1alpha1.PriceList{{ObjectMeta: plantedMeta("", "prices"), Spec: v1alpha1.PriceListSpec{Source: "test"}}},
		},
	}
}

// TestSnapshotHoldsNoSecret plants a secret wherever the objects of a cluster may have one, and reads back what a plan
// needs.
func TestSnapshotHoldsNoSecret(t *testing.T) {
	lists := plantedLists(t)
	before, err := json.Marshal(lists)
	if err != nil {
		t.Fatal(err)
	}
	written, err := Snapshot(lists, SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, file := range written {
		if bytes.Contains(file.Data, []byte(plant)) {
			t.Errorf("%s holds a secret:\n%s", file.Name, file.Data)
		}
		if !slices.Contains(SnapshotFiles(), file.Name) {
			t.Errorf("%s is none of the files of a snapshot", file.Name)
		}
		if err := os.WriteFile(filepath.Join(folder, file.Name), file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := json.Marshal(lists); !bytes.Equal(before, after) {
		t.Error("the objects were changed")
	}
	set, err := Read([]string{folder}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := set.Scenario(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range scenario.Problems {
		if !strings.Contains(problem.Object, "PriceList") { // an empty one says nothing, which its definition refuses
			t.Error(problem)
		}
	}
	kept := scenario.Lists.Pods[0]
	if kept.Labels["role"] != "cache" || kept.Spec.Containers[0].Ports[0].HostPort != 8080 || kept.Spec.Affinity.NodeAffinity != nil ||
		len(kept.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) != 1 {
		t.Errorf("what the pod keeps from others: %+v, %+v", kept.Labels, kept.Spec)
	}
	var got []string
	for i := range scenario.Workloads {
		w := &scenario.Workloads[i]
		got = append(got, fmt.Sprintf("%s %s/%s %d %v", w.Kind, w.Namespace, w.Name, w.Replicas, w.OwnClaims(0)))
		if request := planning.Request(&w.Template.Spec); request.MilliCPU != 100 || w.Template.Labels["app"] != "web" || w.Template.Spec.NodeSelector["disk"] != "ssd" || len(w.Template.Spec.Tolerations) != 1 {
			t.Errorf("%s: request %+v, template %+v", w.Name, request, w.Template)
		}
	}
	slices.Sort(got)
	want := []string{"Deployment ops/other 1 []", "Deployment shop/web 3 []", "Job shop/job 1 []", "StatefulSet shop/db 3 [data-db-0]"}
	if !slices.Equal(got, want) {
		t.Errorf("workloads %v, want %v", got, want)
	}
	for i := range scenario.Pods { // what a rule of pods looks at is there
		if pod := &scenario.Pods[i]; pod.Labels["role"] != "cache" || len(pod.AntiAffinity) != 1 {
			t.Errorf("pod %s: labels %v, anti-affinity %v", pod.Name, pod.Labels, pod.AntiAffinity)
		}
	}
	if len(scenario.Pods) != 1 || len(scenario.DaemonSets) != 1 || len(scenario.Pools) != 1 || len(scenario.Claims) != 1 || len(scenario.Volumes) != 1 || len(scenario.Classes) != 1 || scenario.World.Policies.Len() != 1 {
		t.Errorf("read back %d pods, %d pools, %d claims, %d volumes", len(scenario.Pods), len(scenario.Pools), len(scenario.Claims), len(scenario.Volumes))
	}
}

func TestSnapshotOfANamespace(t *testing.T) {
	written, err := Snapshot(plantedLists(t), SnapshotOptions{Namespaces: []string{"ops"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range written {
		got = append(got, fmt.Sprintf("%s %d", file.Name, file.Objects))
	}
	want := []string{"nodes.yaml 1", "namespaces.yaml 1", "workloads.yaml 2", "pods.yaml 1", "volumes.yaml 3", "pools.yaml 1", "prices.yaml 1"}
	if !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}
