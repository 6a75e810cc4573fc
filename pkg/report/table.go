package report

import (
	"strings"
	"unicode/utf8"

	"tradewind.dev/tradewind/pkg/printable"
)

// MaxColumns is how wide a printed report may be, in characters.
const MaxColumns = 120

// table is text in columns. Cells that would make it wider than MaxColumns are wrapped.
type table struct {
	header []string
	rows   [][]string
	// right says which columns are aligned to the right: numbers.
	right []bool
	// indent is how many spaces each line begins with.
	indent int
}

const columnGap = 2

// newTable makes a table. A header that begins with ">" is of a column that is aligned to the right.
func newTable(indent int, header ...string) *table {
	t := &table{indent: indent, right: make([]bool, len(header)), header: make([]string, len(header))}
	for i, name := range header {
		t.header[i], t.right[i] = strings.CutPrefix(name, ">")
	}
	return t
}

// add adds a row. Its cells are made printable before they are measured.
func (t *table) add(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = printable.Lines(cell)
	}
	t.rows = append(t.rows, row)
}

// String is the table, one line a row, without spaces at the end of lines.
func (t *table) String() string {
	widths := t.widths()
	var out strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		t.write(&out, row, widths)
	}
	return out.String()
}

// widths are the columns' widths: what their cells need, the widest columns narrowed until the table fits.
func (t *table) widths() []int {
	widths := make([]int, len(t.header))
	total := t.indent - columnGap
	for column := range t.header {
		for _, row := range append([][]string{t.header}, t.rows...) {
			widths[column] = max(widths[column], utf8.RuneCountInString(row[column]))
		}
		total += widths[column] + columnGap
	}
	for ; total > MaxColumns; total-- {
		widest := 0
		for column, width := range widths {
			if width > widths[widest] {
				widest = column
			}
		}
		widths[widest]--
	}
	return widths
}

func (t *table) write(out *strings.Builder, row []string, widths []int) {
	cells := make([][]string, len(row))
	lines := 0
	for column, cell := range row {
		cells[column] = wrap(cell, widths[column])
		lines = max(lines, len(cells[column]))
	}
	for line := range lines {
		var text strings.Builder
		text.WriteString(strings.Repeat(" ", t.indent))
		for column := range row {
			part := ""
			if line < len(cells[column]) {
				part = cells[column][line]
			}
			pad := strings.Repeat(" ", widths[column]-utf8.RuneCountInString(part))
			if t.right[column] {
				part = pad + part
			} else {
				part += pad
			}
			text.WriteString(part + strings.Repeat(" ", columnGap))
		}
		out.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
}

// wrap breaks text into lines of at most width characters: between words, or within a word that is longer than a line.
func wrap(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
			continue
		default:
			lines = append(lines, line)
		}
		for utf8.RuneCountInString(word) > width {
			runes := []rune(word)
			lines = append(lines, string(runes[:width]))
			word = string(runes[width:])
		}
		line = word
	}
	return append(lines, line)
}

// paragraph writes text in lines of at most MaxColumns: the first begins with first, the others with as many spaces.
func paragraph(out *strings.Builder, first, text string) {
	first, text = printable.Lines(first), printable.Lines(text)
	indent := utf8.RuneCountInString(first)
	for i, line := range wrap(text, MaxColumns-indent) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		out.WriteString(strings.TrimRight(first+line, " ") + "\n")
	}
}
