package chaos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tradewind.dev/tradewind/test/chaos/faults"
	"tradewind.dev/tradewind/test/chaos/history"
)

// sceneNodes are 22 machines over three clouds and two private sites.
const sceneNodes = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.large, count: 4}
- {cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m7i.large, capacityType: spot, count: 2}
- {cloud: aws, region: us-east-1, zone: us-east-1a, instanceType: m7i.large, count: 2}
- {cloud: gcp, region: europe-west1, zones: [europe-west1-b, europe-west1-c], instanceType: e2-standard-4, count: 4}
- {cloud: gcp, region: us-central1, zone: us-central1-a, instanceType: e2-standard-4, count: 1}
- {cloud: azure, region: westeurope, zones: ["1", "2"], instanceType: Standard_D2s_v5, count: 3}
- {cloud: azure, region: eastus, zone: "1", instanceType: Standard_D2s_v5, count: 2}
- {cloud: lux-dc, country: LU, operatorCountry: LU, coordinates: "49.61,6.13", instanceType: rack-8, cpu: 8, memory: 32Gi, count: 2}
- {cloud: par-dc, country: FR, operatorCountry: FR, coordinates: "48.85,2.35", instanceType: rack-8, cpu: 8, memory: 32Gi, count: 2}
`

// countries is where the machines truly stand, by cloud and region.
var countries = map[string]string{
	"aws/eu-west-1": "IE", "aws/us-east-1": "US", "gcp/europe-west1": "BE", "gcp/us-central1": "US",
	"azure/westeurope": "NL", "azure/eastus": "US", "lux-dc/": "LU", "par-dc/": "FR",
}

// union are the countries of the scene that are in the EU.
var union = []string{"IE", "BE", "NL", "LU", "FR"}

// basePrices in US dollars an hour, by cloud, for every instance type of it.
var basePrices = map[string]struct {
	instanceType string
	hourly       float64
}{
	"aws": {"m7i.large", 0.11}, "gcp": {"e2-standard-4", 0.15}, "azure": {"Standard_D2s_v5", 0.115},
	"lux-dc": {"rack-8", 0.35}, "par-dc": {"rack-8", 0.4},
}

// policy is what a policy says, in parts that can be changed.
type policy struct {
	jurisdictions []string
	clouds        []string
	more          string // further fields, in YAML
	failover      string
	rebalance     string
	// What failover and rebalance say, for the checker.
	failback       bool
	maxUnavailable int
	stays          time.Duration
}

func (p policy) spec() string {
	var out strings.Builder
	if len(p.jurisdictions) > 0 {
		fmt.Fprintf(&out, "  residency: {jurisdictions: [%s]}\n", strings.Join(p.jurisdictions, ", "))
	}
	if len(p.clouds) > 0 {
		fmt.Fprintf(&out, "  locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [%s]}]}\n", strings.Join(p.clouds, ", "))
	}
	for _, part := range []struct{ name, text string }{{"failover", p.failover}, {"rebalance", p.rebalance}} {
		if part.text != "" {
			fmt.Fprintf(&out, "  %s: {%s}\n", part.name, part.text)
		}
	}
	for line := range strings.Lines(p.more) {
		fmt.Fprintf(&out, "  %s\n", strings.TrimSuffix(line, "\n"))
	}
	return out.String()
}

// truly are the countries of jurisdictions.
func truly(jurisdictions []string) []string {
	var out []string
	for _, j := range jurisdictions {
		if j == "EU" {
			out = append(out, union...)
		} else {
			out = append(out, j)
		}
	}
	return out
}

// variants are the ways in which a policy is changed, with the changed ones.
func (p policy) variants() map[string]policy {
	out := map[string]policy{}
	if p.rebalance != "" {
		other := p
		other.rebalance = ""
		out["without-rebalance"] = other
	}
	if p.failover != "" {
		other := p
		other.failover = ""
		out["without-failover"] = other
	}
	if slices.Contains(p.jurisdictions, "EU") && len(p.clouds) == 0 {
		other := p
		other.jurisdictions = []string{"IE", "BE"}
		out["narrower"] = other
	}
	if !strings.Contains(p.more, "optimizeFor") {
		other := p
		other.more += "optimizeFor: Cost\n"
		out["cheapest"] = other
	}
	return out
}

// workload of the scene.
type workload struct {
	kind, namespace, name string
	replicas              int
	policy                *policy
	// volume of each replica of a StatefulSet: the volume's node affinity in YAML, or " " for a volume that all nodes reach.
	volume string
	// budget is the minAvailable of its PodDisruptionBudget; none when 0.
	budget int
}

func (w *workload) id() string { return w.kind + " " + w.namespace + "/" + w.name }

const (
	quick    = `after: 3s, stabilization: 10s`
	inZoneA  = `nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1a]}]}]}}`
	anywhere = " "
)

// stayed is how long replicas stay by the policies with quick.
const stayed = 10 * time.Second

// workloads are what runs in the scene.
func workloads() []workload {
	eu := []string{"EU"}
	return []workload{
		{kind: "Deployment", namespace: "shop", name: "web", replicas: 6,
			policy: &policy{jurisdictions: eu, failover: quick, failback: true, stays: stayed,
				rebalance: `maxUnavailable: "2"`, maxUnavailable: 2, more: "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]\n"}},
		{kind: "Deployment", namespace: "shop", name: "cart", replicas: 4, policy: &policy{failover: quick, failback: true, stays: stayed,
			more: "availability: {survive: cloud, minReplicasPercent: 50}\n"}},
		{kind: "Deployment", namespace: "shop", name: "api", replicas: 4,
			policy: &policy{jurisdictions: eu, failover: quick, failback: true, stays: stayed,
				more: "traffic: [{to: {name: cart}, requestsPerSecond: 50, bytesPerRequest: 2000}]\n"}},
		{kind: "Deployment", namespace: "shop", name: "search", replicas: 4, policy: &policy{jurisdictions: eu, stays: 10 * time.Minute,
			rebalance: `maxUnavailable: "1"`, maxUnavailable: 1, more: "cost: {spot: {maxPercent: 60, fallback: OnDemand}}\n"}},
		{kind: "Deployment", namespace: "shop", name: "mail", replicas: 2, policy: &policy{more: "cost: {maxHourlyUSD: \"40\"}\n"}},
		{kind: "Deployment", namespace: "shop", name: "stays", replicas: 3, policy: &policy{jurisdictions: eu, more: "optimizeFor: Cost\n"}},
		{kind: "Deployment", namespace: "shop", name: "free", replicas: 2},
		{kind: "Deployment", namespace: "shop", name: "money", replicas: 4, policy: &policy{jurisdictions: eu, stays: 10 * time.Minute,
			rebalance: `minSavingsPercent: 5, maxUnavailable: "2"`, maxUnavailable: 2,
			more: "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]\n"}},
		{kind: "Deployment", namespace: "shop", name: "kept", replicas: 3, budget: 2,
			policy: &policy{jurisdictions: eu, failover: quick, failback: true, stays: stayed,
				rebalance: `maxUnavailable: "2"`, maxUnavailable: 2}},
		{kind: "Deployment", namespace: "shop", name: "french", replicas: 2,
			policy: &policy{jurisdictions: []string{"FR"}, failover: quick, failback: true, stays: stayed}},
		{kind: "Deployment", namespace: "bank", name: "ledger", replicas: 4,
			policy: &policy{failover: quick + ", failback: Never", stays: stayed}},
		{kind: "Deployment", namespace: "states", name: "report", replicas: 3,
			policy: &policy{jurisdictions: []string{"US"}, failover: quick, failback: true, stays: stayed}},
		{kind: "StatefulSet", namespace: "bank", name: "vault", replicas: 2,
			policy: &policy{clouds: []string{"lux-dc", "par-dc"}, failover: quick, failback: true, stays: stayed}},
		{kind: "StatefulSet", namespace: "shop", name: "db", replicas: 3, volume: anywhere,
			policy: &policy{failover: quick, failback: true, stays: stayed}},
		{kind: "StatefulSet", namespace: "shop", name: "pinned", replicas: 1, volume: inZoneA,
			policy: &policy{failover: quick, failback: true, stays: stayed}},
		{kind: "StatefulSet", namespace: "shop", name: "queue", replicas: 3,
			policy: &policy{jurisdictions: eu, failover: quick, failback: true, stays: stayed,
				rebalance: `maxUnavailable: "1"`, maxUnavailable: 1}},
	}
}

// guarded is the namespace that the guard-rail is for, and guard the guard-rail.
const (
	guarded = "bank"
	guard   = `
apiVersion: tradewind.dev/v1alpha1
kind: ClusterPlacementPolicy
metadata: {name: guard-rail}
spec:
  workloadSelector: {}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}
  residency: {jurisdictions: [EU]}
`
)

// manifest are the workload's objects but its policy.
func (w *workload) manifest() string {
	pod := fmt.Sprintf(`
  template:
    metadata: {labels: {app: %s}}
    spec:
      schedulerName: tradewind
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: main, resources: {requests: {cpu: 100m, memory: 64Mi}}%s}]
`, w.name, map[bool]string{true: ", volumeMounts: [{name: data, mountPath: /data}]"}[w.volume != ""])
	var out strings.Builder
	for i := 0; w.volume != "" && i < w.replicas+4; i++ { // room to grow
		fmt.Fprintf(&out, `
apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s-%[2]d}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  claimRef: {namespace: %[3]s, name: data-%[1]s-%[2]d}
  nfs: {server: nfs.example.com, path: /%[1]s-%[2]d}
  %[4]s
---
`, w.name, i, w.namespace, strings.TrimSpace(w.volume))
	}
	fmt.Fprintf(&out, `
apiVersion: apps/v1
kind: %s
metadata: {name: %s, namespace: %s}
spec:
  replicas: %d
  selector: {matchLabels: {app: %s}}`, w.kind, w.name, w.namespace, w.replicas, w.name)
	if w.kind == "StatefulSet" {
		fmt.Fprintf(&out, "\n  serviceName: %s\n  podManagementPolicy: Parallel", w.name)
	}
	out.WriteString(pod)
	if w.volume != "" {
		out.WriteString(`  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: manual, resources: {requests: {storage: 1Gi}}}
`)
	}
	if w.budget > 0 {
		fmt.Fprintf(&out, `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: %[1]s, namespace: %[2]s}
spec: {minAvailable: %[3]d, selector: {matchLabels: {app: %[1]s}}}
`, w.name, w.namespace, w.budget)
	}
	return out.String()
}

// policyText is the workload's policy as an object.
func (w *workload) policyText(p policy) string {
	return fmt.Sprintf("apiVersion: tradewind.dev/v1alpha1\nkind: PlacementPolicy\nmetadata: {name: %[1]s, namespace: %[2]s}\n"+
		"spec:\n  workloadSelector: {matchLabels: {app: %[1]s}}\n%[3]s", w.name, w.namespace, p.spec())
}

// priceText is the PriceList of a cloud, at a percentage of its prices.
func priceText(cloud string, percent int) string {
	base := basePrices[cloud]
	price := strconv.FormatFloat(base.hourly*float64(percent)/100, 'f', 4, 64)
	return fmt.Sprintf("apiVersion: tradewind.dev/v1alpha1\nkind: PriceList\nmetadata: {name: %s}\n"+
		"spec: {instances: [{cloud: %s, instanceType: %s, hourlyUSD: %q}]}\n", cloud, cloud, base.instanceType, price)
}

// rulesFor are the rules of a workload under a policy, which is nil when there is none, and the guard-rail.
func (w *workload) rulesFor(p *policy, replicas int, guardHolds bool) history.Rules {
	r := history.Rules{Workload: w.id(), Replicas: replicas}
	if p != nil {
		r.Countries, r.Clouds = truly(p.jurisdictions), p.clouds
		r.Failover, r.Failback = p.failover != "", p.failover != "" && p.failback
		r.Rebalance, r.Stays = p.rebalance != "", p.stays
		r.MaxUnavailable = 1
		if r.Rebalance {
			r.MaxUnavailable = p.maxUnavailable
		}
	}
	if guardHolds && w.namespace == guarded {
		if len(r.Countries) == 0 {
			r.Countries = union
		} else {
			r.Countries = slices.DeleteFunc(slices.Clone(r.Countries), func(c string) bool { return !slices.Contains(union, c) })
		}
	}
	return r
}

// definitions are those that are deleted at times.
var definitions = []string{
	"placements.tradewind.dev", "cloudpools.tradewind.dev", "pricelists.tradewind.dev", "latencymaps.tradewind.dev", policyDefinition,
}

const policyDefinition = "placementpolicies.tradewind.dev"

// times of a cluster and of the faults in it.
type times struct {
	name           string
	faults         faults.Times
	lossAfter      time.Duration
	monitorPeriod  time.Duration
	lease, renewal time.Duration
}

// timesOf are the times by their names: short ones, and Kubernetes' own.
func timesOf(name string) (times, error) {
	switch name {
	case "", "short": // a quarter of Kubernetes' own, in every respect
		return times{
			name: "short", lossAfter: 12500 * time.Millisecond, monitorPeriod: 1250 * time.Millisecond,
			lease: 10 * time.Second, renewal: 2500 * time.Millisecond,
			faults: faults.Times{Burst: 40 * time.Second, Faults: 48, Outage: 28 * time.Second},
		}, nil
	case "kubernetes":
		return times{
			name: name, lossAfter: 50 * time.Second, monitorPeriod: 5 * time.Second, lease: 40 * time.Second, renewal: 10 * time.Second,
			faults: faults.Times{Burst: 110 * time.Second, Faults: 110, Outage: 85 * time.Second},
		}, nil
	}
	return times{}, fmt.Errorf("TIMES=%q: want short or kubernetes", name)
}
