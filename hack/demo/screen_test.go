package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWrapKeepsWordsAndWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z·…]{1,12}`)).Draw(t, "words")
		width := rapid.IntRange(1, 40).Draw(t, "width")
		lines := wrap(strings.Join(words, " "), width)
		if got := strings.Fields(strings.Join(lines, " ")); strings.Join(got, " ") != strings.Join(words, " ") {
			t.Fatalf("wrapped to %q, want the words %q", lines, words)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > width && strings.Contains(line, " ") {
				t.Fatalf("line %q is longer than %d", line, width)
			}
		}
	})
}

func TestTypedCommandsFitAndCanBePasted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		want  []string
	}{
		{"plain", []string{"kubectl", "get", "nodes"}, []string{"$ kubectl get nodes"}},
		{"quoted", []string{"run", "--kubeconfig={kubeconfig}"}, []string{"$ run '--kubeconfig={kubeconfig}'"}},
		{"long", []string{"run", strings.Repeat("a", 80), strings.Repeat("b", 60)},
			[]string{"$ run " + strings.Repeat("a", 80) + ` \`, "    " + strings.Repeat("b", 60)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := typed(tt.words)
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			for _, line := range got {
				if len(line) > columns {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
		})
	}
}

func TestTableAlignsAndWrapsTheLastColumn(t *testing.T) {
	var out bytes.Buffer
	newScreen(&out).table([]string{"NAME", ">PODS", "WHY"}, [][]string{
		{"frontend", "6", strings.Repeat("near ", 30)}, {"redis", "12", "one"},
	})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if lines[0] != "  NAME      PODS  WHY" || !strings.HasPrefix(lines[1], "  frontend     6  near near") || !strings.HasPrefix(lines[2], strings.Repeat(" ", 18)+"near") {
		t.Errorf("got\n%s", out.String())
	}
	if last := lines[len(lines)-1]; last != "  redis       12  one" {
		t.Errorf("last line %q", last)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > columns {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
}

func TestAStepThatFailsIsNotTicked(t *testing.T) {
	var out bytes.Buffer
	failure := errors.New("no room")
	if err := newScreen(&out).step("starting", func(func(string)) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("error %v, want %v", err, failure)
	}
	if strings.Contains(out.String(), "✓") {
		t.Errorf("a failed step is ticked: %q", out.String())
	}
	if err := newScreen(&out).step("starting", func(func(string)) error { return nil }); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "✓ starting") {
		t.Errorf("a step that is done is not ticked: %q", out.String())
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		before, after float64
		want          string
	}{{200, 150, "-25.0%"}, {100, 112.5, "+12.5%"}, {0, 3, ""}} {
		if got := percent(tt.before, tt.after); got != tt.want {
			t.Errorf("percent(%g, %g) = %q, want %q", tt.before, tt.after, got, tt.want)
		}
	}
}
