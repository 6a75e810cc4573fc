// Package faults draws the faults of a run. Their sequence is a pure function of the seed and of what there is to break, so
// that a seed repeats a run as far as the machine's own timing lets it.
package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind of a fault.
type Kind string

// The faults. What a Target is stands behind each.
const (
	Kill      Kind = "kill"       // a program: SIGKILL, and started again at the end
	Stop      Kind = "stop"       // a program: SIGSTOP, and SIGCONT at the end
	Restart   Kind = "restart"    // a program: SIGTERM, and started again at once
	Slow      Kind = "slow"       // a program: every answer of the API server is late
	Fail      Kind = "fail"       // a program: a share of answers is 429, 500 or 503
	Reset     Kind = "reset"      // a program: a share of requests ends without an answer, undone
	Lose      Kind = "lose"       // a program: a share of requests is done, and the answers are lost
	CutWatch  Kind = "cut-watch"  // a program: its watches break
	Partition Kind = "partition"  // a program: nothing comes through
	Election  Kind = "election"   // the lease of the controllers is deleted
	Conflict  Kind = "conflict"   // a Placement's, a pool's and a node's fields are written by somebody else, too, over and over
	Silence   Kind = "silence"    // a domain (node, zone, region, cloud): its machines die
	Blind     Kind = "blind"      // every machine that lives is cut off from the API server
	Delete    Kind = "delete"     // a node: its machine dies, its object is deleted
	Relabel   Kind = "relabel"    // a node says with its own identity that it is where Other is
	Taint     Kind = "taint"      // a node is tainted for new pods
	Resize    Kind = "resize"     // a node shrinks
	Clock     Kind = "clock"      // a node's clock is off by Amount seconds
	Lease     Kind = "lease"      // a node's lease is deleted
	Policy    Kind = "policy"     // a workload's policy is changed in the way of Other
	NoPolicy  Kind = "no-policy"  // a workload's policy is deleted
	Guard     Kind = "guard"      // the guard-rail is deleted
	Price     Kind = "price"      // prices of cloud Target are multiplied by Amount percent
	Placement Kind = "placement"  // a workload's Placement is deleted
	Decision  Kind = "decision"   // a workload's Placement is changed by somebody else
	Pool      Kind = "pool"       // a CloudPool of cloud Target is deleted
	PoolEdit  Kind = "pool-edit"  // a CloudPool of cloud Target is changed by somebody else
	Define    Kind = "define"     // the CustomResourceDefinition Target is deleted with all its objects
	Scale     Kind = "scale"      // a workload has Amount replicas more, or fewer
	Rollout   Kind = "rollout"    // a workload gets a new template
	DeletePod Kind = "delete-pod" // a pod of a workload is deleted
	DeleteAll Kind = "delete-all" // all pods of a workload are deleted
)

// Fault is one thing that is broken for a while.
type Fault struct {
	ID     int
	Kind   Kind
	Target string
	Other  string
	Amount int
	// At is when it begins after its burst does, For how long it lasts. Some are over at once.
	At, For time.Duration
}

func (f Fault) String() string {
	text := fmt.Sprintf("#%d %s %s", f.ID, f.Kind, f.Target)
	if f.Other != "" {
		text += " " + f.Other
	}
	if f.Amount != 0 {
		text += fmt.Sprintf(" %+d", f.Amount)
	}
	return text + fmt.Sprintf(" at %s for %s", f.At.Round(100*time.Millisecond), f.For.Round(100*time.Millisecond))
}

// Node of a scene. Zone, Region and Cloud are its domains by their full names ("aws/eu-west-1").
type Node struct{ Name, Zone, Region, Cloud string }

// Scene is what there is to break.
type Scene struct {
	Nodes []Node
	// Programs are Tradewind's, Control those of the control plane.
	Programs, Control []string
	// Workloads by name ("Deployment shop/web"), and how each one's policy can be changed.
	Workloads   []string
	Policies    map[string][]string
	Definitions []string
}

// Times are how long things take on a cluster.
type Times struct {
	// Burst is the time in which faults begin and end, Faults how many there are in it.
	Burst  time.Duration
	Faults int
	// Outage is how long a lost domain is away at least: long enough to be noticed and handled.
	Outage time.Duration
}

// Sequence draws bursts of faults.
type Sequence struct {
	scene  Scene
	times  Times
	random *rand.Rand
	losses *rand.Rand // of the outages alone, so that the menu of faults does not change their order
	faults int
	outage []Fault // the outages that the coming bursts have, in an order at random
}

// NewSequence begins the sequence of a seed.
func NewSequence(seed uint64, scene Scene, times Times) *Sequence {
	return &Sequence{scene: scene, times: times, random: rand.New(rand.NewPCG(seed, 1)), losses: rand.New(rand.NewPCG(seed, 2))}
}

// menu has the weight of each kind and how long it lasts, in seconds; 0 when it is over at once.
var menu = []struct {
	kind     Kind
	weight   int
	min, max float64
}{
	{Kill, 3, 0.5, 6}, {Stop, 3, 1, 8}, {Restart, 2, 0, 0},
	{Slow, 3, 3, 12}, {Fail, 4, 3, 12}, {Reset, 3, 3, 12}, {Lose, 3, 3, 12}, {CutWatch, 3, 0, 0}, {Partition, 2, 3, 12},
	{Election, 1, 0, 0}, {Conflict, 2, 4, 12},
	{Delete, 2, 4, 14}, {Relabel, 5, 5, 20}, {Taint, 3, 5, 15}, {Resize, 2, 5, 15}, {Clock, 2, 8, 22}, {Lease, 3, 0, 0},
	{Policy, 4, 4, 14}, {NoPolicy, 2, 2, 10}, {Guard, 1, 2, 8}, {Price, 4, 5, 20}, {Placement, 3, 0, 0}, {Decision, 2, 0, 0},
	{Pool, 2, 0, 0}, {PoolEdit, 2, 0, 0}, {Define, 1, 1, 5},
	{Scale, 4, 4, 16}, {Rollout, 4, 0, 0}, {DeletePod, 6, 0, 0}, {DeleteAll, 2, 0, 0},
}

// Burst draws the next faults, in the order of their beginnings. All are over by the end of the burst.
func (s *Sequence) Burst() []Fault {
	var out []Fault
	busy := map[string]bool{}
	for _, outage := range s.outages() {
		outage.For = s.times.Outage + s.upTo(s.times.Burst-s.times.Outage-4*time.Second)
		outage.At = s.upTo(3 * time.Second)
		out = append(out, outage)
	}
	total := 0
	for _, m := range menu {
		total += m.weight
	}
	for tries := 0; len(out) < s.times.Faults && tries < 20*s.times.Faults; tries++ {
		pick := s.random.IntN(total)
		i := 0
		for pick >= menu[i].weight {
			pick -= menu[i].weight
			i++
		}
		f := s.target(menu[i].kind)
		f.At = s.upTo(s.times.Burst - time.Second)
		if menu[i].max > 0 {
			f.For = time.Duration((menu[i].min + s.random.Float64()*(menu[i].max-menu[i].min)) * float64(time.Second))
		}
		f.For = min(f.For, s.times.Burst-f.At)
		if key := f.claims(); key == "" || !busy[key] {
			busy[key] = true
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return int(a.At - b.At) })
	for i := range out {
		s.faults++
		out[i].ID = s.faults
	}
	return out
}

// claims names what no other fault of the burst may break at the same time; empty when several can.
func (f Fault) claims() string {
	switch f.Kind {
	case Kill, Stop, Restart:
		return "program " + f.Target
	case Delete, Relabel, Taint, Resize, Clock:
		return string(f.Kind) + " " + f.Target
	case Policy, NoPolicy:
		return "policy " + f.Target
	case Define:
		return "definitions"
	case Guard, Election:
		return string(f.Kind)
	case Scale:
		return "scale " + f.Target
	case Price:
		return "price " + f.Target
	default:
		return ""
	}
}

// outages draws what is lost in a burst: of every eight bursts, each kind of loss has its turn.
func (s *Sequence) outages() []Fault {
	if len(s.outage) == 0 {
		zones, regions, clouds := s.domains()
		zone := Fault{Kind: Silence, Target: "zone " + pick(s.losses, zones)}
		s.outage = []Fault{
			{Kind: Silence, Target: "node " + pick(s.losses, s.scene.Nodes).Name},
			zone,
			{Kind: Silence, Target: "region " + pick(s.losses, regions)},
			{Kind: Silence, Target: "cloud " + pick(s.losses, clouds)},
			{Kind: Silence, Target: "cloud " + pick(s.losses, clouds)},
			{Kind: Blind, Target: "all"}, {Kind: Blind, Target: "all"},
			{}, // none
		}
		s.losses.Shuffle(len(s.outage), func(i, j int) { s.outage[i], s.outage[j] = s.outage[j], s.outage[i] })
	}
	first := s.outage[0]
	s.outage = s.outage[1:]
	if first.Kind == "" {
		return nil
	}
	return []Fault{first}
}

func (s *Sequence) domains() (zones, regions, clouds []string) {
	for _, n := range s.scene.Nodes {
		zones, regions, clouds = append(zones, n.Zone), append(regions, n.Region), append(clouds, n.Cloud)
	}
	for _, list := range []*[]string{&zones, &regions, &clouds} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return zones, regions, clouds
}

// target draws what a fault breaks.
func (s *Sequence) target(kind Kind) Fault {
	f := Fault{Kind: kind}
	r := s.random
	_, _, clouds := s.domains()
	switch kind {
	case Kill, Stop, Restart:
		// The control plane's own troubles are everybody's: they are rarer.
		if f.Target = pick(r, s.scene.Programs); r.IntN(4) == 0 {
			f.Target = pick(r, s.scene.Control)
		}
	case Slow, Fail, Reset, Lose, CutWatch, Partition:
		f.Target = pick(r, s.scene.Programs)
		f.Amount = 10 + r.IntN(60)
	case Relabel:
		node, others := pick(r, s.scene.Nodes), s.scene.Nodes
		if r.IntN(4) > 0 { // a lie that can be believed: the same cloud has such regions
			others = slices.DeleteFunc(slices.Clone(others), func(n Node) bool { return n.Cloud != node.Cloud })
		}
		f.Target, f.Other = node.Name, pick(r, others).Name
	case Delete, Taint, Resize, Lease:
		f.Target = pick(r, s.scene.Nodes).Name
	case Clock:
		f.Target = pick(r, s.scene.Nodes).Name
		f.Amount = []int{-600, -60, -12, 12, 60, 600}[r.IntN(6)]
	case Policy:
		f.Target = pick(r, s.policed())
		f.Other = pick(r, s.scene.Policies[f.Target])
	case NoPolicy:
		f.Target = pick(r, s.policed())
	case Price:
		f.Target = pick(r, clouds)
		f.Amount = []int{20, 50, 300, 1000}[r.IntN(4)]
	case Pool, PoolEdit:
		f.Target = pick(r, clouds)
	case Define:
		f.Target = pick(r, s.scene.Definitions)
	case Scale:
		f.Target = pick(r, s.scene.Workloads)
		f.Amount = []int{-2, -1, 1, 2, 3}[r.IntN(5)]
	case Conflict, Placement, Decision, Rollout, DeletePod, DeleteAll:
		f.Target = pick(r, s.scene.Workloads)
	case Guard:
		f.Target = "guard-rail"
	case Election:
		f.Target = "tradewind-controller"
	}
	return f
}

// policed are the workloads with policies of their own.
func (s *Sequence) policed() []string {
	return slices.DeleteFunc(slices.Clone(s.scene.Workloads), func(w string) bool { return len(s.scene.Policies[w]) == 0 })
}

// Members of a domain as Fault.Target names it ("zone aws/eu-west-1/eu-west-1a").
func (s Scene) Members(domain string) []string {
	kind, name, _ := strings.Cut(domain, " ")
	var out []string
	for _, n := range s.Nodes {
		if name == map[string]string{"node": n.Name, "zone": n.Zone, "region": n.Region, "cloud": n.Cloud}[kind] {
			out = append(out, n.Name)
		}
	}
	return out
}

func (s *Sequence) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(s.random.Int64N(int64(d)))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
