package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// Claim is a row of a table whose columns are a claim, who enforces it, and which tests show it.
type Claim struct {
	// Line is where the row is, from 1.
	Line     int
	Text, By string
	Tests    []TestName
}

// TestName names a test: `FOLDER.TEST`, the folder from the repository's root.
type TestName struct{ Folder, Name string }

// claimColumns is how the head of a table of claims reads.
var claimColumns = []string{"claim", "who enforces it", "which test shows it"}

var testName = regexp.MustCompile("`([a-z0-9/-]+)\\.(Test[A-Za-z0-9_]+)`")

// Claims returns the rows of a page's tables of claims. Errors name the line.
func Claims(page string) ([]Claim, error) {
	var out []Claim
	in := false
	for i, line := range strings.Split(page, "\n") {
		cells := row(line)
		switch {
		case len(cells) == 0:
			in = false
		case strings.Join(cells, "|") == strings.Join(claimColumns, "|"):
			in = true
		case !in || strings.Trim(strings.Join(cells, ""), "-: ") == "":
		case len(cells) != len(claimColumns):
			return nil, fmt.Errorf("line %d: a claim has %d columns, want %s", i+1, len(cells), strings.Join(claimColumns, ", "))
		default:
			claim := Claim{Line: i + 1, Text: cells[0], By: cells[1]}
			for _, found := range testName.FindAllStringSubmatch(cells[2], -1) {
				claim.Tests = append(claim.Tests, TestName{found[1], found[2]})
			}
			if left := strings.TrimSpace(testName.ReplaceAllString(cells[2], "")); left != "" || len(claim.Tests) == 0 {
				return nil, fmt.Errorf("line %d: %q names no tests; write `FOLDER.TEST`, several with a space between", i+1, cells[2])
			}
			if claim.Text == "" || claim.By == "" {
				return nil, fmt.Errorf("line %d: a claim without words, or that nobody enforces", i+1)
			}
			out = append(out, claim)
		}
	}
	return out, nil
}

// row is the cells of a line of a table; none when it is no such line.
func row(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") || len(line) < 2 {
		return nil
	}
	cells := strings.Split(line[1:len(line)-1], "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}
