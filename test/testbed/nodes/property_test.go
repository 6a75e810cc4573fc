package nodes_test

import (
	"reflect"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// spotClouds mark spot nodes themselves; elsewhere Karpenter does.
var spotClouds = map[string]bool{"aws": true, "gcp": true, "azure": true, "oracle": true}

func drawPool(t *rapid.T) nodes.Pool {
	var clouds []string
	for _, c := range location.Clouds() {
		clouds = append(clouds, c.ID)
	}
	quantity := func(unit string) *resource.Quantity {
		q := resource.MustParse(strconv.Itoa(rapid.IntRange(1, 99).Draw(t, "size")) + unit)
		return &q
	}
	count := rapid.IntRange(1, 5).Draw(t, "count")
	p := nodes.Pool{
		Cloud:        rapid.SampledFrom(clouds).Draw(t, "cloud"),
		InstanceType: rapid.StringMatching("[a-z][a-z0-9]{0,6}[.-][a-z0-9]{1,8}").Draw(t, "type"),
		Count:        &count, CPU: quantity(""), Memory: quantity("Gi"),
		CapacityType: rapid.SampledFrom([]v1alpha1.CapacityType{"", v1alpha1.CapacityOnDemand, v1alpha1.CapacitySpot}).Draw(t, "capacity"),
	}
	p.Region = rapid.SampledFrom(location.Regions(p.Cloud)).Draw(t, "region").Name
	if rapid.Bool().Draw(t, "karpenter") || p.CapacityType == v1alpha1.CapacitySpot && !spotClouds[p.Cloud] {
		p.Provisioner = "karpenter"
	}
	return p
}

// TestNodesSayWhereTheyAre builds nodes of random pools in every region and checks that pkg/location, which knows
// nothing of the testbed, reads from them what the pool says, and that the nodes are sound.
func TestNodesSayWhereTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := drawPool(t)
		built, err := nodes.Build([]nodes.Pool{pool}, nil)
		if err != nil {
			t.Fatalf("%+v: %v", pool, err)
		}
		again, err := nodes.Build([]nodes.Pool{pool}, nil)
		if err != nil || !reflect.DeepEqual(built, again) {
			t.Fatalf("the same pool gives other nodes (%v)", err)
		}
		want := pool.CapacityType
		if want == "" {
			want = v1alpha1.CapacityOnDemand
		}
		names, ids := map[string]bool{}, map[string]bool{}
		for _, node := range built {
			place := location.FromNode(node, location.DefaultOptions())
			if place.Cloud != pool.Cloud || place.Region != pool.Region || place.InstanceType != pool.InstanceType ||
				place.CapacityType != want || place.Country == "" {
				t.Fatalf("pool %s %s %s %s: read as %+v", pool.Cloud, pool.Region, pool.InstanceType, want, place)
			}
			if names[node.Name] || ids[node.Spec.ProviderID] {
				t.Fatalf("node %s (%s) is there twice", node.Name, node.Spec.ProviderID)
			}
			names[node.Name], ids[node.Spec.ProviderID] = true, true
			checkSound(t, node)
		}
	})
}

// checkSound checks what holds for every node.
func checkSound(t *rapid.T, node *corev1.Node) {
	for key, value := range node.Labels {
		if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
			t.Fatalf("label %s=%s is not valid", key, value)
		}
	}
	for name, capacity := range node.Status.Capacity {
		allocatable, ok := node.Status.Allocatable[name]
		if !ok || allocatable.Sign() < 0 || allocatable.Cmp(capacity) > 0 {
			t.Fatalf("%s: allocatable %s of %s", name, allocatable.String(), capacity.String())
		}
	}
	if node.Status.Allocatable.Memory().Cmp(*node.Status.Capacity.Memory()) == 0 {
		t.Fatalf("node %s keeps no memory back", node.Name)
	}
}

// TestGrowingPool checks that nodes built later have names of their own.
func TestGrowingPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := drawPool(t)
		taken := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			built, err := nodes.Build([]nodes.Pool{pool}, func(name string) bool { return taken[name] })
			if err != nil {
				t.Fatal(err)
			}
			for _, node := range built {
				if taken[node.Name] {
					t.Fatalf("name %s is given again", node.Name)
				}
				taken[node.Name] = true
			}
		}
	})
}

// FuzzBuild feeds arbitrary text to the file reader: it must answer with nodes that are sound or with an error.
func FuzzBuild(f *testing.F) {
	f.Add([]byte("pools:\n- {cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 3}\n"))
	f.Add([]byte("pools: [{cloud: dc, country: LU, coordinates: \"49,6\", cpu: 500m, memory: 1Gi, zones: [a, b]}]"))
	f.Add([]byte("clusters: [{name: a, pools: [{cloud: azure, region: westeurope, zone: \"0\", instanceType: Standard_D4s_v5}]}]"))
	f.Add([]byte("pools: [{cloud: gcp, region: europe-west1, zone: europe-west1-, instanceType: e2-small}]"))
	f.Add([]byte("pools: [{cloud: x, cpu: 1e99, memory: 1e-9}]"))
	f.Add([]byte("pools: [{cloud: x, cpu: 1, memory: 1Gi, labels: {\"\": a}, taints: [{}], namePrefix: \"-\"}]"))
	f.Add([]byte("pools: [null]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := nodes.Parse(text)
		if err != nil {
			return
		}
		for _, cluster := range file.ClusterPools(nil) {
			total := 0
			for _, p := range cluster.Pools {
				if p.Count != nil {
					total += *p.Count
				}
			}
			if total > 100 || total < 0 {
				continue // time, not correctness
			}
			built, err := nodes.Build(cluster.Pools, nil)
			if err != nil {
				continue
			}
			for _, node := range built {
				if len(validation.IsDNS1123Subdomain(node.Name)) > 0 {
					t.Errorf("node name %q", node.Name)
				}
				for name, allocatable := range node.Status.Allocatable {
					if allocatable.Sign() < 0 {
						t.Errorf("%s: allocatable %s is negative", name, allocatable.String())
					}
				}
			}
		}
	})
}
