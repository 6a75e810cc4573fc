package bed

import (
	"os"
	"strings"
)

// tailBytes is how much of a log's end is read to find its last lines.
const tailBytes = 64 << 10

// Tail returns the last lines of a file, each ended by a newline, or nothing when it cannot be read or is empty.
func Tail(file string, lines int) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return ""
	}
	buffer := make([]byte, min(info.Size(), tailBytes))
	n, _ := f.ReadAt(buffer, info.Size()-int64(len(buffer)))
	all := strings.Split(strings.TrimRight(string(buffer[:n]), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n") + "\n"
}
