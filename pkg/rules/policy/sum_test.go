package policy

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// zones requires another one of a number of zones each time.
func zones(first, count int) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		for i := range count {
			require("topology.kubernetes.io/zone", metav1.LabelSelectorOpNotIn, fmt.Sprintf("zone-%d", first+i))(s)
		}
	}
}

// callees limits calls to a number of workloads.
func callees(count, maxMilliseconds int32) func(*v1alpha1.PolicySpec) {
	return func(s *v1alpha1.PolicySpec) {
		for i := range count {
			s.Traffic = append(s.Traffic, v1alpha1.Traffic{To: v1alpha1.WorkloadReference{Name: fmt.Sprintf("w%d", i)}, MaxMilliseconds: &maxMilliseconds})
		}
	}
}

func each(count int, change func(i int) func(*v1alpha1.PolicySpec)) []*v1alpha1.PlacementPolicy {
	var out []*v1alpha1.PlacementPolicy
	for i := range count {
		out = append(out, build(fmt.Sprintf("p%d", i), i, nil, change(i)))
	}
	return out
}

// TestEqualRulesCountOnce merges what several policies say alike, and keeps whose it is.
func TestEqualRulesCountOnce(t *testing.T) {
	set := NewSet(each(10, func(i int) func(*v1alpha1.PolicySpec) {
		return func(s *v1alpha1.PolicySpec) {
			zones(0, 32)(s)
			residency("EU")(s)
			clients(int32(50-i), "DE", 100)(s)
			callees(3, int32(100-i))(s)
		}
	}), nil)
	got := set.For("shop", nil, nil)
	if got.Held() != "" || len(got.Sources) != 10 {
		t.Fatalf("held: %q, by %d policies", got.Held(), len(got.Sources))
	}
	if len(got.Residency) != 1 || len(got.Required) != 32 || len(got.Latency) != 1 || len(got.TrafficLimits) != 3 {
		t.Errorf("%d residency, %d required, %d latency, %d calls", len(got.Residency), len(got.Required), len(got.Latency), len(got.TrafficLimits))
	}
	if got.Latency[0].MaxMilliseconds != 41 || got.Latency[0].Source.Name != "p9" || got.TrafficLimits[0].MaxMilliseconds != 91 {
		t.Errorf("the lowest limits count: %+v, %+v", got.Latency[0], got.TrafficLimits[0])
	}
	if from := got.Required[5].From(); len(from) != 10 || from[0].Name != "p0" || from[9].Name != "p9" {
		t.Errorf("a requirement is of %v", from)
	}
	if from := got.Residency[0].From(); len(from) != 10 {
		t.Errorf("the residency is of %v", from)
	}
}

// TestMoreThanMayCount says what more policies and rules than may count for one workload mean: nothing is allowed, and why.
func TestMoreThanMayCount(t *testing.T) {
	for _, tt := range []struct {
		name     string
		policies []*v1alpha1.PlacementPolicy
		want     string // empty where they may count
	}{
		{"as many policies as may", each(MaxPolicies, func(i int) func(*v1alpha1.PolicySpec) { return zones(i, 1) }), ""},
		{"a policy more", each(MaxPolicies+1, func(int) func(*v1alpha1.PolicySpec) { return zones(0, 1) }),
			"65 policies select the pod and at most 64 may: join some of them, or narrow their workloadSelector"},
		{"as many rules as may", each(8, func(i int) func(*v1alpha1.PolicySpec) { return zones(32*i, 32) }), ""},
		{"ten policies of 32 requirements", each(10, func(i int) func(*v1alpha1.PolicySpec) { return zones(32*i, 32) }),
			"PlacementPolicy shop/p0, PlacementPolicy shop/p1, PlacementPolicy shop/p2 and 7 more have 320 different hard rules together, and at most 256 may count for one workload: join"},
		{"as many lists of clients as may", each(8, func(i int) func(*v1alpha1.PolicySpec) { return clients(50, "DE", 50+i, "FR", 50-i) }), ""},
		{"a list more", each(9, func(i int) func(*v1alpha1.PolicySpec) { return clients(50, "DE", 50+i, "FR", 50-i) }),
			"limit latency for 9 different lists of clients, and at most 8 may"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			guard := clusterWide(build("guard", 99, nil, residency("EU")), nil)
			if tt.want == "" {
				guard.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
			}
			got := NewSet(tt.policies, []*v1alpha1.ClusterPlacementPolicy{guard}).For("shop", nil, nil)
			if tt.want == "" {
				if got.Held() != "" {
					t.Errorf("held: %s", got.Held())
				}
				return
			}
			want := strings.NewReplacer("65 policies", fmt.Sprint(len(tt.policies)+1, " policies"), "7 more", "8 more", "320", "321").Replace(tt.want)
			if !strings.Contains(got.Held(), want) {
				t.Errorf("held: %q, want %q", got.Held(), want)
			}
			if len(got.Residency) != 1 || got.Residency[0].Jurisdictions != "EU" {
				t.Errorf("the administrator's rule is left out: %+v", got.Residency)
			}
			if len(got.Sources) > MaxPolicies || len(got.Required) > maxRules || len(got.Latency) > MaxLatencyLimits {
				t.Errorf("%d policies, %d required, %d latency limits count", len(got.Sources), len(got.Required), len(got.Latency))
			}
		})
	}
}

// TestFewerPoliciesAreOtherRules is about a policy that is deleted and did not count: pods that waited are under other rules now.
func TestFewerPoliciesAreOtherRules(t *testing.T) {
	policies := each(MaxPolicies+1, func(int) func(*v1alpha1.PolicySpec) { return residency("EU") })
	before := NewSet(policies, nil).For("shop", nil, nil)
	after := NewSet(policies[:MaxPolicies], nil).For("shop", nil, nil)
	if before.Held() == "" || after.Held() != "" || before.Signature == after.Signature {
		t.Errorf("held %q, then %q; the signature changes: %t", before.Held(), after.Held(), before.Signature != after.Signature)
	}
}

// TestRequirementsAnswerAsAPlainScan compares with looking at one requirement after the other.
func TestRequirementsAnswerAsAPlainScan(t *testing.T) {
	keys, values := []string{v1alpha1.LabelCloud, v1alpha1.LabelCountry}, []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		c := &compiler{}
		var spec v1alpha1.PolicySpec
		for range rapid.IntRange(0, 8).Draw(t, "requirements") {
			operator := rapid.SampledFrom([]metav1.LabelSelectorOperator{"In", "In", "NotIn", "Exists", "DoesNotExist", "Near"}).Draw(t, "operator")
			var of []string
			if operator == "In" || operator == "NotIn" {
				of = rapid.SliceOfN(rapid.SampledFrom(values), 1, 4).Draw(t, "values")
			}
			require(rapid.SampledFrom(keys).Draw(t, "key"), operator, of...)(&spec)
		}
		c.locations(spec.Locations)
		set := labels.Set{}
		for _, key := range keys {
			if value := rapid.SampledFrom(append(values, "other", "")).Draw(t, key); value != "" {
				set[key] = value
			}
		}
		want, unmet := 0, false
		for i, required := range c.out.rules.Required {
			_, known := set[required.Requirement.Key()]
			if required.Broken || !known && required.Requirement.Operator() != "!" || !required.Requirement.Matches(set) {
				want, unmet = i, true
				break
			}
		}
		if got, ok := NewRequirements(c.out.rules.Required).FirstUnmet(set); ok != unmet || unmet && got != want {
			t.Fatalf("%v of %+v: got %d %t, want %d %t", set, c.out.rules.Required, got, ok, want, unmet)
		}
	})
}

// BenchmarkMerge is what the first pod of a combination of policies costs.
func BenchmarkMerge(b *testing.B) {
	for _, policies := range []int{8, 16, 32, 64} {
		b.Run(fmt.Sprint(policies), func(b *testing.B) {
			objects := each(policies, func(i int) func(*v1alpha1.PolicySpec) {
				return func(s *v1alpha1.PolicySpec) { zones(32*i, 32)(s); callees(64, 50)(s) }
			})
			set := NewSet(objects, nil)
			for b.Loop() {
				set.effective.Clear()
				set.For("shop", nil, nil)
			}
		})
	}
}
