package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"
)

// Input reads files within the limits.
type Input struct {
	stdin io.Reader
	// left is how many bytes may still be read.
	left int
}

// NewInput reads standard input from stdin.
func NewInput(stdin io.Reader) *Input { return &Input{stdin: stdin, left: maxInputBytes} }

// Read reads a file as UTF-8 text.
func (in *Input) Read(source Source) ([]byte, error) {
	data, err := in.bytes(source)
	if err != nil {
		return nil, err
	}
	return decodeText(data)
}

func (in *Input) bytes(source Source) ([]byte, error) {
	if source.path == stdinPath {
		return in.limited(in.stdin, 0)
	}
	// What was a file a moment ago may be a pipe now: opening one without O_NONBLOCK waits for a writer.
	file, err := os.OpenFile(source.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, irregular(info.Mode())
	}
	return in.limited(file, info.Size())
}

// limited reads at most what may be read. expected is how much there probably is.
func (in *Input) limited(from io.Reader, expected int64) ([]byte, error) {
	limit := min(maxFileBytes, in.left)
	buffer := bytes.NewBuffer(make([]byte, 0, min(expected, int64(limit))+bytes.MinRead))
	read, err := buffer.ReadFrom(&textReader{from: io.LimitReader(from, int64(limit)+1)})
	if err != nil {
		return nil, err
	}
	if read > int64(limit) {
		if limit < maxFileBytes {
			return nil, fmt.Errorf("all files together are larger than %s; name fewer, or split what is planned", size(maxInputBytes))
		}
		return nil, fmt.Errorf("is larger than %s; split it into several files", size(maxFileBytes))
	}
	in.left -= int(read)
	return buffer.Bytes(), nil
}

// textReader ends with an error at the first byte that no text in UTF-8 has, unless the text begins as UTF-16 does.
type textReader struct {
	from  io.Reader
	begun bool
	wide  bool
	line  int
}

// Read implements io.Reader.
func (r *textReader) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	data := into[:n]
	if !r.begun && n > 0 {
		if n == 1 { // a byte order mark has two
			more, moreErr := io.ReadFull(r.from, into[1:2])
			n += more
			if data = into[:n]; err == nil && moreErr != io.EOF { //nolint:errorlint // io.ReadFull returns it as it is
				err = moreErr
			}
		}
		r.begun, r.wide = true, bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
	}
	if r.wide {
		return n, err
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return n, fmt.Errorf("line %d holds a zero byte, so this is no text: write UTF-8, or UTF-16 with a byte order mark", r.line+bytes.Count(data[:at], []byte("\n"))+1)
	}
	r.line += bytes.Count(data, []byte("\n"))
	return n, err
}

// decodeText turns the encodings that kubectl reads into UTF-8 without a byte order mark: UTF-16 with one, and UTF-8. As
// with kubectl, bytes that are no UTF-8 become the replacement character.
func decodeText(data []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	}
	if order != nil {
		data = fromUTF16(data[2:], order)
		if at := bytes.IndexByte(data, 0); at >= 0 {
			return nil, fmt.Errorf("line %d holds a zero character, so this is no text: write UTF-8, or UTF-16 with a byte order mark", bytes.Count(data[:at], []byte("\n"))+1)
		}
	}
	if utf8.Valid(data) {
		return data, nil
	}
	out := make([]byte, 0, len(data)+len(data)/8)
	for len(data) > 0 {
		r, width := utf8.DecodeRune(data)
		out = utf8.AppendRune(out, r)
		data = data[width:]
	}
	return out, nil
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	out := make([]byte, 0, len(data)/2+len(data)/8)
	for ; len(data) >= 2; data = data[2:] {
		r := rune(order.Uint16(data))
		if utf16.IsSurrogate(r) && len(data) >= 4 {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(data[2:]))); pair != utf8.RuneError {
				r, data = pair, data[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if len(data) > 0 { // half a character
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return out
}
