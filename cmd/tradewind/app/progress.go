package app

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"tradewind.dev/tradewind/pkg/printable"
)

// progress says what is being done, once that has taken over a second: on a terminal in one line that is erased at the
// end, elsewhere in a line for each step.
type progress struct {
	out      io.Writer
	terminal bool
	stop     chan struct{}
	done     sync.WaitGroup

	mu   sync.Mutex
	text string
}

const (
	quietTime    = time.Second
	redrawTime   = 200 * time.Millisecond
	lineInterval = 2 * time.Second
)

// startProgress begins to watch; close ends it. Without a terminal it says nothing unless it was asked to.
func (env *environment) startProgress() *progress {
	p := &progress{out: env.terminal, stop: make(chan struct{})}
	if file, ok := env.terminal.(*os.File); ok {
		p.terminal = term.IsTerminal(int(file.Fd()))
	}
	if p.terminal || env.progress {
		p.done.Add(1)
		go p.run()
	}
	return p
}

// say replaces the text.
func (p *progress) say(format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = printable.Line(fmt.Sprintf(format, arguments...))
}

func (p *progress) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

// close stops, and erases the line.
func (p *progress) close() {
	close(p.stop)
	p.done.Wait()
}

func (p *progress) run() {
	defer p.done.Done()
	begun := time.Now()
	wait, shown := quietTime, ""
	for spin := 0; ; spin++ {
		select {
		case <-p.stop:
			if shown != "" && p.terminal {
				fmt.Fprintf(p.out, "\r%*s\r", len(shown), "")
			}
			return
		case <-time.After(wait):
		}
		text := p.current()
		if text == "" {
			continue
		}
		if p.terminal {
			line := fmt.Sprintf("%c %s (%.0f s)", `|/-\`[spin%4], text, time.Since(begun).Seconds())
			fmt.Fprintf(p.out, "\r%-*s", len(shown), line)
			wait, shown = redrawTime, line
			continue
		}
		if text != shown {
			fmt.Fprintf(p.out, "%s (%.0f s)\n", text, time.Since(begun).Seconds())
		}
		wait, shown = lineInterval, text
	}
}
