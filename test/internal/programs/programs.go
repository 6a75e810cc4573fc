// Package programs builds the programs of this repository for tests that run them.
package programs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Built returns a function that gives the path of a program of this repository: the one that an environment variable names,
// else one that is built when it is first asked for. It is for tests two folders below the root of the repository.
func Built(variable, name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		if path := os.Getenv(variable); path != "" {
			return filepath.Abs(path)
		}
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		path := filepath.Join(cache, "tradewind-e2e", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		command := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./cmd/"+name)
		command.Dir = filepath.Join("..", "..")
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if text, err := command.CombinedOutput(); err != nil {
			return "", errors.Join(fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err), errors.New(string(bytes.TrimSpace(text))))
		}
		return path, nil
	})
}
