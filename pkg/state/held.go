package state

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// HeldLease is the name of the Lease in which the scheduler that places pods says which policies it decides by, in the
// namespace of its leader election, and HeldAnnotation the annotation that says so, as Held.String writes it.
const (
	HeldLease      = "tradewind-scheduler-policies"
	HeldAnnotation = "tradewind.dev/policies"
)

// PlannerLease is the name of the Lease by which the replicas of tradewind-controller elect the one that plans, and ObjectiveLabel the label
// by which that one says what its plans minimise: ObjectiveInvoice where these are whole machines.
const (
	PlannerLease     = "tradewind-controller"
	ObjectiveLabel   = "tradewind.dev/objective"
	ObjectiveInvoice = "invoice"
)

// Held is a set of versions of policies: those that a scheduler decides by. A version is a hash of an object's UID and
// generation, so that thousands of policies are named in an annotation. It is immutable.
type Held struct{ versions []uint64 } // sorted

// HeldIn are the policies of the objects, as they are.
func HeldIn(objects *Objects) Held {
	var h Held
	add := func(object client.Object) {
		h.versions = append(h.versions, hashOf(object.GetUID(), object.GetGeneration()))
	}
	for _, object := range objects.PlacementPolicies {
		add(object)
	}
	for _, object := range objects.ClusterPlacementPolicies {
		add(object)
	}
	slices.Sort(h.versions)
	return h
}

func hashOf(uid types.UID, generation int64) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(string(uid) + "/" + strconv.FormatInt(generation, 10))) // never fails
	return hash.Sum64()
}

// Has says whether this generation of an object is in the set.
func (h Held) Has(uid types.UID, generation int64) bool {
	_, found := slices.BinarySearch(h.versions, hashOf(uid, generation))
	return found
}

// Equal says whether two sets are the same.
func (h Held) Equal(other Held) bool { return slices.Equal(h.versions, other.versions) }

// String is the set as text: eight bytes a version, in base64.
func (h Held) String() string {
	data := make([]byte, 0, 8*len(h.versions))
	for _, version := range h.versions {
		data = binary.BigEndian.AppendUint64(data, version)
	}
	return base64.RawStdEncoding.EncodeToString(data)
}

// ParseHeld reads what Held.String wrote.
func ParseHeld(text string) (Held, error) {
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(data)%8 != 0 {
		return Held{}, fmt.Errorf("annotation %s: it is no list of versions, as tradewind-scheduler writes it (%d bytes); delete the Lease, and the scheduler writes it anew",
			HeldAnnotation, len(text))
	}
	h := Held{versions: make([]uint64, 0, len(data)/8)}
	for ; len(data) > 0; data = data[8:] {
		h.versions = append(h.versions, binary.BigEndian.Uint64(data))
	}
	slices.Sort(h.versions)
	return h, nil
}
