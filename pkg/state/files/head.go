package files

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// head is what a document says of itself at its top level.
type head struct{ apiVersion, kind string }

// headOf finds the apiVersion and the kind of a document without taking it apart. ok is false when that is not certain;
// then the document must be read. It passes over text as fast as lines can be found, whatever the document holds.
func headOf(c chunk) (h head, ok bool) {
	if c.isJSON {
		return headOfJSON(c.text)
	}
	return headOfYAML(c.text)
}

// headOfJSON looks at the top level of a valid JSON value.
func headOfJSON(text []byte) (h head, ok bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 || text[0] != '{' {
		return h, false
	}
	seen := map[string]bool{}
	for at := 1; at < len(text); {
		at += bytes.IndexFunc(text[at:], func(r rune) bool { return !strings.ContainsRune(" \t\r\n,", r) })
		if text[at] == '}' {
			return h, h.kind != "" && h.apiVersion != ""
		}
		keyEnd := at + jsonLength(text[at:])
		var key string
		if json.Unmarshal(text[at:keyEnd], &key) != nil || seen[key] {
			return h, false
		}
		seen[key] = true
		at = keyEnd + bytes.IndexByte(text[keyEnd:], ':') + 1
		at += bytes.IndexFunc(text[at:], func(r rune) bool { return !strings.ContainsRune(" \t\r\n", r) })
		valueEnd := at + jsonValueLength(text[at:])
		if into := h.field(key); into != nil && json.Unmarshal(text[at:valueEnd], into) != nil {
			return h, false
		}
		at = valueEnd
	}
	return h, false
}

// jsonValueLength is the length of a value within an object.
func jsonValueLength(data []byte) int {
	if bytes.IndexByte([]byte(`{["`), data[0]) >= 0 {
		return jsonLength(data)
	}
	return max(bytes.IndexAny(data, ",} \t\r\n"), 0)
}

func (h *head) field(key string) *string {
	switch key {
	case "apiVersion":
		return &h.apiVersion
	case "kind":
		return &h.kind
	}
	return nil
}

// The forms of lines of block YAML that can be told from their text alone. A value in quotes or brackets must end on its
// line, and a plain one must not hold what would begin another.
var (
	yamlKey   = regexp.MustCompile(`^[A-Za-z0-9_./~-]+:(?: +|$)`)
	yamlBlock = regexp.MustCompile(`^[|>](?:[+-]?[1-9]?|[1-9][+-])(?: +#.*| *)$`)
	yamlPlain = regexp.MustCompile(`^[A-Za-z0-9/._+~-]`)
	// yamlWord is a value that is text without quotes unless it is one of yamlNoText, which YAML takes for other things.
	yamlWord   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9/._-]*$`)
	yamlNoText = regexp.MustCompile(`^(?i:y|yes|n|no|true|false|on|off|null)$`)
)

// withoutComment is the value of a line.
func withoutComment(value []byte) []byte {
	if at := bytes.Index(value, []byte(" #")); at >= 0 {
		value = value[:at]
	}
	return bytes.TrimRight(value, " ")
}

// isWord says whether a character is of plain words in brackets.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || bytes.IndexByte([]byte("/._ ,:-"), c) >= 0
}

// closed says whether a value in quotes, or one of plain words in brackets, ends on its line.
func closed(value []byte) bool {
	end := 1
	switch quote := value[0]; quote {
	case '"':
		for end < len(value) && value[end] != quote {
			if value[end] == '\\' {
				end++
			}
			end++
		}
	case '\'':
		for end < len(value) && (value[end] != quote || end+1 < len(value) && value[end+1] == quote) {
			if value[end] == quote {
				end++
			}
			end++
		}
	case '{', '[':
		for end < len(value) && isWord(value[end]) {
			end++
		}
		if end < len(value) && value[end] != quote+2 { // the closing brackets are two after the opening ones
			return false
		}
	default:
		return false
	}
	return end < len(value) && len(withoutComment(append([]byte(" "), value[end+1:]...))) == 0
}

// headOfYAML reads a mapping in block style. Each line is told by itself: none can be within quotes or brackets, since
// what opens them and does not close them on the line ends the search.
func headOfYAML(text []byte) (h head, ok bool) {
	if slices.ContainsFunc(otherBreaks[1:], func(end []byte) bool { return bytes.Contains(text, end) }) {
		return h, false
	}
	seen := map[string]bool{}
	block := -1    // lines further in than this are text
	field := false // whether the value of a field of the head may go on
	for raw := range bytes.Lines(text) {
		line := bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
		rest := bytes.TrimLeft(line, " ")
		indent := len(line) - len(rest)
		switch {
		case bytes.IndexByte(line, '\r') >= 0:
			return h, false
		case len(rest) == 0 || block >= 0 && indent > block:
			continue
		case rest[0] == '#':
			continue
		case field && indent > 0: // more of the value
			return h, false
		}
		block, field = -1, false
		if indent == 0 && rest[0] != '-' {
			key := yamlKey.Find(rest)
			if key == nil {
				return h, false
			}
			name := string(bytes.TrimRight(key, ": "))
			if seen[name] {
				return h, false
			}
			seen[name] = true
			if into := h.field(name); into != nil {
				value := withoutComment(rest[len(key):])
				if !yamlWord.Match(value) || yamlNoText.Match(value) {
					return h, false
				}
				*into, field = string(value), true
			}
		}
		isBlock, certain := tellLine(rest)
		if !certain {
			return h, false
		}
		if isBlock {
			block = indent
		}
	}
	return h, h.kind != "" && h.apiVersion != ""
}

// tellLine says whether a line begins a block of text, and whether that is certain.
func tellLine(rest []byte) (isBlock, certain bool) {
	item := false
	for bytes.HasPrefix(rest, []byte("- ")) {
		rest, item = bytes.TrimLeft(rest[2:], " "), true
	}
	if string(rest) == "-" || len(rest) == 0 {
		return false, true
	}
	key := yamlKey.Find(rest)
	value := rest[len(key):]
	switch {
	case len(value) == 0 || value[0] == '#':
		return false, true
	case yamlBlock.Match(value):
		// Of an item of a list, or of a key in one, the text may begin where the key does.
		return key != nil && !item, key != nil && !item
	case closed(value):
		return false, true
	case !yamlPlain.Match(value):
		return false, false
	}
	value = withoutComment(value)
	return false, !bytes.Contains(value, []byte(": ")) && !bytes.HasSuffix(value, []byte(":"))
}
