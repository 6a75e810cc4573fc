package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// lockedBuffer takes what a command writes to its output and to its errors, which come from two goroutines.
type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(text)
}

// A late drill is a verdict in its table and the demo goes on; a drill that measured nothing ends it.
func TestDrill(t *testing.T) {
	for _, tt := range []struct {
		name, program, failure string
	}{
		{"in time", "echo 'DRILL: 1 of 1 workload back in time'", ""},
		{"late", "echo 'DRILL: 0 of 1 workload back in time'; echo 'Error: not back within failover.after plus 5s: 1 of 1 workload' >&2; exit 1", ""},
		{"not measured", "echo 'Error: the server could not find it' >&2; exit 1", "the server could not find it"},
		{"killed", "echo 'DRILL: half of'; kill -9 $$", "killed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "tradewind"), []byte("#!/bin/sh\n"+tt.program+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			var out lockedBuffer
			d := &demo{screen: newScreen(&out), root: dir, bin: dir}
			err := d.drill(t.Context())
			if tt.failure == "" && err != nil || tt.failure != "" && (err == nil || !strings.Contains(err.Error(), tt.failure)) {
				t.Errorf("error %v, want %q", err, tt.failure)
			}
			if tt.failure == "" && !strings.Contains(out.String(), "DRILL: ") {
				t.Errorf("the verdict is not shown:\n%s", out.String())
			}
		})
	}
}
