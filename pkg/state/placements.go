package state

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// PlacementOf is the workload that a Placement is of.
func PlacementOf(object *v1alpha1.Placement) workload.Key {
	of := &object.Spec.Workload
	return workload.Key{Kind: workload.KindIn(of.APIVersion, of.Kind), Namespace: object.Namespace, Name: of.Name}
}

// maxPlacementName is the longest name that an object may have.
const maxPlacementName = 253

// PlacementName is the name of the Placement of a workload: "deployment-web". A name that would be too long is shortened
// and ends with a hash of the whole.
func PlacementName(kind, name string) string {
	out := strings.ToLower(kind) + "-" + name
	if len(out) <= maxPlacementName {
		return out
	}
	sum := sha256.Sum256([]byte(out))
	hash := hex.EncodeToString(sum[:5])
	return strings.TrimRight(out[:maxPlacementName-len(hash)-1], "-.") + "-" + hash
}

// Targets are how many replicas of a workload the plan has in which place. They are immutable.
type Targets struct {
	// Placement says so: "Placement shop/deployment-web".
	Placement string
	// Replicas that the plan was made for.
	Replicas int
	places   []place
	replicas []int // in each of the places
	// known is the index in places of each class that was asked for, by its ID, plus 2; 0 is not known yet.
	known           atomic.Pointer[[]int32]
	outside, filled string
}

// place is a decision's. Of region, zone, instance type and capacity type an empty one means any.
type place struct {
	cloud, region, zone, instanceType string
	capacityType                      v1alpha1.CapacityType
}

// outside is the index of a place that the plan does not have.
const outside = -1

func newTargets(object *v1alpha1.Placement) *Targets {
	t := &Targets{Placement: "Placement " + object.Namespace + "/" + object.Name, Replicas: int(object.Status.Replicas)}
	t.outside = "outside the plan of " + t.Placement
	t.filled = "with all the replicas that " + t.Placement + " plans there"
	decisions := slices.Clone(object.Status.Decisions)
	slices.SortStableFunc(decisions, func(a, b v1alpha1.PlacementDecision) int { return detail(&b) - detail(&a) })
	for i := range decisions {
		d := &decisions[i]
		at := place{d.Cloud, d.Region, d.Zone, d.InstanceType, d.CapacityType}
		k := slices.Index(t.places, at)
		if k < 0 {
			k = len(t.places)
			t.places, t.replicas = append(t.places, at), append(t.replicas, 0)
		}
		t.replicas[k] += int(d.Replicas)
	}
	t.known.Store(&[]int32{})
	return t
}

// detail is how many of the fields that may mean any are set: the place that says most of a node is the one that it is in.
func detail(d *v1alpha1.PlacementDecision) int {
	count := 0
	for _, field := range []string{d.Region, d.Zone, d.InstanceType, string(d.CapacityType)} {
		if field != "" {
			count++
		}
	}
	return count
}

func (p *place) holds(class *rules.Class) bool {
	return p.cloud == class.Cloud && (p.region == "" || p.region == class.Region) && (p.zone == "" || p.zone == class.Zone) &&
		(p.instanceType == "" || p.instanceType == class.InstanceType) &&
		(p.capacityType == "" || p.capacityType == class.CapacityType)
}

// find is the index of the place that a class is in, or outside. It allocates only when the class is new.
func (t *Targets) find(class *rules.Class) int {
	known := *t.known.Load()
	if class.ID < len(known) && known[class.ID] != 0 {
		return int(known[class.ID]) - 2
	}
	found := slices.IndexFunc(t.places, func(p place) bool { return p.holds(class) })
	for {
		before := t.known.Load()
		after := make([]int32, max(len(*before), class.ID+1))
		copy(after, *before)
		after[class.ID] = int32(found) + 2
		if t.known.CompareAndSwap(before, &after) {
			return found
		}
	}
}

// planned are the replicas in each place. Where the workload wants another number of replicas than it did when the plan was
// made, every place's share is kept.
func (t *Targets) planned(desired int) []int {
	out := slices.Clone(t.replicas)
	if desired != t.Replicas && t.Replicas > 0 {
		for i, replicas := range out {
			out[i] = (replicas*desired + t.Replicas - 1) / t.Replicas
		}
	}
	return out
}

// Room is how many replicas more the plan has in each place than run there.
func (t *Targets) Room(running *rules.View) []int {
	room := t.planned(running.Desired)
	for i := range running.Classes {
		if k := t.find(running.Classes[i].Class); k != outside {
			room[k] -= running.Classes[i].Replicas
		}
	}
	return room
}

// TargetPlace is a place of a plan. Of region, zone, instance type and capacity type an empty one means any.
type TargetPlace struct {
	Cloud, Region, Zone, InstanceType string
	CapacityType                      v1alpha1.CapacityType
	// Planned replicas the plan has there for the number that the workload wants now, and Room is how many more than run.
	Planned, Room int
}

// Places are the places of the plan, those first of which it says most.
func (t *Targets) Places(running *rules.View) []TargetPlace {
	planned, room := t.planned(running.Desired), t.Room(running)
	out := make([]TargetPlace, len(t.places))
	for i, p := range t.places {
		out[i] = TargetPlace{p.cloud, p.region, p.zone, p.instanceType, p.capacityType, planned[i], room[i]}
	}
	return out
}

// PlaceOf is the index in Places of the place that a class is in; ok is false outside the plan.
func (t *Targets) PlaceOf(class *rules.Class) (index int, ok bool) {
	index = t.find(class)
	return index, index != outside
}

// Reason is why the plan has no replica more in a class, or empty. room is what Room says.
func (t *Targets) Reason(class *rules.Class, room []int) string {
	switch k := t.find(class); {
	case k == outside:
		return t.outside
	case room[k] <= 0:
		return t.filled
	default:
		return ""
	}
}

// Open names the places that have room, for the signatures of pods: a change of it is a change of where the next replica
// belongs.
func (t *Targets) Open(running *rules.View) []string {
	out := []string{t.Placement}
	for i, room := range t.Room(running) {
		if room > 0 {
			p := &t.places[i]
			out = append(out, strings.Join([]string{p.cloud, p.region, p.zone, p.instanceType, string(p.capacityType)}, "/"))
		}
	}
	return out
}

// placements are the plan as the scheduler follows it.
type placements struct {
	targets sync.Map // workload.Key → *Targets
	count   atomic.Int64
	// decided are for how many replicas a Placement says where they belong, or why that cannot be said.
	decided sync.Map // workload.Key → int
	// onChange are called after the targets of a workload have changed, or were decided on for another number of replicas.
	onChange listeners[workload.Key]
}

// SetPlacement records what the plan has for a workload. A Placement without decisions plans nothing, though it may say why; one under
// another name than PlacementName's says nothing.
func (s *Store) SetPlacement(object *v1alpha1.Placement) {
	key := PlacementOf(object)
	if object.Name != PlacementName(key.Kind, key.Name) {
		return
	}
	changed := s.setTargets(key, object)
	if len(object.Status.Decisions) > 0 || meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionPlanned) != nil {
		before, known := s.placements.decided.Swap(key, int(object.Status.Replicas))
		changed = changed || !known || before.(int) != int(object.Status.Replicas)
	}
	if changed {
		s.placements.onChange.tell(key)
	}
}

// setTargets takes over the decisions of a Placement, and says whether they are others than before.
func (s *Store) setTargets(key workload.Key, object *v1alpha1.Placement) (changed bool) {
	if len(object.Status.Decisions) == 0 {
		return s.deleteTargets(key)
	}
	targets := newTargets(object)
	before, existed := s.placements.targets.Swap(key, targets)
	if !existed {
		s.placements.count.Add(1)
		return true
	}
	old := before.(*Targets)
	return old.Replicas != targets.Replicas || !slices.Equal(old.places, targets.places) || !slices.Equal(old.replicas, targets.replicas)
}

func (s *Store) deleteTargets(key workload.Key) (existed bool) {
	if _, existed = s.placements.targets.LoadAndDelete(key); existed {
		s.placements.count.Add(-1)
	}
	return existed
}

// deletePlacement forgets what the plan has for a workload.
func (s *Store) deletePlacement(object *v1alpha1.Placement) {
	key := PlacementOf(object)
	if object.Name != PlacementName(key.Kind, key.Name) {
		return
	}
	s.placements.decided.Delete(key)
	if s.deleteTargets(key) {
		s.placements.onChange.tell(key)
	}
}

// Decided says whether a Placement says where so many replicas of a workload belong, or why that cannot be said.
func (s *Store) Decided(of workload.Key, replicas int) bool {
	decided, known := s.placements.decided.Load(of)
	return known && decided.(int) >= replicas
}

// OnPlacement calls a function whenever the plan for a workload has changed, or another number of replicas was decided on. Add listeners
// before objects arrive; they are not taken away.
func (s *Store) OnPlacement(listener func(workload.Key)) { s.placements.onChange.add(listener) }

// Planned is for how many workloads there is a plan.
func (s *Store) Planned() int { return int(s.placements.count.Load()) }

// Targets is what the plan has for a pod's workload; nil when there is none.
func (s *Store) Targets(pod *corev1.Pod) *Targets {
	if known, ok := s.placements.targets.Load(s.WorkloadOf(pod)); ok {
		return known.(*Targets)
	}
	return nil
}

// placementHandler feeds Placements to the store.
func (s *Store) placementHandler() toolscache.ResourceEventHandler {
	return Handler(s.SetPlacement, s.deletePlacement)
}
