package workload

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Owner is what controls pods directly and is of a kind that is not known by itself, as OpenKruise's CloneSet is: its object is not
// read, so that its pods, and its scale subresource where it has one, are all that is known of it.
type Owner struct {
	Key
	APIVersion string
	UID        types.UID
}

// ObjectKind is the kind of the owner's object: "CloneSet".
func (o *Owner) ObjectKind() string { return objectKind(o.Kind) }

// objectKind is a kind without the group behind it.
func objectKind(kind string) string {
	plain, _, _ := strings.Cut(kind, ".")
	return plain
}

// OwnerOf is the owner of a pod; ok is false for a pod of a kind that is known by itself, and for one that nothing controls.
func OwnerOf(pod *corev1.Pod) (of Owner, ok bool) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return Owner{}, false
	}
	kind := kindOf(owner)
	if _, known := groups[kind]; known || owner.APIVersion == "" {
		return Owner{}, false
	}
	return Owner{Key: Key{Kind: kind, Namespace: pod.Namespace, Name: owner.Name}, APIVersion: owner.APIVersion, UID: owner.UID}, true
}

// Scale is how many replicas an owner wants.
type Scale struct {
	// Replicas that its scale subresource asks for.
	Replicas int
	// Counted is why that is not known, so that its live pods are counted instead; empty where it is.
	Counted string
}

// Member is a replica that has volume claims of its own.
type Member struct {
	// Pod is the name of its pod.
	Pod string
	// Claims are the names of its claims, parallel to ClaimTemplates.
	Claims []string
}

// scaled are the workloads that pods tell of, and what is declared of them. Those that want replicas and have neither pods nor a
// template are left out: nothing is known of what they run.
func (o *Objects) scaled() []Workload {
	pods, owners := map[Key][]*corev1.Pod{}, map[Key]Owner{}
	for _, pod := range o.Pods {
		of, ok := OwnerOf(pod)
		if !ok {
			continue
		}
		if _, scales := o.Scales[of.Key]; scales {
			pods[of.Key] = append(pods[of.Key], pod)
			owners[of.Key] = of
		}
	}
	declared := map[Key]*Workload{}
	for i := range o.Declared {
		declared[o.Declared[i].Key] = &o.Declared[i]
	}
	var out []Workload
	for _, key := range slices.SortedFunc(maps.Keys(o.Scales), Key.Compare) {
		w := Workload{Key: key}
		if known := declared[key]; known != nil {
			w = *known
		} else if of, runs := owners[key]; runs {
			w.APIVersion, w.UID = of.APIVersion, of.UID
		} else {
			continue
		}
		w.fromPods(pods[key], o.Scales[key], o.StorageClass)
		out = append(out, w)
	}
	return out
}

// fromPods fills in what pods of a workload tell: how many are wanted where nobody says, the template where there is none, and which
// claims of its own each has.
func (w *Workload) fromPods(pods []*corev1.Pod, scale Scale, class func(namespace, claim string) (*string, bool)) {
	live := slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool { return !Live(pod) })
	slices.SortFunc(live, func(a, b *corev1.Pod) int { return w.compareNames(a.Name, b.Name) })
	w.Replicas, w.Counted = scale.Replicas, scale.Counted
	if w.Counted != "" {
		w.Replicas = len(live)
	}
	of := live
	if len(of) == 0 { // one that goes yet tells what the next one is like
		of = pods
	}
	if len(of) == 0 {
		return
	}
	newest := slices.MaxFunc(of, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	own := ownVolumes(of)
	if w.Template == nil {
		w.Template = templateOf(newest, of, own)
	}
	if len(own) == 0 {
		return
	}
	declared := w.ClaimTemplates
	w.ClaimTemplates = nil
	for _, name := range own {
		template := ClaimTemplate{Name: name}
		if at := slices.IndexFunc(declared, func(c ClaimTemplate) bool { return c.Name == name }); at >= 0 {
			template = declared[at]
		} else if class != nil {
			template.Class, _ = class(newest.Namespace, claimOf(newest, name))
		}
		w.ClaimTemplates = append(w.ClaimTemplates, template)
	}
	w.members(live)
}

// compareNames orders the names of pods by their ordinals, and where they have none by themselves.
func (w *Workload) compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(w.ordinal(a), w.ordinal(b)), strings.Compare(a, b))
}

// ordinal is the number of a pod that is named by its workload and a number; -1 for other names.
func (w *Workload) ordinal(pod string) int {
	text, ok := strings.CutPrefix(pod, w.Name+"-")
	number, err := strconv.Atoi(text)
	if !ok || err != nil || number < 0 || strconv.Itoa(number) != text {
		return -1
	}
	return number
}

// members fills in the replicas with the claims of each: those of the pods that there are, and others to come.
func (w *Workload) members(live []*corev1.Pod) {
	w.Members = nil
	taken := map[int]bool{}
	for _, pod := range live[:min(len(live), max(w.Replicas, 0))] {
		member := Member{Pod: pod.Name}
		for i := range w.ClaimTemplates {
			member.Claims = append(member.Claims, claimOf(pod, w.ClaimTemplates[i].Name))
		}
		w.Members = append(w.Members, member)
		taken[w.ordinal(pod.Name)] = true
	}
	for number := w.FirstOrdinal; len(w.Members) < w.Replicas && len(w.Members) < maxMembers; number++ {
		if taken[number] {
			continue
		}
		member := Member{Pod: w.Name + "-" + strconv.Itoa(number)}
		for i := range w.ClaimTemplates {
			member.Claims = append(member.Claims, w.ClaimTemplates[i].Name+"-"+member.Pod)
		}
		w.Members = append(w.Members, member)
	}
}

// maxMembers is the most replicas of which each is told apart.
const maxMembers = 1 << 16

// claimOf is the claim behind the volume of a name; empty where the pod has none.
func claimOf(pod *corev1.Pod, volume string) string {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.Name == volume && v.PersistentVolumeClaim != nil {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

// ownVolumes are the names of the volumes of which each pod has a claim of its own: it is another one for each, or is named by the
// pod, as far as a lone pod tells.
func ownVolumes(pods []*corev1.Pod) []string {
	var out []string
	first := pods[0]
	for i := range first.Spec.Volumes {
		volume := &first.Spec.Volumes[i]
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		claim := volume.PersistentVolumeClaim.ClaimName
		own := claim == first.Name || strings.HasSuffix(claim, "-"+first.Name) || slices.ContainsFunc(pods[1:], func(other *corev1.Pod) bool {
			return claimOf(other, volume.Name) != claim
		})
		if own {
			out = append(out, volume.Name)
		}
	}
	return out
}

// templateOf is what pods that are alike were made from: as the newest is, with the labels that all have, and without what the API
// server and the scheduler put in, and the claims that each has of its own.
func templateOf(newest *corev1.Pod, pods []*corev1.Pod, own []string) *corev1.PodTemplateSpec {
	out := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(newest.Labels)}, Spec: newest.Spec}
	for _, pod := range pods {
		maps.DeleteFunc(out.Labels, func(key, value string) bool {
			has, ok := pod.Labels[key]
			return !ok || has != value
		})
	}
	out.Spec.NodeName = ""
	out.Spec.Tolerations = slices.DeleteFunc(slices.Clone(newest.Spec.Tolerations), func(t corev1.Toleration) bool {
		return t.TolerationSeconds != nil && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable)
	})
	out.Spec.Volumes = slices.DeleteFunc(slices.Clone(newest.Spec.Volumes), func(v corev1.Volume) bool { return slices.Contains(own, v.Name) })
	return out
}
