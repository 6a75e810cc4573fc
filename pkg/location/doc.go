// Package location says where nodes, volumes and clients are and under whose law: cloud, region, zone, country,
// operator, coordinates. It knows the regions of the public clouds, the countries of ISO 3166-1 and the groups of
// countries that laws on data speak of, each with its source and date. It never guesses: what is not known is empty, and
// empty satisfies no rule.
//
// # Where the answer comes from
//
// For a node (FromNode), in this order:
//
//   - spec.providerID names the cloud, and for AWS, Google Cloud, Scaleway, Oracle and Power VS the zone or region.
//   - topology.kubernetes.io/region and /zone, or their failure-domain.beta.kubernetes.io predecessors, name the rest. A
//     region is derived from a zone only where the cloud's naming is exact (eu-west-1a, europe-west1-b, westeurope-1,
//     fr-par-1), and only if it is in the table.
//   - Where the provider id names no cloud (k3s, OpenStack, none), the labels of Options.CloudLabels may.
//   - Private data centres are declared: tradewind.dev/cloud (its name), tradewind.dev/country,
//     tradewind.dev/operator-country, the topology labels, and the annotation tradewind.dev/coordinates. So are regions
//     of known clouds that this release does not know, with tradewind.dev/country.
//
// Sources that contradict each other make the answer unknown, with a problem in words: a provider id of one cloud and a
// label of another, a zone of one region and the label of another region, a declared country and a region that stands
// elsewhere. AWS Local Zones and Wavelength Zones and IBM's classic data centres have a country of their own: a node in
// eu-west-3-wl1-cmn-wlz-1 is in Morocco, although its region is Paris.
//
// # Whom it trusts
//
// A location is as good as the writers of the Node object.
//
//   - spec.providerID is set by the cloud controller manager, or by the kubelet when the node registers. Kubernetes lets
//     nobody change it afterwards. It decides the cloud, and no label overrides it: a label can only contradict it,
//     which makes the node unknown.
//   - The topology labels are set by the cloud controller manager. Kubernetes' NodeRestriction lets a kubelet write them
//     too, on its own node, and every other label that is read here: it protects only some names under kubernetes.io and
//     k8s.io. The admission policy tradewind-node-locations of deploy/install refuses that: it covers all that Options.Reads
//     lists, and a test compares the two.
//   - On AWS, Google Cloud, Scaleway, Oracle, IBM's Power VS and OpenStack with regions the provider id holds the zone or
//     region, and on AKS the name of the resource group ends in it unless it was given another name: a false label
//     contradicts it, with or without the policy. The ids of the other clouds hold a number and no place: their labels are
//     believed, as far as their own names agree (fsn1-dc14 is in fsn1).
//   - Who can register a node of any provider id can claim any place. Restrict the signing of kubelet certificates to
//     machines that prove where they are (the clouds' own node authorizers and attestors do).
//
// A node of an AWS Outposts rack (topology.ebs.csi.aws.com/outpost-id, which the EBS driver has set) stands on the customer's
// ground although its zone is the region's: it is where tradewind.dev/country declares it, or in no country. Without the driver
// no label shows the rack: declare tradewind.dev/country on such nodes too; if it differs from the region's country, they are
// unknown and take no workload with a residency rule.
//
// On Azure, nodes outside availability zones carry the fault domain (0, 1, 2: racks of one data centre) in the label of the
// zone. It is none: such nodes are in no zone.
//
// Nodes of EKS Hybrid Nodes, IBM Cloud Satellite and of other machines joined to a cloud's managed Kubernetes are not in
// that cloud, and count as private data centres. Scaleway Kosmos labels the machines of other clouds like its own: give
// them a provider id, or declare tradewind.dev/cloud.
package location
