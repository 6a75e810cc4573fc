package failover

import (
	"time"

	"tradewind.dev/tradewind/pkg/inventory/planning"
	"tradewind.dev/tradewind/pkg/placement/loss"
)

// action is that the replicas of one workload in one lost domain are replaced. In one outage no replica is replaced twice: what
// comes to the domain after its loss was acted on stays.
type action struct {
	workload planning.WorkloadKey
	domain   string
}

// act takes note of when replicas are replaced at first in an outage.
func (c *Controller) act(workload planning.WorkloadKey, domain *loss.Domain, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := (action{workload, domain.String()}); c.acted[key].IsZero() {
		c.acted[key] = now
	}
}

// actedAt is when replicas of the workload in the domain were replaced at first.
func (r *replacement) actedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acted[action{r.key, r.domain.String()}]
}

// forget ends the outages of domains that are not out of order any more. While nothing is certain, none ends. c.mu is held.
func (c *Controller) forget(verdict *standing) {
	if verdict.Blind != "" {
		return
	}
	for key := range c.acted {
		still := false
		for i := range verdict.Domains {
			still = still || verdict.Domains[i].String() == key.domain
		}
		if !still {
			delete(c.acted, key)
		}
	}
}
