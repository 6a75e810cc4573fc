package cycle

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func TestReadArgs(t *testing.T) {
	for _, tt := range []struct {
		text, failure string
		want          Args
	}{
		{text: ""},
		{text: `{"optimizeFor": "Cost", "cloudLabels": ["a=aws", "b"]}`, want: Args{OptimizeFor: v1alpha1.OptimizeForCost, CloudLabels: []string{"a=aws", "b"}}},
		{text: `{"optimizeFor": "Speed"}`, failure: `pluginConfig args: optimizeFor: "Speed" is none of Cost, Latency, Balanced`},
		{text: `{"optimiseFor": "Cost"}`, failure: `unknown field "optimiseFor"`},
	} {
		args, err := readArgs(&runtime.Unknown{Raw: []byte(tt.text)})
		if tt.failure != "" {
			if err == nil || !strings.Contains(err.Error(), tt.failure) {
				t.Errorf("%s: error %v, want %q", tt.text, err, tt.failure)
			}
			continue
		}
		if err != nil || args.OptimizeFor != tt.want.OptimizeFor || !slices.Equal(args.CloudLabels, tt.want.CloudLabels) {
			t.Errorf("%s: got %v, error %v", tt.text, args, err)
		}
	}
}

// Whichever plugin is made first, the arguments come to the same, or to the same error.
func TestArgumentsInAnyOrder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		said    [][]string
		more    []string // of the labels, beyond those built in
		failure string
	}{
		{name: "of one plugin alone", said: [][]string{{"b.example/cloud", "a.example/pool=aws"}, {}}, more: []string{"a.example/pool=aws", "b.example/cloud"}},
		{name: "of two", said: [][]string{{"b.example/cloud"}, {"a.example/pool=aws"}}, more: []string{"a.example/pool=aws", "b.example/cloud"}},
		{name: "said twice, and built in", said: [][]string{{"a.example/cloud"}, {"a.example/cloud", "cloud.provider"}}, more: []string{"a.example/cloud"}},
		{name: "not agreed", said: [][]string{{"a.example/pool=aws"}, {"a.example/pool=gcp"}},
			failure: "cloudLabels: a.example/pool: the scheduler's plugins say a.example/pool=aws and a.example/pool=gcp; they must agree"},
		{name: "malformed", said: [][]string{{}, {"a b"}}, failure: `"a b" is no label key`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				slices.Reverse(tt.said)
				labels := cloudLabels{}
				var err error
				for _, entries := range tt.said {
					if err == nil {
						err = labels.add(entries)
					}
				}
				options, invalid := labels.options()
				if err == nil {
					err = invalid
				}
				if tt.failure != "" {
					if err == nil || !strings.Contains(err.Error(), tt.failure) {
						t.Errorf("error %v, want %q", err, tt.failure)
					}
					continue
				}
				builtIn, _ := cloudLabels{}.options()
				if got := options.CloudLabels[len(builtIn.CloudLabels):]; err != nil || !slices.Equal(got, tt.more) {
					t.Errorf("labels %v, want %v; error %v", got, tt.more, err)
				}
			}
		})
	}
}

func TestOptimizeForIsSaidOnce(t *testing.T) {
	got, err := optimize("", v1alpha1.OptimizeForCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []v1alpha1.OptimizeFor{"", v1alpha1.OptimizeForCost, ""} {
		if got, err = optimize(got, said); err != nil || got != v1alpha1.OptimizeForCost {
			t.Errorf("%q after Cost: got %q, error %v", said, got, err)
		}
	}
	for _, order := range [][2]v1alpha1.OptimizeFor{{"Cost", "Latency"}, {"Latency", "Cost"}} {
		if _, err := optimize(order[0], order[1]); err == nil || !strings.Contains(err.Error(), "the profile's plugins say Cost and Latency; say it once") {
			t.Errorf("%v: error %v", order, err)
		}
	}
}
