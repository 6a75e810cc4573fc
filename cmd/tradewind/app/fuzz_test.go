package app

import (
	"math"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/files"
)

// FuzzChanges gives the flags that change a scenario, and the places of drains and drills, whatever people may write: each
// is either understood, with figures that can be planned with, or refused with the flag and the words that were given.
func FuzzChanges(f *testing.F) {
	for _, seed := range [][3]string{
		{"cloud=aws", "cloud=aws,region=eu-west-1,capacityType=spot=x2", "shop/web=40"}, {"node=a", "pool=p=x0", "web=0"}, {"zone=", "cloud=x1=x", "=1"},
		{"cloud=aws,", "cloud=aws=x1e999", "a/b/c=16777217"}, {"pool=a=b", "region=a=xNaN", "web=-1"}, {"node=a,cloud=b", "node=a=x1", "web=9999999999999999999"},
		{"\x1b", "=x1", "/=1"}, {"region=aws/eu-west-1", "cloud=aws=x0x10", "web=0x10"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	pool := &planning.PoolInfo{Name: "p"}
	f.Fuzz(func(t *testing.T, lose, price, scale string) {
		for flag, parse := range map[string]func() (changes, error){
			"--lose " + lose:   func() (changes, error) { return parseChanges([]string{lose}, nil, nil) },
			"--price " + price: func() (changes, error) { return parseChanges(nil, []string{price}, nil) },
			"--scale " + scale: func() (changes, error) { return parseChanges(nil, nil, []string{scale}) },
		} {
			asked, err := parse()
			if err != nil {
				if name, _, _ := strings.Cut(flag, " "); !strings.HasPrefix(err.Error(), name+" ") {
					t.Errorf("%q: the flag is not named: %v", flag, err)
				}
				continue
			}
			for i := range asked.lose {
				asked.lose[i].matches(pool, "a")
			}
			for _, change := range asked.prices {
				if change.selector.matches(pool, ""); !(change.factor >= 0) || math.IsInf(change.factor, 0) || change.selector.byNode() {
					t.Errorf("%q became %+v", flag, change)
				}
			}
			for _, change := range asked.scales {
				if change.replicas < 0 || change.replicas > files.MaxReplicas {
					t.Errorf("%q became %+v", flag, change)
				}
			}
			if err := asked.scale(&planning.Input{}); len(asked.scales) > 0 && err == nil {
				t.Errorf("%q: a workload that is not there was scaled", flag)
			}
		}
		if place, err := parsePlace("drain", lose); err == nil {
			for _, r := range "drain-" + place.slug() {
				if !printable.Is(r) || strings.ContainsRune(" /=,", r) {
					t.Errorf("place %q has the slug %q", lose, place.slug())
				}
			}
		}
	})
}
