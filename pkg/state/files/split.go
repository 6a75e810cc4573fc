package files

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode"
	"unicode/utf8"
)

// chunk is the text of one document.
type chunk struct {
	// number of the document in its file, from 1, and the line that it begins on.
	number, line int
	text         []byte
	// isJSON says that the text is one JSON value.
	isJSON bool
	// refusal says why kubectl does not read the document; empty when it does.
	refusal string
}

// jsonLooksAt is how far kubectl looks for the brace that JSON begins with.
const jsonLooksAt = 4096

// splitter cuts a file into what "kubectl apply -f" takes for documents, without those that hold nothing but comments.
type splitter struct {
	data []byte
	// at is how far the data is split, line the line there from 1.
	at, line int
	found    int
	each     func(chunk) bool
	stopped  bool
}

// split calls each with the documents of a file until it returns false.
//
// A file whose first character is a brace is a row of JSON values. Where that fails after none or one of them, the rest
// is YAML; after more, kubectl reads no further. YAML is cut at lines that begin with "---".
func split(data []byte, each func(chunk) bool) {
	s := &splitter{data: data, line: 1, each: each}
	if first := bytes.TrimLeftFunc(data[:min(len(data), jsonLooksAt)], unicode.IsSpace); len(first) > 0 && first[0] == '{' {
		if s.json() {
			return
		}
	}
	s.yaml()
}

// take hands out a document that ends before end.
func (s *splitter) take(end int, c chunk) {
	c.line, c.text = s.line, s.data[s.at:end:end]
	s.advance(end)
	if s.stopped || c.refusal == "" && isBlank(c.text) {
		return
	}
	s.found++
	c.number = s.found
	s.stopped = !s.each(c)
}

func (s *splitter) advance(to int) {
	s.line += bytes.Count(s.data[s.at:to], []byte("\n"))
	s.at = to
}

// json reads a row of JSON values. It returns false when the rest is to be read as YAML.
func (s *splitter) json() (done bool) {
	for count := 0; !s.stopped; count++ {
		blank := len(s.data[s.at:]) - len(bytes.TrimLeft(s.data[s.at:], " \t\r\n"))
		begin := s.at + blank
		if begin == len(s.data) {
			return true
		}
		length := jsonLength(s.data[begin:])
		if length > 0 && json.Valid(s.data[begin:begin+length]) {
			s.advance(begin)
			s.take(begin+length, chunk{isJSON: true})
			continue
		}
		if count > 1 {
			s.advance(begin)
			s.take(len(s.data), chunk{refusal: "is no JSON, but follows several objects in JSON; kubectl reads none of it: correct it, or write --- between all objects"})
			return true
		}
		return s.afterJSON()
	}
	return true
}

// afterJSON skips the space before YAML that follows JSON, up to the end of a line, as kubectl does.
func (s *splitter) afterJSON() (done bool) {
	for at := s.at; at < len(s.data); {
		r, width := utf8.DecodeRune(s.data[at:])
		switch {
		case len(s.data)-at < utf8.UTFMax || r == utf8.RuneError: // kubectl looks at so many bytes at a time
			s.take(len(s.data), chunk{refusal: "cannot be read by kubectl after JSON: remove it, or write --- before it"})
			return true
		case r == '\n':
			s.advance(at + width)
			return false
		case !unicode.IsSpace(r):
			s.advance(at)
			return false
		}
		at += width
	}
	return true
}

// jsonLength is the length of the JSON value that the data begins with; 0 when it does not end. The value may be no JSON.
func jsonLength(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				if quoted = false; depth == 0 {
					return i + 1
				}
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return i + 1
			}
		case depth == 0 && (i+1 == len(data) || bytes.IndexByte([]byte(" \t\r\n\"{[}]"), data[i+1]) >= 0):
			return i + 1 // a number or a word
		}
	}
	return 0
}

// yaml cuts the rest at its separators.
func (s *splitter) yaml() {
	refusal := ""
	for at := s.at; at < len(s.data) && !s.stopped; {
		end := len(s.data)
		if next := bytes.IndexByte(s.data[at:], '\n'); next >= 0 {
			end = at + next + 1
		}
		if after, ok := bytes.CutPrefix(s.data[at:end], []byte("---")); ok {
			first := s.at == at // of its document: then kubectl keeps the line
			s.take(at, chunk{refusal: refusal})
			refusal = ""
			after = bytes.TrimSpace(after)
			switch more := len(after) > 0 && after[0] != '#'; {
			case more || hasOtherBreak(after) && !first:
				// The line is kept, for the name of what stands on it.
				refusal = `has more than a comment on the line of its "---", which kubectl does not read: begin the document on the next line, and end lines with LF`
			case !first:
				s.advance(end)
			}
		}
		at = end
	}
	if s.at < len(s.data) {
		s.take(len(s.data), chunk{refusal: refusal})
	}
}

// isBlank says whether a text holds nothing but spaces and comments, and the marker that a document may begin with.
func isBlank(text []byte) bool {
	if rest, ok := bytes.CutPrefix(text, []byte("---")); ok && !bytes.HasPrefix(rest, []byte("#")) {
		text = rest
	}
	for line := range bytes.Lines(text) {
		if line = bytes.Trim(line, " \r\n"); len(line) > 0 && (line[0] != '#' || hasOtherBreak(line) || bytes.ContainsFunc(line, isRefused)) {
			return false
		}
	}
	return true
}

// isRefused says whether YAML refuses a character wherever it stands, in a comment too.
func isRefused(r rune) bool {
	return r == utf8.RuneError || r < ' ' && r != '\t' || r > '~' && r < '\u00a0' && r != '\u0085'
}

// otherBreaks end a line, and so a comment, in YAML, but not for what cuts a file into documents.
var otherBreaks = [][]byte{[]byte("\r"), []byte("\u0085"), []byte("\u2028"), []byte("\u2029")}

// hasOtherBreak says whether a line has more lines in it.
func hasOtherBreak(line []byte) bool {
	return slices.ContainsFunc(otherBreaks, func(end []byte) bool { return bytes.Contains(line, end) })
}
