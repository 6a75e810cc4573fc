package planning

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// maxOrdinals is how many replicas of a StatefulSet have their own claims looked at; of further ones only the class is.
const maxOrdinals = 1 << 16

// reference is a claim of a replica.
type reference struct {
	name     string
	template workload.ClaimTemplate // that it is made from where it does not exist
	// shared says that all replicas have it, perPod that it is made and deleted with the pod.
	shared, perPod bool
}

// references are the claims of a workload's i-th replica.
func references(w *Workload, i int) []reference {
	var out []reference
	for _, name := range w.SharedClaims() {
		out = append(out, reference{name: name, shared: true})
	}
	for k, name := range w.OwnClaims(i) {
		out = append(out, reference{name: name, template: w.ClaimTemplates[k]})
	}
	for _, claim := range w.PodClaims() {
		out = append(out, reference{name: claim.Name, template: claim, perPod: true})
	}
	return out
}

// ordinals are the numbers of the replicas of which claims are looked at. Where none has claims of its own, one stands for all.
func ordinals(w *Workload) int {
	if len(w.ClaimTemplates) == 0 {
		return min(max(w.Replicas, 0), 1)
	}
	return min(max(w.Replicas, 0), maxOrdinals)
}

// survey finds out where all volumes of planned workloads can be attached, before pools are made: by that nodes are told apart.
func (b *builder) survey() {
	for i := range b.out.Workloads {
		w := &b.out.Workloads[i]
		if !hasClaims(w) {
			continue
		}
		if b.devices != nil {
			_, nodes, _ := b.devices.requested(w)
			for _, selector := range nodes {
				b.attachments.add(selector)
			}
		}
		for k := range ordinals(w) {
			for _, of := range references(w, k) {
				held := b.holdOf(w.Namespace, &of)
				if b.known.limited[held.driver] {
					b.known.counted[held.driver] = true
				}
				if held.byHand {
					taker := takerOf{held.class, w.Key}
					if _, known := b.known.takers[taker]; !known {
						b.known.takers[taker] = b.known.takes[held.class]
					}
					b.known.takes[held.class]++
				}
				if b.exclusive(w.Namespace, &of) {
					key := claimKey{w.Namespace, of.name}
					b.known.users[key] = append(b.known.users[key], i)
				}
			}
		}
	}
	b.attachments.observe(b.input.Nodes)
	b.surveyed = true
}

func hasClaims(w *Workload) bool {
	return len(w.ClaimTemplates)+len(w.Template.Spec.Volumes)+len(w.Template.Spec.ResourceClaims) > 0
}

// exclusive says whether a claim that replicas share may be used by one pod at a time only.
func (b *builder) exclusive(namespace string, of *reference) bool {
	claim := b.known.claims[claimKey{namespace, of.name}]
	return of.shared && claim != nil && slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod)
}

// attaching is how volumes hold the replicas of one workload.
type attaching struct {
	b     *builder
	w     *Workload
	rules *policy.Effective // nil where there are none
	pods  *running
	pins  []engine.Pin
	known map[pinKey]int // the pins by what they say
	named map[volumeOf]bool
	// most is the largest number of volumes of one replica by driver; unknown says that pools were made without knowing of a volume.
	most    map[string]int64
	unknown bool
	// taken is how many volumes of a class that somebody makes by hand its replicas have so far.
	taken map[string]int
	// devices are the selectors of the nodes of devices that all share; missing says which claim of devices cannot be made.
	devices []int
	missing string
}

// hold says where volumes hold the replicas of a workload. ok is false where pools were made without knowing of a volume of theirs.
func (b *builder) hold(w *Workload, pods *running, rules *policy.Effective, out *engine.Workload) (ok bool) {
	n := ordinals(w)
	if n == 0 || !hasClaims(w) {
		return true
	}
	a := &attaching{b: b, w: w, rules: rules, pods: pods, known: map[pinKey]int{}, named: map[volumeOf]bool{}, most: map[string]int64{}, taken: map[string]int{}}
	a.claimDevices(out)
	left, why := a.allowed()
	for i := range n {
		replicas := 1
		if i == n-1 { // which stands for the others
			replicas = w.Replicas - i
		}
		may := min(replicas, left)
		left -= may
		a.place(a.judge(i), i, may)
		if replicas > may {
			a.add(engine.Pin{Replicas: replicas - may, Barred: why})
		}
	}
	for driver, count := range a.most {
		if b.known.counted[driver] {
			out.Request.Extended[attachPrefix+driver] += count
		} else if b.known.limited[driver] && count > 0 { // nobody had such a volume when pools were made
			a.unknown = true
		}
	}
	a.give(out)
	return !a.unknown
}

// give hands over what was found: what holds all replicas alike says which pools the workload may be on.
func (a *attaching) give(out *engine.Workload) {
	if len(a.pins) == 1 {
		p := &a.pins[0]
		if p.Replicas == a.w.Replicas && p.Barred.Message == "" && p.Unkept.Message == "" {
			out.Attachable, out.Volumes = p.Pools, p.Volumes
			return
		}
	}
	// Those that have the least choice come first.
	slices.SortStableFunc(a.pins, func(x, y engine.Pin) int { return len(x.Pools) - len(y.Pools) })
	out.Pins = a.pins
}

// add adds a pin, to one that says the same if there is one.
func (a *attaching) add(p engine.Pin) {
	if p.Replicas <= 0 {
		return
	}
	p.Pools = a.b.attachments.shared(p.Pools)
	key := pinKey{barred: p.Barred, unkept: p.Unkept, made: p.Made, pools: len(p.Pools)}
	if key.pools > 0 {
		key.first = &p.Pools[0] // of the one list of these pools
	}
	at, ok := a.known[key]
	if !ok {
		a.known[key] = len(a.pins)
		for _, name := range p.Volumes {
			a.named[volumeOf{len(a.pins), name}] = true
		}
		a.pins = append(a.pins, p)
		return
	}
	into := &a.pins[at]
	into.Replicas += p.Replicas
	for _, name := range p.Volumes {
		if !a.named[volumeOf{at, name}] {
			a.named[volumeOf{at, name}] = true
			into.Volumes = append(into.Volumes, name)
		}
	}
}

// pinKey is what a pin says.
type pinKey struct {
	first          *int
	pools          int
	barred, unkept engine.ConflictRule
	made           bool
}

// volumeOf is a volume that a pin names.
type volumeOf struct {
	pin  int
	name string
}

// allowed is how many replicas may use the claims that they share, and why no more do.
func (a *attaching) allowed() (replicas int, why engine.ConflictRule) {
	replicas = max(a.w.Replicas, 0)
	for _, of := range references(a.w, 0) {
		if !a.b.exclusive(a.w.Namespace, &of) {
			continue
		}
		message := "claim " + of.name + " is ReadWriteOncePod, so that one pod at a time may use it"
		most := 1
		if other := a.b.user(a.w, of.name); other != "" {
			most, message = 0, message+", and "+other+" does"
		}
		if most < replicas {
			replicas, why = most, engine.ConflictRule{Rule: engine.RuleVolume, Message: message}
		}
	}
	return replicas, why
}

// user is who else uses a claim that only one pod may use: who runs, else who comes first. It is empty where nobody does.
func (b *builder) user(w *Workload, name string) string {
	key := claimKey{w.Namespace, name}
	own := false
	for _, i := range b.claimants()[key] {
		pod := &b.input.Pods[i]
		if pod.Workload != w.Key {
			return "pod " + pod.Namespace + "/" + pod.Name
		}
		own = true
	}
	if own {
		return ""
	}
	first := -1
	for _, i := range b.known.users[key] {
		if first < 0 || b.priorities.of(&b.out.Workloads[i].Template.Spec).value > b.priorities.of(&b.out.Workloads[first].Template.Spec).value {
			first = i
		}
	}
	if first >= 0 && b.out.Workloads[first].Key != w.Key {
		return b.out.Workloads[first].String()
	}
	return ""
}

// claimants are the pods that have a claim, by claim.
func (b *builder) claimants() map[claimKey][]int {
	if b.haveClaim == nil || b.claimsOf != b.input {
		b.haveClaim, b.claimsOf = map[claimKey][]int{}, b.input
		for i := range b.input.Pods {
			for _, name := range b.input.Pods[i].Claims {
				key := claimKey{b.input.Pods[i].Namespace, name}
				b.haveClaim[key] = append(b.haveClaim[key], i)
			}
		}
	}
	return b.haveClaim
}

// claimDevices adds the devices that a pod claims to what it requests.
func (a *attaching) claimDevices(out *engine.Workload) {
	if len(a.w.Template.Spec.ResourceClaims) == 0 {
		return
	}
	if a.b.devices == nil { // nobody claimed any when pools were made
		a.unknown = true
		return
	}
	requests, nodes, missing := a.b.devices.requested(a.w)
	a.missing = missing
	for _, request := range requests {
		out.Request.Extended[request.kind] += request.count
	}
	for _, selector := range nodes {
		number, ok := a.b.attachments.find(selector)
		a.devices, a.unknown = append(a.devices, number), a.unknown || !ok
	}
}

// verdict is where the volumes of a replica can be attached.
type verdict struct {
	pools   []int // nil for all
	names   []string
	follows bool // they are where the replica runs
	made    bool // one of them exists
	barred  engine.ConflictRule
}

// judge looks at the volumes of the i-th replica.
func (a *attaching) judge(i int) verdict {
	var out verdict
	if a.missing != "" {
		out.barred = engine.ConflictRule{Rule: engine.RuleDevices, Message: a.missing}
	}
	for _, number := range a.devices {
		out.limit(a.b.attachments.poolsOf(number))
		out.names = append(out.names, "the devices that its pods share")
	}
	count := map[string]int64{}
	for _, of := range references(a.w, i) {
		held := a.b.holdOf(a.w.Namespace, &of)
		words := held.words
		if held.class != "" && !held.named {
			words = "claim " + of.name + " of StorageClass " + held.class
		}
		count[held.driver]++ // of a volume that replicas share too: which of them are on one node, where it counts once, nobody knows yet
		a.most[held.driver] = max(a.most[held.driver], count[held.driver])
		a.unknown, out.made = a.unknown || held.unknown, out.made || held.made
		if held.byHand {
			number := a.b.known.takers[takerOf{held.class, a.w.Key}] + a.taken[held.class]
			if a.taken[held.class]++; number >= len(a.b.known.spare[held.class]) && out.barred.Message == "" {
				message := fmt.Sprintf("no volume of StorageClass %s is free for claim %s, and it makes none", held.class, of.name)
				out.barred = engine.ConflictRule{Rule: engine.RuleVolume, Message: message}
			}
		}
		if rule := a.broken(&of, held); rule.Message != "" && out.barred.Message == "" {
			out.barred = rule
		}
		before := out.pools
		if held.selector >= 0 {
			out.limit(a.b.attachments.poolsOf(held.selector))
		}
		if held.places != nil {
			out.limit(a.b.poolsIn(held.places))
		}
		out.follows = out.follows || held.follows
		if held.follows || before == nil && out.pools != nil || len(before) != len(out.pools) {
			out.names = append(out.names, words)
		}
	}
	return out
}

func (v *verdict) limit(pools []int) {
	if v.pools == nil {
		if v.pools = pools; pools == nil {
			v.pools = []int{}
		}
	} else {
		v.pools = inBoth(v.pools, pools)
	}
}

// broken is the rule that the volume of a claim breaks wherever its pod runs; its message is empty where it breaks none.
func (a *attaching) broken(of *reference, held *hold) engine.ConflictRule {
	if held.missing {
		return engine.ConflictRule{Rule: engine.RuleVolume, Message: held.why + " (claim " + of.name + ")"}
	}
	if a.rules == nil {
		return engine.ConflictRule{}
	}
	reason := ""
	if held.class != "" {
		reason = a.b.known.storage.ClassReason(a.rules, held.class, of.name)
	} else if !of.perPod {
		reason = a.b.known.storage.ClaimReason(a.rules, a.w.Namespace, of.name)
	}
	if reason == "" {
		return engine.ConflictRule{}
	}
	return engine.ConflictRule{Rule: engine.RuleResidency, Message: reason}
}

// runs is where replicas run now of which the i-th stands for so many, by pool in order.
func (a *attaching) runs(i, replicas int) []engine.PoolReplicas {
	var out []engine.PoolReplicas
	if len(a.w.ClaimTemplates) > 0 {
		if at, ok := a.pods.nodes[a.w.Replica(i)]; ok {
			out = append(out, engine.PoolReplicas{Pool: at.pool, Replicas: 1})
		}
		return out
	}
	for _, pool := range slices.Sorted(maps.Keys(a.pods.replicas)) {
		if n := min(a.pods.replicas[pool], replicas); n > 0 {
			out = append(out, engine.PoolReplicas{Pool: pool, Replicas: n})
			replicas -= n
		}
	}
	return out
}

// place pins replicas with the same volumes. What runs stays where it runs where its volumes leave it nowhere else, or nobody knows
// where they are.
func (a *attaching) place(v verdict, i, replicas int) {
	running := a.runs(i, replicas)
	nowhere := v.pools != nil && len(v.pools) == 0
	switch {
	case v.barred.Message != "" || nowhere:
		rule := v.barred
		if rule.Message == "" {
			rule = engine.ConflictRule{Rule: engine.RuleVolume, Message: "no node is there that " + strings.Join(v.names, ", ") + " can be attached to"}
		}
		for _, at := range running {
			a.add(engine.Pin{Replicas: at.Replicas, Pools: []int{at.Pool}, Made: true, Volumes: v.names, Unkept: rule})
			replicas -= at.Replicas
		}
		a.add(engine.Pin{Replicas: replicas, Volumes: v.names, Barred: rule})
		return
	case v.follows && len(running) == 1:
		v.limit(a.b.poolsIn([]location.Location{spot(a.b.out.Pools[running[0].Pool].At.Location)}))
	}
	if v.pools != nil && len(running) == 1 && !slices.Contains(v.pools, running[0].Pool) { // it is attached there
		v.pools = append(slices.Clone(v.pools), running[0].Pool)
		slices.Sort(v.pools)
	}
	if v.pools != nil {
		a.add(engine.Pin{Replicas: replicas, Pools: v.pools, Made: v.made, Volumes: v.names})
	}
}

// poolsIn are the pools that are in any of some places.
func (b *builder) poolsIn(places []location.Location) []int {
	key := fmt.Sprint(places)
	if known, ok := b.known.inPlaces[key]; ok {
		return known
	}
	out := []int{}
	for i := range b.out.Pools {
		if slices.ContainsFunc(places, func(place location.Location) bool { return isIn(b.out.Pools[i].At.Location, place) }) {
			out = append(out, i)
		}
	}
	b.known.inPlaces[key] = out
	return out
}
