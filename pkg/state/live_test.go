package state

import (
	"testing"
	"time"

	"tradewind.dev/tradewind/pkg/workload"
)

// Who waits for everything to be read is told once, and asks one flag.
func TestReady(t *testing.T) {
	live, err := NewLive(newStore(t, Objects{}).options, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	live.OnReady(func() { told++ })
	if live.Ready() {
		t.Error("ready before anything was read")
	}
	live.SetReady()
	live.SetReady()
	if !live.Ready() || told != 1 {
		t.Errorf("ready %t, told %d times, want once", live.Ready(), told)
	}
	if allocations := testing.AllocsPerRun(100, func() { live.Ready() }); allocations > 0 {
		t.Errorf("asking allocates %g times", allocations)
	}
}

// Several plugins count the same choice: it counts once, and is taken back once.
func TestAssumedTwiceCountsOnce(t *testing.T) {
	s := newStore(t, Objects{})
	s.SetNode(awsNode("a", "eu-west-1", "m5.large"))
	pod := replica("1", "web", "new", "")
	revision := workload.Revision(pod)
	for _, known := range []bool{false, true} {
		if known {
			s.SetPod(pod)
		}
		for range 5 {
			s.Assume(pod, "a")
		}
		if got := s.Revision(revision); got.Placed() != 1 || got.Desired != 1 {
			t.Errorf("assumed: %d placed of %d, want 1 of 1", got.Placed(), got.Desired)
		}
		for range 5 {
			s.Forget(pod)
		}
		want := 0
		if known {
			want = 1
		}
		if got := s.Revision(revision); got.Placed() != 0 || got.Desired != want {
			t.Errorf("forgotten: %d placed of %d, want 0 of %d", got.Placed(), got.Desired, want)
		}
	}
}
