package performance

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	apiruntime "k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
	"k8s.io/kubernetes/test/utils/ktesting"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/plugins"
	"tradewind.dev/tradewind/plugins/cycle"
)

// The profiles that are compared.
const (
	defaultProfile   = "default-scheduler"
	tradewindProfile = "tradewind"
)

// scenario is one run of the harness: one control plane, one scheduler, one profile.
type scenario struct {
	name    string
	profile string
	// config is the scheduler's configuration file; empty for the default profile as Kubernetes ships it.
	config []byte
	// pods are measured and a tenth more warm up, in this number of workloads.
	pods, workloads int
	kind            kind
	cpu, memory     string
	// rate is how many pods are made in a second; 0 for as many as the API server takes.
	rate float64
	// after is called once the pods are placed, while the control plane still runs.
	after func(ktesting.TContext, *run) error
}

// run is what one run of a scenario found.
type run struct {
	scenario *scenario
	// throughput is the harness's SchedulingThroughput, the mean of its samples, in pods a second.
	throughput float64
	// peakHeap is the most heap in use while pods were placed, and liveHeap what is left of it after a garbage
	// collection once all are placed, of the whole process with API server and scheduler, in MiB. Tradewind's catalog is
	// not counted for the default profile.
	peakHeap, liveHeap float64
	// processor is the processor time of the whole process while pods were placed, warm-up included, in milliseconds a
	// pod. It is steadier than throughput where other programs want the processor too.
	processor float64
	batching  batching
	order     order
	handle    fwk.Handle
	plugins   map[string]fwk.Plugin
}

// measure runs a scenario. It ends the benchmark when the harness fails.
func (s *scenario) measure(b *testing.B) *run {
	r := &run{scenario: s, plugins: map[string]fwk.Plugin{}}
	catalog, err := catalogHeap()
	if err != nil {
		b.Fatal(err)
	}
	b.Run(s.name+"/"+s.profile, func(b *testing.B) {
		directory := b.TempDir()
		workloads := s.plan(directory)
		cases, err := s.writeCases(directory, workloads)
		if err == nil {
			err = flag.Set("data-items-dir", directory)
		}
		if err != nil {
			b.Fatal(err)
		}
		perf.RunBenchmarkPerfScheduling(b, cases, "tradewind", r.registry(), perf.WithPrepareFn(func(tCtx ktesting.TContext) error {
			stop := r.batching.watch(s.profile)
			var before time.Duration
			tCtx.Cleanup(func() {
				stop()
				if b.Failed() {
					return
				}
				r.processor = float64((processorTime() - before).Milliseconds()) / float64(s.pods+s.pods/10)
				r.liveHeap = liveHeap()
				if s.profile == defaultProfile {
					r.liveHeap -= catalog
				}
				if err := s.after(tCtx, r); err != nil {
					tCtx.Errorf("%s: %v", s.profile, err)
				}
			})
			err := prepare(tCtx, slices.Concat(workloads...))
			before = processorTime()
			return err
		}))
		if b.Failed() {
			b.FailNow()
		}
		if err := r.read(directory); err != nil {
			b.Fatal(err)
		}
		if s.profile == defaultProfile {
			r.peakHeap -= catalog
		}
	})
	if b.Failed() {
		b.FailNow()
	}
	runtime.GC()
	return r
}

// plan lays out the workloads: those that warm up, then those that are measured, each kind in a namespace of its own.
func (s *scenario) plan(directory string) [][]*application {
	phase := func(namespace string, pods int) []*application {
		out := make([]*application, 0, s.workloads)
		for i := range s.workloads {
			name := fmt.Sprintf("web-%d", i)
			out = append(out, &application{
				Namespace: namespace, Name: name, Profile: s.profile, Kind: s.kind, Replicas: pods / s.workloads, CPU: s.cpu, Memory: s.memory,
				PodTemplate: filepath.Join(directory, namespace+"-"+name+".yaml"),
			})
		}
		return out
	}
	return [][]*application{phase("shop-0", s.pods/10), phase("shop-1", s.pods)}
}

// writeCases writes the harness's test cases and the scheduler's configuration.
func (s *scenario) writeCases(directory string, workloads [][]*application) (string, error) {
	config := ""
	if len(s.config) > 0 {
		config = filepath.Join(directory, "scheduler.yaml")
		if err := os.WriteFile(config, s.config, 0o600); err != nil {
			return "", err
		}
	}
	measured, pause := workloads[1], ""
	if s.rate > 0 {
		measured, pause = inPortions(measured), time.Duration(portion/s.rate*float64(time.Second)).String()
	}
	text, err := render("testdata/cases.yaml", map[string]any{
		"Name": s.name, "SchedulerConfig": config, "Prefix": "shop", "Workload": fmt.Sprintf("%dNodes_%dPods", *nodeCount, s.pods),
		"Warm": workloads[0], "WarmNamespace": workloads[0][0].Namespace,
		"Measured": measured, "MeasuredNamespace": measured[0].Namespace, "Pause": pause,
	})
	if err != nil {
		return "", err
	}
	cases := filepath.Join(directory, "cases.yaml")
	return cases, os.WriteFile(cases, text, 0o600)
}

// portion is how many pods are made at once where they are made at a rate.
const portion = 25

// inPortions are workloads' pods in the order in which they are made.
func inPortions(workloads []*application) []*application {
	var out []*application
	for _, a := range workloads {
		for left := a.Replicas; left > 0; left -= portion {
			part := *a
			part.Replicas = min(left, portion)
			out = append(out, &part)
		}
	}
	return out
}

// registry holds Tradewind's plugins, and remembers those made for the scenario's profile.
func (r *run) registry() frameworkruntime.Registry {
	registry := frameworkruntime.Registry{}
	for name, factory := range plugins.Factories(cycle.Follow, clock.RealClock{}) {
		registry[name] = func(ctx context.Context, args apiruntime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			plugin, err := factory(ctx, args, handle)
			if err == nil && handle.ProfileName() == r.scenario.profile {
				r.plugins[name], r.handle = plugin, handle
			}
			return plugin, err
		}
	}
	registry[r.order.Name()] = r.order.factory
	return registry
}

// read takes throughput and memory from the file that the harness writes.
func (r *run) read(directory string) error {
	files, err := filepath.Glob(filepath.Join(directory, "*_benchmark_*.json"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("the harness wrote %d result files, want 1: %w", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	var results perf.DataItems
	if err := json.Unmarshal(text, &results); err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	for _, item := range results.DataItems {
		switch item.Labels["Metric"] {
		case "SchedulingThroughput":
			r.throughput = item.Data["Average"]
		case "heap_memory_usage":
			r.peakHeap = item.Data["Max"]
		}
	}
	if r.throughput == 0 || r.peakHeap == 0 {
		return errors.New("the harness measured no throughput: the pods were placed within a second; give more -pods")
	}
	return nil
}

// catalogHeap is what the built-in prices and round-trip times take, in MiB. Once opened they stay for the life of the
// process; the nodes of the benchmark are made with their help, so the default profile's runs would hold them too.
var catalogHeap = sync.OnceValues(func() (float64, error) {
	before := liveHeap()
	if _, err := pricing.Open(); err != nil {
		return 0, err
	}
	if _, err := latency.Open(); err != nil {
		return 0, err
	}
	return liveHeap() - before, nil
})

// liveHeap is the heap that is reachable, in MiB.
func liveHeap() float64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / (1 << 20)
}

// processorTime is the processor time that this process has used.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
