package report

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// pool is nodes of one kind in a test cluster.
type pool struct {
	cloud, region, zone, instanceType string
	spot                              bool
	cpu, memory                       string
}

var (
	irelandOnDemand = pool{"aws", "eu-west-1", "eu-west-1a", "m6i.large", false, "1930m", "7Gi"}
	irelandSpot     = pool{"aws", "eu-west-1", "eu-west-1b", "m6i.large", true, "1930m", "7Gi"}
	virginia        = pool{"aws", "us-east-1", "us-east-1a", "m6i.large", false, "1930m", "7Gi"}
	belgium         = pool{"gcp", "europe-west1", "europe-west1-b", "n2-standard-2", false, "1930m", "6Gi"}
	netherlands     = pool{"azure", "westeurope", "westeurope-1", "Standard_D2s_v5", false, "1900m", "6Gi"}
	luxembourg      = pool{"acme-dc", "lux-1", "lux-1a", "", false, "4", "16Gi"}
	paris           = pool{"scaleway", "fr-par", "fr-par-1", "", false, "1900m", "6Gi"} // whose round trips are estimates
	nowhere         = pool{"", "", "", "", false, "4", "16Gi"}
)

func (p pool) node(name string) *corev1.Node {
	labels := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			labels[key] = value
		}
	}
	set(corev1.LabelHostname, name)
	set(v1alpha1.LabelCloud, p.cloud)
	set(corev1.LabelTopologyRegion, p.region)
	set(corev1.LabelTopologyZone, p.zone)
	set(corev1.LabelInstanceTypeStable, p.instanceType)
	if p.spot {
		labels[v1alpha1.LabelCapacityType] = string(v1alpha1.CapacitySpot)
	}
	if p.cloud == "acme-dc" {
		labels[v1alpha1.LabelCountry], labels[v1alpha1.LabelOperatorCountry] = "LU", "LU"
	}
	resources := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(p.cpu), corev1.ResourceMemory: resource.MustParse(p.memory), corev1.ResourcePods: resource.MustParse("20"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, UID: types.UID("node-" + name)},
		Status:     corev1.NodeStatus{Capacity: resources, Allocatable: resources},
	}
	switch p.cloud { // what the cloud itself says of its nodes
	case "aws":
		node.Spec.ProviderID = "aws:///" + p.zone + "/i-0123456789abcdef0"
		if p.spot {
			labels["eks.amazonaws.com/capacityType"] = "SPOT"
			delete(labels, v1alpha1.LabelCapacityType)
		}
	case "gcp":
		node.Spec.ProviderID = "gce://project/" + p.zone + "/" + name
	case "azure":
		node.Spec.ProviderID = "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/" + name
	}
	return node
}

// cluster builds a snapshot.
type cluster struct {
	t     testing.TB
	lists state.Lists
}

func newCluster(t testing.TB) *cluster { return &cluster{t: t} }

// nodes adds count nodes NAME-1, NAME-2, ….
func (c *cluster) nodes(name string, p pool, count int) *cluster {
	for i := range count {
		c.lists.Nodes = append(c.lists.Nodes, p.node(fmt.Sprintf("%s-%d", name, i+1)))
	}
	return c
}

// deployment adds a Deployment's ReplicaSet with a pod on each of the nodes; "" is a pending pod.
func (c *cluster) deployment(namespace, name, cpu, memory string, on ...string) *cluster {
	if !slices.ContainsFunc(c.lists.Namespaces, func(n *corev1.Namespace) bool { return n.Name == namespace }) {
		c.lists.Namespaces = append(c.lists.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	replicas, controller := int32(len(on)), true
	c.lists.ReplicaSets = append(c.lists.ReplicaSets, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-abc",
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: name, Controller: &controller}},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas},
	})
	for i, node := range on {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("%s-%d", name, i+1), UID: types.UID(fmt.Sprintf("%s/%s-%d", namespace, name, i+1)),
				Labels:          map[string]string{"app": name, appsv1.DefaultDeploymentUniqueLabelKey: "abc"},
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: name + "-abc", Controller: &controller}},
			},
			Spec: corev1.PodSpec{
				SchedulerName: "tradewind", NodeName: node,
				Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests(cpu, memory)}}},
			},
		}
		c.lists.Pods = append(c.lists.Pods, pod)
	}
	return c
}

func requests(cpu, memory string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for name, text := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
		if text != "" {
			list[name] = resource.MustParse(text)
		}
	}
	return list
}

// policy adds a PlacementPolicy from its spec in YAML; clusterPolicy a ClusterPlacementPolicy.
func (c *cluster) policy(namespace, name, spec string) *cluster {
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}}
	c.read(spec, &object.Spec)
	c.lists.PlacementPolicies = append(c.lists.PlacementPolicies, object)
	return c
}

func (c *cluster) clusterPolicy(name, spec string) *cluster {
	object := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	c.read(spec, &object.Spec)
	c.lists.ClusterPlacementPolicies = append(c.lists.ClusterPlacementPolicies, object)
	return c
}

func (c *cluster) prices(spec string) *cluster {
	object := v1alpha1.PriceList{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	c.read(spec, &object.Spec)
	c.lists.PriceLists = append(c.lists.PriceLists, object)
	return c
}

func (c *cluster) read(text string, into any) {
	c.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		c.t.Fatalf("the test's own YAML: %v\n%s", err, text)
	}
}

// pod finds a pod to change it before the snapshot is made.
func (c *cluster) pod(name string) *corev1.Pod {
	for _, pod := range c.lists.Pods {
		if pod.Name == name {
			return pod
		}
	}
	c.t.Fatalf("the test cluster has no pod %s", name)
	return nil
}

func (c *cluster) snapshot() *state.Snapshot {
	c.t.Helper()
	snapshot, err := state.NewSnapshot(c.lists, location.DefaultOptions(), testTime)
	if err != nil {
		c.t.Fatal(err)
	}
	return snapshot
}

// shop is a cluster over three clouds and a private data centre with the policies of a small shop.
func shop(t testing.TB) *cluster {
	return newCluster(t).
		nodes("ie", irelandOnDemand, 3).nodes("ie-spot", irelandSpot, 2).nodes("us", virginia, 2).
		nodes("be", belgium, 2).nodes("nl", netherlands, 2).nodes("lu", luxembourg, 1).nodes("lost", nowhere, 1).
		deployment("shop", "web", "500m", "512Mi", "ie-1", "be-1").
		deployment("shop", "cart", "250m", "2Gi", "be-2", "ie-spot-1").
		deployment("ops", "agent", "100m", "64Mi", "us-1", "lost-1").
		deployment("ops", "idle", "", "", "us-1").
		prices("source: contract 7\ndate: \"2026-01-31\"\nresources: [{cloud: acme-dc, cpuHourlyUSD: \"0.01\", memoryGiBHourlyUSD: \"0.002\"}]").
		clusterPolicy("guard", "workloadSelector: {}\nnamespaceSelector: {}\noptimizeFor: Cost\nresidency: {jurisdictions: [EU, US]}").
		policy("shop", "web", `
workloadSelector: {matchLabels: {app: web}}
residency: {jurisdictions: [EU]}
optimizeFor: Balanced
latency: {clients: [{location: DE, sharePercent: 70}, {location: FR, sharePercent: 30}], maxMilliseconds: 50}
traffic: [{to: {name: cart}, requestsPerSecond: 20, maxMilliseconds: 40}]
locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [gcp], weight: 10}]}
spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]`)
}
