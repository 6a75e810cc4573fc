package supervisor

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A Unix socket's path holds at most 107 bytes, fewer than many temporary directories have. Going through the
// directory's descriptor keeps it short whatever the directory is called.
func socketPath(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)
}

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func listen(dir string) (net.Listener, error) {
	d, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	l, err := net.Listen("unix", socketPath(d))
	if err != nil {
		return nil, fmt.Errorf("listening in %s: %w", dir, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path it knows ends with the descriptor; the directory is removed whole
	return l, nil
}

func dial(ctx context.Context, dir string) (net.Conn, error) {
	d, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", socketPath(d))
}
