package nodes

import (
	"fmt"
	"regexp"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// kubeletVersion is the version that the nodes report, that of the control plane's programs.
const kubeletVersion = "v1.35.4"

// providerFacts is what is particular to the nodes of one cloud.
type providerFacts struct {
	osImage, kubeletSuffix string
	// spot and reserved say that the cloud's own node pools tell that capacity type by a label.
	spot, reserved bool
	// siteZone says that a zone's name means nothing without the region's.
	siteZone func(zone string) bool
	// firstZone returns the zone to use when the file names none; empty for a cloud whose nodes have no zone label.
	firstZone func(region string) string
	// zone checks a zone that the file names and returns it as the label's value.
	zone func(region, zone string) (string, error)
	// shape sets the provider ID and the provider's own labels and taints.
	shape func(d *draft) error
	// reservation returns what the provider keeps back from pods, for a machine with that much memory that the kernel
	// offers, and how many pods the kubelet takes.
	reservation func(d *draft, memoryCapacity int64) (r reservation, maxPods int64)
	// diskBytes is the size of the boot disk in bytes.
	diskBytes int64
}

// Files of this package add their providers here.
var providers = map[string]*providerFacts{
	"aws":          awsProvider(),
	"gcp":          gcpProvider(),
	"azure":        azureProvider(),
	"ovh":          ovhProvider(),
	"scaleway":     scalewayProvider(),
	"hetzner":      hetznerProvider(),
	"ibm":          ibmProvider(),
	"oracle":       oracleProvider(),
	"digitalocean": digitalOceanProvider(),
	"exoscale":     exoscaleProvider(),
	"ionos":        ionosProvider(),
	"stackit":      stackitProvider(),
	"upcloud":      upcloudProvider(),
}

// provider returns the facts of a known cloud, or those of a private data centre.
func provider(cloud string) *providerFacts {
	if p := providers[cloud]; p != nil {
		return p
	}
	return privateProvider
}

var privateProvider = &providerFacts{
	osImage: "Debian GNU/Linux 13 (trixie)", spot: true, reserved: true, diskBytes: 200 * gibi,
	siteZone:    func(string) bool { return true },
	firstZone:   func(string) string { return "" },
	zone:        anyZone,
	shape:       shapePrivate,
	reservation: kubeletDefaults,
}

// shapePrivate declares what an administrator of a private data centre declares; there is no cloud to set it.
func shapePrivate(d *draft) error {
	d.label(v1alpha1.LabelCloud, d.pool.Cloud)
	for key, value := range map[string]string{
		v1alpha1.LabelCountry:         d.pool.Country,
		v1alpha1.LabelOperatorCountry: d.pool.OperatorCountry,
	} {
		if value != "" {
			d.label(key, value)
		}
	}
	if d.pool.CapacityType != v1alpha1.CapacityOnDemand {
		d.label(v1alpha1.LabelCapacityType, string(d.pool.CapacityType))
	}
	if d.pool.Coordinates != "" {
		d.node.Annotations[v1alpha1.AnnotationCoordinates] = d.pool.Coordinates
	}
	return nil
}

// fresh returns facts with the parts that most providers share; the caller sets the rest.
func fresh(osImage string, shape func(*draft) error) *providerFacts {
	return &providerFacts{
		osImage:     osImage,
		siteZone:    func(string) bool { return false },
		firstZone:   func(string) string { return "" },
		zone:        anyZone,
		shape:       shape,
		reservation: kubeletDefaults,
		diskBytes:   80 * gibi,
	}
}

func anyZone(_, zone string) (string, error) { return zone, nil }

// noZone refuses zones for clouds whose nodes carry no zone label.
func noZone(cloud string) func(string, string) (string, error) {
	return func(_, zone string) (string, error) {
		return "", fmt.Errorf("%q: nodes of %s have no zone; leave it out", zone, cloud)
	}
}

// suffixed returns a check for zones named after their region ("eu-west-1" + "a"), in whatever case they are written.
func suffixed(separator, pattern string, upper bool) func(string, string) (string, error) {
	suffix := regexp.MustCompile("^" + pattern + "$")
	return func(region, zone string) (string, error) {
		normal, prefix := strings.ToLower(zone), strings.ToLower(region)
		if upper {
			normal, prefix = strings.ToUpper(zone), strings.ToUpper(region)
		}
		rest, ok := strings.CutPrefix(normal, prefix+separator)
		if !ok || !suffix.MatchString(rest) {
			return "", fmt.Errorf("%q is not a zone of %s: want %s and then %s", zone, region, prefix+separator, pattern)
		}
		return normal, nil
	}
}

// karpenter adds the labels that Karpenter's core sets on each node that it makes, whatever the cloud.
func karpenter(d *draft) {
	d.label("karpenter.sh/capacity-type", string(d.pool.CapacityType))
	d.label("karpenter.sh/nodepool", d.pool.Name)
	d.label("karpenter.sh/registered", "true")
	d.label("karpenter.sh/initialized", "true")
}
