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
)
