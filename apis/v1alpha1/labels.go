package v1alpha1

// Node labels and annotations of Tradewind. On nodes of a known cloud the controller writes LabelCloud and LabelCountry
// from what the cloud itself set; on nodes of a private data centre an administrator declares them.
const (
	// LabelCloud is the cloud a node belongs to ("aws", "gcp", "azure", "ovh", … or a private data centre's name).
	LabelCloud = "tradewind.dev/cloud"
	// LabelCountry is the ISO 3166 alpha-2 code of the country a node stands in.
	LabelCountry = "tradewind.dev/country"
	// LabelOperatorCountry is the ISO 3166 alpha-2 code of the country whose law the operator of a private data centre
	// is under. For known clouds the built-in table decides and this label is ignored.
	LabelOperatorCountry = "tradewind.dev/operator-country"
	// LabelCapacityType declares the capacity type of a private node: "on-demand", "spot" or "reserved".
	LabelCapacityType = "tradewind.dev/capacity-type"
	// AnnotationCoordinates declares where a private data centre stands: "LATITUDE,LONGITUDE" in degrees.
	AnnotationCoordinates = "tradewind.dev/coordinates"
	// LabelCluster is the cluster that a node belongs to, in files that describe several clusters.
	LabelCluster = "tradewind.dev/cluster"
	// LabelDiscovered is "true" on CloudPools that the controller found from nodes, and keeps.
	LabelDiscovered = "tradewind.dev/discovered"
	// LabelDrain is "true" on ClusterPlacementPolicies that "tradewind drain" made: replicas that run where such a policy
	// forbids them are moved.
	LabelDrain = "tradewind.dev/drain"
	// TaintDrill is the key of a NoSchedule taint by which "tradewind drill" agrees with the controller to take a node for
	// lost, from the taint's timeAdded until the time that its value gives in seconds since 1970 (UTC) at the latest.
	TaintDrill = "tradewind.dev/drill"
	// LabelWorkloadKind and LabelWorkloadName on a Placement say which workload it is of; a name too long for a label is
	// left out.
	LabelWorkloadKind = "tradewind.dev/workload-kind"
	// LabelWorkloadName is the name of the workload.
	LabelWorkloadName = "tradewind.dev/workload-name"
)
