package state

import (
	"slices"
	"testing"

	"tradewind.dev/tradewind/pkg/workload"
)

// Pods that were held back under a number of replicas that is out of date are tried again when the right one is known.
func TestOnDesired(t *testing.T) {
	store := newStore(t, Objects{})
	var told []workload.Key
	store.OnDesired(func(key workload.Key) { told = append(told, key) })
	store.OnDesired(func(key workload.Key) { told = append(told, key) })
	web := workload.Key{Namespace: "shop", Kind: "ReplicaSet", Name: "web-1"}

	store.setDesired(web, 2)
	if len(told) > 0 {
		t.Errorf("told of %v, which has no pods that could wait", told)
	}
	store.SetPod(replica("a", "web", "1", ""))
	store.setDesired(web, 2)
	if len(told) > 0 {
		t.Errorf("told of %v, which wants as many as before", told)
	}
	store.setDesired(web, 5)
	if want := []workload.Key{web, web}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want each listener told of %v once", told, web)
	}
}
