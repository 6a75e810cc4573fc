package report

// Table is rows under a header as text, at most MaxColumns wide. A header that begins with ">" is of a column that is
// aligned to the right.
func Table(header []string, rows [][]string) string {
	t := newTable(0, header...)
	for _, row := range rows {
		t.add(row...)
	}
	return t.String()
}
