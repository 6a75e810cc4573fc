package app

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"tradewind.dev/tradewind/pkg/controller/failover"
	"tradewind.dev/tradewind/pkg/controller/rebalance"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/state/informers"
)

// moverQPS is how many requests a second those who move replicas may make: when a cloud is lost every second counts, and
// thousands of replicas may have been there.
const moverQPS = 200

// movers move replicas: off lost domains, and towards the plan.
type movers struct {
	failover  *failover.Controller
	rebalance *rebalance.Controller
}

// newMovers returns the movers. They listen to objects.
func (w *work) newMovers(objects *informers.Objects) (*movers, error) {
	config := rest.CopyConfig(w.mgr.GetConfig())
	config.QPS, config.Burst = moverQPS, 2*moverQPS
	to, err := client.New(config, client.Options{
		Scheme: w.mgr.GetScheme(), Mapper: w.mgr.GetRESTMapper(), Cache: &client.CacheOptions{Reader: w.mgr.GetCache()},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the moves of replicas: %w", err)
	}
	recorder, book := w.mgr.GetEventRecorder("tradewind-controller"), ledger.New(to, clock.RealClock{})
	m := &movers{failover: failover.New(failover.Options{
		Objects: objects,
		Client:  to, Fresh: w.mgr.GetAPIReader(), Recorder: recorder, Ledger: book, Location: w.options.location(), Clock: clock.RealClock{},
		MonitorPeriod: w.options.monitorPeriod, SchedulerNames: w.options.schedulerNames,
	})}
	m.rebalance = rebalance.New(rebalance.Options{
		Client: to, Recorder: recorder, Ledger: book, Clock: clock.RealClock{}, SchedulerNames: w.options.schedulerNames, Losses: m.failover.Losses,
	})
	if err := metrics.Registry.Register(ledger.Metrics()); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// start lets the movers work until the manager ends. replan asks for another plan.
func (m *movers) start(mgr manager.Manager, replan func()) error {
	m.failover.OnChange(replan)
	for _, start := range []manager.RunnableFunc{m.failover.Start, m.rebalance.Start} {
		if err := mgr.Add(start); err != nil {
			return fmt.Errorf("start the moves of replicas: %w", err)
		}
	}
	return nil
}
