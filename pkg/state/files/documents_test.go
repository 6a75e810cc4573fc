package files

import (
	"fmt"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // NUMBER:LINE:TEXT
	}{
		{"a", []string{"1:1:a"}},
		{"---\na\n---\nb", []string{"1:1:---\na\n", "2:4:b"}},
		{"a\n--- # note\nb\n", []string{"1:1:a\n", "2:3:b\n"}},
		{"a\n...\nb", []string{"1:1:a\n...\nb"}},
		{"a: |\n  ---\n", []string{"1:1:a: |\n  ---\n"}},
		{"# a comment\n---\n\n---\na", []string{"1:5:a"}},
		{"---\n---\na", []string{"1:3:a"}},
		{"--- # c\n\n", nil},
		{"---#c\n", []string{"1:1:---#c\n"}},
		{"a\r\n---\r\nb\r\n", []string{"1:1:a\r\n", "2:3:b\r\n"}},
		{"{}\n[1]\n\n {\"a\":\"}\"}7", []string{"1:1:{}", "2:2:[1]", "3:4:{\"a\":\"}\"}", "4:4:7"}},
		{"{}\na: b\n---\nc", []string{"1:1:{}", "2:2:a: b\n", "3:4:c"}},
		{"{a: b}\n---\n{}", []string{"1:1:{a: b}\n", "2:3:{}"}},
		{"# a\rb", []string{"1:1:# a\rb"}},
	} {
		var got []string
		split([]byte(c.text), func(c chunk) bool {
			got = append(got, fmt.Sprintf("%d:%d:%s", c.number, c.line, c.text))
			return true
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("split(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
