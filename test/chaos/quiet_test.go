package chaos

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tradewind.dev/tradewind/test/chaos/history"
	"tradewind.dev/tradewind/test/chaos/kubelet"
)

const (
	// quietLimit is how long everything may take to be ready in a time without faults, in seconds of a cluster that answers
	// promptly. It begins anew whenever more is ready than ever before in that time: then it is a matter of the machine.
	quietLimit = 60 * time.Second
	// quietLast is when a quiet time ends in any case.
	quietLast = 5 * time.Minute
	// quietAtLeast is how long it lasts, also when everything is ready sooner: what is wrong may come late.
	quietAtLeast = 6 * time.Second
	quietTick    = 500 * time.Millisecond
	prompt       = time.Second
)

// quiet waits without faults until everything is ready, and records whether that was in time.
func (w *world) quiet(ctx context.Context) {
	w.record.Add(history.Event{Quiet: &history.Quiet{On: true}})
	begun := time.Now()
	spent := time.Duration(0)
	least := 1 << 30
	for {
		waiting, missing := w.waiting(ctx)
		if missing < least {
			least, spent = missing, 0
		}
		settled := len(waiting) == 0
		if settled && time.Since(begun) >= quietAtLeast || !settled &&
			(spent >= quietLimit || time.Since(begun) >= quietLast) || ctx.Err() != nil {
			if ctx.Err() == nil {
				w.record.Add(history.Event{Quiet: &history.Quiet{Settled: settled, Waiting: waiting, Seconds: time.Since(begun).Seconds()}})
			}
			return
		}
		tick := time.Now()
		sleepUntil(ctx, tick.Add(quietTick))
		if w.answersPromptly(ctx) && time.Since(tick) < quietTick+prompt {
			spent += quietTick
		}
	}
}

// answersPromptly says whether the control plane does, so that its own slowness is not Tradewind's.
func (w *world) answersPromptly(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, prompt)
	defer cancel()
	_, err := w.client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{Limit: 1})
	return err == nil
}

// planned are how many replicas the Placements have places for, by workload.
func (w *world) planned() map[string]int {
	out := map[string]int{}
	for _, object := range w.placements.List() {
		plan := planOf(object.(*unstructured.Unstructured))
		for _, n := range plan.Decisions {
			out[plan.Workload] += n
		}
	}
	return out
}

// waiting are the workloads, nodes and programs that are not as they should be, and how many replicas and others that makes.
func (w *world) waiting(ctx context.Context) (names []string, missing int) {
	list, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return []string{"the API server"}, 1 << 20
	}
	if len(list.Items) != len(w.order) {
		missing += len(w.order) - len(list.Items)
		names = append(names, fmt.Sprintf("%d nodes of %d", len(list.Items), len(w.order)))
	}
	for i := range list.Items {
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == "Ready" && c.Status != "True" {
				missing++
				names = append(names, "node "+list.Items[i].Name)
			}
		}
	}
	for _, name := range sortedKeys(w.programs) {
		if w.programs[name].goroutines(ctx) == 0 {
			missing++
			names = append(names, name+" does not answer")
		}
	}
	planned := w.planned()
	for _, id := range w.loadIDs {
		if w.loads[id].workload.policy != nil && planned[id] == 0 {
			missing++
			names = append(names, "the plan of "+id)
		}
		ready := 0
		all := w.podsOfLoad(id)
		for _, pod := range all {
			if kubelet.Ready(pod) {
				ready++
			}
		}
		w.mu.Lock()
		want := w.loads[id].replicas
		w.mu.Unlock()
		if ready != want || len(all) != want {
			missing += max(want-ready, 1)
			names = append(names, fmt.Sprintf("%s: %d pods, %d of %d ready", id, len(all), ready, want))
		}
	}
	return names, missing
}

// measure records what the programs take, when nothing troubles them.
func (w *world) measure(ctx context.Context) {
	all, err := w.bed.Processes(ctx)
	if err != nil {
		return
	}
	for _, p := range all {
		own := w.programs[p.Name]
		if own == nil || !p.Running {
			continue
		}
		usage := history.Usage{Program: p.Name, PID: p.PID, Goroutines: own.goroutines(ctx)}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
		if err != nil {
			continue // it has just ended
		}
		usage.Files = len(files)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if text, is := strings.CutPrefix(line, "VmRSS:"); is {
				_, _ = fmt.Sscan(text, &usage.ResidentBytes)
				usage.ResidentBytes *= 1024
			}
		}
		w.record.Add(history.Event{Usage: &usage})
	}
}

// reader reads what came to a log since it was last read.
type reader struct {
	offset int64
	line   int
}

// readLogs looks for what must not be in the logs of Tradewind's programs.
func (w *world) readLogs(ctx context.Context) {
	all, err := w.bed.Processes(ctx)
	if err != nil {
		return
	}
	for _, p := range all {
		if w.programs[p.Name] == nil {
			continue
		}
		r := w.logs[p.Name]
		if r == nil {
			r = &reader{}
			w.logs[p.Name] = r
		}
		file, err := os.Open(p.Log)
		if err != nil {
			continue
		}
		if _, err := file.Seek(r.offset, 0); err == nil {
			lines := bufio.NewReader(file)
			for {
				text, err := lines.ReadString('\n')
				if err != nil {
					break // also half a line, which is read when it is whole
				}
				r.offset += int64(len(text))
				r.line++
				w.readLine(p.Name, r.line, text)
			}
		}
		_ = file.Close()
	}
}

func (w *world) readLine(name string, line int, text string) {
	tell := func(what string) {
		w.record.Add(history.Event{Log: &history.Log{Program: name, Line: line, What: what}})
	}
	for what, secret := range w.secrets {
		if strings.Contains(text, secret) {
			tell(what)
		}
	}
	for _, begin := range []string{"panic: ", "fatal error: ", "Observed a panic"} {
		if strings.HasPrefix(text, begin) || strings.Contains(text, `"`+begin) {
			tell("a panic")
		}
	}
}

// keepLogs copies the programs' logs to the folder of a failed run.
func (w *world) keepLogs() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.Context()), 10*time.Second)
	defer cancel()
	all, err := w.bed.Processes(ctx)
	if err != nil {
		w.Log(err)
		return
	}
	for _, p := range all {
		text, err := os.ReadFile(p.Log)
		if err == nil {
			err = os.WriteFile(filepath.Join(w.folder, p.Name+".log"), text, 0o600)
		}
		if err != nil {
			w.Log(err)
		}
	}
}
