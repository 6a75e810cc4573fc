package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/test/chaos/faults"
	"tradewind.dev/tradewind/test/chaos/history"
	"tradewind.dev/tradewind/test/chaos/proxy"
)

// undo ends a fault. It is nil for a fault that is over at once.
type undo func(context.Context) error

// make lets a fault begin.
func (w *world) makeFault(ctx context.Context, f faults.Fault) (undo, error) {
	switch f.Kind {
	case faults.Kill, faults.Stop, faults.Restart:
		return w.breakProgram(ctx, f)
	case faults.Slow, faults.Fail, faults.Reset, faults.Lose, faults.CutWatch, faults.Partition:
		return w.breakAnswers(f), nil
	case faults.Silence, faults.Blind, faults.Delete, faults.Relabel, faults.Taint, faults.Resize, faults.Clock, faults.Lease:
		return w.breakNode(ctx, f)
	default:
		return w.breakObject(ctx, f)
	}
}

func (w *world) breakProgram(ctx context.Context, f faults.Fault) (undo, error) {
	switch f.Kind {
	case faults.Restart:
		w.deaf(f.Target, true)
		defer w.deaf(f.Target, false)
		return nil, w.bed.Restart(ctx, f.Target)
	case faults.Stop:
		if err := w.signal(ctx, f.Target, syscall.SIGSTOP); err != nil {
			return nil, err
		}
		w.deaf(f.Target, true)
		return func(ctx context.Context) error {
			defer w.deaf(f.Target, false)
			return w.signal(ctx, f.Target, syscall.SIGCONT)
		}, nil
	default:
		w.down.set(f.Target, true)
		if err := w.signal(ctx, f.Target, syscall.SIGKILL); err != nil {
			w.down.set(f.Target, false)
			return nil, err
		}
		w.deaf(f.Target, true)
		return func(ctx context.Context) error {
			if err := w.bed.Restart(ctx, f.Target); err != nil {
				return err
			}
			w.down.set(f.Target, false)
			w.deaf(f.Target, false)
			return nil
		}, nil
	}
}

func (w *world) breakAnswers(f faults.Fault) undo {
	p := w.programs[f.Target].proxy
	share := float64(f.Amount) / 100
	var trouble proxy.Trouble
	switch f.Kind {
	case faults.CutWatch:
		w.deaf(f.Target, true)
		p.CutWatches()
		w.deaf(f.Target, false)
		return nil
	case faults.Slow:
		trouble.Delay = time.Duration(f.Amount) * 40 * time.Millisecond
	case faults.Fail:
		trouble.Fail = share
		trouble.Codes = []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	case faults.Reset:
		trouble.Reset = share
	case faults.Lose:
		trouble.Lose = share
	case faults.Partition:
		trouble.Partition = true
	}
	tell := func(on bool) {
		w.record.Add(history.Event{Trouble: &history.Trouble{Program: f.Target, On: on, Deaf: trouble.Partition}})
	}
	tell(true)
	end := p.Begin(trouble)
	return func(context.Context) error {
		end()
		tell(false)
		return nil
	}
}

func (w *world) breakNode(ctx context.Context, f faults.Fault) (undo, error) {
	machines := w.client.CoreV1().Nodes()
	switch f.Kind {
	case faults.Silence:
		members := w.scene.Members(f.Target)
		for _, name := range members {
			w.change(name, func(m *machine) { m.dead++ })
		}
		return func(context.Context) error {
			for _, name := range members {
				w.change(name, func(m *machine) { m.dead-- })
			}
			return nil
		}, nil
	case faults.Blind:
		for _, name := range w.order {
			w.change(name, func(m *machine) { m.cutOff++ })
		}
		return func(context.Context) error {
			for _, name := range w.order {
				w.change(name, func(m *machine) { m.cutOff-- })
			}
			return nil
		}, nil
	case faults.Delete:
		w.change(f.Target, func(m *machine) { m.deleted++ })
		err := machines.Delete(ctx, f.Target, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			w.change(f.Target, func(m *machine) { m.deleted-- })
			return nil, err
		}
		return func(ctx context.Context) error {
			_, err := machines.Create(ctx, w.machines[f.Target].node.DeepCopy(), metav1.CreateOptions{})
			if err == nil || apierrors.IsAlreadyExists(err) {
				w.change(f.Target, func(m *machine) { m.deleted-- })
				return nil
			}
			return err
		}, nil
	case faults.Relabel:
		return w.relabel(ctx, f)
	case faults.Taint:
		patch := func(ctx context.Context, unschedulable bool) error {
			_, err := machines.Patch(ctx, f.Target, types.MergePatchType,
				fmt.Appendf(nil, `{"spec":{"unschedulable":%v}}`, unschedulable), metav1.PatchOptions{})
			return err
		}
		if err := patch(ctx, true); err != nil {
			return nil, err
		}
		w.change(f.Target, func(m *machine) { m.shut++ })
		return func(ctx context.Context) error {
			if err := patch(ctx, false); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
			w.change(f.Target, func(m *machine) { m.shut-- })
			return nil
		}, nil
	case faults.Resize:
		w.change(f.Target, func(m *machine) { m.shut++; m.kubelet.Resize(20) })
		return func(context.Context) error {
			w.change(f.Target, func(m *machine) { m.shut--; m.kubelet.Resize(100) })
			return nil
		}, nil
	case faults.Clock:
		w.machines[f.Target].kubelet.SetClock(time.Duration(f.Amount) * time.Second)
		return func(context.Context) error {
			w.machines[f.Target].kubelet.SetClock(0)
			return nil
		}, nil
	default:
		err := w.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Delete(ctx, f.Target, metav1.DeleteOptions{})
		return nil, notThere(err)
	}
}

// notThere takes what is not there for deleted.
func notThere(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// locationLabels are those by which a node says where it is.
var locationLabels = []string{
	corev1.LabelTopologyRegion, corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaRegion, corev1.LabelFailureDomainBetaZone,
}

// relabel lets a node say, with its own identity, that it is where another one is. That it is refused is the fault, too.
func (w *world) relabel(ctx context.Context, f faults.Fault) (undo, error) {
	m, other := w.machines[f.Target], w.machines[f.Other]
	for _, key := range locationLabels { // each for itself: the guard that is there refuses some, or all
		value, has := other.node.Labels[key]
		if !has {
			continue
		}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, key, value)
		_, err := m.own.CoreV1().Nodes().Patch(ctx, f.Target, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		text := ""
		for _, key := range locationLabels {
			if value, has := m.node.Labels[key]; has {
				text += fmt.Sprintf(",%q:%q", key, value)
			} else {
				text += fmt.Sprintf(",%q:null", key)
			}
		}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%s}}}`, text[1:])
		_, err := w.client.CoreV1().Nodes().Patch(ctx, f.Target, types.MergePatchType, patch, metav1.PatchOptions{})
		return notThere(err)
	}, nil
}

// burst makes the faults of a burst at their times and returns when all have ended, and how many were made.
func (w *world) burst(ctx context.Context, all []faults.Fault) int {
	begun := time.Now()
	results := make(chan bool, len(all))
	for _, f := range all {
		go func() { results <- w.oneFault(ctx, f, begun) }()
	}
	made := 0
	for range all {
		if <-results {
			made++
		}
	}
	return made
}

// oneFault waits for a fault's time, makes it, waits and ends it.
func (w *world) oneFault(ctx context.Context, f faults.Fault, begun time.Time) (made bool) {
	if !sleepUntil(ctx, begun.Add(f.At)) {
		return false
	}
	note := history.Fault{ID: f.ID, Text: f.String()}
	var end undo
	err := w.retry(ctx, impatience, func(ctx context.Context) (err error) {
		end, err = w.makeFault(ctx, f)
		return err
	})
	if err != nil {
		note.Problem = err.Error()
		w.record.Add(history.Event{Fault: &note})
		return false
	}
	w.record.Add(history.Event{Fault: &note})
	if end == nil {
		return true
	}
	sleepUntil(ctx, begun.Add(f.At+f.For))
	if err := w.retry(context.WithoutCancel(ctx), patience, end); err != nil && ctx.Err() == nil {
		w.Errorf("%s cannot be undone: %v", f, err)
	}
	w.record.Add(history.Event{Fault: &history.Fault{ID: f.ID, Text: f.String(), Ended: true}})
	return true
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(t)):
		return true
	}
}

// chance draws for a fault what cannot be known when its sequence is drawn, such as which of the pods that are there.
func chance(f faults.Fault) *rand.Rand { return rand.New(rand.NewPCG(uint64(f.ID), 1)) }
