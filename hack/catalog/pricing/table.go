package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// row is one line of a table.
type row struct {
	file    string
	line    int
	columns map[string]int
	fields  []string
}

// text returns a field.
func (r *row) text(column string) string { return r.fields[r.columns[column]] }

// fail returns an error that names the file, line and column.
func (r *row) fail(column, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s %q: %s", r.file, r.line, column, r.text(column), fmt.Sprintf(format, args...))
}

// name returns a field that must not be empty.
func (r *row) name(column string) (string, error) {
	text := r.text(column)
	if text == "" || len(text) > 63 || strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	}) {
		return "", r.fail(column, "a name has 1 to 63 letters, digits, dots, hyphens and underscores")
	}
	return text, nil
}

// number returns a field as a finite number of at least 0 and at most limit; 0 when it is empty.
func (r *row) number(column string, limit float64) (float64, error) {
	text := r.text(column)
	if text == "" {
		return 0, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || value < 0 || value > limit {
		return 0, r.fail(column, "want a number from 0 to %v, or nothing when it is unknown", limit)
	}
	return value, nil
}

// maxHourlyUSD is the largest price taken for real; the dearest instance costs 492 US dollars an hour.
const maxHourlyUSD = 100_000

// hourly returns a price in US dollars an hour, 0 when it is unknown. Sources write 0 where they have no price.
func (r *row) hourly(column string) (float64, error) { return r.number(column, maxHourlyUSD) }

// longestField is the most bytes of a field: names are joined of two of them, and the catalog holds no longer ones than 1,024.
const longestField = 256

// readTable calls use for every line of a CSV file, whose first line must have the columns.
func readTable(folder, file string, columns []string, use func(*row) error) error {
	in, err := os.Open(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		return fmt.Errorf("read the raw tables: %w", err)
	}
	defer in.Close()
	return scanTable(in, file, columns, use)
}

func scanTable(in io.Reader, file string, columns []string, use func(*row) error) error {
	reader := csv.NewReader(in)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("%s: read the first line: %w", file, err)
	}
	r := &row{file: file, columns: make(map[string]int, len(columns))}
	for _, column := range columns {
		at := slices.Index(header, column)
		if at < 0 {
			return fmt.Errorf("%s:1: column %q is missing; the file has %s", file, column, strings.Join(header, ", "))
		}
		r.columns[column] = at
	}
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		r.fields = fields
		r.line, _ = reader.FieldPos(0)
		for _, column := range columns {
			if n := len(r.fields[r.columns[column]]); n > longestField {
				return fmt.Errorf("%s:%d: column %q has %d bytes, at most %d are allowed", file, r.line, column, n, longestField)
			}
		}
		if err := use(r); err != nil {
			return err
		}
	}
}
