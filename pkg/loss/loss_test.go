package loss

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// works is a path that has worked for an hour.
var works = Path{Known: true, Since: noon.Add(-time.Hour), Latest: noon.Add(-time.Second), Holds: 40 * time.Second, Monitor: 5 * time.Second}

// node is alive unless a change says otherwise: its lease was renewed 5 s ago. The name is "cloud/region/zone/number".
func node(name string, changes ...func(*Node)) Node {
	part := strings.Split(name, "/")
	n := Node{
		Name: name, At: location.Location{Cloud: part[0], Region: part[1], Zone: part[2]}, Pool: part[0] + "-" + part[2],
		Since: noon.Add(-time.Hour), Turned: noon.Add(-time.Hour), Leased: true, Holds: 40 * time.Second, Resumed: noon.Add(-time.Hour),
	}
	heard(5 * time.Second)(&n)
	for _, change := range changes {
		change(&n)
	}
	return n
}

// heard is a node whose lease was last renewed so long ago.
func heard(ago time.Duration) func(*Node) {
	return func(n *Node) { n.Heard, n.LastSign = noon.Add(-ago), noon.Add(-ago) }
}

// silent nodes were last heard of so long ago, and the node controller says so since so long.
func silent(renewed, noticed time.Duration) func(*Node) {
	return func(n *Node) {
		heard(renewed)(n)
		n.Ready, n.Since, n.Turned = ReadyUnknown, noon.Add(-noticed), noon.Add(-noticed)
	}
}

// written nodes have a lease of which no renewal was seen, with a time of the node's clock.
func written(ago time.Duration) func(*Node) {
	return func(n *Node) { n.LastSign = noon.Add(-ago) }
}

func lost(n *Node) { silent(60*time.Second, 10*time.Second)(n) }

func broken(n *Node) {
	n.Ready, n.Since, n.Turned = ReadyFalse, noon.Add(-time.Minute), noon.Add(-time.Minute)
}

func drilled(n *Node) { n.Drill = noon.Add(-time.Minute) }

func joining(n *Node) { n.Ready, n.Joining = ReadyFalse, true }

func path(change func(*Path)) Path {
	p := works
	change(&p)
	return p
}

func TestNodes(t *testing.T) {
	for _, c := range []struct {
		name   string
		path   Path
		change func(*Node)
		state  State
		since  time.Duration // before noon
	}{
		{"alive", works, func(*Node) {}, Alive, 0},
		{"alive without a lease", works, func(n *Node) { n.Leased = false }, Alive, 0},
		{"alive, lease not renewed", works, heard(time.Hour), Alive, 0},
		{"lost", works, lost, Lost, time.Minute},
		{"lost, no renewal seen, clock of the node right", works, func(n *Node) { lost(n); written(70 * time.Second)(n) }, Lost, 70 * time.Second},
		{"lost, no renewal seen, clock of the node far off", works, func(n *Node) { lost(n); written(time.Hour)(n) }, Lost, 10 * time.Second},
		{"lost, no renewal seen, clock of the node ahead", works, func(n *Node) { lost(n); written(time.Second)(n) }, Lost, 10 * time.Second},
		{"the lease holds just so", works, silent(45*time.Second-1, 10*time.Second), Doubted, 10 * time.Second},
		{"the lease has run out", works, silent(45*time.Second, 10*time.Second), Lost, 45 * time.Second},
		{"the node controller alone", works, silent(5*time.Second, 10*time.Second), Doubted, 10 * time.Second},
		{"the node controller alone, renewed again", works, func(n *Node) { silent(5*time.Second, 90*time.Second)(n); n.Resumed = noon.Add(-7 * time.Second) }, Doubted, 7 * time.Second},
		{"the node controller alone, no lease", works, func(n *Node) { lost(n); n.Leased = false }, Doubted, 10 * time.Second},
		{"the path down", path(func(p *Path) { p.Latest = noon.Add(-21 * time.Second) }), lost, Doubted, 10 * time.Second},
		{"the path up again, for shorter than a lease holds", path(func(p *Path) { p.Since = noon.Add(-44 * time.Second) }), silent(10*time.Minute, 9*time.Minute), Doubted, 44 * time.Second},
		{"the path up again, for as long", path(func(p *Path) { p.Since = noon.Add(-45 * time.Second) }), silent(10*time.Minute, 9*time.Minute), Lost, 10 * time.Minute},
		{"no witness a look after the interval", path(func(p *Path) { p.Monitor, p.Latest = 51*time.Second, noon }), lost, Doubted, 10 * time.Second},
		{"not ready by its own word", works, broken, Doubted, time.Minute},
		{"not ready by its own word, the path up since", path(func(p *Path) { p.Since = noon.Add(-20 * time.Second) }), broken, Doubted, 20 * time.Second},
		{"not ready by its own word, its clock an hour behind", works, func(n *Node) { broken(n); n.Since = noon.Add(-time.Hour) }, Doubted, time.Minute},
		{"drilled", works, drilled, Drilled, time.Minute},
		{"drilled and lost", works, func(n *Node) { drilled(n); silent(50*time.Second, 5*time.Second)(n) }, Lost, 50 * time.Second},
	} {
		n := node("aws/r/z/1", c.change)
		f := judge(&n, &c.path, noon)
		if f.state != c.state || f.state != Alive && noon.Sub(f.since) != c.since {
			t.Errorf("%s: %d since %s", c.name, f.state, noon.Sub(f.since))
		}
	}
}

func TestDomains(t *testing.T) {
	aws1, aws2, gcp := node("aws/r1/a/1", lost), node("aws/r2/b/1", lost), node("gcp/r3/c/1")
	azure := node("azure/r4/d/1", silent(52*time.Second, time.Second))
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
		{"most, no zone whole", []Node{aws1, aws2, gcp, node("gcp/r3/c/2", lost)}, "", true},
		{"most, the rest heard and one of it broken", []Node{aws1, aws2, node("aws/r2/b/2", lost), gcp, node("gcp/r3/c/2", broken)}, "cloud aws certain: 3", false},
		{"all not ready by their own word", []Node{node("aws/r1/a/1", broken), node("gcp/r3/c/1", broken)}, "", true},
		{"everything", []Node{aws1, aws2, node("gcp/r3/c/1", lost)}, "", true},
		{"a drill of everything", []Node{node("aws/r1/a/1", drilled)}, "cloud aws certain drill: 1", false},
		{"no place is known", []Node{{Name: "x", Ready: ReadyUnknown, Since: noon}}, "", true},
		{"two clouds at once, most nodes", []Node{aws1, azure, gcp}, "cloud aws doubted: 1, cloud azure doubted: 1", false},
		{"two clouds at once, half of the nodes", []Node{aws1, azure, gcp, node("gcp/r3/c/2")},
			"cloud aws certain: 1, cloud azure certain: 1", false},
		{"two clouds at once, fewer nodes than are left", []Node{aws1, azure, gcp, node("gcp/r3/c/2"), node("gcp/r3/c/3")},
			"cloud aws certain: 1, cloud azure certain: 1", false},
		{"two clouds, one after the other", []Node{aws1, node("azure/r4/d/1", silent(90*time.Second, 40*time.Second)), gcp},
			"cloud aws certain: 1, cloud azure certain: 1", false},
		{"nodes that join", []Node{node("aws/r1/a/1", joining), gcp}, "", false},
		{"nodes that join where others are lost", []Node{aws1, node("aws/r1/a/2", joining), gcp}, "cloud aws certain: 1", false},
	} {
		v := Judge(c.nodes, works, noon)
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

// TestBlind checks what is said while the path does not work, and that then there is no domain.
func TestBlind(t *testing.T) {
	nodes := []Node{node("aws/r1/a/1", lost), node("gcp/r3/c/1"), node("gcp/r3/c/2")}
	for _, c := range []struct {
		name  string
		path  Path
		nodes []Node
		want  string
	}{
		{"it works", works, nodes, ""},
		{"there are no leases", Path{}, nodes, ""},
		{"none was seen yet", Path{Known: true, Holds: 40 * time.Second}, nodes, "no node has been seen to renew its lease yet"},
		{"at its latest", path(func(p *Path) { p.Latest = noon.Add(-20 * time.Second) }), nodes, ""},
		{"down", path(func(p *Path) { p.Latest = noon.Add(-21 * time.Second) }), nodes, "no node renews its lease since 2026-03-14T11:59:39Z: it may be"},
		{"down, nobody missed yet", path(func(p *Path) { p.Latest = noon.Add(-21 * time.Second) }), nodes[1:], "no node renews its lease since"},
		{"up again", path(func(p *Path) { p.Since = noon.Add(-44 * time.Second) }), nodes, "nodes renew their leases, or are seen to, since 2026-03-14T11:59:16Z only"},
		{"up again, and nobody missed", path(func(p *Path) { p.Since = noon.Add(-44 * time.Second) }), nodes[1:], ""},
		{"up again for long", path(func(p *Path) { p.Since = noon.Add(-45 * time.Second) }), nodes, ""},
	} {
		v := Judge(c.nodes, c.path, noon)
		if !strings.HasPrefix(v.Blind, c.want) || c.want == "" && v.Blind != "" || v.Blind != "" && len(v.Domains) > 0 {
			t.Errorf("%s: blind %q, domains %v", c.name, v.Blind, v.Domains)
		}
	}
}

// TestDue checks how long a loss must last.
func TestDue(t *testing.T) {
	certain, doubted := Domain{Since: noon, Certain: true}, Domain{Since: noon}
	if due := certain.Due(10 * time.Second); !due.Equal(noon.Add(10 * time.Second)) {
		t.Error(due)
	}
	certain.From = noon.Add(12 * time.Second)
	if due := certain.Due(10 * time.Second); !due.Equal(noon.Add(12 * time.Second)) {
		t.Error(due)
	}
	v := Judge([]Node{node("aws/r/z/1", silent(60*time.Second, time.Second)), node("gcp/r/z/1")}, works, noon)
	if due := v.Domains[0].Due(0); !due.Equal(noon.Add(-time.Second)) {
		t.Errorf("noticed a second ago: due in %s", due.Sub(noon))
	}
	if due := doubted.Due(10 * time.Second); !due.Equal(noon.Add(30 * time.Second)) {
		t.Error(due)
	}
	if doubted.Lost(10*time.Second, noon.Add(29*time.Second)) || !doubted.Lost(10*time.Second, noon.Add(30*time.Second)) || !certain.Lost(time.Hour, noon) {
		t.Error("a doubt is decided at another time than it is due, or a certain loss is not")
	}
}

// fate is what happened to a node, a minute ago, and the state that follows from it.
type fate struct {
	change func(*Node)
	state  State
	joins  bool
}

// fates are what may happen to a node in TestJudge.
var fates = map[string]fate{
	"alive": {func(*Node) {}, Alive, false}, "lost": {lost, Lost, false}, "broken": {broken, Doubted, false}, "drilled": {drilled, Drilled, false},
	"joining": {joining, Alive, true},
}

// lostDomain is a domain that Judge should find.
type lostDomain struct {
	name           string
	certain, drill bool
	nodes          []string
}

// lostDomains are the domains without a node that is alive, the largest only, in order, of nodes named
// "cloud/region/zone/number" in these states.
func lostDomains(states map[string]State) []lostDomain {
	var out []lostDomain
	covered := map[string]bool{}
	for depth, kind := range []string{"cloud", "region", "zone", "pool"} {
		members := map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(states)) {
			part := strings.Split(name, "/")
			domain := strings.Join(part[:min(depth+1, 3)], "/")
			if kind == "pool" {
				domain = part[0] + "-" + part[2]
			}
			members[domain] = append(members[domain], name)
		}
		for _, domain := range slices.Sorted(maps.Keys(members)) {
			nodes := members[domain]
			has := func(state State) bool {
				return slices.ContainsFunc(nodes, func(name string) bool { return states[name] == state })
			}
			if has(Alive) || kind == "pool" && len(nodes) == 1 && !has(Drilled) ||
				!slices.ContainsFunc(nodes, func(name string) bool { return !covered[name] }) {
				continue
			}
			for _, name := range nodes {
				covered[name] = true
			}
			out = append(out, lostDomain{kind + " " + domain, !has(Doubted), has(Drilled) && !has(Lost) && !has(Doubted), nodes})
		}
	}
	return out
}

// TestJudge compares the domains of clusters at random with what is expected of nodes of whom it is known what happened to
// them. Its oracle once was the function that Judge itself asks about a node.
func TestJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []Node
		states := map[string]State{}
		out := 0
		for i := range rapid.IntRange(0, 12).Draw(t, "nodes") {
			name := fmt.Sprintf("%s/%s/%s/%d", rapid.SampledFrom([]string{"aws", "gcp"}).Draw(t, "cloud"), rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "region"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone"), i)
			fate := fates[rapid.SampledFrom([]string{"alive", "alive", "lost", "lost", "broken", "drilled", "joining"}).Draw(t, "fate")]
			nodes = append(nodes, node(name, fate.change))
			if fate.joins {
				continue
			}
			states[name] = fate.state
			if fate.state == Lost || fate.state == Doubted {
				out++
			}
		}
		v := Judge(nodes, works, noon)
		if v.Blind != "" {
			return // see TestDomains
		}
		// Domains that are lost at once, and have more nodes than are left, are doubted together.
		want := lostDomains(states)
		together, silent := 0, map[string]bool{}
		for _, d := range want {
			if d.certain && !d.drill {
				together++
				for _, name := range d.nodes {
					silent[name] = true
				}
			}
		}
		for i := range want {
			want[i].certain = want[i].certain && (want[i].drill || together < 2 || len(silent) <= len(states)-out)
		}
		var got []lostDomain
		for i := range v.Domains {
			d := &v.Domains[i]
			got = append(got, lostDomain{d.String(), d.Certain, d.Drill, d.Nodes})
			if !d.Since.Equal(noon.Add(-time.Minute)) {
				t.Fatalf("%s since %s", d, d.Since)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for name, state := range states {
			domain := v.DomainOf(name)
			if state == Lost && domain != nil && !domain.Certain && v.States[name] == Doubted {
				continue // it is doubted with its domain
			}
			if v.States[name] != state {
				t.Fatalf("node %s is %d, not %d", name, v.States[name], state)
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

// TestOneNodesLease lets one node claim that its lease holds for 68 years: the path is judged by the times of the others.
func TestOneNodesLease(t *testing.T) {
	r := NewRenewals(5 * time.Second)
	for second := range 120 {
		now := noon.Add(time.Duration(second) * time.Second)
		for _, name := range []string{"a", "b", "c", "liar"} {
			holds := 40 * time.Second
			if name == "liar" {
				holds = 68 * 365 * 24 * time.Hour
			}
			if second%10 == 0 && (name != "a" || second < 30) {
				r.Observe(name, now, holds, now)
			}
		}
	}
	a := node("aws/r/z/1", silent(99*time.Second, 60*time.Second))
	at := a
	at.Name = "a"
	r.Fill(&at)
	if state := StateOf(&at, r.Path(), noon.Add(120*time.Second)); state != Lost || r.Path().Holds != 40*time.Second {
		t.Errorf("the silent node is %d; a lease usually holds %s", state, r.Path().Holds)
	}
}
