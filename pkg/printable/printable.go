// Package printable makes text safe to print for people. Names, kinds, fields and messages come from files and from
// clusters that others write to: what a terminal would obey (escape sequences, returns) or what hides and turns text round
// (zero-width characters, bidirectional overrides) is written out as an escape instead, such as \x1b or \u202e.
package printable

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Is says whether a character shows as itself: it is neither a control character, nor invisible, nor does it change the
// direction of what follows. Of spaces only the plain one does.
func Is(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Line is text of one line: line ends are written out as \n like all else that does not show as itself.
func Line(text string) string { return escape(text, "") }

// Lines is text that may have several lines, and tabs in them.
func Lines(text string) string { return escape(text, "\n\t") }

// escape writes out what does not show as itself and is not kept.
func escape(text, kept string) string {
	shows := func(r rune, size int) bool {
		return (r != utf8.RuneError || size > 1) && (Is(r) || strings.ContainsRune(kept, r))
	}
	var out strings.Builder
	done := 0
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if !shows(r, size) {
			out.WriteString(text[done:at])
			out.WriteString(escaped(r, size, text[at]))
			done = at + size
		}
		at += size
	}
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}

func escaped(r rune, size int, first byte) string {
	switch {
	case r == utf8.RuneError && size == 1: // no UTF-8
		return fmt.Sprintf(`\x%02x`, first)
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Clip is text of at most limit characters: of longer text the middle is left out, and how much that was is said. What a
// message quotes stands in its middle, what is wrong before it and the remedy after it.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	characters := utf8.RuneCountInString(text)
	if characters <= limit {
		return text
	}
	head, tail := prefix(text, limit*2/3), suffix(text, limit/3)
	return fmt.Sprintf("%s…(%d characters)…%s", head, characters-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail), tail)
}

// prefix is the first n characters.
func prefix(text string, n int) string {
	end := 0
	for ; n > 0 && end < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end]
}

// suffix is the last n characters.
func suffix(text string, n int) string {
	begin := len(text)
	for ; n > 0 && begin > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:begin])
		begin -= size
	}
	return text[begin:]
}

// maxQuoted is how much of a value a message quotes, in characters.
const maxQuoted = 64

// Quote is a value as messages quote it: in quotation marks, printable, and clipped.
func Quote(value string) string { return `"` + Line(Clip(value, maxQuoted)) + `"` }

// Writer makes what is written to it printable. Each call of Write must bring whole characters.
type Writer struct{ To io.Writer }

// Write implements io.Writer.
func (w Writer) Write(data []byte) (int, error) {
	if _, err := io.WriteString(w.To, Lines(string(data))); err != nil {
		return 0, err
	}
	return len(data), nil
}

// JSON escapes, in encoded JSON, what encoding/json leaves as it is and does not show as itself. The value is the same.
func JSON(encoded []byte) []byte {
	text := string(encoded)
	if strings.IndexFunc(text, func(r rune) bool { return r >= 0x7f && !Is(r) }) < 0 {
		return encoded
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case r < 0x7f || Is(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := surrogates(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return []byte(out.String())
}

// surrogates are the two halves of a character above U+FFFF.
func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
