package failover

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/workload"
)

// action is that the replicas of one workload in one lost domain are replaced.
type action struct {
	workload workload.Key
	domain   string
}

// found takes note of which replicas are there when a loss is acted on at first. In one outage only these are replaced, so
// none twice: what comes to the domain later stays. A controller that was restarted meanwhile knows from the condition FailedOver
// what came later.
func (c *Controller) found(workload workload.Key, domain *loss.Domain, pods []*corev1.Pod) {
	var begun time.Time
	if said := c.Ledger.Condition(workload, v1alpha1.ConditionFailedOver); said != nil && said.Status == metav1.ConditionTrue && said.LastTransitionTime.After(domain.Since) {
		begun = said.LastTransitionTime.Time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := action{workload, domain.String()}
	if c.acted[key] != nil {
		return
	}
	c.acted[key] = make(map[types.UID]bool, len(pods))
	for _, pod := range pods {
		if begun.IsZero() || pod.CreationTimestamp.Time.Before(begun) {
			c.acted[key][pod.UID] = true
		}
	}
}

// came says whether a replica came to the domain after its loss had been acted on.
func (r *replacement) came(pod *corev1.Pod) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.acted[action{r.key, r.domain.String()}][pod.UID]
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
