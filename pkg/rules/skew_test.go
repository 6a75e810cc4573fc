package rules

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestSkew(t *testing.T) {
	w := newWorld(t)
	ireland := w.class("aws", "eu-west-1", "eu-west-1a", v1alpha1.CapacityOnDemand)
	frankfurt := w.class("aws", "eu-central-1", "eu-central-1a", v1alpha1.CapacityOnDemand)
	virginia := w.class("aws", "us-east-1", "us-east-1a", v1alpha1.CapacityOnDemand)
	const two = "in region eu-west-1, which would have over 2 replicas more than the emptiest region"
	for _, tt := range []struct {
		name               string
		nodes              []*Class
		ireland, frankfurt int
		eu                 bool
		want               string
	}{
		{"within the skew", []*Class{ireland, frankfurt}, 1, 0, false, ""},
		{"beyond it", []*Class{ireland, frankfurt}, 2, 0, false, two},
		{"counted from the emptiest", []*Class{ireland, frankfurt}, 3, 2, false, ""},
		{"a region without replicas is one", []*Class{ireland, frankfurt, virginia}, 3, 2, false, two},
		{"unless the other rules exclude it", []*Class{ireland, frankfurt, virginia}, 3, 2, true, ""},
		{"nothing to compare with", []*Class{ireland}, 9, 0, false, ""},
		{"a region without nodes is none", []*Class{ireland, frankfurt}, 2, 1, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := v1alpha1.PolicySpec{Spread: []v1alpha1.Spread{{TopologyKey: corev1.LabelTopologyRegion, MaxSkew: ptr(int32(2))}}}
			if tt.eu {
				spec.Residency = &v1alpha1.Residency{Jurisdictions: []string{"EU"}}
			}
			rules := w.rules(spec)
			view := (&View{Desired: 20}).With(ireland, tt.ireland, 0, 0).With(frankfurt, tt.frankfurt, 0, 0)
			if got := NewLocationLimits(rules, view).Among(SkewDomains(rules, tt.nodes)).Reason(ireland); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSkewOfNodes counts from a node without replicas.
func TestSkewOfNodes(t *testing.T) {
	w := newWorld(t)
	rules := w.rules(v1alpha1.PolicySpec{Spread: []v1alpha1.Spread{{TopologyKey: corev1.LabelHostname, MaxSkew: ptr(int32(2))}}})
	limits := NewLocationLimits(rules, &View{Desired: 20, Hosts: 3}).Among(SkewDomains(rules, nil))
	for replicas, want := range []string{"", "", "with 2 of the workload's replicas already (at most 2 more than on another node)"} {
		if got := limits.HostReason(replicas); got != want {
			t.Errorf("%d on the node: got %q, want %q", replicas, got, want)
		}
	}
}
