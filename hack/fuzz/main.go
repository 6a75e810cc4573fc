// Command fuzz runs the fuzz tests of the module one after the other, several at a time, and counts what they executed:
//
//	BENCH fuzz_executions.location.FromNode 812345 count
//	BENCH fuzz_executions 9876543 count
//	BENCH fuzz_panics 0 count
//
// It ends with status 1 when a test fails; Go then leaves the input that failed in testdata/fuzz of the test's package.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// target is one fuzz test.
type target struct{ folder, name string }

// label is the target as figures name it: the package's last name and the test's without "Fuzz".
func (t target) label() string {
	return filepath.Base(t.folder) + "." + strings.TrimPrefix(t.name, "Fuzz")
}

// outcome is what a target came to.
type outcome struct {
	executions, panics int
	failed             bool
	output             []byte
}

func main() {
	length := flag.Duration("time", 10*time.Second, "how long each test runs")
	jobs := flag.Int("jobs", runtime.NumCPU(), "how many tests run at a time, with one worker each")
	only := flag.String("run", "", "regular expression of the tests to run, such as ^files")
	keep := flag.Int("keep", 0, "how many of the inputs that were found to lead elsewhere are kept in each test's testdata/fuzz")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *length, *jobs, *only, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, length time.Duration, jobs int, only string, keep int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	targets, err := find(".")
	if err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return !wanted.MatchString(t.label()) })
	if len(targets) == 0 {
		return fmt.Errorf("-run %s names no fuzz test", only)
	}
	binaries, err := build(ctx, targets)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(binaries.folder) }()
	outcomes := make([]outcome, len(targets))
	var working sync.WaitGroup
	slots := make(chan struct{}, max(jobs, 1))
	for i := range targets {
		slots <- struct{}{}
		working.Go(func() {
			outcomes[i] = binaries.execute(ctx, targets[i], length)
			fmt.Printf("BENCH fuzz_executions.%s %d count\n", targets[i].label(), outcomes[i].executions)
			<-slots
		})
	}
	working.Wait()
	executions, panics := 0, 0
	var failed []string
	for i := range outcomes {
		executions, panics = executions+outcomes[i].executions, panics+outcomes[i].panics
		if outcomes[i].failed {
			failed = append(failed, targets[i].label())
			fmt.Fprintf(os.Stderr, "%s\n%s\n", targets[i].label(), outcomes[i].output)
		}
	}
	fmt.Printf("BENCH fuzz_executions %d count\nBENCH fuzz_panics %d count\n", executions, panics)
	if len(failed) > 0 {
		return fmt.Errorf("%s failed (above); run it again with go test -run", strings.Join(failed, ", "))
	}
	if keep > 0 {
		return binaries.keep(targets, keep)
	}
	return nil
}

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// find finds the fuzz tests of the module in a folder, not those of modules within it.
func find(root string) ([]target, error) {
	var out []target
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); path != root && (err == nil || strings.HasPrefix(entry.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range declaration.FindAllSubmatch(text, -1) {
			out = append(out, target{"./" + filepath.Dir(path), string(found[1])})
		}
		return err
	})
	return out, err
}

// binaries are the test programs of packages, built once for all their targets.
type binaries struct {
	folder string
	// caches are where Go keeps the inputs that it found, by the packages' folders.
	caches map[string]string
}

func (b *binaries) program(t target) string {
	return filepath.Join(b.folder, strings.ReplaceAll(filepath.ToSlash(t.folder), "/", "_"))
}

// instrumented is the code that is built to see where inputs lead: the module's own. To build all that it depends on once more takes longer
// than the tests, and shows little of what is read here.
const instrumented = "-gcflags=tradewind.dev/tradewind/...=-d=libfuzzer"

// build builds each package's test program, one after the other since they share most of what is built.
func build(ctx context.Context, targets []target) (*binaries, error) {
	folder, err := os.MkdirTemp("", "tradewind-fuzz-")
	if err != nil {
		return nil, err
	}
	out := &binaries{folder: folder, caches: map[string]string{}}
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	for _, t := range targets {
		if out.caches[t.folder] != "" {
			continue
		}
		name, err := exec.CommandContext(ctx, "go", "list", t.folder).Output()
		if err != nil {
			return nil, fmt.Errorf("go list %s: %w", t.folder, err)
		}
		out.caches[t.folder] = filepath.Join(strings.TrimSpace(string(cache)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(name))))
		command := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", instrumented, "-o", out.program(t), t.folder)
		if text, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the tests of %s: %w\n%s", t.folder, err, text)
		}
	}
	return out, nil
}

var (
	// executed is the line by which a test says how far it is.
	executed = regexp.MustCompile(`execs: (\d+)`)
	// located is a place in a test at which it failed.
	located = regexp.MustCompile(`_test\.go:\d+: `)
	// blind is what it says when it was not built to see where inputs lead.
	blind = []byte("without coverage instrumentation")
)

func (b *binaries) execute(ctx context.Context, t target, length time.Duration) (out outcome) {
	// What is found to lead elsewhere is made smaller for a moment at most: the time is for finding more.
	command := exec.CommandContext(ctx, b.program(t), "-test.run", "^$", "-test.fuzz", "^"+t.name+"$", "-test.fuzztime", length.String(),
		"-test.fuzzminimizetime", "1s", "-test.fuzzcachedir", b.caches[t.folder], "-test.parallel", "1", "-test.timeout", "0")
	command.Dir = t.folder
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	out.output = output.Bytes()
	out.failed = err != nil && !ranOut(out.output) || bytes.Contains(out.output, blind)
	out.executions = executions(out.output)
	out.panics = bytes.Count(out.output, []byte("panic: "))
	return out
}

// ranOut says whether all that a test says against itself is that its time was over: Go's fuzzer calls that a failure where its
// worker is busy at that moment, as it is on a busy machine. What fails leaves an input behind.
func ranOut(output []byte) bool {
	return bytes.Contains(output, []byte("    context deadline exceeded\n")) &&
		!bytes.Contains(output, []byte("Failing input")) && !bytes.Contains(output, []byte("panic: ")) && !located.Match(output)
}

// executions is how many a test says that it has made.
func executions(output []byte) int {
	lines := executed.FindAllSubmatch(output, -1)
	if len(lines) == 0 {
		return 0
	}
	number, err := strconv.Atoi(string(lines[len(lines)-1][1]))
	if err != nil { // more than fits
		return 0
	}
	return number
}

// longestKept is the largest input that is kept, in bytes.
const longestKept = 1024

// keep copies inputs that Go found to lead elsewhere from its cache to where tests have theirs.
func (b *binaries) keep(targets []target, keep int) error {
	for _, t := range targets {
		from := filepath.Join(b.caches[t.folder], t.name)
		into := filepath.Join(t.folder, "testdata", "fuzz", t.name)
		inputs, err := filepath.Glob(filepath.Join(from, "*"))
		if err != nil {
			return err
		}
		sizes := map[string]int64{}
		inputs = slices.DeleteFunc(inputs, func(path string) bool {
			info, err := os.Stat(path)
			if err == nil {
				sizes[path] = info.Size()
			}
			return err != nil || info.Size() > longestKept
		})
		slices.SortFunc(inputs, func(a, b string) int { return int(sizes[a] - sizes[b]) })
		if len(inputs) == 0 {
			continue
		}
		if err := os.MkdirAll(into, 0o755); err != nil {
			return err
		}
		kept := min(keep, len(inputs))
		for i := range kept {
			input := inputs[i*len(inputs)/kept] // of all sizes
			data, err := os.ReadFile(input)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(into, filepath.Base(input)), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
