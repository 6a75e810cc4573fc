package app

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

func at(cloud, region, zone, instanceType string) location.Node {
	return location.Node{Location: location.Location{Cloud: cloud, Region: region, Zone: zone}, InstanceType: instanceType, CapacityType: v1alpha1.CapacityOnDemand}
}

// TestAvoid checks that a place is told from the rest by one label, or not at all.
func TestAvoid(t *testing.T) {
	for _, c := range []struct {
		place          string
		nodes, others  []location.Node
		key, values, e string
	}{
		{place: "cloud=aws", nodes: []location.Node{at("aws", "r", "a", "x"), at("aws", "s", "b", "x")}, others: []location.Node{at("gcp", "r", "a", "x")},
			key: v1alpha1.LabelCloud, values: "aws"},
		{place: "region=aws/r", nodes: []location.Node{at("aws", "r", "a", "x"), at("aws", "r", "b", "x")}, others: []location.Node{at("gcp", "s", "c", "x")},
			key: corev1.LabelTopologyRegion, values: "r"},
		{place: "region=aws/r", nodes: []location.Node{at("aws", "r", "a", "x"), at("aws", "r", "b", "x")}, others: []location.Node{at("gcp", "r", "c", "x")},
			key: corev1.LabelTopologyZone, values: "a b"},
		{place: "zone=a", nodes: []location.Node{at("aws", "r", "a", "x")}, others: []location.Node{at("aws", "r", "b", "x")}, key: corev1.LabelTopologyZone, values: "a"},
		{place: "pool=p", nodes: []location.Node{at("aws", "r", "a", "x")}, others: []location.Node{at("aws", "r", "a", "y")},
			key: corev1.LabelInstanceTypeStable, values: "x"},
		{place: "pool=p", nodes: []location.Node{at("aws", "r", "a", "x")}, others: []location.Node{at("aws", "r", "a", "x")},
			e: "pool=p cannot be told from the rest of the cluster by one location label"},
		{place: "cloud=dc", nodes: []location.Node{at("dc", "", "", "")}, others: []location.Node{at("aws", "r", "a", "x")}, key: v1alpha1.LabelCloud, values: "dc"},
	} {
		s, err := parsePlace("drain", c.place)
		if err != nil {
			t.Fatal(err)
		}
		p := &place{selector: s, nodes: map[string]location.Node{}, others: map[string]location.Node{}}
		for i, node := range c.nodes {
			p.nodes[string(rune('a'+i))] = node
		}
		for i, node := range c.others {
			p.others[string(rune('A'+i))] = node
		}
		got, err := p.avoid()
		if c.e != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.e) {
				t.Errorf("%s: %+v, %v", c.place, got, err)
			}
			continue
		}
		if err != nil || got.Key != c.key || strings.Join(got.Values, " ") != c.values {
			t.Errorf("%s: %+v, %v; want %s not in %s", c.place, got, err, c.key, c.values)
		}
	}
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"cloud=aws": "cloud-aws", "region=aws/eu-west-1": "region-aws-eu-west-1", "zone=Z,pool=P_1": "zone-z-pool-p-1", "zone=é": "zone",
	} {
		s := selector{text: text}
		if got := s.slug(); got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
}

// TestMoveFlags checks that what cannot be meant is refused before any cluster is asked, with the flag and the remedy.
func TestMoveFlags(t *testing.T) {
	for _, c := range []struct{ arguments, want string }{
		{"drain", "accepts 1 arg"},
		{"drain aws", `drain "aws": "aws" names nothing; write KEY=VALUE`},
		{"drain cloud=a,cloud=b", `drain "cloud=a,cloud=b": terms with commas between hold together, and nothing has two of cloud; name each by itself`},
		{"drain node=a", `drain "node=a": a place is named by cloud=, region=, zone=, pool=, not by node`},
		{"drain cloud=aws --undo --force", "--undo goes with neither --dry-run nor --force"},
		{"drain cloud=aws --timeout -1s", "--timeout -1s is negative"},
		{"drain cloud=aws -o csv", `--output "csv" is unknown`},
		{"drain cloud=aws", "no cluster"},
		{"drill", "nothing to lose: give --lose PLACE, such as --lose cloud=aws"},
		{"drill --lose cloud=aws --undo", "--undo ends every drill: leave --lose out"},
		{"drill --lose capacityType=spot", `--lose "capacityType=spot": a place is named by`},
		{"drill --lose cloud=aws --timeout 48h", "--timeout 48h0m0s: give a time up to 24h"},
		{"drill --lose cloud=aws", "no cluster"},
	} {
		code, _, problems := run(t, "", strings.Fields(c.arguments)...)
		if code != 1 || !strings.Contains(problems, c.want) {
			t.Errorf("%s: ends with %d: %s", c.arguments, code, problems)
		}
	}
}

// TestMoveTables checks that what drain and drill print fits on a screen.
func TestMoveTables(t *testing.T) {
	seconds, late := 31.6, 35.01
	for name, value := range map[string]printed{
		"drain": &drained{Place: "cloud=aws", Workloads: []drainedWorkload{
			{Kind: "Deployment", Namespace: "shop", Name: "web", Replicas: 4, To: []drainedTo{{"gcp-europe-west1-b-e2-standard-4", 3}, {"azure-westeurope-1", 1}}},
			{Kind: "StatefulSet", Namespace: "shop", Name: "db", Replicas: 1, Left: 1, Homeless: 1, Reason: "no place: " + strings.Repeat("a rule in words, ", 12)},
		}, OtherPods: map[string]int{"of Jobs": 2}, BeforeInvoiceUSD: 1.5, AfterInvoiceUSD: 2, AfterValuedUSD: 0.25},
		"drill": &drilled{Lost: "cloud=aws", Nodes: 3, Workloads: []drilledWorkload{
			{Kind: "Deployment", Namespace: "shop", Name: "web", Replicas: 4, LostReplicas: 4, Failover: true, RecoverySeconds: &seconds, InTime: true, allowed: allowance(nil)},
			{Kind: "Deployment", Namespace: "shop", Name: "late", Replicas: 4, LostReplicas: 4, Failover: true, RecoverySeconds: &late, allowed: allowance(nil)},
			{Kind: "Deployment", Namespace: "shop", Name: "slow", Replicas: 4, LostReplicas: 2, Failover: true, Ready: 3, allowed: allowance(nil)},
			{Kind: "Deployment", Namespace: "shop", Name: "cart", Replicas: 2, LostReplicas: 2, Reason: "no policy of it sets failover"},
		}},
	} {
		var out strings.Builder
		if err := value.Text(&out); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if len([]rune(line)) > 121 {
				t.Errorf("%s: %d columns: %s", name, len(line)-1, line)
			}
		}
		for _, want := range map[string][]string{
			"drain": {"4 of 5 replicas of 2 workloads moved, 1 is there", "3 gcp-europe", "1 nowhere: no place", "Other pods stay: 2 of Jobs.",
				"Clouds invoice $1.5000 an hour", "it would be $2.0000", "only valued (latency, interruption, preferences) goes from $0.0000 to $0.2500"},
			"drill": {"1 of 3 workloads back in time", "35 s", "31.6 s  in time", "35.1 s  too late", "not back  3 of 4 are ready", "no policy of it sets failover"},
		}[name] {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s does not say %q:\n%s", name, want, out.String())
			}
		}
	}
}
