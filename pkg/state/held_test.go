package state

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// What is held is exactly the objects' versions, also after it was written and read.
func TestHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		generations := rapid.MapOf(rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}`), rapid.Int64Range(1, 5)).Draw(t, "generations")
		objects := &Objects{}
		for uid, generation := range generations {
			meta := metav1.ObjectMeta{UID: types.UID(uid), Generation: generation}
			if generation%2 == 0 {
				objects.PlacementPolicies = append(objects.PlacementPolicies, &v1alpha1.PlacementPolicy{ObjectMeta: meta})
			} else {
				objects.ClusterPlacementPolicies = append(objects.ClusterPlacementPolicies, &v1alpha1.ClusterPlacementPolicy{ObjectMeta: meta})
			}
		}
		held := HeldIn(objects)
		read, err := ParseHeld(held.String())
		if err != nil || !read.Equal(held) {
			t.Fatalf("read back another set, error %v", err)
		}
		for uid, generation := range generations {
			for other := range int64(7) {
				if got := read.Has(types.UID(uid), other); got != (other == generation) {
					t.Fatalf("%s: generation %d of %d held: %t", uid, other, generation, got)
				}
			}
		}
		if read.Has("another", 1) {
			t.Fatal("holds an object that there is not")
		}
	})
}

func TestParseHeld(t *testing.T) {
	for _, text := range []string{"?", "AAAA", strings.Repeat("A", 12)} {
		if _, err := ParseHeld(text); err == nil || !strings.Contains(err.Error(), HeldAnnotation) {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if held, err := ParseHeld(""); err != nil || !held.Equal(Held{}) {
		t.Errorf("no policies: %v, error %v", held, err)
	}
}

// An annotation holds 256 KiB.
func TestThousandsOfPoliciesFitAnAnnotation(t *testing.T) {
	objects := &Objects{}
	for i := range 10000 {
		objects.PlacementPolicies = append(objects.PlacementPolicies, &v1alpha1.PlacementPolicy{
			ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i)), Generation: 1},
		})
	}
	if size := len(HeldIn(objects).String()); size > 200<<10 {
		t.Errorf("%d bytes", size)
	}
}
