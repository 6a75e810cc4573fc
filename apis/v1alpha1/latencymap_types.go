package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LatencyMapSpec is measured round-trip times; they override the built-in matrix.
type LatencyMapSpec struct {
	// source says who measured: a prober, a network team, a provider's page.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Source string `json:"source,omitempty"`

	// samples are round-trip times between two places. Where several maps speak of one pair the newest sample wins.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8192
	Samples []LatencySample `json:"samples"`

	// maxAge after which a sample is no longer used; never when absent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')`,message=`is not a duration from 1s to 8760h: write one like "24h"`
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
}

// LatencySample is one measured round-trip time. It holds in both directions unless the other direction has its own.
// +kubebuilder:validation:XValidation:rule=`self.from != self.to || self.from.contains('/')`,message=`from and to are the same country: a round trip is to a region`
type LatencySample struct {
	// from is a region ("aws/eu-west-1", "acme-dc/lux-1") or a population of clients: an ISO 3166 alpha-2 country code.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Z]{2}|[A-Za-z0-9][-A-Za-z0-9_.]*/[A-Za-z0-9][-A-Za-z0-9_.]*)$')`,message=`is neither a region with its cloud ("aws/eu-west-1") nor a country code of two capitals ("DE")`
	From string `json:"from"`
	// to is a region or a country code.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Z]{2}|[A-Za-z0-9][-A-Za-z0-9_.]*/[A-Za-z0-9][-A-Za-z0-9_.]*)$')`,message=`is neither a region with its cloud ("aws/eu-west-1") nor a country code of two capitals ("DE")`
	To string `json:"to"`
	// milliseconds of a round trip, median; fractions are allowed ("0.4").
	// +required
	// +kubebuilder:validation:XValidation:rule=`type(self) == int ? self > 0 && self <= 60000 : !self.startsWith('-') && (!['m', 'u', 'n', 'k'].exists(s, self.endsWith(s)) || !['0', '+', '.'].exists(s, self.startsWith(s))) && (self.endsWith('m') ? size(self) < 9 || (size(self) == 9 && self <= '60000000m') : self.endsWith('u') ? size(self) < 12 || (size(self) == 12 && self <= '60000000000u') : self.endsWith('n') ? size(self) < 15 || (size(self) == 15 && self <= '60000000000000n') : self.endsWith('k') ? size(self) == 2 || (size(self) == 3 && self <= '60k') : double(self) > 0.0 && double(self) <= 60000.0)`,message=`is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`
	Milliseconds resource.Quantity `json:"milliseconds"`
	// observedAt is when it was measured.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule=`self > timestamp('2000-01-01T00:00:00Z') && self < timestamp('2100-01-01T00:00:00Z')`,message=`is not a time of this century: write one like "2026-01-31T12:00:00Z"`
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
}

// LatencyMap is measured round-trip times between locations; it overrides the built-in matrix.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=latencies,categories=tradewind
// +kubebuilder:printcolumn:name="In Force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].status`,description="Whether the figures are used in decisions"
// +kubebuilder:printcolumn:name="Used",type=string,JSONPath=`.status.conditions[?(@.type=="Used")].status`,description="Whether any node of the cluster is concerned"
// +kubebuilder:printcolumn:name="Entries",type=integer,JSONPath=`.status.entries`,description="How many figures the object gives"
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source`,description="Where the figures come from"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].message`,description="What is wrong with the object, or that it is in force",priority=1
type LatencyMap struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec LatencyMapSpec `json:"spec"`
	// +optional
	Status OverrideStatus `json:"status,omitempty"`
}

// LatencyMapList is a list of LatencyMap.
// +kubebuilder:object:root=true
type LatencyMapList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LatencyMap `json:"items"`
}
