package files

import (
	"io/fs"
	"testing"

	"tradewind.dev/tradewind/deploy"
)

func BenchmarkDefinition(b *testing.B) {
	data, err := fs.ReadFile(deploy.CustomResourceDefinitions, "crds/tradewind.dev_clusterplacementpolicies.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newDefinition(data); err != nil {
			b.Fatal(err)
		}
	}
}
