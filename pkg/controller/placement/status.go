package placement

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
)

// Reasons of the conditions Planned and InPlace.
const (
	reasonPlanned    = "Planned"
	reasonUnplaced   = "Unplaced"
	reasonInvalid    = "Invalid"
	reasonUncertain  = "Uncertain"
	reasonInPlace    = "InPlace"
	reasonNotInPlace = "NotInPlace"
)

// lastStays ends what is said while nothing certain is known.
const lastStays = "; the last plan stays"

// maxRejected is how many rejected places a Placement lists.
const maxRejected = 16

// wanted is what a Placement should say.
type wanted struct {
	key    client.ObjectKey
	of     *planning.Selected
	status v1alpha1.PlacementStatus
	// generation of the Placement that it speaks of; the first where it is yet to be made.
	generation int64
	// last is what it says; nil when there is none.
	last *v1alpha1.PlacementStatus
	// savings of moving the running replicas, with those that move with them, in US dollars an hour of shares; 0 where not all of
	// them run, and where another workload names them.
	savings float64
	// news says that the plan is another than the Placement says, or that there is one now.
	news bool
	// unplaced is the index of the workload in the solution while it is not explained why replicas have no place; -1 when
	// nothing is to be explained.
	unplaced int
	// notes are what is to be known of a plan that places everything: what rests on estimates, what would be taken back at once.
	notes string
}

// statuses says what every Placement should say. Without a solution the decisions stay.
func (p *Planner) statuses(d *draft, s *solution) []*wanted {
	out := make([]*wanted, 0, len(d.planned))
	for _, of := range d.planned {
		out = append(out, p.want(d, s, of))
	}
	slices.SortFunc(out, func(a, b *wanted) int {
		return cmp.Or(strings.Compare(a.key.Namespace, b.key.Namespace), strings.Compare(a.key.Name, b.key.Name))
	})
	return out
}

// want says what the Placement of one workload should say.
func (p *Planner) want(d *draft, s *solution, of *planning.Selected) *wanted {
	w := &wanted{of: of, unplaced: -1, generation: 1, key: client.ObjectKey{Namespace: of.Namespace, Name: state.PlacementName(of.Kind, of.Name)}}
	w.last = p.written.latest(w.key, p.objects.Placements)
	if object, ok := p.objects.Placements.Get(w.key.Namespace, w.key.Name); ok {
		w.generation = max(w.generation, object.Generation)
	}
	i, found := 0, false
	if s != nil {
		i, found = s.result.Index(of.Key)
	}
	switch {
	case s == nil:
		w.keep(nil, metav1.ConditionUnknown, reasonUncertain, d.uncertain+lastStays)
	case of.Rules == nil:
		w.keep(s, metav1.ConditionUnknown, reasonUncertain, of.Hold+lastStays)
	case of.Hold == "" && of.Doubt != "":
		w.keep(s, metav1.ConditionUnknown, reasonUncertain, of.Doubt+lastStays)
	case of.Hold != "":
		w.keep(s, metav1.ConditionFalse, reasonInvalid, of.Hold+"; the last plan stays until it is corrected")
	case !found || s.plan.Placements[i].Held != "":
		object := of.Kind + " " + of.Namespace + "/" + of.Name
		w.keep(s, metav1.ConditionFalse, reasonInvalid, cmp.Or(s.problems[object], "it cannot be planned")+"; the last plan stays until it is corrected")
	default:
		w.plan(s, i)
	}
	w.stamp(d)
	w.news = w.moved() || w.turned()
	return w
}

// keep leaves what the Placement says, but for how many replicas are wanted, how many run where, and why they are not
// planned.
func (w *wanted) keep(s *solution, planned metav1.ConditionStatus, reason, message string) {
	if w.last != nil {
		w.status = *w.last
	}
	out := &w.status
	out.Replicas = int32(w.of.Replicas)
	w.condition(v1alpha1.ConditionPlanned, planned, reason, message)
	if s == nil || len(out.Decisions) == 0 {
		return
	}
	running, _ := w.running(s)
	out.InPlace, out.Decisions = 0, slices.Clone(out.Decisions)
	for i := range out.Decisions {
		d := &out.Decisions[i]
		d.Running = 0
		for k := range s.result.Pools {
			if pool := &s.result.Pools[k]; pool.Name == d.Pool && pool.Cluster == d.ClusterName {
				d.Running = int32(running[k])
			}
		}
		out.InPlace += min(d.Replicas, d.Running)
	}
	w.inPlace()
}

// running are the running replicas by the index of their pool, and all of them.
func (w *wanted) running(s *solution) (byPool map[int]int, all int) {
	byPool = map[int]int{}
	for node, replicas := range w.of.Running {
		if pool, ok := s.result.PoolOf[node]; ok {
			byPool[pool] += replicas
			all += replicas
		}
	}
	return byPool, all
}

// plan fills in what the plan has for workload i of the result. Why replicas have no place is found later; until then the
// Placement says what it said.
func (w *wanted) plan(s *solution, i int) {
	placement := s.plan.Placements[i]
	out := &w.status
	reasons := make([]string, len(placement.Decisions))
	if placement.Unplaced > 0 {
		w.unplaced = i
	} else {
		explanation := s.solver.ExplainWithout(i, s.hidden(i))
		reasons, out.Rejected = explanation.Reasons, rejected(s, explanation.Rejected)
	}
	out.Replicas, out.Unplaced = int32(w.of.Replicas), int32(placement.Unplaced)
	running, all := w.running(s)
	placed := 0
	for k := range placement.Decisions {
		d := &placement.Decisions[k]
		out.Decisions = append(out.Decisions, decision(s, d, running[d.Pool], reasons[k]))
		out.InPlace += int32(min(d.Replicas, running[d.Pool]))
		placed += d.Replicas
	}
	w.money(s, i, all, placed)
	w.survival(s, placement, placed)
	w.notes = unrecovered(placement) + notes(s, i)
	if w.of.Counted != "" {
		w.notes += "; its live pods are counted, since " + w.of.Counted
	}
	for _, source := range w.of.Rules.Sources {
		out.Policies = append(out.Policies, source.String())
	}
	w.conditions(placement, w.soFar(placement))
}

// soFar is what is said of replicas without a place until that is explained: what was said, where as many had none before.
func (w *wanted) soFar(placement *engine.Placement) string {
	if placement.Unplaced == 0 || w.last == nil || w.last.Unplaced != int32(placement.Unplaced) || w.moved() {
		return engine.Unexplained
	}
	_, said, ok := strings.Cut(plannedMessage(w.last), noPlace)
	if !ok {
		return engine.Unexplained
	}
	for k := range w.status.Decisions {
		w.status.Decisions[k].Reason = w.last.Decisions[k].Reason
	}
	w.status.Rejected = w.last.Rejected
	return said
}

// plannedMessage is what a status says of the plan.
func plannedMessage(status *v1alpha1.PlacementStatus) string {
	if planned := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPlanned); planned != nil {
		return planned.Message
	}
	return ""
}

func decision(s *solution, d *engine.Decision, running int, reason string) v1alpha1.PlacementDecision {
	pool := &s.result.Pools[d.Pool]
	out := v1alpha1.PlacementDecision{
		ClusterName: pool.Cluster, Pool: pool.Name, Cloud: pool.At.Cloud, Region: pool.At.Region, Zone: pool.At.Zone,
		InstanceType: pool.At.InstanceType, CapacityType: pool.At.CapacityType,
		Replicas: int32(d.Replicas), Running: int32(running), Reason: reason,
	}
	if d.LatencyKnown {
		out.LatencyMilliseconds = fmt.Sprintf("%.1f", d.LatencyMilliseconds)
	}
	return out
}

// rejected lists the places without replicas: those that are allowed by what they lost, then the others by name.
func rejected(s *solution, all []engine.Rejection) []v1alpha1.PlacementRejection {
	slices.SortStableFunc(all, func(a, b engine.Rejection) int {
		priced := func(r *engine.Rejection) int {
			if r.Rule == engine.RulePrice {
				return 0
			}
			return 1
		}
		price := func(r *engine.Rejection) float64 {
			if r.Rule == engine.RulePrice {
				return r.DeltaUSD
			}
			if known := s.result.Pools[r.Pool].ListPrice; known.Known {
				return known.USD
			}
			return math.Inf(1)
		}
		return cmp.Or(priced(&a)-priced(&b), cmp.Compare(price(&a), price(&b)), cmp.Compare(a.Pool, b.Pool))
	})
	var out []v1alpha1.PlacementRejection
	for i := range all[:min(len(all), maxRejected)] {
		r := &all[i]
		next := v1alpha1.PlacementRejection{
			Pool: s.result.Pools[r.Pool].Name, ClusterName: s.result.Pools[r.Pool].Cluster, Rule: string(r.Rule), Message: r.Message,
		}
		if r.Rule == engine.RulePrice && r.DeltaUSD != 0 {
			next.DeltaHourlyUSD = dollars(r.DeltaUSD)
		}
		out = append(out, next)
	}
	return out
}

// survival says what is left after each loss that the policy speaks of.
func (w *wanted) survival(s *solution, placement *engine.Placement, placed int) {
	for _, rule := range w.of.Rules.Availability {
		lost := map[location.Domain]int{}
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			domain, _ := s.result.Snapshot.Pools[d.Pool].Domain(rule.Survive)
			lost[domain] += d.Replicas
		}
		recovered := map[location.Domain]int{}
		for k := range placement.Recoveries {
			for _, move := range placement.Recoveries[k].Moves {
				recovered[placement.Recoveries[k].Domain] += move.Replicas
			}
		}
		for _, domain := range slices.SortedFunc(maps.Keys(lost), func(a, b location.Domain) int { return strings.Compare(a.Name, b.Name) }) {
			text := domain.Name
			if domain.Kind == location.DomainCluster {
				text = domain.String() // it may have no name
			}
			w.status.Survives = append(w.status.Survives, v1alpha1.PlacementSurvival{
				Domain: text, Replicas: int32(placed - lost[domain]), Recovered: int32(recovered[domain]),
			})
		}
	}
}

// noPlace stands before the reason why replicas have no place: "2 of 3 replicas have no place: REASON".
const noPlace = " no place: "

// conditions says whether all replicas have a place, and why they have none.
func (w *wanted) conditions(placement *engine.Placement, why string) {
	out := &w.status
	if placement.Unplaced == 0 {
		message := summary(out)
		for _, rule := range placement.Unkept {
			message += "; not kept: " + rule.Message
		}
		w.condition(v1alpha1.ConditionPlanned, metav1.ConditionTrue, reasonPlanned, message+w.notes)
	} else {
		w.condition(v1alpha1.ConditionPlanned, metav1.ConditionFalse, reasonUnplaced,
			has(placement.Unplaced, out.Replicas)+noPlace+why)
	}
	w.inPlace()
}

// unrecovered says after which losses not all that is lost could be made anew; empty where there is none.
func unrecovered(placement *engine.Placement) string {
	var texts []string
	for k := range placement.Recoveries {
		if r := &placement.Recoveries[k]; r.Missing > 0 {
			texts = append(texts, fmt.Sprintf("%d of those in %s", r.Missing, r.Domain))
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return "; once lost nothing has room for " + strings.Join(texts, ", ")
}

// notes are what is to be known of the plan of a workload: what rests on estimates, and what would be taken back at once.
func notes(s *solution, i int) string {
	text := ""
	for _, estimate := range s.result.Estimates(s.plan, i) {
		text += "; " + estimate
	}
	if together := s.result.Together(s.plan.Placements[i], i); together != "" {
		text += "; " + together
	}
	return text
}

// inPlace says whether all replicas run where the plan wants them.
func (w *wanted) inPlace() {
	out := &w.status
	message := printable.Ratio(out.InPlace, out.Replicas, "replica runs where the plan wants it", "replicas run where the plan wants them")
	if out.InPlace == out.Replicas {
		w.condition(v1alpha1.ConditionInPlace, metav1.ConditionTrue, reasonInPlace, message)
	} else {
		w.condition(v1alpha1.ConditionInPlace, metav1.ConditionFalse, reasonNotInPlace, message)
	}
}

func has(part int, whole int32) string {
	if part == 1 {
		return printable.Ratio(1, whole, "replica", "replicas") + " has"
	}
	return fmt.Sprintf("%d of %d replicas have", part, whole)
}

// condition sets a condition, for stamp to say since when.
func (w *wanted) condition(kind string, value metav1.ConditionStatus, reason, message string) {
	w.status.Conditions = slices.DeleteFunc(slices.Clone(w.status.Conditions), func(c metav1.Condition) bool { return c.Type == kind })
	w.status.Conditions = append(w.status.Conditions, metav1.Condition{
		Type: kind, Status: value, Reason: reason, Message: status.Clip(message, status.MaxMessage),
	})
	sortConditions(w.status.Conditions)
}

// sortConditions puts Planned before InPlace.
func sortConditions(conditions []metav1.Condition) {
	slices.SortFunc(conditions, func(a, b metav1.Condition) int { return strings.Compare(b.Type, a.Type) })
}

// stamp says since when the decisions and conditions hold, and of which generation the conditions are.
func (w *wanted) stamp(d *draft) {
	now := metav1.NewTime(d.now.Truncate(1e9))
	if len(w.status.Decisions) > 0 || w.last != nil {
		w.status.PlannedAt = &now
	}
	if w.last != nil && w.last.PlannedAt != nil && !w.moved() {
		w.status.PlannedAt = w.last.PlannedAt
	}
	for i := range w.status.Conditions {
		condition := &w.status.Conditions[i]
		condition.LastTransitionTime, condition.ObservedGeneration = now, w.generation
		if w.last == nil {
			continue
		}
		if before := meta.FindStatusCondition(w.last.Conditions, condition.Type); before != nil && before.Status == condition.Status {
			condition.LastTransitionTime = before.LastTransitionTime
		}
	}
}

// moved says whether the plan puts replicas elsewhere than it did.
func (w *wanted) moved() bool {
	return w.last == nil || !slices.EqualFunc(w.last.Decisions, w.status.Decisions, func(a, b v1alpha1.PlacementDecision) bool {
		return a.ClusterName == b.ClusterName && a.Pool == b.Pool && a.Replicas == b.Replicas
	})
}

// turned says whether the condition Planned is another than it was.
func (w *wanted) turned() bool {
	after := meta.FindStatusCondition(w.status.Conditions, v1alpha1.ConditionPlanned)
	if w.last == nil {
		return true
	}
	before := meta.FindStatusCondition(w.last.Conditions, v1alpha1.ConditionPlanned)
	return before == nil || before.Status != after.Status || before.Reason != after.Reason
}
