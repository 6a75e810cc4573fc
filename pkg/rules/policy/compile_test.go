package policy

import (
	"math"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// The ceiling stands in messages, so it is the number that was written and not its neighbour.
func TestCeilingIsAsWritten(t *testing.T) {
	for text, want := range map[string]float64{"0.35": 0.35, "0.3": 0.3, "40": 40, "350m": 0.35, "1e-3": 0.001, "2k": 2000} {
		quantity := resource.MustParse(text)
		object := &v1alpha1.PlacementPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"},
			Spec:       v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{MaxHourlyUSD: &quantity}},
		}
		if got := NewSet([]*v1alpha1.PlacementPolicy{object}, nil).For("shop", nil, nil).MaxHourlyUSD; got != want {
			t.Errorf("%s: got %s", text, strconv.FormatFloat(got, 'g', -1, 64))
		}
	}
	huge := resource.NewScaledQuantity(1, math.MaxInt16)
	if got := asWritten(huge); got < 1e9 {
		t.Errorf("an enormous quantity: got %g", got)
	}
}
