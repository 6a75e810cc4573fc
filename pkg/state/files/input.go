package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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
			if data = into[:n]; err == nil && !errors.Is(moreErr, io.EOF) {
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
	if utf8.Valid(data) && !bytes.HasPrefix(data, byteOrderMark) {
		return data, nil
	}
	data, _, err := transform.Bytes(unicode.BOMOverride(unicode.UTF8.NewDecoder()), data)
	if err != nil {
		return nil, err
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return nil, fmt.Errorf("line %d holds a zero character, so this is no text: write UTF-8, or UTF-16 with a byte order mark", bytes.Count(data[:at], []byte("\n"))+1)
	}
	return data, nil
}

// byteOrderMark as UTF-8 writes it.
var byteOrderMark = []byte("\xef\xbb\xbf")
