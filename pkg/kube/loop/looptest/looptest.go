// Package looptest says in tests what asks a loop for work.
package looptest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/kube/loop"
)

// Asks says whether what happens asks a loop for work. use is given the loop, which runs, and has nothing to do when it happens; it is
// of no use after.
func Asks(t *testing.T, use func(*loop.Loop), happens func()) bool {
	t.Helper()
	times := 0
	synctest.Test(t, func(t *testing.T) {
		l := loop.New(clock.RealClock{}, 0, 0)
		use(l)
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			l.Run(ctx, func(context.Context) loop.Next { times++; return loop.Next{} })
		}()
		synctest.Wait() // it has worked once, as every loop does at first
		happens()
		time.Sleep(time.Second)
		cancel()
		<-stopped
	})
	return times > 1
}
