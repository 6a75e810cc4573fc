package pricing

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Problem is an entry of a PriceList that cannot be used.
type Problem struct {
	Object  string // "PriceList/acme"
	Field   string // "spec.instances[3].hourlyUSD"
	Message string // what is wrong, and the remedy
}

// String returns the problem in one line.
func (p Problem) String() string { return fmt.Sprintf("%s: %s: %s", p.Object, p.Field, p.Message) }

// The largest prices that are taken for real. The dearest instance of the catalog costs 492 dollars an hour, the dearest traffic 0.23
// dollars a gigabyte; what is this far above is a slip of the unit.
const (
	maxHourlyUSD = 100_000 // US dollars an hour
	maxUSDPerGB  = 1_000   // US dollars a gigabyte
)

// figure returns a quantity as a number between 0 and limit; remedy ends the message when it is not.
func figure(quantity *resource.Quantity, limit float64, remedy string) (float64, error) {
	// Quantities made in Go can have exponents whose decimal would fill the memory, so the approximate value is looked at first.
	approximate := quantity.AsApproximateFloat64()
	switch {
	case math.IsNaN(approximate):
		return 0, errors.New("not a number; " + remedy)
	case approximate < 0:
		return 0, fmt.Errorf("%.6g is negative; %s", approximate, remedy)
	case approximate > limit:
		return 0, fmt.Errorf("%.6g is more than %.6g; %s", approximate, limit, remedy)
	case approximate < smallest:
		return 0, nil
	}
	// The decimal as it was written; the approximate value of "0.3" is 0.30000000000000004.
	written := quantity.DeepCopy() // AsDec changes its receiver, which other goroutines may be reading
	exact, err := strconv.ParseFloat(written.AsDec().String(), 64)
	if err != nil {
		return 0, fmt.Errorf("not a number; %s", remedy)
	}
	return exact, nil
}

// smallest is the smallest figure above 0 that a Quantity read from text can hold.
const smallest = 1e-9

// capacityOf returns the capacity type of an entry, on-demand when it gives none.
func capacityOf(capacity v1alpha1.CapacityType) (v1alpha1.CapacityType, error) {
	switch capacity {
	case "", v1alpha1.CapacityOnDemand:
		return v1alpha1.CapacityOnDemand, nil
	case v1alpha1.CapacitySpot, v1alpha1.CapacityReserved:
		return capacity, nil
	default:
		return "", fmt.Errorf("unknown capacity type %q; write on-demand, spot or reserved", string(capacity))
	}
}
