package component

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// startCollector is Go's GC percentage while a component starts: it allocates for a second or two what it then keeps or
// never needs again, and collecting meanwhile costs a fifth of the time.
const startCollector = 400

// Starting makes the start of this process fast and lets go later of the memory that only the start has needed: garbage,
// and the pages of the executable file with the tables and initializers of every component, of which each process uses
// one. The kernel maps a page again when it is read, from its cache.
func Starting() {
	normal := debug.SetGCPercent(startCollector)
	go func() {
		time.Sleep(5 * time.Second)
		debug.SetGCPercent(normal)
		debug.FreeOSMemory()
		trim()
		time.Sleep(25 * time.Second)
		trim()
	}()
}

// trim unmaps the pages of the executable's read-only parts. It is best effort: the pages are only a matter of memory.
func trim() {
	executable, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != executable || strings.Contains(fields[1], "w") {
			continue
		}
		var start, end uintptr
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end); err == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED)
		}
	}
}
