package files

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// Problem is what is wrong, and where.
type Problem struct {
	File string `json:"file"`
	// Line of the file, from 1; 0 when it is not known.
	Line int `json:"line,omitempty"`
	// Object is KIND/NAME, with the namespace before the name where it has one; empty when the document cannot be read.
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	// Message says what is wrong and what to do about it.
	Message string `json:"message"`
}

// String is "policies.yaml:12: PlacementPolicy/shop/web: spec.residency: …".
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	for _, part := range []string{p.Object, p.Field} {
		if part != "" {
			where += ": " + part
		}
	}
	return where + ": " + p.Message
}

// DisplayName is what problems call a file: "-" is standard input.
func DisplayName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// Expand lists the files of a folder and of the folders in it that end in .yaml, .yml or .json; a file, and "-" for
// standard input, is itself.
func Expand(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("folder %s holds no .yaml, .yml or .json file", path)
	}
	return files, err
}

// maxFileBytes is the largest file that is read: an API server takes objects up to 3 MiB, and this is room for many.
const maxFileBytes = 1 << 30

// ReadFile reads a file, or standard input for "-".
func ReadFile(file string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	var buffer bytes.Buffer
	n, err := io.Copy(&buffer, io.LimitReader(from, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if n > maxFileBytes {
		return nil, fmt.Errorf("read %s: larger than %d MiB; split it", file, maxFileBytes>>20)
	}
	return buffer.Bytes(), nil
}

var exponent = regexp.MustCompile(`^[+-]?[0-9.]+[eE][+-]?[0-9]{3,}$`)

// HugeExponent says whether a number in the value has an exponent of three digits or more. Reading one as a quantity takes
// time in proportion to ten to its power, so an object whose number was refused is not read any further.
func HugeExponent(value any) bool {
	switch typed := value.(type) {
	case string:
		return exponent.MatchString(typed)
	case []any:
		return slices.ContainsFunc(typed, HugeExponent)
	case map[string]any:
		for _, inner := range typed {
			if HugeExponent(inner) {
				return true
			}
		}
	}
	return false
}
