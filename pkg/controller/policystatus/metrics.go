package policystatus

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
)

var (
	policiesDesc = prometheus.NewDesc("tradewind_policies",
		"Number of PlacementPolicies and ClusterPlacementPolicies, by whether they are in force; unknown are those that the scheduler is not known to have read.", []string{"in_force"}, nil)
	unsatisfiableDesc = prometheus.NewDesc("tradewind_policies_unsatisfiable",
		"Number of policies that no node of the cluster satisfies.", nil, nil)
)

var _ prometheus.Collector = &Controller{}

// tally counts policies.
type tally struct {
	// inForce policies, invalid ones, and those that the scheduler is not known to have read.
	inForce, invalid, unread int
	// unsatisfiable policies allow no node of the cluster, alone or with others.
	unsatisfiable int
}

func (t *tally) add(of *status.Status) {
	for i := range of.Conditions {
		condition := &of.Conditions[i]
		switch {
		case condition.Type == v1alpha1.ConditionInForce && condition.Status == metav1.ConditionTrue:
			t.inForce++
		case condition.Type == v1alpha1.ConditionInForce && condition.Status == metav1.ConditionUnknown:
			t.unread++
		case condition.Type == v1alpha1.ConditionInForce:
			t.invalid++
		case condition.Type == v1alpha1.ConditionSatisfiable && condition.Status == metav1.ConditionFalse:
			t.unsatisfiable++
		}
	}
}

// Describe implements prometheus.Collector.
func (*Controller) Describe(out chan<- *prometheus.Desc) {
	out <- policiesDesc
	out <- unsatisfiableDesc
}

// Collect implements prometheus.Collector. Until policies have been looked at, as on a standby, it exports nothing.
func (c *Controller) Collect(out chan<- prometheus.Metric) {
	counted := c.tally.Load()
	if counted == nil {
		return
	}
	gauge := func(desc *prometheus.Desc, value int, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(policiesDesc, counted.inForce, "true")
	gauge(policiesDesc, counted.invalid, "false")
	gauge(policiesDesc, counted.unread, "unknown")
	gauge(unsatisfiableDesc, counted.unsatisfiable)
}
