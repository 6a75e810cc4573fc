package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tradewind.dev/tradewind/pkg/printable"
)

// MaxMessage is the longest message that a condition takes, in bytes.
const MaxMessage = 32768

// Clip is a message of a condition or of an event: a text in one printable line, shortened to at most limit bytes and
// marked where it is longer.
func Clip(text string, limit int) string {
	text = printable.Line(text)
	const mark = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

// Join joins the first texts, and says how many more there are.
func Join(texts []string, separator string, most int) string {
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(texts[:most], separator), separator, len(texts)-most)
}

// Counts says how often each of some reasons holds, the most frequent first: "40 outside residency EU, 20 over 50 ms from
// DE".
func Counts(reasons map[string]int, most int) string {
	type count struct {
		reason string
		times  int
	}
	sorted := make([]count, 0, len(reasons))
	for reason, times := range reasons {
		sorted = append(sorted, count{reason, times})
	}
	slices.SortFunc(sorted, func(a, b count) int {
		return cmp.Or(b.times-a.times, strings.Compare(a.reason, b.reason))
	})
	texts := make([]string, 0, len(sorted))
	for i, entry := range sorted {
		if i == most && len(sorted) > most+1 {
			rest := 0
			for _, more := range sorted[i:] {
				rest += more.times
			}
			texts = append(texts, fmt.Sprintf("%d for other reasons", rest))
			break
		}
		texts = append(texts, fmt.Sprintf("%d %s", entry.times, entry.reason))
	}
	return strings.Join(texts, ", ")
}
