package location

import "slices"

// Ids of the clouds that are known. They are what v1alpha1.LabelCloud, PriceLists and LatencyMaps use.
const (
	cloudAWS          = "aws"
	cloudGCP          = "gcp"
	cloudAzure        = "azure"
	cloudOVH          = "ovh"
	cloudScaleway     = "scaleway"
	cloudHetzner      = "hetzner"
	cloudIBM          = "ibm"
	cloudOracle       = "oracle"
	cloudDigitalOcean = "digitalocean"
	cloudExoscale     = "exoscale"
	cloudIONOS        = "ionos"
	cloudSTACKIT      = "stackit"
	cloudUpCloud      = "upcloud"
)

// Cloud is a cloud provider and the law that its operator is under.
type Cloud struct {
	// ID is the short name used everywhere in Tradewind ("aws"); Name is the provider's own ("Amazon Web Services").
	ID, Name string
	// Operator is the company that runs the cloud; where a provider is a group of companies, the one at its head.
	Operator string
	// OperatorCountry is the ISO 3166-1 alpha-2 code of the country the operator is incorporated in. Regions that
	// another company runs have their own (Region.OperatorCountry).
	OperatorCountry string
	// Source names the documents that state the facts, and Date the day as of which the table has them (YYYY-MM-DD).
	Source, Date string
}

// clouds are the known clouds, by id. The head of the group decides and not the local sales company, because the head
// can be made to hand over what its daughters hold (for the United States: 18 U.S.C. § 2713).
var clouds = []Cloud{
	{cloudAWS, "Amazon Web Services", "Amazon Web Services, Inc.", "US", "AWS Customer Agreement; Amazon.com, Inc., Form 10-K", "2026-11-21"},
	{cloudAzure, "Microsoft Azure", "Microsoft Corporation", "US", "Microsoft Product Terms; Microsoft Corporation, Form 10-K", "2026-11-21"},
	{cloudDigitalOcean, "DigitalOcean", "DigitalOcean, LLC", "US", "DigitalOcean Terms of Service; DigitalOcean Holdings, Inc., Form 10-K", "2026-11-21"},
	{cloudExoscale, "Exoscale", "Akenes SA", "CH", "Exoscale Terms and Conditions (Akenes SA, Lausanne)", "2026-11-21"},
	{cloudGCP, "Google Cloud", "Google LLC", "US", "Google Cloud Platform Terms of Service; Alphabet Inc., Form 10-K", "2026-11-21"},
	{cloudHetzner, "Hetzner", "Hetzner Online GmbH", "DE", "Hetzner legal notice (Gunzenhausen)", "2026-11-21"},
	{cloudIBM, "IBM Cloud", "International Business Machines Corporation", "US", "IBM Cloud Services Agreement; IBM, Form 10-K", "2026-11-21"},
	{cloudIONOS, "IONOS Cloud", "IONOS SE", "DE", "IONOS legal notice (Montabaur)", "2026-11-21"},
	{cloudOracle, "Oracle Cloud Infrastructure", "Oracle Corporation", "US", "Oracle Cloud Services Agreement; Oracle Corporation, Form 10-K", "2026-11-21"},
	{cloudOVH, "OVHcloud", "OVH Groupe S.A.", "FR", "OVHcloud legal notice; OVH Groupe, Universal Registration Document (Roubaix)", "2026-11-21"},
	{cloudScaleway, "Scaleway", "Scaleway S.A.S.", "FR", "Scaleway legal notice (Paris; iliad Group)", "2026-11-21"},
	{cloudSTACKIT, "STACKIT", "STACKIT GmbH & Co. KG", "DE", "STACKIT legal notice (Neckarsulm; Schwarz Group)", "2026-11-21"},
	{cloudUpCloud, "UpCloud", "UpCloud Oy", "FI", "UpCloud Terms of Service (Helsinki)", "2026-11-21"},
}

// Clouds returns the known clouds by id.
func Clouds() []Cloud { return slices.Clone(clouds) }

// LookupCloud returns a known cloud by its id.
func LookupCloud(id string) (Cloud, bool) {
	if t := tables[id]; t != nil {
		return *t.cloud, true
	}
	return Cloud{}, false
}

// cloudNames are the names that multi-cloud tools and people write for a cloud in a label, in lower case.
var cloudNames = map[string]string{
	"aws": cloudAWS, "amazon": cloudAWS, "amazonwebservices": cloudAWS, "ec2": cloudAWS, "eks": cloudAWS,
	"gcp": cloudGCP, "google": cloudGCP, "googlecloud": cloudGCP, "google-cloud": cloudGCP, "gce": cloudGCP, "gke": cloudGCP,
	"azure": cloudAzure, "microsoft": cloudAzure, "microsoftazure": cloudAzure, "aks": cloudAzure,
	"ovh": cloudOVH, "ovhcloud": cloudOVH,
	"scaleway": cloudScaleway, "scw": cloudScaleway,
	"hetzner": cloudHetzner, "hcloud": cloudHetzner, "hetzner-cloud": cloudHetzner, "hetznercloud": cloudHetzner,
	"ibm": cloudIBM, "ibmcloud": cloudIBM, "ibm-cloud": cloudIBM,
	"oracle": cloudOracle, "oci": cloudOracle, "oraclecloud": cloudOracle, "oracle-cloud": cloudOracle,
	"digitalocean": cloudDigitalOcean, "digital-ocean": cloudDigitalOcean, "do": cloudDigitalOcean,
	"exoscale": cloudExoscale,
	"ionos":    cloudIONOS, "ionoscloud": cloudIONOS, "ionos-cloud": cloudIONOS,
	"stackit": cloudSTACKIT,
	"upcloud": cloudUpCloud,
}

// cloudNamed returns the id of the known cloud that a label's value names, whatever its case, or "".
func cloudNamed(value string) string {
	if id, ok := cloudNames[value]; ok {
		return id
	}
	if len(value) > maxLabelValue {
		return ""
	}
	var lower [maxLabelValue]byte
	for i := range len(value) {
		c := value[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return cloudNames[string(lower[:len(value)])]
}

// maxLabelValue is the longest value that Kubernetes allows a label.
const maxLabelValue = 63
