package policy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// TestValuesThatNoPlaceHas: a requirement that names one is a problem at the value, and is met nowhere, whatever its operator.
func TestValuesThatNoPlaceHas(t *testing.T) {
	const required = "spec.locations.required[0]"
	for _, tt := range []struct {
		name, key    string
		operator     metav1.LabelSelectorOperator
		values       []string
		field, wrong string // empty where nothing is wrong
	}{
		{"an id", v1alpha1.LabelCloud, "NotIn", []string{"gcp"}, "", ""},
		{"a private cloud", v1alpha1.LabelCloud, "NotIn", []string{"attic"}, "", ""},
		{"another name", v1alpha1.LabelCloud, "NotIn", []string{"aws", "google"}, required + ".values[1]", "write gcp"},
		{"another case", v1alpha1.LabelCloud, "In", []string{"Azure"}, required + ".values[0]", "write azure"},
		{"a country that is none", v1alpha1.LabelCountry, "NotIn", []string{"UK"}, required + ".values[0]", "did you mean GB?"},
		{"a group of countries", v1alpha1.LabelCountry, "In", []string{"EU"}, required + ".values[0]", "use spec.residency.jurisdictions"},
		{"a capacity type that is none", v1alpha1.LabelCapacityType, "NotIn", []string{"SPOT"}, required + ".values[0]", "write on-demand, spot or reserved"},
		{"no label's value", corev1.LabelTopologyRegion, "NotIn", []string{"West Europe"}, required + ".values[0]", `"West Europe" cannot be the value of a node's label`},
		{"no operator", corev1.LabelTopologyRegion, "Near", []string{"westeurope"}, required + ".operator", `"Near" is no operator`},
		{"no values", corev1.LabelTopologyRegion, "NotIn", nil, required + ".values", "NotIn needs values"},
		{"values too many", corev1.LabelTopologyRegion, "Exists", []string{"westeurope"}, required + ".values", "Exists takes no values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := NewSet([]*v1alpha1.PlacementPolicy{build("p", 0, nil, require(tt.key, tt.operator, tt.values...))}, nil)
			rules := set.For("shop", nil, nil)
			problems := set.Problems(Source{Namespace: "shop", Name: "p"})
			if tt.wrong == "" {
				if len(problems) != 0 || rules.Held() != "" {
					t.Fatalf("problems %v, held %q", problems, rules.Held())
				}
				return
			}
			if len(problems) != 1 || problems[0].Field != tt.field || !strings.Contains(problems[0].Message, tt.wrong) || strings.Contains(problems[0].String(), "<nil>") {
				t.Fatalf("problems %v, want one at %s with %q", problems, tt.field, tt.wrong)
			}
			if rules.Held() == "" || !rules.Required[0].Broken {
				t.Errorf("a place may still meet it: held %q", rules.Held())
			}
			if _, unmet := NewRequirements(rules.Required).FirstUnmet(labels.Set{tt.key: "westeurope"}); !unmet {
				t.Error("a place meets it")
			}
		})
	}
}

// TestRegionInAnotherCase: what is not to be in a region is not there either where the name is spelled in another case.
func TestRegionInAnotherCase(t *testing.T) {
	set := NewSet([]*v1alpha1.PlacementPolicy{build("p", 0, nil, require(corev1.LabelTopologyRegion, "NotIn", "EU-West-1"))}, nil)
	for region, want := range map[string]bool{"eu-west-1": false, "EU-West-1": false, "eu-west-2": true} {
		if _, unmet := NewRequirements(set.For("shop", nil, nil).Required).FirstUnmet(labels.Set{corev1.LabelTopologyRegion: region}); !unmet != want {
			t.Errorf("%s: allowed %t, want %t", region, !unmet, want)
		}
	}
}

func TestSelectorsThatCannotBeRead(t *testing.T) {
	set := NewSet([]*v1alpha1.PlacementPolicy{build("p", 0, map[string]string{"app": "a b"})}, nil)
	problems := set.Problems(Source{Namespace: "shop", Name: "p"})
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Message, `"a b": a valid label must be`) || !strings.HasSuffix(problems[0].Message, "selects no pod until it is corrected") {
		t.Errorf("problems %v", problems)
	}
}

// types knows one instance type.
type types struct{}

func (types) Named(instanceType string) (bool, []string) {
	return instanceType == "m5.large", []string{"m5.large"}
}

func TestDoubts(t *testing.T) {
	have := location.Values{}
	have.Add(labels.Set{v1alpha1.LabelCloud: "attic", corev1.LabelTopologyRegion: "cellar-1", corev1.LabelTopologyZone: "cellar-1a"})
	for _, tt := range []struct {
		key, value string
		operator   metav1.LabelSelectorOperator
		want       string // empty for no doubt
	}{
		{v1alpha1.LabelCloud, "aws", "In", ""},
		{v1alpha1.LabelCloud, "attic", "In", ""},
		{v1alpha1.LabelCloud, "attik", "NotIn", `excludes nothing that is known: Tradewind knows no cloud "attik"; did you mean attic?`},
		{v1alpha1.LabelCloud, "elsewhere", "In", `is met by nothing that is known: Tradewind knows no cloud "elsewhere"; there are attic`},
		{v1alpha1.LabelCloud, "google", "In", ""}, // a problem, and no doubt
		{corev1.LabelTopologyRegion, "cellar-1", "In", ""},
		{corev1.LabelTopologyRegion, "eu-central1", "NotIn", `excludes nothing that is known: no cloud that Tradewind knows has the region "eu-central1"; did you mean eu-central-1?`},
		{corev1.LabelTopologyZone, "eu-central1a", "In", `has the zone "eu-central1a"; did you mean eu-central-1a`},
		{corev1.LabelInstanceTypeStable, "m5.large", "In", ""},
		{corev1.LabelInstanceTypeStable, "m5.lagre", "In", `has the instance type "m5.lagre"; did you mean m5.large?`},
	} {
		p := build("p", 0, nil, require(tt.key, tt.operator, tt.value))
		got := ""
		for _, doubt := range Doubts(&p.Spec, types{}) {
			if got = doubt.Among(have); got != "" && doubt.Field != "spec.locations.required[0].values[0]" {
				t.Errorf("%s: field %s", tt.value, doubt.Field)
			}
		}
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %q, want %q", tt.key, tt.value, got, tt.want)
		}
	}
	many := build("p", 0, nil)
	for range 100 {
		require(v1alpha1.LabelCloud, "In", "one", "two")(&many.Spec)
	}
	if got := len(Doubts(&many.Spec, types{})); got != maxDoubts {
		t.Errorf("%d doubts are looked for, want at most %d", got, maxDoubts)
	}
}

// TestMeasuredLimitsAreOthers: a limit that only measurements may meet stands beside one that estimates may meet.
func TestMeasuredLimitsAreOthers(t *testing.T) {
	measured := func(s *v1alpha1.PolicySpec) {
		clients(80, "DE", 100)(s)
		s.Latency.Figures = v1alpha1.LatencyFiguresMeasured
	}
	rules := NewSet([]*v1alpha1.PlacementPolicy{build("a", 0, nil, clients(50, "DE", 100)), build("b", 1, nil, measured)}, nil).For("shop", nil, nil)
	if len(rules.Latency) != 2 || rules.Latency[0].Measured || !rules.Latency[1].Measured || rules.Latency[1].MaxMilliseconds != 80 {
		t.Errorf("limits %+v", rules.Latency)
	}
}

// TestMeasuredCallLimitsAreOthers: a limit of calls that only measurements may meet stands beside one that estimates may meet, and of each
// kind the lowest counts.
func TestMeasuredCallLimitsAreOthers(t *testing.T) {
	limit := func(milliseconds int32, figures v1alpha1.LatencyFigures) func(*v1alpha1.PolicySpec) {
		return func(s *v1alpha1.PolicySpec) {
			callees(1, milliseconds)(s)
			s.Traffic[0].Figures = figures
		}
	}
	rules := NewSet([]*v1alpha1.PlacementPolicy{
		build("a", 0, nil, limit(30, "")), build("b", 1, nil, limit(80, v1alpha1.LatencyFiguresMeasured)),
		build("c", 2, nil, limit(20, v1alpha1.LatencyFiguresAny)), build("d", 3, nil, limit(50, v1alpha1.LatencyFiguresMeasured)),
	}, nil).For("shop", nil, nil)
	got := rules.TrafficLimits
	if len(got) != 2 || got[0].Measured || got[0].MaxMilliseconds != 20 || !got[1].Measured || got[1].MaxMilliseconds != 50 {
		t.Errorf("limits %+v", got)
	}
	if rules.Traffic[0].Measured {
		t.Errorf("the traffic of the first policy is priced as that of another: %+v", rules.Traffic)
	}
	without := NewSet([]*v1alpha1.PlacementPolicy{build("a", 0, nil, func(s *v1alpha1.PolicySpec) {
		s.Traffic = []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "w0"}, Figures: v1alpha1.LatencyFiguresMeasured}}
	})}, nil).For("shop", nil, nil)
	if len(without.TrafficLimits) > 0 || without.Traffic[0].Measured {
		t.Errorf("figures without a limit demand nothing: %+v, %+v", without.Traffic, without.TrafficLimits)
	}
}
