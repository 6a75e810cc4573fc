package loss

import (
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

const (
	// DefaultAfter is how long a loss must last where the policy's failover does not say.
	DefaultAfter = 30 * time.Second
	// DefaultStabilization is how long a pool must have been back before it counts again where no policy says.
	DefaultStabilization = 10 * time.Minute
)

// ReasonStays is the reason of a Placement's condition FailedOver where replicas in a lost domain could not be replaced; its message
// says why.
const ReasonStays = "Stays"

// After is how long a loss must last under a policy's failover; nil is a policy that says nothing of it.
func After(policy *v1alpha1.Failover) time.Duration {
	if policy != nil && policy.After != nil {
		return policy.After.Duration
	}
	return DefaultAfter
}

// Stabilization is how long a domain must have been back under a policy's failover; nil is a policy that says nothing of it.
func Stabilization(policy *v1alpha1.Failover) time.Duration {
	if policy != nil && policy.Stabilization != nil {
		return policy.Stabilization.Duration
	}
	return DefaultStabilization
}
