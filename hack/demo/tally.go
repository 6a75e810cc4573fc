package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

// tally is one run of the shop: where its pods went, what they cost, and which rules they break.
type tally struct {
	pods, spot int
	// monthlyUSD is the replicas' shares of their nodes, each by its largest one.
	monthlyUSD float64
	// nodes that hold at least one replica, of nodesInAll, what they cost whole, and what of that clouds invoice: private machines
	// are paid for in any case.
	nodes, nodesInAll                  int
	nodesMonthlyUSD, invoiceMonthlyUSD float64
	workloads                          []workload
	broken                             []brokenRule
	// brokenPods break at least one rule.
	brokenPods int
	latency    *report.LatencyReport
}

// workload is one line of the table of placements.
type workload struct {
	name       string
	pods       int
	monthlyUSD float64
	// places are replicas by cloud and capacity type.
	places map[place]int
	// example explains one of its pods, the first by name; strictest the one that rules leave fewest nodes to.
	example, strictest *report.Explanation
}

type place struct {
	cloud    string
	capacity v1alpha1.CapacityType
}

// brokenRule is one kind of rule, and the pods that are where it does not allow them.
type brokenRule struct {
	rule     report.Rule
	messages []string
	pods     map[string]int // by workload
}

func (b *brokenRule) total() int {
	n := 0
	for _, pods := range b.pods {
		n += pods
	}
	return n
}

// policyRules are the rules that policies make, in the order of the table.
var policyRules = []report.Rule{
	report.RuleResidency, report.RuleVolumeResidency, report.RuleLocation, report.RuleSpread, report.RuleSpot, report.RuleLatency, report.RuleCeiling,
}

// profiles are the schedulers whose pods the demo explains: the default one too, judged as if it read the policies.
var profiles = map[string]v1alpha1.OptimizeFor{
	"tradewind": v1alpha1.OptimizeForBalanced, corev1.DefaultSchedulerName: v1alpha1.OptimizeForBalanced,
}

// take adds up a run with the code of `tradewind report` and `tradewind explain`.
func take(snapshot *state.Snapshot, namespace string) (*tally, error) {
	byWorkload, err := report.Cost(snapshot, report.ByWorkload, namespace)
	if err != nil {
		return nil, err
	}
	byNode, err := report.Cost(snapshot, report.ByNode, "")
	if err != nil {
		return nil, err
	}
	t := &tally{pods: byWorkload.Total.Replicas, spot: byWorkload.Total.SpotReplicas, monthlyUSD: value(byWorkload.Total.MonthlyUSD), nodesInAll: len(byNode.Groups)}
	at := make(map[string]*location.Node, len(snapshot.Nodes))
	for _, node := range snapshot.Nodes {
		at[node.Name] = &snapshot.Node(node).Class.Node
	}
	invoiced := planning.NewInvoiced(snapshot.World().Prices)
	for i := range byNode.Groups {
		if byNode.Groups[i].Replicas > 0 {
			t.nodes++
			usd := value(byNode.Groups[i].NodeHourlyUSD) * report.HoursPerMonth
			t.nodesMonthlyUSD += usd
			if invoiced.Next(at[byNode.Groups[i].Name]) {
				t.invoiceMonthlyUSD += usd
			}
		}
	}
	if t.latency, err = report.Latency(snapshot, report.ByWorkload, namespace); err != nil {
		return nil, err
	}
	for i := range byWorkload.Groups {
		group := &byWorkload.Groups[i]
		_, name, _ := strings.Cut(group.Name, "/")
		t.workloads = append(t.workloads, workload{name: name, pods: group.Replicas, monthlyUSD: value(group.MonthlyUSD), places: map[place]int{}})
	}
	if err := t.explain(snapshot, namespace); err != nil {
		return nil, err
	}
	slices.SortFunc(t.workloads, func(a, b workload) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(t.broken, func(a, b brokenRule) int {
		return cmp.Compare(slices.Index(policyRules, a.rule), slices.Index(policyRules, b.rule))
	})
	return t, nil
}

// explain asks of every pod why it is where it is, and which rules would keep it away from there. A pod that breaks a rule
// does not count against the next ones of its workload: of four pods on spot where three may be, one breaks the rule.
func (t *tally) explain(snapshot *state.Snapshot, namespace string) error {
	pods := slices.Clone(snapshot.Pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	var setAside []*corev1.Pod
	restore := func() {
		for _, pod := range setAside {
			snapshot.SetPod(pod)
		}
		setAside = nil
	}
	defer restore()
	current := ""
	for _, pod := range pods {
		if pod.Namespace != namespace || pod.Spec.NodeName == "" {
			continue
		}
		explanation, err := report.Explain(snapshot, pod, report.ExplainOptions{Profiles: profiles})
		if err == nil && explanation.Workload != current {
			current = explanation.Workload
			restore()
			explanation, err = report.Explain(snapshot, pod, report.ExplainOptions{Profiles: profiles})
		}
		if err != nil {
			return err
		}
		w := t.workload(explanation.Workload)
		if w == nil {
			return fmt.Errorf("pod %s belongs to workload %s, which the bill does not know", pod.Name, explanation.Workload)
		}
		w.places[place{explanation.Node.Cloud, explanation.Node.CapacityType}]++
		if w.example == nil {
			w.example = explanation
		}
		if w.strictest == nil || len(ruledOut(explanation)) > len(ruledOut(w.strictest)) {
			w.strictest = explanation
		}
		if t.judge(explanation) {
			away := pod.DeepCopy()
			away.Spec.NodeName = ""
			snapshot.SetPod(away)
			setAside = append(setAside, pod)
		}
	}
	return nil
}

func (t *tally) workload(name string) *workload {
	for i := range t.workloads {
		if t.workloads[i].name == name {
			return &t.workloads[i]
		}
	}
	return nil
}

// judge counts the rules that a pod breaks, each kind once, and says whether there is any.
func (t *tally) judge(explanation *report.Explanation) bool {
	seen := map[report.Rule]bool{}
	for _, obstacle := range explanation.NotToday {
		if !slices.Contains(policyRules, obstacle.Rule) || seen[obstacle.Rule] {
			continue
		}
		seen[obstacle.Rule] = true
		at := slices.IndexFunc(t.broken, func(b brokenRule) bool { return b.rule == obstacle.Rule })
		if at < 0 {
			at = len(t.broken)
			t.broken = append(t.broken, brokenRule{rule: obstacle.Rule, pods: map[string]int{}})
		}
		t.broken[at].pods[explanation.Workload]++
		if !slices.Contains(t.broken[at].messages, obstacle.Message) {
			t.broken[at].messages = append(t.broken[at].messages, obstacle.Message)
		}
	}
	if len(seen) > 0 {
		t.brokenPods++
	}
	return len(seen) > 0
}

// where says in which capacity of a cloud replicas are: "2", "3 spot", "2 + 3 spot".
func (w *workload) where(cloud string) string {
	var parts []string
	for _, capacity := range []v1alpha1.CapacityType{v1alpha1.CapacityOnDemand, v1alpha1.CapacityReserved, v1alpha1.CapacitySpot} {
		if n := w.places[place{cloud, capacity}]; n > 0 {
			text := fmt.Sprint(n)
			if capacity != v1alpha1.CapacityOnDemand {
				text += " " + string(capacity)
			}
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return "·"
	}
	return strings.Join(parts, " + ")
}

// clouds are all that the workloads are in, and those of the nodes.
func clouds(snapshot *state.Snapshot) []string {
	var out []string
	for _, object := range snapshot.Nodes {
		if cloud := snapshot.Node(object).Class.Cloud; cloud != "" && !slices.Contains(out, cloud) {
			out = append(out, cloud)
		}
	}
	slices.Sort(out)
	return out
}

// names lists workloads with their number of pods: "cartservice (4), redis-cart (1)".
func names(pods map[string]int) string {
	list := make([]string, 0, len(pods))
	for name, n := range pods {
		list = append(list, fmt.Sprintf("%s (%d)", name, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// latencyOf is a workload's line of the latency report; nil when no policy names its clients or calls.
func (t *tally) latencyOf(name string) *report.LatencyGroup {
	for i := range t.latency.Groups {
		if _, workload, _ := strings.Cut(t.latency.Groups[i].Name, "/"); workload == name {
			return &t.latency.Groups[i]
		}
	}
	return nil
}

func value(figure *float64) float64 {
	if figure == nil {
		return 0
	}
	return *figure
}

// percent is a change: "-12.9%", "+3.0%".
func percent(before, after float64) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f%%", 100*(after-before)/before)
}
