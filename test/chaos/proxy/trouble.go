package proxy

import (
	"math/rand/v2"
	"time"
)

// Trouble is one way in which answers go wrong. Several can hold at a time.
type Trouble struct {
	// Delay of every answer; watches begin late and then flow.
	Delay time.Duration
	// Fail, Reset and Lose are shares of requests, from 0 to 1: answered with a code of Codes, cut off before the API server
	// saw them, and cut off after it did what they ask for.
	Fail, Reset, Lose float64
	Codes             []int
	// Partition lets nothing through.
	Partition bool
}

// Begin lets a trouble begin and returns what ends it. A partition cuts the watches that are open.
func (p *Proxy) Begin(t Trouble) (end func()) {
	p.mu.Lock()
	p.troubles[&t] = true
	p.mu.Unlock()
	if t.Partition {
		p.CutWatches()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.troubles, &t)
	}
}

// CutWatches breaks every open watch.
func (p *Proxy) CutWatches() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for cancel := range p.watches {
		(*cancel)()
	}
}

// fate is what happens to one request.
type fate struct {
	delay                  time.Duration
	partition, reset, lose bool
	code                   int
}

// hang is how long a partition keeps a request that comes in.
const hang = 3 * time.Second

// draw decides on a request. p.mu is held.
func (p *Proxy) draw(watch bool) fate {
	var f fate
	for t := range p.troubles {
		if t.Partition {
			return fate{partition: true, delay: hang}
		}
		f.delay = max(f.delay, t.Delay)
		if t.Fail > 0 && rand.Float64() < t.Fail {
			f.code = t.Codes[rand.IntN(len(t.Codes))]
		}
		f.reset = f.reset || rand.Float64() < t.Reset
		f.lose = f.lose || !watch && rand.Float64() < t.Lose
	}
	return f
}
