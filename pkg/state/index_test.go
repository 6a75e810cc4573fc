package state

import (
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

// TestNodeFollowsEveryChange changes nodes and the world in any order: Node must always answer for exactly the object it
// is asked about, as a store that sees only that object would, whether or not the index has it.
func TestNodeFollowsEveryChange(t *testing.T) {
	regions := []string{"eu-west-1", "us-east-1"}
	types := []string{"m5.large", "c5.xlarge", "no-such-type"}
	rapid.Check(t, func(t *rapid.T) {
		world, err := NewWorld(Objects{}, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		s := NewStore(world, location.DefaultOptions())
		current := map[string]*corev1.Node{}
		var stale []*corev1.Node
		name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				object := awsNode(name.Draw(t, "name"), rapid.SampledFrom(regions).Draw(t, "region"), rapid.SampledFrom(types).Draw(t, "type"))
				if before := current[object.Name]; before != nil {
					stale = append(stale, before)
				}
				current[object.Name] = object
				s.SetNode(object)
			},
			"delete": func(t *rapid.T) {
				gone := name.Draw(t, "name")
				if before := current[gone]; before != nil {
					stale = append(stale, before)
				}
				delete(current, gone)
				s.DeleteNode(gone)
			},
			"world": func(t *rapid.T) {
				next, err := NewWorld(Objects{}, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
				if err != nil {
					t.Fatal(err)
				}
				s.SetWorld(next)
			},
			"": func(t *rapid.T) {
				for _, object := range current {
					if newest, ok := s.NodeNamed(object.Name); !ok || s.Node(object) != newest || s.index.find(object) != newest {
						t.Fatalf("node %s is not found by its object", object.Name)
					}
				}
				for _, object := range stale {
					if s.index.find(object) != nil {
						t.Fatalf("an object of node %s that is no longer current is still in the index", object.Name)
					}
				}
				for _, object := range append(stale, mapValues(current)...) {
					alone := NewStore(s.World(), location.DefaultOptions())
					want, got := alone.Node(object), s.Node(object)
					if got.Class.Location != want.Class.Location || got.Class.InstanceType != want.Class.InstanceType || got.Price != want.Price {
						t.Fatalf("node %s: got %v %v, want %v %v", object.Name, got.Class.Node, got.Price, want.Class.Node, want.Price)
					}
				}
			},
		})
	})
}

func mapValues(nodes map[string]*corev1.Node) []*corev1.Node {
	out := make([]*corev1.Node, 0, len(nodes))
	for _, node := range nodes {
		out = append(out, node)
	}
	return out
}

// TestMoreNodesThanTheIndexHolds has nodes that find their bucket full.
func TestMoreNodesThanTheIndexHolds(t *testing.T) {
	s := newStore(t, Objects{})
	objects := make([]*corev1.Node, 5*len(s.index.buckets))
	for i := range objects {
		objects[i] = awsNode(fmt.Sprintf("node-%d", i), "eu-west-1", "m5.large")
		s.SetNode(objects[i])
	}
	beside := 0
	for _, object := range objects {
		newest, ok := s.NodeNamed(object.Name)
		if !ok || s.Node(object) != newest {
			t.Fatalf("node %s is not found", object.Name)
		}
		if s.index.find(object) == nil {
			beside++
		}
	}
	if beside == 0 {
		t.Error("every node is in the index: the test does not fill a bucket")
	}
	for _, object := range objects {
		s.DeleteNode(object.Name)
	}
	for i := range s.index.buckets {
		for j := range s.index.buckets[i] {
			if s.index.buckets[i][j].node.Load() != nil || s.index.buckets[i][j].object.Load() != nil {
				t.Fatalf("bucket %d still holds a node that was deleted", i)
			}
		}
	}
}

// TestNodeIsTheCallersWhileNodesChange asks for nodes while others replace and delete them: the answer is of the very object that
// was asked about, whatever the index holds at the time.
func TestNodeIsTheCallersWhileNodesChange(t *testing.T) {
	s := newStore(t, Objects{})
	versions := make([]*corev1.Node, 64)
	for i := range versions {
		region := []string{"eu-west-1", "us-east-1"}[i/8%2]
		versions[i] = awsNode(fmt.Sprint("node-", i%8), region, "m5.large")
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := range 4000 {
				if object := versions[(i*7+w)%len(versions)]; i%5 == 0 {
					s.DeleteNode(object.Name)
				} else {
					s.SetNode(object)
				}
			}
		})
		readers.Go(func() {
			for i := w; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				object := versions[i%len(versions)]
				if node := s.Node(object); node.object != object || node.Class.Region != object.Labels[corev1.LabelTopologyRegion] {
					t.Errorf("asked about a node in %s, told of one in %s", object.Labels[corev1.LabelTopologyRegion], node.Class.Region)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

// BenchmarkNode is what one Filter or Score call pays to find a node's facts by its object, beside what it pays by its name.
func BenchmarkNode(b *testing.B) {
	s := newStore(b, Objects{})
	objects := make([]*corev1.Node, 5000)
	for i := range objects {
		objects[i] = awsNode(fmt.Sprintf("node-%d", i), "eu-west-1", "m5.large")
		s.SetNode(objects[i])
	}
	b.Run("by object", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if s.Node(objects[i%len(objects)]).Class == nil {
				b.Fatal("node without a class")
			}
		}
	})
	b.Run("by name", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			object := objects[i%len(objects)]
			if node, ok := s.NodeNamed(object.Name); !ok || node.object != object {
				b.Fatal("node without facts")
			}
		}
	})
}
