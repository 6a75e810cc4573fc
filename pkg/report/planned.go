package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
)

// PlannedFor is where the placement controller wants the replicas of the pod's workload, as the scheduler follows it.
type PlannedFor struct {
	// Placement is "shop/deployment-web".
	Placement string `json:"placement"`
	// Enforcement is Strict where nodes outside the plan are excluded, and Preferred where the plan's are merely the first.
	Enforcement v1alpha1.Enforcement `json:"enforcement"`
	// Replicas that the workload wanted when the plan was made, and Unplaced of them that the plan has no place for.
	Replicas int `json:"replicas"`
	Unplaced int `json:"unplaced"`
	// Problem is what the plan's condition Planned says when it is not True.
	Problem string `json:"problem,omitempty"`
	// Old says by what the plan is seen to be older than what is wanted now, which the controller would have planned anew within
	// seconds; empty where nothing says so.
	Old string `json:"old,omitempty"`
	// Places of the plan.
	Places []PlannedPlace `json:"places"`
	// InPlan says whether the pod's own node is in one of the places, and the plan has it there; null while it is pending.
	InPlan *bool `json:"inPlan"`
}

// PlannedPlace is a place of a plan. Of region, zone, instance type and capacity type an empty one means any.
type PlannedPlace struct {
	Cloud        string                `json:"cloud"`
	Region       string                `json:"region"`
	Zone         string                `json:"zone"`
	InstanceType string                `json:"instanceType"`
	CapacityType v1alpha1.CapacityType `json:"capacityType"`
	// Planned replicas are the plan's; Others run or start there of the same revision, the pod itself not counted; Room is
	// what that leaves for the pod, zero or less where there is none.
	Planned int `json:"planned"`
	Others  int `json:"others"`
	Room    int `json:"room"`
	// Nodes are there, and Fit of them could take the pod.
	Nodes int `json:"nodes"`
	Fit   int `json:"fit"`
	// Own says that the pod's own node is one of them.
	Own bool `json:"own,omitempty"`
}

// planned is what the plan has for the pod; nil when there is no plan. verdicts are those of all nodes.
func (j *judge) planned(verdicts []*verdict, own *verdict) *PlannedFor {
	if j.targets == nil {
		return nil
	}
	out := &PlannedFor{
		Placement: strings.TrimPrefix(j.targets.Placement, "Placement "), Replicas: j.targets.Replicas, Enforcement: v1alpha1.EnforcementPreferred,
	}
	if j.strict() {
		out.Enforcement = v1alpha1.EnforcementStrict
	}
	for _, p := range j.targets.Places(j.view) {
		out.Places = append(out.Places, PlannedPlace{
			Cloud: p.Cloud, Region: p.Region, Zone: p.Zone, InstanceType: p.InstanceType, CapacityType: p.CapacityType,
			Planned: p.Planned, Others: p.Planned - p.Room, Room: p.Room,
		})
	}
	for _, v := range verdicts {
		if i, ok := j.targets.PlaceOf(v.node.Class); ok {
			out.Places[i].Nodes++
			if len(v.obstacles) == 0 {
				out.Places[i].Fit++
			}
		}
	}
	if own != nil {
		inPlan := false
		if i, ok := j.targets.PlaceOf(own.node.Class); ok {
			out.Places[i].Own, inPlan = true, out.Places[i].Room > 0
		}
		out.InPlan = &inPlan
	}
	j.ofPlacement(out)
	return out
}

// ofPlacement adds what the Placement says itself.
func (j *judge) ofPlacement(out *PlannedFor) {
	namespace, name, _ := strings.Cut(out.Placement, "/")
	i := slices.IndexFunc(j.snapshot.Placements, func(p *v1alpha1.Placement) bool { return p.Namespace == namespace && p.Name == name })
	if i < 0 {
		return
	}
	status := &j.snapshot.Placements[i].Status
	out.Old = j.oldPlan(status)
	out.Unplaced = int(status.Unplaced)
	condition := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPlanned)
	if condition != nil && condition.Status != metav1.ConditionTrue {
		out.Problem = condition.Message
	}
}

// strict says whether the scheduler leaves out nodes where the plan has no room.
func (j *judge) strict() bool {
	return j.targets != nil && j.rules.Enforcement == v1alpha1.EnforcementStrict
}

// planReason is why a plan that is enforced has no room for the pod on a node, or empty.
func (j *judge) planReason(node *state.Node) string {
	if !j.strict() {
		return ""
	}
	return j.targets.Reason(node.Class, j.targets.Room(j.view))
}

// oldPlan says by what a plan is seen to be older than what is wanted now, or nothing.
func (j *judge) oldPlan(status *v1alpha1.PlacementStatus) string {
	// While a rollout is on, the revision is not all of the workload.
	if wanted := j.view.Desired; int(status.Replicas) < wanted {
		return fmt.Sprintf("it is for %s, and %d are wanted now", count(int(status.Replicas), "replica"), wanted)
	}
	now := make([]string, len(j.rules.Sources))
	for i, source := range j.rules.Sources {
		now[i] = source.String()
	}
	then := slices.Clone(status.Policies)
	slices.Sort(now)
	slices.Sort(then)
	if len(then) > 0 && !slices.Equal(then, now) {
		return "it was made under " + some(then) + ", and in force for the pod are " + some(now)
	}
	return ""
}

// planner is how to see whether anybody plans.
const planner = "see whether tradewind-controller runs (kubectl get pods -A -l app.kubernetes.io/name=tradewind-controller)"

// planRemedy says what opens nodes that a plan under enforcement Strict keeps the pod from.
func (j *judge) planRemedy() string {
	anyway := "or set enforcement: Preferred in " +
		j.sourcesOf(func(own *policy.Effective) bool { return own.Enforcement == v1alpha1.EnforcementStrict })
	if plan := j.plan; plan != nil && plan.Old != "" {
		return fmt.Sprintf("%s is old (%s), so that nobody plans: %s, %s", j.targets.Placement, plan.Old, planner, anyway)
	}
	return fmt.Sprintf("wait until %s plans the replica there (kubectl describe placement -n %s says why it does not; if nothing changes there, %s), "+
		"make room in its places, %s", j.targets.Placement, j.pod.Namespace, planner, anyway)
}

// planned writes the plan for people.
func (e *Explanation) planned(out *strings.Builder) {
	p := e.Plan
	if p == nil {
		return
	}
	out.WriteString("\n")
	head := fmt.Sprintf("Plan of Placement %s for %s", p.Placement, count(p.Replicas, "replica"))
	if p.Unplaced > 0 {
		head += fmt.Sprintf(", %d of them without a place", p.Unplaced)
	}
	if p.Enforcement == v1alpha1.EnforcementStrict {
		head += "; enforcement is Strict: nowhere else"
	} else {
		head += "; enforcement is Preferred: elsewhere when it has no room"
	}
	paragraph(out, "", head)
	t := newTable(2, ">PLANNED", ">OTHERS", ">ROOM", "PLACE", "TYPE", "CAPACITY", ">NODES", ">FIT", "")
	for i := range p.Places {
		place := &p.Places[i]
		at := place.Cloud + "/" + orElse(place.Region, "any region")
		if place.Zone != "" {
			at += "/" + place.Zone
		}
		own := ""
		if place.Own {
			own = "this node"
		}
		t.add(strconv.Itoa(place.Planned), strconv.Itoa(place.Others), strconv.Itoa(max(0, place.Room)), at, orElse(place.InstanceType, "any"),
			orElse(string(place.CapacityType), "any"), strconv.Itoa(place.Nodes), strconv.Itoa(place.Fit), own)
	}
	out.WriteString(t.String())
	if p.InPlan != nil && !*p.InPlan {
		paragraph(out, "  ", "The plan does not have this replica on this node.")
	}
	if p.Old != "" {
		paragraph(out, "  ", "The plan is old, so that nobody plans: "+p.Old+".")
	}
	if p.Problem != "" {
		paragraph(out, "  ", "The plan says: "+p.Problem)
	}
}
