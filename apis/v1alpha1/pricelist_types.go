package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PriceListSpec overrides the built-in catalog. Where several price lists speak of one thing, the entry that names more
// (instance type over region over cloud) wins, then the list whose name sorts first.
// +kubebuilder:validation:XValidation:rule=`(has(self.instances) && size(self.instances) > 0) || (has(self.resources) && size(self.resources) > 0) || (has(self.discounts) && size(self.discounts) > 0) || (has(self.commitments) && size(self.commitments) > 0) || (has(self.egress) && size(self.egress) > 0)`,message=`gives no price: add instances, resources, discounts, commitments or egress`
type PriceListSpec struct {
	// source says where the prices come from: a contract, an invoice, an internal rate card.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Source string `json:"source,omitempty"`

	// date the prices are of, YYYY-MM-DD.
	// +optional
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule=`self.matches('^20[0-9]{2}-[0-9]{2}-[0-9]{2}$') && timestamp(self + 'T00:00:00Z') > timestamp('2000-01-01T00:00:00Z')`,message=`is not a day: write YYYY-MM-DD ("2026-01-31")`
	Date string `json:"date,omitempty"`

	// instances are prices of instance types, in US dollars an hour.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	Instances []InstancePrice `json:"instances,omitempty"`

	// resources are prices by resource, for private clouds whose nodes have no instance type.
	// +optional
	// +listType=map
	// +listMapKey=cloud
	// +listMapKey=region
	// +kubebuilder:validation:MaxItems=256
	Resources []ResourcePrice `json:"resources,omitempty"`

	// discounts are negotiated shares off the catalog's prices. They do not apply to prices of this or another price list.
	// +optional
	// +listType=map
	// +listMapKey=cloud
	// +listMapKey=region
	// +listMapKey=instanceTypePrefix
	// +listMapKey=capacityType
	// +kubebuilder:validation:MaxItems=256
	Discounts []Discount `json:"discounts,omitempty"`

	// commitments are capacity that is paid whether it is used or not. No price follows from them: machines that they cover are in
	// no invoice of a plan.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Commitments []Commitment `json:"commitments,omitempty"`

	// egress are prices of traffic between locations, in US dollars a gigabyte (10^9 bytes).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	Egress []EgressPrice `json:"egress,omitempty"`
}

// InstancePrice is the price of an instance type.
type InstancePrice struct {
	// cloud that sells it.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`
	Cloud string `json:"cloud"`
	// region; every region of the cloud when empty.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')`,message=`is not the name of a region: write it without its cloud ("eu-west-1")`
	Region string `json:"region,omitempty"`
	// instanceType as on the node's label node.kubernetes.io/instance-type.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	InstanceType string `json:"instanceType"`
	// capacityType: on-demand (the default), spot or reserved.
	// +optional
	// +kubebuilder:default=on-demand
	CapacityType CapacityType `json:"capacityType,omitempty"`
	// operatingSystem that runs on it: linux (the default) or windows, which clouds charge a licence for. The catalog has no
	// prices of Windows.
	// +optional
	// +kubebuilder:default=linux
	// +kubebuilder:validation:Enum=linux;windows
	OperatingSystem string `json:"operatingSystem,omitempty"`
	// hourlyUSD in US dollars an hour.
	// +required
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	HourlyUSD resource.Quantity `json:"hourlyUSD"`
}

// ResourcePrice prices a node by what it offers.
// +kubebuilder:validation:XValidation:rule=`has(self.cpuHourlyUSD) || has(self.memoryGiBHourlyUSD) || has(self.gpuHourlyUSD)`,message=`prices nothing: give cpuHourlyUSD, memoryGiBHourlyUSD or gpuHourlyUSD`
type ResourcePrice struct {
	// cloud, usually a private data centre's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`
	Cloud string `json:"cloud"`
	// region; every region of the cloud when empty.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')`,message=`is not the name of a region: write it without its cloud ("eu-west-1")`
	Region string `json:"region,omitempty"`
	// cpuHourlyUSD of one core of capacity, in US dollars an hour.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	CPUHourlyUSD *resource.Quantity `json:"cpuHourlyUSD,omitempty"`
	// memoryGiBHourlyUSD of one GiB of capacity, in US dollars an hour.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	MemoryGiBHourlyUSD *resource.Quantity `json:"memoryGiBHourlyUSD,omitempty"`
	// gpuHourlyUSD of one GPU, in US dollars an hour.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	GPUHourlyUSD *resource.Quantity `json:"gpuHourlyUSD,omitempty"`
}

// Discount is a share off the catalog's prices.
type Discount struct {
	// cloud that gives it.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`
	Cloud string `json:"cloud"`
	// region; every region of the cloud when empty.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')`,message=`is not the name of a region: write it without its cloud ("eu-west-1")`
	Region string `json:"region,omitempty"`
	// instanceTypePrefix narrows the discount to instance types that begin with it ("m7i."); all when empty.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=63
	InstanceTypePrefix string `json:"instanceTypePrefix,omitempty"`
	// capacityType; on-demand when empty.
	// +optional
	// +kubebuilder:default=on-demand
	CapacityType CapacityType `json:"capacityType,omitempty"`
	// percent off, 0 to 100; fractions are allowed ("12.5").
	// +required
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 6 : self.endsWith('u') ? size(self) <= 9 : self.endsWith('n') ? size(self) <= 12 : self.endsWith('k') ? false : double(self) <= 100.0)`,message=`is a percentage from 0 to 100, written as a number ("12.5")`
	Percent resource.Quantity `json:"percent"`
}

// Commitment is capacity that is paid whether it is used or not.
type Commitment struct {
	// cloud the commitment is with.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`
	Cloud string `json:"cloud"`
	// region of the capacity.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`is not the name of a region: write it without its cloud ("eu-west-1")`
	Region string `json:"region"`
	// instanceType of the capacity.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	InstanceType string `json:"instanceType"`
	// count of instances.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Count int32 `json:"count"`
	// hourlyUSD paid for one instance, in US dollars an hour.
	// +required
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	HourlyUSD resource.Quantity `json:"hourlyUSD"`
}

// EgressPrice is the price of traffic from one place to another.
type EgressPrice struct {
	// from is a cloud ("aws") or a region ("aws/eu-west-1").
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9][-A-Za-z0-9_.]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)?$')`,message=`is neither a cloud ("aws") nor a region with its cloud ("aws/eu-west-1")`
	// +kubebuilder:validation:XValidation:rule=`self != 'internet'`,message=`traffic from the internet is not priced: name a cloud or a region`
	From string `json:"from"`
	// to is a cloud, a region, or "internet".
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9][-A-Za-z0-9_.]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)?$')`,message=`is neither a cloud ("aws"), a region with its cloud ("aws/eu-west-1") nor "internet"`
	To string `json:"to"`
	// usdPerGB in US dollars a gigabyte (10^9 bytes).
	// +required
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self >= 0 && self <= 100000 : !self.startsWith('-') && (self.endsWith('m') ? size(self) <= 9 : self.endsWith('u') ? size(self) <= 12 : self.endsWith('n') ? size(self) <= 15 : self.endsWith('k') ? size(self) <= 3 || self == '100k' : double(self) <= 100000.0)`,message=`is a price in US dollars from 0 to 100000, written as a number ("0.0416")`
	USDPerGB resource.Quantity `json:"usdPerGB"`
}

// CapacityType says how a node is paid for and whether the cloud may take it back.
// +kubebuilder:validation:Enum=on-demand;spot;reserved
type CapacityType string

const (
	// CapacityOnDemand is paid by the hour and kept as long as it is paid.
	CapacityOnDemand CapacityType = "on-demand"
	// CapacitySpot is cheap and may be taken back by the cloud at any time.
	CapacitySpot CapacityType = "spot"
	// CapacityReserved is paid in advance.
	CapacityReserved CapacityType = "reserved"
)

// OverrideStatus is the status of a PriceList or a LatencyMap.
type OverrideStatus struct {
	// conditions: InForce (when False the message names the field and the remedy), Used (False when no node of the
	// cluster is concerned).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// entries is how many figures the object gives.
	// +optional
	Entries int32 `json:"entries"`
}

// ConditionUsed says whether any node of the cluster is concerned by a PriceList or LatencyMap.
const ConditionUsed = "Used"

// PriceList overrides the built-in prices: private clouds, negotiated discounts, commitments, egress.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=prices,categories=tradewind
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].status`,description="Whether the figures are used in decisions"
// +kubebuilder:printcolumn:name="Used",type=string,JSONPath=`.status.conditions[?(@.type=="Used")].status`,description="Whether any node of the cluster is concerned"
// +kubebuilder:printcolumn:name="Entries",type=integer,JSONPath=`.status.entries`,description="How many figures the object gives"
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source`,description="Where the figures come from"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].message`,description="What is wrong with the object, or that it is in force",priority=1
type PriceList struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec PriceListSpec `json:"spec"`
	// +optional
	Status OverrideStatus `json:"status,omitempty"`
}

// PriceListList is a list of PriceList.
// +kubebuilder:object:root=true
type PriceListList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PriceList `json:"items"`
}
