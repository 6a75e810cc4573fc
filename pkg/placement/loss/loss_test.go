package loss

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// node is alive unless a change says otherwise: its lease was renewed 5 s ago. The name is "cloud/region/zone/number".
func node(name string, changes ...func(*Node)) Node {
	part := strings.Split(name, "/")
	n := Node{
		Name: name, At: location.Location{Cloud: part[0], Region: part[1], Zone: part[2]}, Pool: part[0] + "-" + part[2],
		Since: noon.Add(-time.Hour), Renewed: noon.Add(-5 * time.Second), Holds: 40 * time.Second,
	}
	for _, change := range changes {
		change(&n)
	}
	return n
}

// silent nodes were last heard of so long ago, and the node controller says so since so long.
func silent(renewed, noticed time.Duration) func(*Node) {
	return func(n *Node) {
		n.Ready, n.Since, n.Renewed = ReadyUnknown, noon.Add(-noticed), noon.Add(-renewed)
	}
}

func lost(n *Node) { silent(60*time.Second, 10*time.Second)(n) }

func broken(n *Node) { n.Ready, n.Since = ReadyFalse, noon.Add(-time.Minute) }

func drilled(n *Node) { n.Drill = noon.Add(-time.Minute) }

func TestNodes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Node)
		state  State
		since  time.Duration // before noon
	}{
		{"alive", func(*Node) {}, Alive, 0},
		{"alive without a lease", func(n *Node) { n.Renewed = time.Time{} }, Alive, 0},
		{"alive, lease not renewed", func(n *Node) { n.Renewed = noon.Add(-time.Hour) }, Alive, 0},
		{"lost", lost, Lost, time.Minute},
		{"lost, clock far off", silent(time.Hour, 10*time.Second), Lost, 10 * time.Second},
		{"lost, clock ahead", silent(41*time.Second, 50*time.Second), Lost, 50 * time.Second},
		{"the node controller alone", silent(5*time.Second, 10*time.Second), Doubted, 10 * time.Second},
		{"the node controller alone, no lease", func(n *Node) { lost(n); n.Renewed = time.Time{} }, Doubted, 10 * time.Second},
		{"not ready by its own word", broken, Doubted, time.Minute},
		{"drilled", drilled, Drilled, time.Minute},
		{"drilled and lost", func(n *Node) { drilled(n); silent(50*time.Second, 5*time.Second)(n) }, Lost, 50 * time.Second},
	} {
		n := node("aws/r/z/1", c.change)
		state, since := judge(&n, noon)
		if state != c.state || state != Alive && noon.Sub(since) != c.since {
			t.Errorf("%s: %d since %s", c.name, state, noon.Sub(since))
		}
	}
}

func TestDomains(t *testing.T) {
	aws1, aws2, gcp := node("aws/r1/a/1", lost), node("aws/r2/b/1", lost), node("gcp/r3/c/1")
	for _, c := range []struct {
		name  string
		nodes []Node
		want  string
		blind bool
	}{
		{"all alive", []Node{node("aws/r1/a/1"), gcp}, "", false},
		{"a cloud", []Node{aws1, aws2, gcp}, "cloud aws certain: 2", false},
		{"a region", []Node{aws1, node("aws/r2/b/1"), gcp}, "region aws/r1 certain: 1", false},
		{"a zone", []Node{aws1, node("aws/r1/b/1"), gcp}, "zone aws/r1/a certain: 1", false},
		{"one node of a zone", []Node{aws1, node("aws/r1/a/2"), gcp}, "", false},
		{"a pool", []Node{aws1, node("aws/r1/a/2", lost), node("aws/r1/a/3", func(n *Node) { n.Pool = "other" }), gcp}, "pool aws-a certain: 2", false},
		{"a pool of one node", []Node{aws1, node("aws/r1/a/3", func(n *Node) { n.Pool = "other" }), gcp}, "", false},
		{"a drill of a pool of one node", []Node{node("aws/r1/a/1", drilled), node("aws/r1/a/3", func(n *Node) { n.Pool = "other" }), gcp},
			"pool aws-a certain drill: 1", false},
		{"two zones", []Node{aws1, node("aws/r1/b/1", lost), node("aws/r1/c/1"), gcp}, "zone aws/r1/a certain: 1, zone aws/r1/b certain: 1", false},
		{"doubted", []Node{aws1, node("aws/r2/b/1", broken), gcp}, "cloud aws doubted: 2", false},
		{"a drill", []Node{node("aws/r1/a/1", drilled), node("aws/r2/b/1", drilled), gcp}, "cloud aws certain drill: 2", false},
		{"a drill and a loss", []Node{node("aws/r1/a/1", drilled), aws2, gcp}, "cloud aws certain: 2", false},
		{"most, one zone whole", []Node{aws1, aws2, node("aws/r2/b/2", lost), gcp}, "cloud aws certain: 3", false},
		{"most, no zone whole", []Node{aws1, aws2, gcp, node("gcp/r3/c/2", lost)}, "cloud aws certain: 2", true},
		{"everything", []Node{aws1, aws2, node("gcp/r3/c/1", lost)}, "cloud aws certain: 2, cloud gcp certain: 1", true},
		{"a drill of everything", []Node{node("aws/r1/a/1", drilled)}, "cloud aws certain drill: 1", false},
		{"no place is known", []Node{{Name: "x", Ready: ReadyUnknown, Since: noon, Renewed: noon.Add(-time.Hour)}}, "", true},
	} {
		v := Judge(c.nodes, noon)
		var texts []string
		for i := range v.Domains {
			d := &v.Domains[i]
			text := d.String()
			if d.Certain {
				text += " certain"
			} else {
				text += " doubted"
			}
			if d.Drill {
				text += " drill"
			}
			texts = append(texts, fmt.Sprintf("%s: %d", text, len(d.Nodes)))
		}
		if got := strings.Join(texts, ", "); got != c.want || (v.Blind != "") != c.blind {
			t.Errorf("%s: got %q, blind %q", c.name, got, v.Blind)
		}
	}
}

// TestDue checks how long a loss must last.
func TestDue(t *testing.T) {
	certain, doubted := Domain{Since: noon, Certain: true}, Domain{Since: noon}
	if due := certain.Due(10 * time.Second); !due.Equal(noon.Add(10 * time.Second)) {
		t.Error(due)
	}
	certain.Earliest = noon.Add(12 * time.Second)
	if due := certain.Due(10 * time.Second); !due.Equal(noon.Add(12 * time.Second)) {
		t.Error(due)
	}
	v := Judge([]Node{node("aws/r/z/1", silent(60*time.Second, time.Second)), node("gcp/r/z/1")}, noon)
	if due := v.Domains[0].Due(0); !due.Equal(noon.Add(2 * time.Second)) {
		t.Errorf("noticed a second ago: due in %s", due.Sub(noon))
	}
	if due := doubted.Due(10 * time.Second); !due.Equal(noon.Add(30 * time.Second)) {
		t.Error(due)
	}
}

// TestJudge compares with the words of the rule over clusters at random.
func TestJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := []func(*Node){func(*Node) {}, func(*Node) {}, lost, lost, broken, drilled}
		var nodes []Node
		for i := range rapid.IntRange(0, 12).Draw(t, "nodes") {
			name := fmt.Sprintf("%s/%s/%s/%d", rapid.SampledFrom([]string{"aws", "gcp"}).Draw(t, "cloud"), rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "region"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone"), i)
			nodes = append(nodes, node(name, rapid.SampledFrom(changes).Draw(t, "how")))
		}
		v := Judge(nodes, noon)
		covered := map[string]int{}
		for i := range v.Domains {
			d := &v.Domains[i]
			var members []string
			doubted := false
			for k := range nodes {
				in := false
				for _, key := range keys(&nodes[k]) {
					in = in || key == domainKey{d.Kind, d.Name}
				}
				if !in {
					continue
				}
				state, since := judge(&nodes[k], noon)
				doubted = doubted || state == Doubted
				if state == Alive || since.After(d.Since) {
					t.Fatalf("%s since %s has node %s, %d since %s", d, d.Since, nodes[k].Name, state, since)
				}
				members = append(members, nodes[k].Name)
				covered[nodes[k].Name]++
			}
			slices.Sort(members)
			if !slices.Equal(members, d.Nodes) || d.Certain == doubted {
				t.Fatalf("%s has %v, certain %v; it should have %v", d, d.Nodes, d.Certain, members)
			}
		}
		for k := range nodes {
			state, _ := judge(&nodes[k], noon)
			if state != v.States[nodes[k].Name] {
				t.Fatalf("node %s is %d, not %d", nodes[k].Name, v.States[nodes[k].Name], state)
			}
			zone := func(n *Node) location.Location { return n.At }
			alone := slices.ContainsFunc(nodes, func(n Node) bool { s, _ := judge(&n, noon); return s == Alive && zone(&n) == zone(&nodes[k]) })
			if inDomain := v.DomainOf(nodes[k].Name) != nil; inDomain != (covered[nodes[k].Name] > 0) || !alone && !inDomain {
				t.Fatalf("node %s: in a domain %v, its zone has a node that is alive: %v", nodes[k].Name, inDomain, alone)
			}
		}
	})
}

func TestTaints(t *testing.T) {
	for _, c := range []struct {
		key                  string
		interrupted, removed bool
	}{
		{"aws-node-termination-handler/spot-itn", true, false},
		{"cloud.google.com/impending-node-termination", true, false},
		{"karpenter.sh/disrupted", true, false},
		{"ToBeDeletedByClusterAutoscaler", false, true},
		{"kubernetes.azure.com/scalesetpriority", false, false},
	} {
		n := &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "a"}, {Key: c.key}}}}
		if (Interrupted(n) == c.key) != c.interrupted || (Removed(n) == c.key) != c.removed {
			t.Errorf("%s: interrupted %q, removed %q", c.key, Interrupted(n), Removed(n))
		}
	}
}
