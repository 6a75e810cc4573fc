package performance

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/component-base/metrics/testutil"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// batching counts the results of opportunistic batching, as scheduler_batch_attempts_total does.
type batching struct {
	used, notUsed, none atomic.Int64
}

// watch follows the scheduler's counters. It samples them, because the harness resets all metrics as soon as the last
// pod is placed.
func (c *batching) watch(profile string) (stop func()) {
	const interval = 50 * time.Millisecond
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				c.sample(profile)
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

func (c *batching) sample(profile string) {
	for result, count := range map[string]*atomic.Int64{
		metrics.BatchAttemptHintUsed: &c.used, metrics.BatchAttemptHintNotUsed: &c.notUsed, metrics.BatchAttemptNoHint: &c.none,
	} {
		now, err := testutil.GetCounterMetricValue(metrics.BatchAttemptStats.WithLabelValues(profile, result))
		if err == nil && int64(now) > count.Load() {
			count.Store(int64(now))
		}
	}
}
