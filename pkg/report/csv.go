package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/printable"
)

// writeCSV writes rows with a header as comma-separated values (RFC 4180, lines end in LF). A text cell that a spreadsheet
// would run as a formula, because it begins with = + - @ tab or carriage return, gets an apostrophe before it; numbers,
// negative ones too, are left as they are. What does not show as itself is escaped, so that a row is a line.
func writeCSV(w io.Writer, header []string, rows [][]string) error {
	writer := csv.NewWriter(w)
	if err := writer.Write(header); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = safeCell(printable.Line(cell))
		}
		if err := writer.Write(safe); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	writer.Flush()
	if err := writer.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func safeCell(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) || isNumber(cell) {
		return cell
	}
	return "'" + cell
}

// isNumber says whether a cell is a plain decimal number, which no spreadsheet takes for a formula.
func isNumber(cell string) bool {
	if strings.Trim(cell, "0123456789.-") != "" {
		return false
	}
	_, err := strconv.ParseFloat(cell, 64)
	return err == nil
}

// csvNumber is a figure with all its digits; empty when it is not known.
func csvNumber(value *float64) string {
	if value == nil {
		return ""
	}
	return strconv.FormatFloat(*value, 'f', -1, 64)
}
