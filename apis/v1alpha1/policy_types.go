package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PolicySpec says where the selected workloads may run, how fast they must answer, what they may cost and which losses
// they must survive. Hard rules of several policies that select one pod add up.
// +kubebuilder:validation:XValidation:rule=`!has(self.spread) || !has(self.locations) || !has(self.locations.required) || self.spread.all(s, self.locations.required.all(r, r.key != s.topologyKey || r.operator != 'In' || !has(r.values) || ((!has(s.minDomains) || size(r.values) >= s.minDomains) && (!has(s.maxSharePercent) || size(r.values) * s.maxSharePercent >= 100))))`,fieldPath=`.spread`,message=`spread asks for more domains than locations.required allows for the same key: allow more values, lower minDomains or raise maxSharePercent`
// +kubebuilder:validation:XValidation:rule=`!has(self.availability) || !has(self.locations) || !has(self.locations.required) || self.locations.required.all(r, !(r.operator == 'In' && has(r.values) && size(r.values) == 1 && ((self.availability.survive == 'cloud' && r.key == 'tradewind.dev/cloud') || (self.availability.survive == 'region' && r.key == 'topology.kubernetes.io/region') || (self.availability.survive == 'zone' && r.key == 'topology.kubernetes.io/zone'))))`,fieldPath=`.availability`,message=`the only domain that locations.required allows cannot be lost and survived: allow a second one, or survive a smaller domain`
// +kubebuilder:validation:XValidation:rule=`!has(self.cost) || !has(self.cost.spot) || self.cost.spot.maxPercent == 100 || !has(self.locations) || !has(self.locations.required) || self.locations.required.all(r, !(r.key == 'tradewind.dev/capacity-type' && r.operator == 'In' && has(r.values) && r.values == ['spot']))`,fieldPath=`.cost`,message=`locations.required allows spot capacity only, so spot.maxPercent must be 100: raise it, or allow on-demand capacity too`
type PolicySpec struct {
	// workloadSelector matches the labels of the pods (the pod template's). An empty selector selects every pod.
	// +required
	// +kubebuilder:validation:XValidation:rule=`!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : !has(e.values) || size(e.values) == 0)`,message=`matchExpressions: In and NotIn need values, Exists and DoesNotExist take none`
	WorkloadSelector metav1.LabelSelector `json:"workloadSelector"`

	// residency is the law that replicas, volumes and exported endpoints must be under. A hard rule; an unknown
	// location satisfies no residency rule.
	// +optional
	Residency *Residency `json:"residency,omitempty"`

	// locations are requirements and preferences over the location labels of nodes.
	// +optional
	Locations *Locations `json:"locations,omitempty"`

	// spread distributes the replicas of each selected workload over domains. A hard rule.
	// +optional
	// +listType=map
	// +listMapKey=topologyKey
	// +kubebuilder:validation:MaxItems=8
	Spread []Spread `json:"spread,omitempty"`

	// availability is the loss that each selected workload must survive. Used by the placement controller.
	// +optional
	Availability *Availability `json:"availability,omitempty"`

	// latency says where the clients are and how long they may wait.
	// +optional
	Latency *Latency `json:"latency,omitempty"`

	// traffic lists the calls that the selected workloads make to other workloads.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.all(a, self.filter(b, b.to.name == a.to.name && (has(b.to.__namespace__) ? b.to.__namespace__ : '') == (has(a.to.__namespace__) ? a.to.__namespace__ : '')).size() == 1)`,message=`two entries name the same workload: join them into one`
	Traffic []Traffic `json:"traffic,omitempty"`

	// trafficFrom are the workloads of other namespaces whose traffic to the selected ones may move these. Traffic from
	// their own namespace always may, and traffic that a ClusterPlacementPolicy declares. Other traffic moves the caller
	// alone.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	TrafficFrom []TrafficSource `json:"trafficFrom,omitempty"`

	// cost limits what the selected workloads may cost.
	// +optional
	Cost *Cost `json:"cost,omitempty"`

	// optimizeFor weighs dollars against milliseconds among the places that every hard rule allows.
	// Cost: the cheapest; Latency: the fastest; Balanced (the default): a millisecond has a moderate price.
	// +optional
	OptimizeFor OptimizeFor `json:"optimizeFor,omitempty"`

	// failover says when replicas of a lost domain are replaced, and when they return. Used by the placement controller.
	// +optional
	Failover *Failover `json:"failover,omitempty"`

	// rebalance allows running replicas to be moved when that saves enough. Used by the placement controller.
	// +optional
	Rebalance *Rebalance `json:"rebalance,omitempty"`

	// enforcement says how the scheduler follows the plan of the placement controller. Preferred (the default): towards
	// places that the plan has not filled yet, elsewhere when they have no room. Strict: nowhere else; a replica waits
	// for its place. Without a plan both follow the policy's rules alone.
	// +optional
	Enforcement Enforcement `json:"enforcement,omitempty"`
}

// Enforcement says how the scheduler follows the plan.
// +kubebuilder:validation:Enum=Preferred;Strict
type Enforcement string

const (
	// EnforcementPreferred follows the plan where it has room.
	EnforcementPreferred Enforcement = "Preferred"
	// EnforcementStrict follows nothing but the plan.
	EnforcementStrict Enforcement = "Strict"
)

// Residency is the law that data is under.
// +kubebuilder:validation:XValidation:rule=`has(self.jurisdictions) || has(self.operatorJurisdictions)`,message=`names no jurisdiction: give jurisdictions or operatorJurisdictions, or remove residency`
type Residency struct {
	// jurisdictions where replicas and volumes may be: ISO 3166 alpha-2 country codes ("DE") or groups of them ("EU",
	// "EEA", "GDPR-adequate", …). A node must stand in one of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`size(self) > 0`,message=`an empty list allows no place: name a jurisdiction or remove the list`
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^([A-Z]{2}|[A-Z][A-Za-z0-9]+(-[A-Za-z0-9]+)*)$')`,message=`is not a jurisdiction: write a country as two capitals ("DE") or a group by its name ("EU", "EEA", "GDPR-adequate")`
	// +kubebuilder:validation:items:XValidation:rule=`self != 'UK'`,message=`is not an ISO 3166 country code: the United Kingdom is "GB"`
	Jurisdictions []string `json:"jurisdictions,omitempty"`

	// operatorJurisdictions is the law that the cloud's operator may be under (AWS, Azure and Google Cloud: US; OVH and
	// Scaleway: FR; Hetzner: DE).
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`size(self) > 0`,message=`an empty list allows no place: name a jurisdiction or remove the list`
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^([A-Z]{2}|[A-Z][A-Za-z0-9]+(-[A-Za-z0-9]+)*)$')`,message=`is not a jurisdiction: write a country as two capitals ("DE") or a group by its name ("EU", "EEA", "GDPR-adequate")`
	// +kubebuilder:validation:items:XValidation:rule=`self != 'UK'`,message=`is not an ISO 3166 country code: the United Kingdom is "GB"`
	OperatorJurisdictions []string `json:"operatorJurisdictions,omitempty"`
}

// Locations are label-selector requirements over location labels: tradewind.dev/cloud, tradewind.dev/country,
// tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone and
// node.kubernetes.io/instance-type. They are matched against the location that Tradewind found for the node, so they
// hold on nodes that carry only their cloud's own labels.
// +kubebuilder:validation:XValidation:rule=`(has(self.required) && size(self.required) > 0) || (has(self.preferred) && size(self.preferred) > 0)`,message=`says nothing: give required or preferred, or remove locations`
type Locations struct {
	// required must all hold. A hard rule.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:XValidation:rule=`self.key in ['tradewind.dev/cloud', 'tradewind.dev/country', 'tradewind.dev/capacity-type', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'node.kubernetes.io/instance-type']`,fieldPath=`.key`,message=`the key is not a location label`,messageExpression=`'"' + self.key + '" is not a location label: use tradewind.dev/cloud, tradewind.dev/country, tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone or node.kubernetes.io/instance-type'`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)`,message=`In and NotIn need values: name at least one`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0`,message=`Exists and DoesNotExist take no values: remove them, or use In or NotIn`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/country' || !has(self.values) || self.values.all(v, v.matches('^[A-Z]{2}$'))`,message=`a country is an ISO 3166 code of two capitals ("DE"); for a group of countries use residency.jurisdictions`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/cloud' || !has(self.values) || self.values.all(v, v.matches('^(aws|azure|digitalocean|exoscale|gcp|hetzner|ibm|ionos|oracle|ovh|scaleway|stackit|upcloud)$') || !v.matches('(?i)^(aws|amazon(webservices)?|ec2|eks|gcp|google(-?cloud)?|gce|gke|(microsoft)?azure|microsoft|aks|ovh(cloud)?|scaleway|scw|hetzner(-?cloud)?|hcloud|ibm(-?cloud)?|oracle(-?cloud)?|oci|digital-?ocean|do|exoscale|ionos(-?cloud)?|stackit|upcloud)$'))`,fieldPath=`.values`,message=`a known cloud goes by its id alone: aws, azure, digitalocean, exoscale, gcp, hetzner, ibm, ionos, oracle, ovh, scaleway, stackit or upcloud (a rule on "google" or "Azure" would concern no place)`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/country' || !has(self.values) || self.values.all(v, !(v in ['UK', 'EL', 'EU']))`,fieldPath=`.values`,message=`is not an ISO 3166 country code: the United Kingdom is "GB" and Greece "GR"; for the European Union use residency.jurisdictions`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/capacity-type' || !has(self.values) || self.values.all(v, v in ['on-demand', 'spot', 'reserved'])`,message=`a capacity type is on-demand, spot or reserved`
	// +kubebuilder:validation:XValidation:rule=`self.all(a, a.operator != 'In' || !has(a.values) || self.all(b, b.key != a.key || b.operator != 'In' || !has(b.values) || size(a.values) == 0 || size(b.values) == 0 || a.values.exists(v, v in b.values)))`,message=`two In requirements on one key have no value in common, so no place meets both: join them or drop one`
	// +kubebuilder:validation:XValidation:rule=`self.all(a, a.operator != 'In' || !has(a.values) || self.all(b, b.key != a.key || b.operator != 'NotIn' || !has(b.values) || size(a.values) == 0 || a.values.exists(v, !(v in b.values))))`,message=`In and NotIn on one key exclude every value: drop a value from NotIn or add one to In`
	// +kubebuilder:validation:XValidation:rule=`self.all(a, a.operator != 'DoesNotExist' || self.all(b, b.key != a.key || b.operator in ['DoesNotExist', 'NotIn']))`,message=`DoesNotExist contradicts In or Exists on the same key: drop one`
	Required []metav1.LabelSelectorRequirement `json:"required,omitempty"`

	// preferred are wished for; each carries a weight.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:XValidation:rule=`self.key in ['tradewind.dev/cloud', 'tradewind.dev/country', 'tradewind.dev/capacity-type', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'node.kubernetes.io/instance-type']`,fieldPath=`.key`,message=`the key is not a location label`,messageExpression=`'"' + self.key + '" is not a location label: use tradewind.dev/cloud, tradewind.dev/country, tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone or node.kubernetes.io/instance-type'`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)`,message=`In and NotIn need values: name at least one`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0`,message=`Exists and DoesNotExist take no values: remove them, or use In or NotIn`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/country' || !has(self.values) || self.values.all(v, v.matches('^[A-Z]{2}$'))`,message=`a country is an ISO 3166 code of two capitals ("DE"); for a group of countries use residency.jurisdictions`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/cloud' || !has(self.values) || self.values.all(v, v.matches('^(aws|azure|digitalocean|exoscale|gcp|hetzner|ibm|ionos|oracle|ovh|scaleway|stackit|upcloud)$') || !v.matches('(?i)^(aws|amazon(webservices)?|ec2|eks|gcp|google(-?cloud)?|gce|gke|(microsoft)?azure|microsoft|aks|ovh(cloud)?|scaleway|scw|hetzner(-?cloud)?|hcloud|ibm(-?cloud)?|oracle(-?cloud)?|oci|digital-?ocean|do|exoscale|ionos(-?cloud)?|stackit|upcloud)$'))`,fieldPath=`.values`,message=`a known cloud goes by its id alone: aws, azure, digitalocean, exoscale, gcp, hetzner, ibm, ionos, oracle, ovh, scaleway, stackit or upcloud (a rule on "google" or "Azure" would concern no place)`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/country' || !has(self.values) || self.values.all(v, !(v in ['UK', 'EL', 'EU']))`,fieldPath=`.values`,message=`is not an ISO 3166 country code: the United Kingdom is "GB" and Greece "GR"; for the European Union use residency.jurisdictions`
	// +kubebuilder:validation:items:XValidation:rule=`self.key != 'tradewind.dev/capacity-type' || !has(self.values) || self.values.all(v, v in ['on-demand', 'spot', 'reserved'])`,message=`a capacity type is on-demand, spot or reserved`
	Preferred []PreferredLocation `json:"preferred,omitempty"`
}

// PreferredLocation is one requirement that earns a place its weight.
type PreferredLocation struct {
	metav1.LabelSelectorRequirement `json:",inline"`

	// weight among the preferred requirements, 1 to 100.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Weight int32 `json:"weight,omitempty"`
}

// Spread distributes the replicas of one workload over the domains of a topology key.
// +kubebuilder:validation:XValidation:rule=`has(self.minDomains) || has(self.maxSharePercent) || has(self.maxSkew)`,message=`asks for nothing: give minDomains, maxSharePercent or maxSkew`
type Spread struct {
	// topologyKey is the location label whose values are the domains: tradewind.dev/cloud, tradewind.dev/country,
	// topology.kubernetes.io/region, topology.kubernetes.io/zone or kubernetes.io/hostname.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self in ['tradewind.dev/cloud', 'tradewind.dev/country', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'kubernetes.io/hostname']`,message=`is not a domain: use tradewind.dev/cloud, tradewind.dev/country, topology.kubernetes.io/region, topology.kubernetes.io/zone or kubernetes.io/hostname`
	TopologyKey string `json:"topologyKey"`

	// minDomains is how many domains must hold a replica, as far as there are replicas.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinDomains *int32 `json:"minDomains,omitempty"`

	// maxSharePercent is the largest share of a workload's replicas that one domain may hold: of n replicas, n × share /
	// 100 rounded down, but at least one.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxSharePercent *int32 `json:"maxSharePercent,omitempty"`

	// maxSkew is by how many replicas the fullest domain may exceed the emptiest, among the domains with a node that the policy's
	// other rules allow; over kubernetes.io/hostname, how many replicas one node may hold. A hard rule.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxSkew *int32 `json:"maxSkew,omitempty"`
}

// Availability is the loss that a workload must survive.
type Availability struct {
	// survive is the kind of domain of which any one may vanish.
	// +required
	// +kubebuilder:validation:Enum=cloud;region;zone;cluster
	Survive string `json:"survive"`

	// minReplicasPercent is the share of replicas that must still be there after the loss, 1 to 99.
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:validation:XValidation:rule=`self < 100`,message=`no domain can be lost with every replica still there: use at most 99`
	MinReplicasPercent int32 `json:"minReplicasPercent,omitempty"`
}

// Latency says where the clients of a workload are and how long they may wait.
type Latency struct {
	// clients are the populations that call the workload.
	// +required
	// +listType=map
	// +listMapKey=location
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.map(c, c.sharePercent).sum() == 100`,message=`the shares must add up to 100`,messageExpression=`'shares add up to %d; they must add up to 100'.format([self.map(c, c.sharePercent).sum()])`
	Clients []Client `json:"clients"`

	// maxMilliseconds is the longest round trip of the 95th percentile of the clients to their nearest replica. A hard
	// rule where it is set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	MaxMilliseconds *int32 `json:"maxMilliseconds,omitempty"`

	// figures says what round trips maxMilliseconds may rest on. Any (the default): also on estimates from the distance, which
	// plans then name. Measured: only on what somebody measured: the built-in matrix, for clients in a country the median from the
	// cloud regions in it, or a LatencyMap.
	// +optional
	Figures LatencyFigures `json:"figures,omitempty"`

	// requestsPerSecond is how often the clients call, all populations together; it weighs milliseconds against dollars.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	RequestsPerSecond *int64 `json:"requestsPerSecond,omitempty"`

	// bytesPerRequest is the size of an answer in bytes; it prices the egress to the clients. Used by the placement
	// controller.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	BytesPerRequest *int64 `json:"bytesPerRequest,omitempty"`
}

// LatencyFigures says what round trips a limit may rest on.
// +kubebuilder:validation:Enum=Any;Measured
type LatencyFigures string

const (
	// LatencyFiguresAny are measurements and estimates.
	LatencyFiguresAny LatencyFigures = "Any"
	// LatencyFiguresMeasured are measurements alone.
	LatencyFiguresMeasured LatencyFigures = "Measured"
)

// Client is a population of clients.
type Client struct {
	// location is an ISO 3166 alpha-2 country code ("DE") or a cloud's region ("aws/eu-west-1").
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Z]{2}|[A-Za-z0-9][-A-Za-z0-9_.]*/[A-Za-z0-9][-A-Za-z0-9_.]*)$')`,message=`is neither a country code of two capitals ("DE") nor a region with its cloud ("aws/eu-west-1")`
	// +kubebuilder:validation:XValidation:rule=`self != 'UK'`,message=`is not an ISO 3166 country code: the United Kingdom is "GB"`
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(aws|azure|digitalocean|exoscale|gcp|hetzner|ibm|ionos|oracle|ovh|scaleway|stackit|upcloud)/') || !self.matches('(?i)^(aws|amazon(webservices)?|ec2|eks|gcp|google(-?cloud)?|gce|gke|(microsoft)?azure|microsoft|aks|ovh(cloud)?|scaleway|scw|hetzner(-?cloud)?|hcloud|ibm(-?cloud)?|oracle(-?cloud)?|oci|digital-?ocean|do|exoscale|ionos(-?cloud)?|stackit|upcloud)/')`,message=`a known cloud goes by its id alone: aws, azure, digitalocean, exoscale, gcp, hetzner, ibm, ionos, oracle, ovh, scaleway, stackit or upcloud`
	Location string `json:"location"`

	// sharePercent of all clients. The shares of a policy add up to 100.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	SharePercent int32 `json:"sharePercent"`
}

// Traffic is the calls to one other workload.
// +kubebuilder:validation:XValidation:rule=`!has(self.figures) || self.figures != 'Measured' || has(self.maxMilliseconds)`,message=`figures: Measured limits nothing without maxMilliseconds: give it, or remove figures`
type Traffic struct {
	// to is the workload that is called.
	// +required
	To WorkloadReference `json:"to"`

	// requestsPerSecond of all replicas together.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	RequestsPerSecond int64 `json:"requestsPerSecond,omitempty"`

	// bytesPerRequest is what a call sends and receives, in bytes; it prices the egress. Used by the placement controller.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	BytesPerRequest int64 `json:"bytesPerRequest,omitempty"`

	// maxMilliseconds is the longest expected round trip to the nearest replica of the called workload. A hard rule where
	// it is set and the called workload has running replicas.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	MaxMilliseconds *int32 `json:"maxMilliseconds,omitempty"`

	// figures says what round trips maxMilliseconds may rest on. Any (the default): also on estimates from the distance, which
	// plans then name. Measured: only on what somebody measured: the built-in matrix or a LatencyMap, and within one region what is
	// documented of it; the call then goes to the nearest replica of those with such a round trip.
	// +optional
	Figures LatencyFigures `json:"figures,omitempty"`
}

// TrafficSource is workloads of one namespace that call.
type TrafficSource struct {
	// namespace of the callers.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`is not the name of a namespace: write lower-case letters, digits and "-"`
	Namespace string `json:"namespace"`

	// name of the calling workload; every workload of the namespace when empty.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$')`,message=`is not the name of a workload: write lower-case letters, digits, "-" and "."; the namespace has its own field`
	Name string `json:"name,omitempty"`
}

// WorkloadReference names a workload: the controller of pods, by name.
type WorkloadReference struct {
	// name of the Deployment, StatefulSet, Job or other controller.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')`,message=`is not the name of a workload: write lower-case letters, digits, "-" and "."; the namespace has its own field`
	Name string `json:"name"`

	// namespace; the caller's own when empty.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$')`,message=`is not the name of a namespace: write lower-case letters, digits and "-"`
	Namespace string `json:"namespace,omitempty"`
}

// Cost limits what a workload may cost.
// +kubebuilder:validation:XValidation:rule=`has(self.maxHourlyUSD) || has(self.spot)`,message=`limits nothing: give maxHourlyUSD or spot, or remove cost`
type Cost struct {
	// maxHourlyUSD is the most that the replicas of one workload may cost together, in US dollars an hour of compute. A
	// hard rule: a replica that would exceed it is not placed, nor one whose price is unknown.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self > 0 && self < 1000000 : !self.startsWith('-') && (!['m', 'u', 'n', 'k'].exists(s, self.endsWith(s)) || !['0', '+', '.'].exists(s, self.startsWith(s))) && (self.endsWith('m') ? size(self) <= 10 : self.endsWith('u') ? size(self) <= 13 : self.endsWith('n') ? size(self) <= 16 : self.endsWith('k') ? size(self) <= 4 : double(self) > 0.0 && double(self) < 1000000.0)`,message=`is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`
	MaxHourlyUSD *resource.Quantity `json:"maxHourlyUSD,omitempty"`

	// spot limits the use of spot capacity.
	// +optional
	Spot *Spot `json:"spot,omitempty"`
}

// Spot limits the use of spot capacity.
// +kubebuilder:validation:XValidation:rule=`!has(self.fallback) || self.fallback != 'Wait' || self.maxPercent > 0`,fieldPath=`.fallback`,message=`Wait would wait for the spot capacity that maxPercent 0 forbids: raise maxPercent or use OnDemand`
type Spot struct {
	// maxPercent of a workload's replicas may be on spot capacity, rounded down. 0 forbids spot. A hard rule.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxPercent int32 `json:"maxPercent"`

	// maxPoolSharePercent of a workload's replicas may be in one spot pool, rounded down, but at least one replica. A spot pool is
	// the spot capacity of one instance type in one zone, which a cloud takes back together. A hard rule. Where it is not set plans
	// keep half of the replicas elsewhere if they can.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxPoolSharePercent *int32 `json:"maxPoolSharePercent,omitempty"`

	// fallback says what a replica within the spot share does when no spot capacity fits: OnDemand (the default) takes
	// on-demand capacity, Wait stays pending until there is spot capacity.
	// +optional
	// +kubebuilder:default=OnDemand
	Fallback SpotFallback `json:"fallback,omitempty"`
}

// SpotFallback says what to do when spot capacity is short.
// +kubebuilder:validation:Enum=OnDemand;Wait
type SpotFallback string

const (
	// SpotFallbackOnDemand takes on-demand capacity when spot is short.
	SpotFallbackOnDemand SpotFallback = "OnDemand"
	// SpotFallbackWait waits for spot capacity.
	SpotFallbackWait SpotFallback = "Wait"
)

// OptimizeFor weighs dollars against milliseconds.
// +kubebuilder:validation:Enum=Cost;Latency;Balanced
type OptimizeFor string

const (
	// OptimizeForCost takes the cheapest allowed place.
	OptimizeForCost OptimizeFor = "Cost"
	// OptimizeForLatency takes the fastest allowed place.
	OptimizeForLatency OptimizeFor = "Latency"
	// OptimizeForBalanced gives a millisecond a moderate price.
	OptimizeForBalanced OptimizeFor = "Balanced"
)

// Failover says when replicas of a lost domain are replaced, and when they return.
type Failover struct {
	// after how long a loss must last before its replicas are replaced.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')`,message=`is not a duration from 0s to 24h: write one like "10s" or "5m"`
	After *metav1.Duration `json:"after,omitempty"`

	// failback says whether replicas return when the domain is back: Automatic or Never.
	// +optional
	// +kubebuilder:validation:Enum=Automatic;Never
	Failback string `json:"failback,omitempty"`

	// stabilization is how long a domain must have been back before replicas return.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('168h')`,message=`is not a duration from 0s to 168h: write one like "10m" or "1h30m"`
	Stabilization *metav1.Duration `json:"stabilization,omitempty"`
}

// Rebalance allows running replicas to be moved when that saves enough.
type Rebalance struct {
	// minSavingsPercent of what the workload costs, its share of machines and traffic and what is valued together, that moves
	// must save.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinSavingsPercent *int32 `json:"minSavingsPercent,omitempty"`

	// maxUnavailable replicas at a time: a number ("1") or a share ("10%").
	// +optional
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([1-9][0-9]{0,3}|([1-9][0-9]?|100)%)$')`,message=`is neither a number of replicas from 1 to 9999 ("1") nor a share from 1% to 100% ("10%"); to move nothing, remove rebalance`
	MaxUnavailable string `json:"maxUnavailable,omitempty"`

	// window is when moves may happen; always when absent.
	// +optional
	Window *RebalanceWindow `json:"window,omitempty"`
}

// RebalanceWindow is a recurring time in which moves may happen.
type RebalanceWindow struct {
	// schedule is the start, in cron format, UTC.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?(,([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?)* +([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?(,([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?)* +([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?)* +([*]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/[1-9][0-9]?)?)* +([*]|([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/[1-9][0-9]?)?(,([*]|([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/[1-9][0-9]?)?)*$')`,message=`is not a schedule: write five cron fields in UTC: minute, hour, day of the month, month, day of the week ("0 2 * * *")`
	Schedule string `json:"schedule"`

	// duration of the window.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')`,message=`is not a duration from 1m to 168h: write one like "2h" or "90m"`
	Duration metav1.Duration `json:"duration"`
}
