package v1alpha1

import (
	"maps"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// FuzzAdmittedObjects checks that an object which the API server accepts can be read by every client: it decodes strictly
// into the Go type, and what Go writes for it is accepted again and means the same. One object that does not decode would
// stop every watch of its kind.
func FuzzAdmittedObjects(f *testing.F) {
	for _, spec := range []string{
		"kind: PlacementPolicy\nspec: {workloadSelector: {matchLabels: {app: web}}, residency: {jurisdictions: [EU]}, cost: {maxHourlyUSD: 2000}}",
		"kind: PlacementPolicy\nspec: {workloadSelector: {}, latency: {clients: [{location: DE, sharePercent: 100}]}, failover: {after: 1h30m, stabilization: 0.5s}}",
		"kind: PlacementPolicy\nspec: {workloadSelector: {}, rebalance: {maxUnavailable: 10%, window: {schedule: 0 2 * * *, duration: 2h}}}",
		"kind: ClusterPlacementPolicy\nspec: {workloadSelector: {matchExpressions: [{key: app, operator: Exists}]}, namespaceSelector: {}, cost: {maxHourlyUSD: '0.0416', spot: {maxPercent: 0}}}",
		"kind: ClusterPlacementPolicy\nspec: {workloadSelector: {}, locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}, spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]}",
		"kind: PriceList\nspec: {date: '2026-02-28', instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '100000'}, {cloud: aws, instanceType: m7i.large, hourlyUSD: 99999.99999}]}",
		"kind: PriceList\nspec: {discounts: [{cloud: aws, percent: '99.9999999999'}], egress: [{from: aws, to: internet, usdPerGB: '.05'}]}",
		"kind: LatencyMap\nspec: {maxAge: 24h, samples: [{from: DE, to: aws/eu-west-1, milliseconds: '59999.9999', observedAt: '2026-02-28T12:00:00.5+01:00'}]}",
		"kind: LatencyMap\nspec: {samples: [{from: DE, to: aws/eu-west-1, milliseconds: 60k, observedAt: '2026-02-28t12:00:00z'}]}",
		"kind: LatencyMap\nspec: {samples: [{from: DE, to: aws/eu-west-1, milliseconds: 1e-999999999}]}",
		"kind: Placement\nspec: {workload: {apiVersion: apps/v1, kind: Deployment, name: web}}\nstatus: {replicas: 3}",
		"kind: CloudPool\nspec: {cloud: lux-dc, region: luxembourg, country: LU, minNodes: 0, maxNodes: 100000, labels: {team: shop}}",
		"kind: CloudPool\nspec: {cloud: aws, allocatable: {cpu: 1930m, memory: .5Gi, nvidia.com/gpu: 2}, taints: [{key: a, effect: NoSchedule, timeAdded: '2026-02-28t12:00:00z'}]}",
	} {
		f.Add([]byte("apiVersion: tradewind.dev/v1alpha1\nmetadata: {name: example}\n" + spec))
	}
	byKind, err := definitions()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		object, err := parseObject(document)
		if err != nil {
			return
		}
		kind, ok := object["kind"].(string)
		if !ok || byKind[kind] == nil {
			return
		}
		object["apiVersion"], object["metadata"] = GroupVersion.String(), map[string]any{"name": "example"} // checked elsewhere
		if errs := byKind[kind].admit(object); len(errs) > 0 {
			return
		}
		checkReadable(t, byKind[kind], kind, object)
	})
}

// FuzzAdmittedScalars is FuzzAdmittedObjects for the fields that hold text with a grammar of its own.
func FuzzAdmittedScalars(f *testing.F) {
	for _, text := range []string{"40", "0.0416", "41600u", "2k", "1M", "-1", "1e-999999999", ".5", "5.", "+0", "10s", "1h30m", "1.5h", "1d", "-10s", "0.5Gi", "1e3Mi", "7P", "1000P", "1000000P", "2048Pi", "1000000000T", "1.1Pi", "99.999Pi", "99999999.999Gi", "123456789012345678.123",
		"99999999999999999h", "2026-02-28T12:00:00Z", "2026-02-28T12:00:00.123456789+23:59", "2026-02-30T12:00:00Z", "2026-02-28t25:00:00z", "0 2 * * *", "10%", "1",
		"EU", "DE", "aws/eu-west-1", "internet", "2026-02-29"} {
		f.Add(text)
	}
	byKind, err := definitions()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) { // YAML and JSON hold no other text
			return
		}
		sample := func(change map[string]any) map[string]any {
			entry := map[string]any{"from": "DE", "to": "aws/eu-west-1", "milliseconds": int64(5)}
			maps.Copy(entry, change)
			return map[string]any{"samples": []any{entry}}
		}
		policy := func(field string, value any) map[string]any {
			return map[string]any{"workloadSelector": map[string]any{}, field: value}
		}
		for _, c := range []struct {
			kind string
			spec map[string]any
		}{
			{"CloudPool", map[string]any{"cloud": "aws", "allocatable": map[string]any{"memory": text}}},
			{"CloudPool", map[string]any{"cloud": text, "region": text, "country": text}},
			{"CloudPool", map[string]any{"cloud": "aws", "taints": []any{map[string]any{"key": "a", "effect": "NoSchedule", "timeAdded": text}}}},
			{"LatencyMap", sample(map[string]any{"milliseconds": text})},
			{"LatencyMap", sample(map[string]any{"observedAt": text})},
			{"LatencyMap", sample(map[string]any{"from": text})},
			{"PlacementPolicy", policy("cost", map[string]any{"maxHourlyUSD": text})},
			{"PlacementPolicy", policy("failover", map[string]any{"after": text, "stabilization": text})},
			{"PlacementPolicy", policy("residency", map[string]any{"jurisdictions": []any{text}})},
			{"PlacementPolicy", policy("rebalance", map[string]any{"maxUnavailable": text})},
			{"PlacementPolicy", policy("rebalance", map[string]any{"window": map[string]any{"schedule": text, "duration": "2h"}})},
			{"PriceList", map[string]any{"discounts": []any{map[string]any{"cloud": "aws", "percent": text}}}},
			{"PriceList", map[string]any{"date": text, "egress": []any{map[string]any{"from": "aws", "to": "gcp", "usdPerGB": int64(1)}}}},
			{"PriceList", map[string]any{"egress": []any{map[string]any{"from": text, "to": text, "usdPerGB": text}}}},
		} {
			object := map[string]any{"apiVersion": GroupVersion.String(), "kind": c.kind, "metadata": map[string]any{"name": "example"}, "spec": c.spec}
			if errs := byKind[c.kind].admit(object); len(errs) == 0 {
				checkReadable(t, byKind[c.kind], c.kind, object)
			}
		}
	})
}

// checkReadable checks an admitted object as FuzzAdmittedObjects says.
func checkReadable(t *testing.T, d *definition, kind string, object map[string]any) {
	t.Helper()
	first := decode(t, kind, object)
	encoded, err := runtime.DefaultUnstructuredConverter.ToUnstructured(first)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	delete(encoded, "status") // written by controllers through the subresource, which is not validated here
	if errs := d.admit(encoded); len(errs) > 0 {
		t.Fatalf("Go writes what the API server refuses: %v\n%v", errs.ToAggregate(), encoded)
	}
	second := decode(t, kind, encoded)
	normalize(first)
	if !equality.Semantic.DeepEqual(first, second) {
		t.Fatalf("written and read again it differs:\n%+v\n%+v", first, second)
	}
	if copied := first.DeepCopyObject(); !equality.Semantic.DeepEqual(first, copied) {
		t.Fatalf("the deep copy differs:\n%+v\n%+v", first, copied)
	}
}

// decode reads an object into its Go type and refuses fields that the type does not have.
func decode(t *testing.T, kind string, object map[string]any) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	into, err := scheme.New(GroupVersion.WithKind(kind))
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("the API server accepts what Go cannot read: %v\n%s", err, data)
	}
	return into
}

// normalize takes away what is not expected to survive being written and read again: the status, which has a subresource
// of its own, and fractions of a second, which Kubernetes does not write.
func normalize(object runtime.Object) {
	switch object := object.(type) {
	case *PlacementPolicy:
		object.Status = PolicyStatus{}
	case *ClusterPlacementPolicy:
		object.Status = PolicyStatus{}
	case *PriceList:
		object.Status = OverrideStatus{}
	case *Placement:
		object.Status = PlacementStatus{}
	case *CloudPool:
		object.Status = CloudPoolStatus{}
		for i := range object.Spec.Taints {
			if added := object.Spec.Taints[i].TimeAdded; added != nil {
				truncated := metav1.NewTime(added.Truncate(time.Second))
				object.Spec.Taints[i].TimeAdded = &truncated
			}
		}
	case *LatencyMap:
		object.Status = OverrideStatus{}
		for i, sample := range object.Spec.Samples {
			if sample.ObservedAt != nil {
				truncated := metav1.NewTime(sample.ObservedAt.Truncate(time.Second))
				object.Spec.Samples[i].ObservedAt = &truncated
			}
		}
	}
}
