package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// columns is the width that the demo prints in.
const columns = 120

// screen is what the demo prints on.
type screen struct {
	out      io.Writer
	terminal bool
}

func newScreen(out io.Writer) *screen {
	file, ok := out.(*os.File)
	return &screen{out: out, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

func (s *screen) line(format string, arguments ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", arguments...)
}

func (s *screen) blank() { s.line("") }

// heading begins a part of the demo.
func (s *screen) heading(text string) {
	s.blank()
	if s.terminal {
		s.line("\x1b[1m%s\x1b[0m", text)
	} else {
		s.line("%s", text)
	}
	s.line("%s", strings.Repeat("─", utf8.RuneCountInString(text)))
}

// paragraph prints text in lines that fit; the first begins with label, the others are indented as far.
func (s *screen) paragraph(label, text string) {
	for i, line := range wrap(text, columns-utf8.RuneCountInString(label)) {
		if i > 0 {
			label = strings.Repeat(" ", utf8.RuneCountInString(label))
		}
		s.line("%s%s", label, line)
	}
}

// wrap breaks text at spaces into lines of at most width characters; a longer word has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(text) {
		switch {
		case current == "":
			current = word
		case utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, current)
			current = word
		default:
			current += " " + word
		}
	}
	return append(lines, current)
}

// table prints rows in aligned columns; the last one is wrapped where the screen ends. A header that begins with ">" aligns
// its column to the right.
func (s *screen) table(header []string, rows [][]string) {
	right := make([]bool, len(header))
	widths := make([]int, len(header))
	titles := make([]string, len(header))
	for i, title := range header {
		titles[i], right[i] = strings.CutPrefix(title, ">")
		widths[i] = utf8.RuneCountInString(titles[i])
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	last := len(header) - 1
	indent := 2
	for _, width := range widths[:last] {
		indent += width + 2
	}
	for _, row := range append([][]string{titles}, rows...) {
		line := "  "
		for i, cell := range row[:last] {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if right[i] {
				line += padding + cell + "  "
			} else {
				line += cell + padding + "  "
			}
		}
		for i, part := range wrap(row[last], columns-indent) {
			if i > 0 {
				line = strings.Repeat(" ", indent)
			}
			if right[last] {
				part = strings.Repeat(" ", max(0, widths[last]-utf8.RuneCountInString(part))) + part
			}
			s.line("%s", strings.TrimRight(line+part, " "))
		}
	}
}

// typed is a command as a reader would type it, over several lines where one is too long.
func typed(words []string) []string {
	var lines []string
	current := "$"
	for _, word := range words {
		if strings.ContainsAny(word, " {}*'\"\\$") {
			word = "'" + word + "'"
		}
		if utf8.RuneCountInString(current)+utf8.RuneCountInString(word)+3 > columns {
			lines = append(lines, current+" \\")
			current = "   "
		}
		current += " " + word
	}
	return append(lines, current)
}

// step says what is being done while work runs, and at the end how long it took.
func (s *screen) step(text string, work func(say func(string)) error) error {
	begun := time.Now()
	err := s.progress(text, work)
	if err == nil {
		s.line("  ✓ %s (%.1f s)", text, time.Since(begun).Seconds())
	}
	return err
}

// progress says what is being done once that has taken a second: on a terminal with the seconds, in a line that is erased
// at the end.
func (s *screen) progress(text string, work func(say func(string)) error) error {
	var mu sync.Mutex
	detail := ""
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		begun, width := time.Now(), 0
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for said := false; ; said = true {
			select {
			case <-done:
				if s.terminal && width > 0 {
					_, _ = fmt.Fprintf(s.out, "\r%*s\r", width, "")
				}
				return
			case <-tick.C:
			}
			mu.Lock()
			now := detail
			mu.Unlock()
			if s.terminal {
				line := fmt.Sprintf("  … %s (%.0f s) %s", text, time.Since(begun).Seconds(), now)
				_, _ = fmt.Fprintf(s.out, "\r%-*s", width, line)
				width = max(width, utf8.RuneCountInString(line))
			} else if !said {
				s.line("  … %s", text)
			}
		}
	}()
	err := work(func(now string) {
		mu.Lock()
		defer mu.Unlock()
		detail = now
	})
	close(done)
	<-stopped
	return err
}
