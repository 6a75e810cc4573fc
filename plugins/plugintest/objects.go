package plugintest

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Policy puts a PlacementPolicy, whose spec is YAML, in force in the namespace shop.
func (c *Cluster) Policy(name, spec string) *Cluster {
	c.t.Helper()
	object := &v1alpha1.PlacementPolicy{ObjectMeta: c.meta("shop", name)}
	c.read(spec, &object.Spec)
	c.objects.PlacementPolicies = put(c.objects.PlacementPolicies, object, func(p *v1alpha1.PlacementPolicy) string { return p.Name })
	c.inForce()
	return c
}

// ClusterPolicy puts a ClusterPlacementPolicy, whose spec is YAML, in force.
func (c *Cluster) ClusterPolicy(name, spec string) *Cluster {
	c.t.Helper()
	object := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.ClusterPlacementPolicies = put(c.objects.ClusterPlacementPolicies, object,
		func(p *v1alpha1.ClusterPlacementPolicy) string { return p.Name })
	c.inForce()
	return c
}

// PriceList puts a PriceList, whose spec is YAML, in force.
func (c *Cluster) PriceList(name, spec string) *Cluster {
	c.t.Helper()
	object := v1alpha1.PriceList{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.PriceLists = put(c.objects.PriceLists, object, func(p v1alpha1.PriceList) string { return p.Name })
	c.inForce()
	return c
}

// LatencyMap puts a LatencyMap, whose spec is YAML, in force.
func (c *Cluster) LatencyMap(name, spec string) *Cluster {
	c.t.Helper()
	object := v1alpha1.LatencyMap{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.LatencyMaps = put(c.objects.LatencyMaps, object, func(m v1alpha1.LatencyMap) string { return m.Name })
	c.inForce()
	return c
}

// meta is that of an object that was just made or changed.
func (c *Cluster) meta(namespace, name string) metav1.ObjectMeta {
	c.generation++
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: c.generation}
}

func (c *Cluster) read(text string, into any) {
	c.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		c.t.Fatalf("%v in\n%s", err, text)
	}
}

// AWS is a node of AWS in a zone ("eu-west-1a"), with 2 cores and 8 GiB whatever its type says.
func AWS(name, zone, instanceType string) *corev1.Node {
	return node(name, "aws:///"+zone+"/i-0123456789abcdef0", map[string]string{
		corev1.LabelTopologyRegion: zone[:len(zone)-1], corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType,
		"eks.amazonaws.com/capacityType": "ON_DEMAND",
	})
}

// Spot is AWS of spot capacity.
func Spot(name, zone, instanceType string) *corev1.Node {
	return Labelled(AWS(name, zone, instanceType), map[string]string{"eks.amazonaws.com/capacityType": "SPOT"})
}

// GCP is a node of Google Cloud in a zone ("europe-west1-b").
func GCP(name, zone, instanceType string) *corev1.Node {
	return node(name, "gce://project/"+zone+"/"+name, map[string]string{
		corev1.LabelTopologyRegion: zone[:len(zone)-2], corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType,
		"cloud.google.com/gke-provisioning": "standard",
	})
}

// Private is a node of a private data centre in a country, which has no price.
func Private(name, region, country string) *corev1.Node {
	return node(name, "", map[string]string{
		v1alpha1.LabelCloud: "acme-dc", v1alpha1.LabelCountry: country, v1alpha1.LabelOperatorCountry: country,
		corev1.LabelTopologyRegion: region, corev1.LabelTopologyZone: region + "-1",
	})
}

// Unknown is a node of which nothing is known.
func Unknown(name string) *corev1.Node { return node(name, "", nil) }

// Labelled is a copy of a node with more labels.
func Labelled(object *corev1.Node, labels map[string]string) *corev1.Node {
	out := object.DeepCopy()
	maps.Copy(out.Labels, labels)
	return out
}

func node(name, providerID string, labels map[string]string) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("29"),
	}
	all := map[string]string{corev1.LabelHostname: name}
	maps.Copy(all, labels)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: all},
		Spec:       corev1.NodeSpec{ProviderID: providerID},
		Status:     corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
}

// Replica is a pod of a Deployment in the namespace shop, in its first revision, that asks for half a core; it waits where the
// node is empty.
func Replica(name, deployment, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": deployment, "pod-template-hash": "1"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: deployment + "-1", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node, SchedulerName: "tradewind", Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
		}}}},
	}
}

// Namespace is a namespace with labels.
func Namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

// Revision is what controls the pods that Replica makes: the first ReplicaSet of a Deployment, which wants so many.
func Revision(deployment string, replicas int32) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: deployment + "-1", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment, Controller: ptr.To(true)},
		}},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas},
	}
}
