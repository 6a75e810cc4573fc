package cloudpool

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/printable"
)

// Reasons of the conditions Available and Priced.
const (
	reasonUsable      = "Usable"
	reasonUnavailable = "Unavailable"
	reasonNoNodes     = "NoNodes"
	reasonPriceKnown  = "PriceKnown"
	reasonNoPrice     = "PriceUnknown"
)

// maxLabels is how many labels a CloudPool takes.
const maxLabels = 64

// found is what a round found of one CloudPool.
type found struct {
	// spec of a pool that was found from nodes; nil for one that somebody declared, that has no usable node to describe it
	// by, or of which cloud or capacity type is not known.
	spec        *v1alpha1.CloudPoolSpec
	status      v1alpha1.CloudPoolStatus
	unavailable string
	spare       bool // nodes may be added
	// negotiated says that a PriceList gives the price, sunk that nobody can stop paying it. committed is how many machines like
	// its nodes are paid by commitments.
	negotiated, sunk bool
	committed        int
}

// observe says of every CloudPool of a round what it should say, by name. A declaration over several zones is several
// pools of the plan.
func observe(round *rounds.Round) map[string]*found {
	out := map[string]*found{}
	byPool := make([]*found, len(round.Result.Pools))
	for i := range round.Result.Pools {
		info, pool, use := &round.Result.Pools[i], &round.Result.Snapshot.Pools[i], &round.Plan.Pools[i]
		name := info.Name
		if info.Declared != nil {
			name = info.Declared.Name
		}
		f, again := out[name]
		if !again {
			f = &found{unavailable: info.Unavailable}
			out[name] = f
			if info.Declared == nil {
				f.spec = describe(info, pool)
			}
		}
		byPool[i] = f
		if info.Unavailable == "" {
			f.unavailable = ""
		}
		f.spare = f.spare || pool.MaxNodes > len(pool.Nodes)
		f.negotiated, f.sunk = f.negotiated || info.Negotiated, pool.Sunk
		f.status.Replicas += int32(use.Replicas)
		f.status.AddedNodes += int32(use.Added)
		if pool.Price.Known {
			f.status.NodeHourlyUSD = decimal(pool.Price.USD, 6)
		}
		if pool.Class.Spot() && pool.Interruption.Known {
			f.status.InterruptionPercent = decimal(pool.Interruption.MonthlyPercent, 2)
		}
	}
	for _, node := range round.Input.Nodes {
		if i, ok := round.Result.PoolOf[node.Name]; ok {
			byPool[i].status.Nodes++
			if nodeReady(node) {
				byPool[i].status.ReadyNodes++
			}
		}
	}
	for _, commitment := range round.Result.Snapshot.Commitments {
		covered := map[*found]bool{}
		for _, i := range commitment.Pools {
			if f := byPool[i]; !covered[f] {
				covered[f] = true
				f.committed += commitment.Nodes
			}
		}
	}
	for _, f := range out {
		f.conditions(round.Time)
	}
	return out
}

// price says what a node costs, whose price that is, and whether somebody could stop paying it.
func (f *found) price() string {
	text := "a node costs $" + f.status.NodeHourlyUSD + "/h"
	if f.negotiated {
		text += " by a PriceList"
	}
	switch {
	case f.sunk:
		text += ", paid whether it is used or not"
	case f.committed > 0:
		text += "; commitments pay for " + strconv.Itoa(f.committed) + " like it, whether they are used or not"
	}
	return text
}

func (f *found) conditions(now time.Time) {
	available := metav1.Condition{
		Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: reasonUsable,
		Message: printable.Ratio(int(f.status.ReadyNodes), int(f.status.Nodes), "node is ready", "nodes are ready"),
	}
	switch {
	case f.unavailable != "":
		available.Status, available.Reason, available.Message = metav1.ConditionFalse, reasonUnavailable, f.unavailable
	case f.status.Nodes == 0 && !f.spare:
		available = noNodes()
	case f.status.Nodes == 0:
		available.Message = "no node exists; an autoscaler may add some"
	}
	priced := metav1.Condition{
		Type: v1alpha1.ConditionPriced, Status: metav1.ConditionTrue, Reason: reasonPriceKnown,
		Message: f.price(),
	}
	if f.status.NodeHourlyUSD == "" {
		priced.Status, priced.Reason = metav1.ConditionFalse, reasonNoPrice
		priced.Message = "neither the catalog nor a PriceList has a price of its nodes, which therefore count as the dearest; give one in a PriceList"
	}
	f.status.Conditions = []metav1.Condition{available, priced}
	for i := range f.status.Conditions {
		f.status.Conditions[i].LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	}
}

func noNodes() metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: reasonNoNodes,
		Message: "no node exists, and none can be added; give maxNodes if an autoscaler may",
	}
}

// without is the status of a pool that no round found: it has no nodes and may have none.
func without(now time.Time) v1alpha1.CloudPoolStatus {
	condition := noNodes()
	condition.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	return v1alpha1.CloudPoolStatus{Conditions: []metav1.Condition{condition}}
}

// since keeps the times of conditions that have not turned.
func since(want, have *v1alpha1.CloudPoolStatus) {
	for i := range want.Conditions {
		condition := &want.Conditions[i]
		if before := meta.FindStatusCondition(have.Conditions, condition.Type); before != nil && before.Status == condition.Status && before.Reason == condition.Reason {
			condition.LastTransitionTime = before.LastTransitionTime
		}
	}
}

// emptySince says whether a pool has had no nodes since a time, or longer.
func emptySince(pool *v1alpha1.CloudPool, when time.Time) bool {
	condition := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionAvailable)
	return condition != nil && condition.Reason == reasonNoNodes && !condition.LastTransitionTime.After(when)
}

// taintUninitialized is on nodes that joined and of which their cloud has not said yet what they are.
// Source: Kubernetes, k8s.io/cloud-provider/api, TaintExternalCloudProvider.
const taintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"

// describe is the spec of a pool that was found from nodes, those in use, or where none is the others; nil when there are none, or cloud
// or capacity type is not known.
func describe(info *planning.PoolInfo, pool *engine.Pool) *v1alpha1.CloudPoolSpec {
	nodes := info.Nodes
	if len(nodes) == 0 {
		for _, node := range info.Closed {
			if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == taintUninitialized }) {
				nodes = append(nodes, node)
			}
		}
	}
	if len(nodes) == 0 || info.At.Cloud == "" || info.At.CapacityType == "" {
		return nil
	}
	spec := &v1alpha1.CloudPoolSpec{
		ClusterName: info.Cluster, Cloud: info.At.Cloud, Region: info.At.Region, Zone: info.At.Zone,
		InstanceType: info.At.InstanceType, CapacityType: info.At.CapacityType,
		Labels: common(nodes), Taints: pool.Taints, Allocatable: nodes[0].Status.Allocatable,
	}
	if _, known := location.LookupCloud(info.At.Cloud); !known {
		spec.Country, spec.OperatorCountry = info.At.Country, info.At.OperatorCountry
	}
	return spec
}

// common are the labels that all nodes have alike, but for those of their location and name.
func common(nodes []*corev1.Node) map[string]string {
	alike := maps.Clone(nodes[0].Labels)
	for _, node := range nodes[1:] {
		maps.DeleteFunc(alike, func(key, value string) bool { return node.Labels[key] != value })
	}
	maps.DeleteFunc(alike, func(key, _ string) bool {
		return key == corev1.LabelHostname || slices.ContainsFunc(locationPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
	for i, key := range slices.Sorted(maps.Keys(alike)) {
		if i >= maxLabels {
			delete(alike, key)
		}
	}
	return alike
}

// locationPrefixes begin the keys of labels that say where or what a node is, which other fields of the spec say.
var locationPrefixes = []string{
	"topology.", "failure-domain.beta.kubernetes.io/", "beta.kubernetes.io/", corev1.LabelInstanceTypeStable, "tradewind.dev/",
}

func nodeReady(node *corev1.Node) bool {
	for i := range node.Status.Conditions {
		if condition := &node.Status.Conditions[i]; condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// decimal writes a number with at most so many digits behind the point.
func decimal(value float64, digits int) string {
	scale := math.Pow10(digits)
	return strconv.FormatFloat(math.Round(value*scale)/scale, 'f', -1, 64)
}
