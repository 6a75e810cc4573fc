package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// tooLarge is the conflict of a workload that has no place even on empty nodes and without any rule.
func (s *Solver) tooLarge(w *work) ConflictRule {
	if len(s.m.pools) == 0 {
		return ConflictRule{RuleSize, "there is no node, and no CloudPool says by maxNodes that one can be added"}
	}
	for p := range s.m.pools {
		if s.m.pools[p].holds(w.row.request.vector) {
			return ConflictRule{RuleCapacity, fmt.Sprintf("all nodes together, with nothing on them but pods of DaemonSets, do not hold %s %s",
				printable.Number(w.n, "replica that requests", "replicas that request"), s.requestText(w.row.request))}
		}
	}
	return ConflictRule{RuleSize, "no node is large enough for a replica that requests " + s.requestText(w.row.request)}
}

// requestText is a request in words.
func (s *Solver) requestText(r *request) string {
	const gibibyte = 1 << 30
	parts := []string{}
	add := func(v int64, text string) {
		if v > 0 {
			parts = append(parts, text)
		}
	}
	add(r.vector[dimCPU], fmt.Sprintf("%g CPUs", float64(r.vector[dimCPU])/1000))
	add(r.vector[dimMemory], fmt.Sprintf("%.3g GiB of memory", float64(r.vector[dimMemory])/gibibyte))
	add(r.vector[dimGPU], printable.Number(r.vector[dimGPU], "GPU", "GPUs"))
	for k, name := range s.m.extended {
		add(r.vector[dimExtended+k], extendedText(r.vector[dimExtended+k], name))
	}
	if len(parts) > 1 { // that each replica is a pod goes without saying
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == onePod })
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

const onePod = "1 pod"

// extendedText is an amount of an extended resource in words.
func extendedText(n int64, name string) string {
	if driver, ok := strings.CutPrefix(name, corev1.ResourceAttachableVolumesPrefix+"csi-"); ok {
		return printable.Number(n, "volume", "volumes") + " of driver " + driver
	}
	if class, ok := strings.CutPrefix(name, "devices of class "); ok {
		return printable.Number(n, "device", "devices") + " of class " + class
	}
	if name == string(corev1.ResourcePods) {
		return printable.Number(n, "pod", "pods")
	}
	return fmt.Sprintf("%d %s", n, name)
}

func (s *Solver) availabilityText(i int32, a policy.Availability) string {
	return fmt.Sprintf("survives the loss of any one %s with %d%% of %s left", a.Survive, a.MinReplicasPercent,
		printable.Number(s.works[i].n, "replica", "replicas"))
}

// from names the policies that a rule comes from, the first one by name.
func from(sources []policy.Source) string {
	if sources[0].Name == "" {
		return ""
	}
	if more := len(sources) - 1; more > 0 {
		return fmt.Sprintf(" (%s and %d more)", sources[0], more)
	}
	return " (" + sources[0].String() + ")"
}

func residencyText(rule *policy.Residency) string {
	var parts []string
	if rule.LimitsCountries || rule.Broken {
		parts = append(parts, "residency "+rule.Jurisdictions)
	}
	if rule.LimitsOperatorCountries {
		parts = append(parts, "operated from "+rule.Operators)
	}
	return strings.Join(parts, ", ") + from(rule.From())
}

func spreadText(rule *policy.Spread) string {
	word := policy.LocationKeys[rule.TopologyKey]
	if rule.TopologyKey == corev1.LabelHostname {
		word = "node"
	}
	var parts []string
	if rule.MinDomains > 0 {
		parts = append(parts, "in at least "+printable.Number(rule.MinDomains, word, word+"s"))
	}
	if rule.MaxSharePercent < 100 {
		parts = append(parts, fmt.Sprintf("at most %d%% of the replicas on one %s", rule.MaxSharePercent, word))
	}
	if rule.MaxSkew > 0 {
		parts = append(parts, fmt.Sprintf("no %s with over %s more than another", word, printable.Number(rule.MaxSkew, "replica", "replicas")))
	}
	return strings.Join(parts, ", ")
}

func spotPoolText(percent int) string {
	return fmt.Sprintf("at most %d%% of the replicas in one spot pool", percent)
}

// taints lists the taints that a workload does not tolerate, the three first ones.
func (s *Solver) taints(w *Workload) string {
	var names []string
	demands := demandsOf(w)
	for i := range s.m.snapshot.Pools {
		taint, untolerated := demands.Untolerated(s.m.snapshot.Pools[i].Taints)
		if untolerated && !strings.Contains(strings.Join(names, ", "), taint.ToString()) && len(names) < 3 {
			names = append(names, taint.ToString())
		}
	}
	return strings.Join(names, ", ")
}

// callText is the limit of a call in words. Where it demands measured figures, and a round trip of which there is none could meet it, the
// shortest of these is named.
func (s *Solver) callText(w *work, e *edge) string {
	callee := &s.m.snapshot.Workloads[e.to]
	text := fmt.Sprintf("at most %g ms to %s/%s", e.most, callee.Namespace, callee.Name)
	if !e.measured {
		return text
	}
	from, to := int32(-1), int32(-1)
	for _, i := range w.row.profile.allowed {
		at := s.m.pools[i].place
		other := s.unmeasured(e, at)
		if other < 0 || !s.m.pools[i].holds(w.row.request.vector) {
			continue
		}
		if from < 0 || s.m.geo.milliseconds[at][other] < s.m.geo.milliseconds[from][to] {
			from, to = at, other
		}
	}
	if text += " by measured figures"; from >= 0 {
		text += ", and " + s.unmeasuredText(e, from, to)
	}
	return text
}

// farText says why a place is too far from what a workload calls.
func (s *Solver) farText(w *work, from int32) string {
	text := ""
	for k := range w.out {
		e := &w.out[k]
		if to := s.m.nearest(e, s.works[e.to].support, from); to < 0 || !s.m.beyond(e, from, to) {
			continue
		}
		to := s.unmeasured(e, from)
		if to < 0 {
			return "too far from a workload that it calls"
		}
		if text == "" {
			text = s.unmeasuredText(e, from, to)
		}
	}
	return text
}

// unmeasured is where the nearest replica is that a call from a place could go to if somebody measured the round trip, as the call's limit
// demands; -1 where measured ones meet the limit, or not even an estimate does.
func (s *Solver) unmeasured(e *edge, from int32) int32 {
	support := s.works[e.to].support
	to := s.m.nearest(e, support, from)
	if !e.measured || to < 0 || !s.m.beyond(e, from, to) {
		return -1
	}
	to = s.m.nearest(&edge{}, support, from)
	if milliseconds := s.m.geo.milliseconds[from][to]; milliseconds > e.most && !math.IsInf(milliseconds, 1) {
		return -1
	}
	return to
}

// unmeasuredText names a round trip that nobody measured, and what could be done about it.
func (s *Solver) unmeasuredText(e *edge, from, to int32) string {
	what, callee := "a round trip", &s.m.snapshot.Workloads[e.to]
	if milliseconds := s.m.geo.milliseconds[from][to]; !math.IsInf(milliseconds, 1) {
		what = fmt.Sprintf("the %.3g ms", milliseconds)
	}
	return fmt.Sprintf("nobody measured %s from %s to %s/%s in %s; a LatencyMap can give what is true", what, s.m.geo.classes[from].Place,
		callee.Namespace, callee.Name, s.m.geo.classes[to].Place)
}
