package faults

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var scene = Scene{
	Nodes: []Node{
		{"a-0", "aws/r1/a", "aws/r1", "aws"}, {"a-1", "aws/r1/b", "aws/r1", "aws"},
		{"g-0", "gcp/r2/a", "gcp/r2", "gcp"}, {"l-0", "lux/r3/a", "lux/r3", "lux"},
	},
	Programs: []string{"controller-1", "controller-2", "scheduler"}, Control: []string{"etcd", "apiserver"},
	Workloads:   []string{"Deployment shop/web", "Deployment shop/free"},
	Policies:    map[string][]string{"Deployment shop/web": {"no rebalance"}},
	Definitions: []string{"placements.tradewind.dev"},
}

var times = Times{Burst: 30 * time.Second, Faults: 40, Outage: 20 * time.Second}

func draw(seed uint64, bursts int) [][]Fault {
	s := NewSequence(seed, scene, times)
	var out [][]Fault
	for range bursts {
		out = append(out, s.Burst())
	}
	return out
}

func TestSeed(t *testing.T) {
	if !reflect.DeepEqual(draw(7, 10), draw(7, 10)) {
		t.Error("the same seed draws different faults")
	}
	if reflect.DeepEqual(draw(7, 1), draw(8, 1)) {
		t.Error("different seeds draw the same faults")
	}
}

// TestAll checks that every kind of fault has its turn, that none outlasts its burst, and that none breaks what another has
// broken in a way that the end of the one would undo the other.
func TestAll(t *testing.T) {
	seen := map[Kind]int{}
	outages := map[string]int{}
	id := 0
	for _, burst := range draw(3, 64) {
		claimed := map[string]bool{}
		if len(burst) != times.Faults {
			t.Errorf("a burst of %d faults", len(burst))
		}
		for _, f := range burst {
			id++
			if f.ID != id || f.Target == "" || f.At < 0 || f.For < 0 || f.At+f.For > times.Burst {
				t.Fatalf("fault %d: %s", id, f)
			}
			seen[f.Kind]++
			if key := f.claims(); key != "" {
				if claimed[key] {
					t.Errorf("%s: is claimed twice", f)
				}
				claimed[key] = true
			}
			if f.Kind == Silence {
				kind, _, _ := strings.Cut(f.Target, " ")
				outages[kind]++
				if f.For < times.Outage || len(scene.Members(f.Target)) == 0 {
					t.Errorf("%s: nodes %v", f, scene.Members(f.Target))
				}
			}
		}
	}
	for _, m := range menu {
		if seen[m.kind] == 0 {
			t.Errorf("%s was never drawn", m.kind)
		}
	}
	if seen[Blind] == 0 || fmt.Sprint(outages) != "map[cloud:16 node:8 region:8 zone:8]" {
		t.Errorf("outages %v, blind %d", outages, seen[Blind])
	}
}

func TestMembers(t *testing.T) {
	for domain, want := range map[string]string{
		"node g-0": "[g-0]", "zone aws/r1/b": "[a-1]", "region aws/r1": "[a-0 a-1]", "cloud aws": "[a-0 a-1]", "cloud azure": "[]",
	} {
		if got := fmt.Sprint(scene.Members(domain)); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}
