// Package tools finds the programs that a testbed is made of, and builds them when they are missing.
package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// KwokModule is the kwok program and its version. It needs newer Kubernetes libraries than the testbed's module, so it
// is built by itself.
const KwokModule = "sigs.k8s.io/kwok/cmd/kwok@v0.8.0"

// module is the testbed's own module.
const module = "tradewind.dev/tradewind/test/testbed"

// Environment variables that name the programs.
const (
	TestbedVariable = "TRADEWIND_TESTBED"
	KwokVariable    = "TRADEWIND_KWOK"
)

// Kwok finds the kwok program: the given path, TRADEWIND_KWOK, beside this program, beside the tradewind-testbed program
// that TRADEWIND_TESTBED names, on PATH, or in the cache, where it is built when the Go tool is there to do so.
func Kwok(ctx context.Context, path string) (string, error) {
	if path == "" {
		path = os.Getenv(KwokVariable)
	}
	if path != "" {
		return usable(path)
	}
	var beside []string
	if self, err := os.Executable(); err == nil {
		beside = append(beside, self)
	}
	for _, neighbour := range append(beside, os.Getenv(TestbedVariable)) {
		if neighbour == "" {
			continue
		}
		if found, err := usable(filepath.Join(filepath.Dir(neighbour), "kwok")); err == nil {
			return found, nil
		}
	}
	if found, err := exec.LookPath("kwok"); err == nil {
		return usable(found)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, "kwok")
	err = build(ctx, target, true, func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, "go", "install", KwokModule)
		cmd.Env = append(os.Environ(), "GOBIN="+cache, "GOFLAGS=-trimpath -buildvcs=false", "CGO_ENABLED=0", "GOWORK=off")
		cmd.Dir = cache // outside every module
		return cmd
	})
	if err != nil {
		return "", fmt.Errorf("the kwok program is neither beside this one nor on PATH, and building it failed: %w", err)
	}
	return target, nil
}

// built is the program that this process has built: it is not looked at again.
var built struct {
	sync.Mutex
	testbed string
}

// Testbed finds the tradewind-testbed program: TRADEWIND_TESTBED, or one built from the module's sources in the cache.
func Testbed(ctx context.Context) (string, error) {
	if path := os.Getenv(TestbedVariable); path != "" {
		return usable(path)
	}
	built.Lock()
	defer built.Unlock()
	if built.testbed != "" {
		return built.testbed, nil
	}
	path, err := buildTestbed(ctx)
	if err == nil {
		built.testbed = path
	}
	return path, err
}

func buildTestbed(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	source, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err == nil && source == "" {
		err = errors.New("its sources are not on this machine")
	}
	if err != nil {
		return "", fmt.Errorf("set %s to the tradewind-testbed program, or run within a module that requires %s: %w",
			TestbedVariable, module, err)
	}
	version, err := output(ctx, source, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, "tradewind-testbed")
	err = build(ctx, target, false, func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", linkerFlags(version), "-o", target, "./cmd/tradewind-testbed")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off")
		cmd.Dir = source
		return cmd
	})
	if err != nil {
		return "", fmt.Errorf("building tradewind-testbed: %w", err)
	}
	return target, nil
}

// linkerFlags stamps the Kubernetes version ("v1.35.4"), without which the API server reports a placeholder.
func linkerFlags(version string) string {
	parts := append(strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3), "", "")
	stamp := " -X k8s.io/component-base/version."
	return "-s -w" + stamp + "gitVersion=" + version + stamp + "gitMajor=" + parts[0] + stamp + "gitMinor=" + parts[1]
}

// build runs a command that makes target, one process at a time. With once it does nothing when target exists.
func build(ctx context.Context, target string, once bool, command func() *exec.Cmd) error {
	if _, err := usable(target); once && err == nil {
		return nil
	}
	lock, err := os.OpenFile(target+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if _, err := usable(target); once && err == nil {
		return nil
	}
	cmd := command()
	if text, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(text)), ctx.Err())
	}
	_, err = usable(target)
	return err
}

func output(ctx context.Context, dir string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	text, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(text)), err
}

// usable returns the absolute path of an executable file.
func usable(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(absolute)
	if err != nil {
		return "", err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s is not a program", absolute)
	}
	return absolute, nil
}

// cacheDir returns the folder of built programs.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	dir := filepath.Join(base, "tradewind-testbed", "bin")
	return dir, os.MkdirAll(dir, 0o700)
}
