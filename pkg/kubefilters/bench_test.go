package kubefilters

import (
	"fmt"
	"testing"
)

// large is 1,000 nodes in three zones with 10,000 pods, every tenth of which keeps away from its like.
func large(b *testing.B) Objects {
	var out Objects
	for i := range 1000 {
		out.Nodes = append(out.Nodes, node(fmt.Sprintf("n%d", i), fmt.Sprintf("z%d", i%3)))
	}
	for i := range 10000 {
		spec := ""
		if i%10 == 0 {
			spec = antiAffinity
		}
		out.Pods = append(out.Pods, pod(b, fmt.Sprintf("p%d", i), fmt.Sprintf("app%d", i%100), "100m", fmt.Sprintf("n%d", i%1000), spec))
	}
	return out
}

func BenchmarkNew(b *testing.B) {
	objects := large(b)
	b.ReportAllocs()
	for b.Loop() {
		f, err := New(objects)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// BenchmarkCheck asks all filters about one pod and 1,000 nodes.
func BenchmarkCheck(b *testing.B) {
	f, asked := filters(b, large(b)), pod(b, "asked", "web", "1", "", antiAffinity)
	b.ReportAllocs()
	for b.Loop() {
		check(b, f, asked)
	}
}

// BenchmarkAssume is a step of a replayed plan besides the question: a pod comes to a node and goes again.
func BenchmarkAssume(b *testing.B) {
	f, asked := filters(b, large(b)), pod(b, "asked", "web", "1", "", antiAffinity)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Assume(asked, "n1"); err != nil {
			b.Fatal(err)
		}
		if err := f.Forget(asked); err != nil {
			b.Fatal(err)
		}
	}
}
