// Package nodes describes the nodes of a test cluster in a few lines and builds them as their cloud would make them.
//
// A description is a list of pools: interchangeable machines of one cloud, region, instance type and capacity type.
// Build turns it into Node objects that carry what the managed Kubernetes service of that cloud sets: the provider ID,
// the standard labels, the provider's own labels for capacity type and node pool, its taints, and the capacity and
// allocatable resources that its kubelet reports.
package nodes

import (
	_ "embed" // the sample
	"errors"
	"fmt"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// PoolAnnotation names the pool that a node was made from. It is an annotation of the testbed's own; no cloud sets it.
const PoolAnnotation = "testbed.tradewind.dev/pool"

// File is a node file: the pools of one cluster, or of several.
type File struct {
	// Pools are the nodes of every cluster that has no entry in Clusters.
	Pools []Pool `json:"pools,omitempty"`
	// Clusters have pools of their own. Each is made, whether or not it was asked for otherwise.
	Clusters []Cluster `json:"clusters,omitempty"`
}

// Cluster is the nodes of one cluster.
type Cluster struct {
	Name  string `json:"name"`
	Pools []Pool `json:"pools"`
}

// Pool is a number of like nodes.
type Pool struct {
	// Name identifies the pool within its cluster. Default: cloud, region, instance type and capacity type.
	Name string `json:"name,omitempty"`
	// Cloud is the id of a known cloud (aws, gcp, azure, ovh, scaleway, hetzner, ibm, oracle, digitalocean, exoscale,
	// ionos, stackit, upcloud) or the name of a private data centre.
	Cloud string `json:"cloud"`
	// Region is the cloud's name of the region ("eu-west-1"). Private data centres may go without.
	Region string `json:"region,omitempty"`
	// Zone is the zone of all nodes; Zones are filled in turn. Default: the region's first zone, for clouds that have zones.
	Zone  string   `json:"zone,omitempty"`
	Zones []string `json:"zones,omitempty"`
	// InstanceType is the cloud's name of the machine type. Its size is looked up in the price catalog.
	InstanceType string `json:"instanceType,omitempty"`
	// CapacityType is on-demand (the default), spot or reserved.
	CapacityType v1alpha1.CapacityType `json:"capacityType,omitempty"`
	// Provisioner is "karpenter" for nodes that Karpenter made; empty for the cloud's own node pools.
	Provisioner string `json:"provisioner,omitempty"`
	// Count is the number of nodes, at least 1. Default: 1.
	Count *int `json:"count,omitempty"`

	// CPU, Memory and GPUs are the machine's size. They are needed where the catalog does not know the instance type,
	// and replace what it knows. Architecture is amd64 (the default) or arm64.
	CPU          *resource.Quantity `json:"cpu,omitempty"`
	Memory       *resource.Quantity `json:"memory,omitempty"`
	GPUs         *int               `json:"gpus,omitempty"`
	GPUModel     string             `json:"gpuModel,omitempty"`
	Architecture string             `json:"architecture,omitempty"`
	// MaxPods replaces the cloud's limit of pods on a node.
	MaxPods *int `json:"maxPods,omitempty"`

	// Country and OperatorCountry (ISO 3166-1 alpha-2) and Coordinates ("LATITUDE,LONGITUDE" in degrees) declare where a
	// private data centre stands and whose law its operator is under.
	Country         string `json:"country,omitempty"`
	OperatorCountry string `json:"operatorCountry,omitempty"`
	Coordinates     string `json:"coordinates,omitempty"`

	// NamePrefix replaces the beginning of the nodes' names; a dash and a number follow.
	NamePrefix string `json:"namePrefix,omitempty"`
	// Labels, Annotations and Taints are added to the cloud's own. An empty label value removes the cloud's label.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []corev1.Taint    `json:"taints,omitempty"`
}

// maxNodes limits a pool, so that a slip of the keyboard does not stop the machine.
const maxNodes = 10000

// Read reads a node file.
func Read(path string) (File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	file, err := Parse(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Parse reads the text of a node file. A field that does not exist is an error, and so is a file without a pool; what
// the fields say is checked by Build.
func Parse(data []byte) (File, error) {
	var file File
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return File{}, err
	}
	strict, err := json.UnmarshalStrict(text, &file)
	if err = errors.Join(append(strict, err)...); err != nil {
		return File{}, err
	}
	if len(file.Pools) == 0 && len(file.Clusters) == 0 {
		return File{}, errors.New("no pools: want at least one entry under pools, or under clusters")
	}
	seen := map[string]bool{}
	for i, c := range file.Clusters {
		if c.Name == "" {
			return File{}, fmt.Errorf("clusters[%d].name: must not be empty", i)
		}
		if seen[c.Name] {
			return File{}, fmt.Errorf("clusters[%d].name: %q is used twice", i, c.Name)
		}
		seen[c.Name] = true
	}
	return file, nil
}

//go:embed sample.yaml
var sample []byte

// Sample returns the built-in node file: one cluster over three clouds and a private data centre.
func Sample() (File, error) { return Parse(sample) }

// ClusterPools returns the pools of every cluster: those that the file names, and those among names that it does not,
// which get the file's common pools. Without any name it is one cluster named "main".
func (f File) ClusterPools(names []string) []Cluster {
	clusters := slices.Clone(f.Clusters)
	for _, name := range names {
		if !slices.ContainsFunc(clusters, func(c Cluster) bool { return c.Name == name }) {
			clusters = append(clusters, Cluster{Name: name, Pools: f.Pools})
		}
	}
	if len(clusters) == 0 {
		clusters = []Cluster{{Name: "main", Pools: f.Pools}}
	}
	return clusters
}
