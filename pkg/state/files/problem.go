package files

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/printable"
)

// Problem is what is wrong, and where.
type Problem struct {
	File string `json:"file"`
	// Line of the file, from 1; 0 when it is not known.
	Line int `json:"line,omitempty"`
	// Document of the file, from 1, when it cannot be read.
	Document int `json:"document,omitempty"`
	// Object is KIND/NAME, with the namespace before the name where it has one; empty when the document cannot be read.
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	// Message says what is wrong and what to do about it.
	Message string `json:"message"`
}

// The longest parts of a problem, in characters: of longer ones the middle is left out.
const (
	maxNamed   = 512
	maxMessage = 1024
)

// NewProblem makes a problem of an object. What it quotes is clipped, so that bad input of any size is named in a line.
func NewProblem(file string, line int, object, field, message string) Problem {
	return Problem{
		File: file, Line: line, Object: printable.Clip(object, maxNamed), Field: printable.Clip(field, maxNamed),
		Message: printable.Clip(message, maxMessage),
	}
}

// NewDocumentProblem makes a problem of a document that cannot be read.
func NewDocumentProblem(file string, err *DocumentError) Problem {
	out := NewProblem(file, err.Line, err.Object, "", err.Error()+"; the document is left out")
	out.Document = err.Number
	return out
}

// String is "policies.yaml:12: PlacementPolicy/shop/web: spec.residency: …", one printable line.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	document := ""
	if p.Document > 0 {
		document = fmt.Sprintf("document %d", p.Document)
	}
	for _, part := range []string{document, p.Object, p.Field} {
		if part != "" {
			where += ": " + part
		}
	}
	return printable.Line(where + ": " + p.Message)
}

var exponent = regexp.MustCompile(`^[+-]?[0-9.]+[eE][+-]?[0-9]{3,}$`)

// HugeNumber says whether a number in the value has an exponent of three digits or more, or very many digits. Reading one as
// a quantity takes time in proportion to ten to the power, or to the square of the digits, so an object whose number was
// refused is not read any further.
func HugeNumber(value any) bool {
	switch typed := value.(type) {
	case string:
		return exponent.MatchString(typed) || len(typed) > maxQuantityText && strings.Trim(typed, "+-.0123456789") == ""
	case []any:
		return slices.ContainsFunc(typed, HugeNumber)
	case map[string]any:
		for _, inner := range typed {
			if HugeNumber(inner) {
				return true
			}
		}
	}
	return false
}
