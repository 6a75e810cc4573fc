package loss

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// each checks a property with Kubernetes' own times and with those of the testbed.
func each(t *testing.T, property func(t *rapid.T, of timing)) {
	for _, of := range timings {
		t.Run(of.name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { property(t, of) }) })
	}
}

// acted are the domains that would be acted on, under a policy that lets a loss last as long as a kubelet needs to say Ready.
func (s *simulated) acted(v *Verdict, at time.Duration) []*Domain {
	var out []*Domain
	for i := range v.Domains {
		if d := &v.Domains[i]; !noon.Add(at).Before(d.Due(s.status)) {
			out = append(out, d)
		}
	}
	return out
}

// TestCutOff cuts all kubelets off at a time, for ever or for a while, or stops the API server: whatever the phases of the
// leases, no domain is ever lost.
func TestCutOff(t *testing.T) {
	each(t, func(t *rapid.T, of timing) {
		s := cluster(t, of)
		s.end = 12 * of.lease
		from := 4*of.lease + spanOf(t, "cut at", of.lease)
		s.cut = window{from, from + spanOf(t, "cut for", 4*of.lease)}
		if rapid.Bool().Draw(t, "for ever") {
			s.cut.to = forever
		}
		s.down = rapid.Bool().Draw(t, "API server down")
		s.run(t)
		s.watch(t, func(at time.Duration, v *Verdict) {
			for _, d := range s.acted(v, at) {
				t.Fatalf("%s (certain: %v) is lost at %s, cut from %s to %s", d, d.Certain, at, s.cut.from, s.cut.to)
			}
		})
	})
}

// TestLoss turns all machines of one cloud off: it is certainly lost in time, and no other is.
func TestLoss(t *testing.T) {
	each(t, func(t *rapid.T, of timing) {
		s := cluster(t, of)
		s.end = 10 * of.lease
		s.starts = spanOf(t, "starts", of.lease)
		at := 3*of.lease + spanOf(t, "lost at", of.lease)
		for _, m := range s.machines {
			if m.cloud == "c0" {
				m.dead = window{at, forever}
			}
		}
		s.run(t)
		certain := time.Duration(0)
		s.watch(t, func(now time.Duration, v *Verdict) {
			for _, d := range s.acted(v, now) {
				if d.Name != "c0" || !d.Certain || now < at {
					t.Fatalf("%s (certain: %v) is lost at %s", d, d.Certain, now)
				}
				if certain == 0 {
					certain = now
				}
			}
		})
		if limit := max(of.grace, of.lease+of.monitor) + of.monitor + of.lag + of.monitor/2; certain == 0 || certain-at > limit {
			t.Fatalf("lost at %s, certain at %s: more than %s later", at, certain, limit)
		}
	})
}

// TestNeverWrong lets a cloud be lost and come back, kubelets be cut off, and this program start and see nothing at any times:
// a domain that is lost has no machine that is running.
func TestNeverWrong(t *testing.T) {
	each(t, func(t *rapid.T, of timing) {
		s := cluster(t, of)
		s.end = 12 * of.lease
		s.starts = spanOf(t, "starts", 4*of.lease)
		for _, w := range []*window{&s.cut, &s.deaf} {
			w.from = spanOf(t, "cut or deaf at", s.end)
			w.to = w.from + spanOf(t, "cut or deaf for", 4*of.lease)
		}
		s.down = rapid.Bool().Draw(t, "API server down")
		dead := window{from: spanOf(t, "lost at", s.end)}
		dead.to = dead.from + spanOf(t, "lost for", 6*of.lease)
		for _, m := range s.machines {
			if m.cloud == "c0" {
				m.dead = dead
			}
		}
		s.run(t)
		s.watch(t, func(now time.Duration, v *Verdict) {
			for _, d := range s.acted(v, now) {
				if d.Name != "c0" || now < dead.from {
					t.Fatalf("%s (certain: %v) is lost at %s, lost from %s to %s, cut from %s to %s, deaf from %s to %s", d, d.Certain, now,
						dead.from, dead.to, s.cut.from, s.cut.to, s.deaf.from, s.deaf.to)
				}
			}
		})
	})
}
