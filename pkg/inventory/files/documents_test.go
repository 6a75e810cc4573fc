package files

import (
	"fmt"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // LINE:TEXT
	}{
		{"a", []string{"1:a"}},
		{"---\na\n---\nb", []string{"1:", "1:   \na\n", "3:   \nb"}},
		{"a\n--- # note\nb\n", []string{"1:a\n", "2:    # note\nb\n"}},
		{"a\n...\nb", []string{"1:a\n", "3:b"}},
		{"a: |\n  ---\n", []string{"1:a: |\n  ---\n"}},
		{"----\n", []string{"1:----\n"}},
		{"\xef\xbb\xbfa", []string{"1:a"}},
		{"a\r\n---\r\nb\r\n", []string{"1:a\r\n", "2:   \r\nb\r\n"}},
	} {
		var got []string
		for _, chunk := range split([]byte(c.text)) {
			got = append(got, fmt.Sprintf("%d:%s", chunk.line, chunk.text))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("split(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
