package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrRunning says that a bed's supervisor is alive.
var ErrRunning = errors.New("the testbed is running")

// Lock takes the lock of a bed's directory. The lock belongs to the open file: whoever holds a copy of its descriptor
// holds the lock, so that the process that makes a directory can lock it first and hand the lock to the supervisor.
// The kernel releases it when the last copy is closed. It returns ErrRunning when another process holds it.
func Lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return f, nil
}

// Alive reports whether the supervisor of the bed in dir is running.
func Alive(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return false
	}
	f, err := Lock(dir)
	if err != nil {
		return errors.Is(err, ErrRunning)
	}
	_ = f.Close()
	return false
}

// RemoveStale removes the directory of a bed whose supervisor is no longer alive, and returns ErrRunning when it is.
func RemoveStale(dir string) error {
	f, err := Lock(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return os.RemoveAll(dir)
}
