package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed/nodes"
)

// TestNoBoundPodBreaksAResidencyRule makes random clusters, policies and workloads, changes the policies while pods are
// being placed, and checks every bound pod against tables of its own: the places below, the law that each is under, and
// the countries of each jurisdiction, written by hand and sharing nothing with the scheduler.
func TestNoBoundPodBreaksAResidencyRule(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			newRandomCluster(newEnv(t), seed).run()
		})
	}
}

// site is a pool of nodes and the law that it is under. Empty is not known, and satisfies no rule.
type site struct{ pool, country, operator string }

var sites = []site{
	{"cloud: aws, region: eu-west-1, instanceType: m7i.4xlarge", "IE", "US"},
	{"cloud: aws, region: us-east-1, instanceType: m7i.4xlarge", "US", "US"},
	{"cloud: aws, region: eu-central-2, instanceType: m6i.4xlarge", "CH", "US"},
	{"cloud: aws, region: eu-west-2, instanceType: m7i.4xlarge", "GB", "US"},
	{"cloud: aws, region: ap-northeast-1, instanceType: m7i.4xlarge", "JP", "US"},
	{"cloud: gcp, region: europe-west1, instanceType: e2-standard-16", "BE", "US"},
	{"cloud: gcp, region: europe-west6, instanceType: e2-standard-16", "CH", "US"},
	{"cloud: gcp, region: us-central1, instanceType: e2-standard-16, capacityType: spot", "US", "US"},
	{"cloud: azure, region: westeurope, instanceType: Standard_D16s_v5", "NL", "US"},
	{"cloud: azure, region: norwayeast, instanceType: Standard_D16s_v5", "NO", "US"},
	{"cloud: azure, region: eastus, instanceType: Standard_D16s_v5", "US", "US"},
	{"cloud: hetzner, region: fsn1, instanceType: cx52, cpu: 16, memory: 32Gi", "DE", "DE"},
	{"cloud: hetzner, region: ash, instanceType: cpx51, cpu: 16, memory: 32Gi", "US", "DE"},
	{"cloud: ovh, region: GRA11, instanceType: b3-64, cpu: 16, memory: 64Gi", "FR", "FR"},
	{"cloud: scaleway, region: pl-waw, instanceType: PRO2-L, cpu: 16, memory: 64Gi", "PL", "FR"},
	{"cloud: lux-dc, country: LU, operatorCountry: LU, cpu: 16, memory: 64Gi", "LU", "LU"},
	{"cloud: us-owned-dc, country: DE, operatorCountry: US, cpu: 16, memory: 64Gi", "DE", "US"},
	{"cloud: silent-dc, country: FR, cpu: 16, memory: 64Gi", "FR", ""},
	{"cloud: vague-dc, region: somewhere, cpu: 16, memory: 64Gi", "", ""},
	{"cloud: bad-dc, cpu: 16, memory: 64Gi, labels: {tradewind.dev/country: Germany}", "", ""},
	{`cloud: nameless-dc, cpu: 16, memory: 64Gi, labels: {tradewind.dev/cloud: ""}`, "", ""},
	// Contradictions: a country that is not the region's, and a region that is not the machine's.
	{"cloud: aws, region: eu-west-3, instanceType: m7i.4xlarge, labels: {tradewind.dev/country: US}", "", "US"},
	{"cloud: aws, region: us-west-2, instanceType: m7i.4xlarge, labels: {topology.kubernetes.io/region: eu-west-1}", "", ""},
	{"cloud: gcp, region: us-west1, instanceType: e2-standard-16, labels: {tradewind.dev/country: DE}", "", "US"},
}

const european = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

// laws are the countries of what the random rules name.
var laws = map[string]string{
	"EU": european, "EEA": european + " IS LI NO", "US": "US", "CH": "CH", "DE": "DE", "FR": "FR", "LU": "LU",
	"GB": "GB", "JP": "JP", "NL": "NL",
}

// law is a residency rule: the names that it allows, nil where it does not limit.
type law struct{ jurisdictions, operators []string }

func (l law) yaml() string {
	var parts []string
	if l.jurisdictions != nil {
		parts = append(parts, "jurisdictions: ["+strings.Join(l.jurisdictions, ", ")+"]")
	}
	if l.operators != nil {
		parts = append(parts, "operatorJurisdictions: ["+strings.Join(l.operators, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (l law) allows(s site) bool {
	within := func(names []string, country string) bool {
		return names == nil || slices.ContainsFunc(names, func(name string) bool {
			return country != "" && slices.Contains(strings.Fields(laws[name]), country)
		})
	}
	return within(l.jurisdictions, s.country) && within(l.operators, s.operator)
}

// rule is a policy with all the versions that it has had since the last time that everything had been read.
type rule struct {
	name, namespace string // no namespace: every one
	team            string // selects the pods with the label team=…; all when empty
	versions        []law
	more            bool // more says that it limits more than residency
}

type randomCluster struct {
	*env
	seed       uint64
	random     *rand.Rand
	namespaces []string
	rules      []*rule
	sites      map[string]site // by pool
	workloads  int
}

func newRandomCluster(e *env, seed uint64) *randomCluster {
	return &randomCluster{
		env: e, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), namespaces: []string{e.ns, e.namespace("e2e-", nil)},
		sites: map[string]site{},
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (c *randomCluster) run() {
	c.addSites(4 + c.random.IntN(6))
	for range 2 + c.random.IntN(5) {
		c.addRule()
	}
	c.inForce("PlacementPolicy", "ClusterPlacementPolicy")
	c.addWorkloads(6)
	c.settle()
	c.check()

	// Policies change, nodes come and workloads come, all at once.
	var group sync.WaitGroup
	group.Go(func() { c.addWorkloads(5) })
	group.Go(func() {
		for range 3 {
			c.changeRule()
		}
	})
	group.Wait()
	c.addSites(2)
	c.settle()
	c.check()

	// Who comes after the change has been read is under its last word.
	c.inForce("PlacementPolicy", "ClusterPlacementPolicy")
	for _, r := range c.rules {
		r.versions = r.versions[len(r.versions)-1:]
	}
	c.removePods()
	c.addWorkloads(6)
	c.settle()
	c.check()
}

func (c *randomCluster) addSites(count int) {
	c.Helper()
	var text strings.Builder
	for range count {
		chosen, name := pick(c.random, sites), fmt.Sprintf("pool-%d", len(c.sites))
		c.sites[name] = chosen
		fmt.Fprintf(&text, "- {name: %s, namePrefix: %s, %s, count: %d}\n", name, name, chosen.pool, 1+c.random.IntN(2))
	}
	c.cluster.AddNodesYAML(c.T, "pools:\n"+text.String())
}

func (c *randomCluster) law() law {
	names := func() []string {
		out := []string{pick(c.random, []string{"EU", "EEA", "US", "CH", "DE", "FR", "LU", "GB", "JP", "NL"})}
		if more := pick(c.random, []string{"EU", "US", "CH", "LU"}); c.random.IntN(2) == 0 && more != out[0] {
			out = append(out, more)
		}
		return out
	}
	switch c.random.IntN(5) {
	case 0:
		return law{operators: names()}
	case 1:
		return law{jurisdictions: names(), operators: names()}
	default:
		return law{jurisdictions: names()}
	}
}

var teams = []string{"a", "b", "c", "d"}

func (c *randomCluster) addRule() {
	c.Helper()
	r := &rule{name: fmt.Sprintf("rule-%d", len(c.rules)), team: pick(c.random, teams), versions: []law{c.law()}, more: c.random.IntN(3) == 0}
	if c.random.IntN(4) > 0 {
		r.namespace = pick(c.random, c.namespaces)
	}
	c.rules = append(c.rules, r)
	c.put(r)
}

// put applies the last version of a rule without waiting until it has been read.
func (c *randomCluster) put(r *rule) {
	kind, meta := "ClusterPlacementPolicy", "{name: "+r.name+"}"
	if r.namespace != "" {
		kind, meta = "PlacementPolicy", "{name: "+r.name+", namespace: "+r.namespace+"}"
	}
	text := fmt.Sprintf("apiVersion: tradewind.dev/v1alpha1\nkind: %s\nmetadata: %s\nspec:\n  workloadSelector: {matchLabels: {team: %s}}\n  residency: %s\n",
		kind, meta, r.team, r.versions[len(r.versions)-1].yaml())
	if r.more {
		text += "  spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]\n  cost: {spot: {maxPercent: 50}}\n" +
			"  latency: {clients: [{location: DE, sharePercent: 100}]}\n"
	}
	if err := c.cluster.TryApplyYAML(c.Context(), text); err != nil {
		c.Error(err)
	}
}

func (c *randomCluster) changeRule() {
	r := pick(c.random, c.rules)
	r.versions = append(r.versions, law{jurisdictions: []string{[]string{"EU", "US", "CH", "FR"}[len(r.versions)%4]}})
	c.put(r)
}

func (c *randomCluster) addWorkloads(count int) {
	for range count {
		c.workloads++
		number := uint64(c.workloads)
		own := rand.New(rand.NewPCG(c.seed, number)) // the rules' changes draw at the same time
		made := template("web", []option{label("team", pick(own, teams)), profile(pick(own, []string{balanced, cheapest, fastest}))})
		made.Labels["workload"] = fmt.Sprint(number)
		_, err := c.client.AppsV1().Deployments(pick(own, c.namespaces)).Create(c.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("workload-%d", number)},
			Spec: appsv1.DeploymentSpec{
				Replicas: ptr(int32(1 + own.IntN(5))), Template: made,
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"workload": fmt.Sprint(number)}},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			c.Error(err)
		}
	}
}

func (c *randomCluster) removePods() {
	c.Helper()
	for _, ns := range c.namespaces {
		if err := c.client.AppsV1().Deployments(ns).DeleteCollection(c.Context(), deleteNow, metav1.ListOptions{}); err != nil {
			c.Fatal(err)
		}
	}
	c.wait("the pods to be gone", func(ctx context.Context) error {
		pods, err := c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d are there", len(pods.Items))
		}
		return err
	})
}

// settle waits until every replica is there and the scheduler has nothing left to try.
func (c *randomCluster) settle() {
	c.Helper()
	quiet := 0
	c.wait("the scheduler to have tried every pod", func(ctx context.Context) error {
		err := c.unsettled(ctx)
		if quiet++; err != nil {
			quiet = 0
		} else if quiet < 3 {
			err = fmt.Errorf("quiet for a moment")
		}
		return err
	})
}

func (c *randomCluster) unsettled(ctx context.Context) error {
	for _, queue := range []string{"active", "backoff"} {
		if waiting, err := c.sched.metric(ctx, "scheduler_pending_pods", `queue="`+queue+`"`); err != nil || waiting > 0 {
			return fmt.Errorf("%v pods in the queue %s: %w", waiting, queue, err)
		}
	}
	deployments, err := c.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	wanted := 0
	for i := range deployments.Items {
		wanted += int(*deployments.Items[i].Spec.Replicas)
	}
	pods, err := c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(pods.Items) != wanted {
		return fmt.Errorf("%d pods of %d", len(pods.Items), wanted)
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Spec.NodeName == "" && scheduledCondition(pod).Reason != corev1.PodReasonUnschedulable {
			return fmt.Errorf("pod %s: %q", pod.Name, scheduledCondition(pod).Message)
		}
	}
	return nil
}

// check compares every pod with the rules that select it. A rule that was changed while pods were being placed is broken
// when the pod is where none of its versions allows it.
func (c *randomCluster) check() {
	c.Helper()
	bySite := map[string]site{}
	for _, node := range c.cluster.NodesOf(c.T, "") {
		bySite[node.Name] = c.sites[node.Annotations[nodes.PoolAnnotation]]
	}
	pods, err := c.client.CoreV1().Pods("").List(c.Context(), metav1.ListOptions{})
	if err != nil {
		c.Fatal(err)
	}
	placed, waiting := 0, 0
	for i := range pods.Items {
		pod := &pods.Items[i]
		allowed := func(s site) (ok, certain bool) {
			ok, certain = true, true
			for _, r := range c.rules {
				if pod.Labels["team"] != r.team || r.namespace != "" && r.namespace != pod.Namespace {
					continue
				}
				ok = ok && slices.ContainsFunc(r.versions, func(l law) bool { return l.allows(s) })
				certain = certain && len(r.versions) == 1 && !r.more
			}
			return ok, certain
		}
		if pod.Spec.NodeName != "" {
			placed++
			if ok, _ := allowed(bySite[pod.Spec.NodeName]); !ok {
				c.Errorf("pod %s/%s (team %s) is at %+v, which its rules forbid", pod.Namespace, pod.Name, pod.Labels["team"],
					bySite[pod.Spec.NodeName])
			}
			continue
		}
		waiting++
		for name, s := range bySite {
			if ok, certain := allowed(s); ok && certain {
				c.Errorf("pod %s/%s (team %s) waits (%s), though its rules allow node %s at %+v", pod.Namespace, pod.Name, pod.Labels["team"],
					scheduledCondition(pod).Message, name, s)
			}
		}
	}
	c.Logf("%d pods placed, %d wait, %d sites, %d rules", placed, waiting, len(c.sites), len(c.rules))
}
