// Command reference times one fixed piece of work that has nothing of Tradewind in it: "BENCH reference_seconds value s". Every
// `make bench-…` runs it first, so that limits in seconds can be held against machines that are slower or busier than the one
// that docs/benchmarks.md records. The work must never change.
package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

const (
	numbers = 2_000_000
	names   = 400_000
	steps   = 20_000_000
	rounds  = 5
)

func main() {
	times := make([]float64, rounds)
	for i := range times {
		begin := time.Now()
		work()
		times[i] = time.Since(begin).Seconds()
	}
	slices.Sort(times)
	fmt.Printf("BENCH reference_seconds %.4g s\n", times[rounds/2])
}

// work does what programs such as ours spend their time with: it sorts, fills and reads a map of strings, and follows indices
// through memory that no cache holds.
func work() {
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, numbers)
	for i := range values {
		values[i] = random.Float64()
	}
	slices.Sort(values)

	byName := make(map[string]int)
	for i := range names {
		byName["workload-"+strconv.Itoa(i)] = i
	}
	sum := 0
	for i := range names {
		sum += byName["workload-"+strconv.Itoa(names-i)]
	}

	next := random.Perm(numbers)
	at := 0
	for range steps {
		at = next[at]
	}
	if sum+at < 0 {
		panic("the sums of indices are never negative")
	}
}
