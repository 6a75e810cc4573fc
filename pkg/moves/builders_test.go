package moves

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// fill gives room for a number of replicas in each pool; a pool that is not named has room for any.
type fill map[string]int

func (f fill) Reserve(_ *Replica, pool string) Refusal {
	n, limited := f[pool]
	if !limited {
		return Refusal{}
	}
	if f[pool] = n - 1; n > 0 {
		return Refusal{}
	}
	return Refusal{Reason: "2 Insufficient cpu", Full: true}
}

// refuses is where kube-scheduler refuses replicas by their names, in all pools.
type refuses map[string]string

func (r refuses) Reserve(replica *Replica, _ string) Refusal { return Refusal{Reason: r[replica.Name]} }

func allow(percent int32, away string) *v1alpha1.Rebalance {
	return &v1alpha1.Rebalance{MinSavingsPercent: ptr.To(percent), MaxUnavailable: away}
}

func window(schedule string, duration time.Duration) *v1alpha1.RebalanceWindow {
	return &v1alpha1.RebalanceWindow{Schedule: schedule, Duration: metav1.Duration{Duration: duration}}
}

// spread makes ready replicas, so many in each pool, in the order of the arguments.
func spread(in ...any) []Replica {
	var out []Replica
	for i := 0; i < len(in); i += 2 {
		for range in[i+1].(int) {
			name := fmt.Sprintf("web-%02d", len(out))
			out = append(out, Replica{ID: name, Name: name, Pool: in[i].(string), Ready: true})
		}
	}
	return out
}

// dear is a situation in which ten replicas run in pool a, and half of the bill is saved in pool b.
func dear(change func(*Situation)) *Situation {
	s := &Situation{
		Now: noon, Wanted: 10, Replicas: spread("a", 10), Plan: map[string]int{"b": 10}, Policy: allow(10, "2"),
		Stabilization: 10 * time.Minute, Worth: Worth{Known: true, TotalUSD: 2, SavingsUSD: 1, MoneyUSD: 1},
	}
	if change != nil {
		change(s)
	}
	return s
}
