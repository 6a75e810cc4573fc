package latency

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
)

// The format of data/matrix.txt, which hack/catalog/latency writes: lines of tab-separated fields.
//
//	tradewind-latency  1
//	section  symmetric|directed  DATE  SOURCE
//	regions  CLOUD/REGION  …
//	ROW                                     one a region, in that order
//	checksum  CRC32 (IEEE, hexadecimal) of all bytes before this line
//
// A row of a symmetric section holds the figures to the regions before it, a row of a directed section those to all
// regions. A figure is milliseconds; "+" after it makes it an upper estimate; an empty one was not measured. A pair that
// several sections measured has the figures of the last one.
const (
	formatHeader = "tradewind-latency\t1"

	// maxMilliseconds is the longest round trip that is believed, of the matrix and of a LatencyMap.
	maxMilliseconds = 60000
	// minMilliseconds is the shortest: light goes 150 m and back in a microsecond.
	minMilliseconds = 0.001

	maxSections       = 16
	maxSectionRegions = 1024
)

// section is one measurement campaign.
type section struct {
	source, date string
	regions      []regionID
	// cells are the figures, row by row, for every ordered pair of regions; the basis is BasisUnknown where none exists.
	cells []cell
}

// cell is one figure of the matrix.
type cell struct {
	milliseconds float64
	section      uint8
	basis        Basis
}

// regionID names a region.
type regionID struct{ cloud, region string }

// decode reads the sections of a matrix. Whatever is wrong with the data is an error that names the line.
func decode(data []byte) ([]section, error) {
	body, err := verify(data)
	if err != nil {
		return nil, err
	}
	r := &lineReader{rest: string(body)}
	if header, ok := r.next(); !ok || header != formatHeader {
		return nil, r.errorf("the first line must be %q", formatHeader)
	}
	var sections []section
	for {
		line, ok := r.next()
		if !ok {
			break
		}
		if len(sections) == maxSections {
			return nil, r.errorf("more than %d sections", maxSections)
		}
		s, err := r.section(line, uint8(len(sections)))
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	if len(sections) == 0 {
		return nil, r.errorf("no section")
	}
	return sections, nil
}

// verify checks the checksum in the last line and returns what is before it.
func verify(data []byte) ([]byte, error) {
	trimmed := bytes.TrimSuffix(data, []byte("\n"))
	end := bytes.LastIndexByte(trimmed, '\n') + 1
	stated, ok := bytes.CutPrefix(trimmed[end:], []byte("checksum\t"))
	if !ok {
		return nil, fmt.Errorf("latency matrix: the last line is not a checksum: the data is cut off")
	}
	if actual := fmt.Sprintf("%08x", crc32.ChecksumIEEE(data[:end])); actual != string(stated) {
		return nil, fmt.Errorf("latency matrix: checksum %s, the data says %q: the data was changed after it was generated", actual, stated)
	}
	return data[:end], nil
}

// lineReader walks over lines and knows where it is.
type lineReader struct {
	rest string
	line int
}

func (r *lineReader) next() (string, bool) {
	if r.rest == "" {
		return "", false
	}
	line, rest, _ := strings.Cut(r.rest, "\n")
	r.rest = rest
	r.line++
	return line, true
}

func (r *lineReader) errorf(format string, args ...any) error {
	return fmt.Errorf("latency matrix: line %d: %w", r.line, fmt.Errorf(format, args...))
}

// section reads one section whose first line is given.
func (r *lineReader) section(first string, index uint8) (section, error) {
	fields := strings.Split(first, "\t")
	if len(fields) != 4 || fields[0] != "section" || fields[1] != "symmetric" && fields[1] != "directed" {
		return section{}, r.errorf("want section, symmetric or directed, a date and a source")
	}
	if fields[2] == "" || fields[3] == "" {
		return section{}, r.errorf("a section needs a date and a source")
	}
	s := section{date: fields[2], source: fields[3]}
	symmetric := fields[1] == "symmetric"
	if err := r.regions(&s); err != nil {
		return section{}, err
	}
	n := len(s.regions)
	rows := make([][]cell, n)
	for i := range rows {
		want := n
		if symmetric {
			want = i
		}
		row, err := r.row(i, want, index)
		if err != nil {
			return section{}, err
		}
		rows[i] = row
	}
	s.cells = make([]cell, n*n)
	for i, row := range rows {
		for j, c := range row {
			if c.basis == BasisUnknown {
				continue
			}
			s.cells[i*n+j] = c
			// Where the other direction has no figure of its own, this one stands for both.
			if symmetric || rows[j][i].basis == BasisUnknown {
				s.cells[j*n+i] = c
			}
		}
	}
	return s, nil
}

// regions reads the line that names the regions of a section.
func (r *lineReader) regions(s *section) error {
	line, _ := r.next()
	fields := strings.Split(line, "\t")
	if fields[0] != "regions" || len(fields) < 3 {
		return r.errorf("want the names of at least two regions")
	}
	if len(fields)-1 > maxSectionRegions {
		return r.errorf("%d regions; at most %d are read", len(fields)-1, maxSectionRegions)
	}
	seen := make(map[regionID]bool, len(fields))
	for _, field := range fields[1:] {
		cloud, region, ok := strings.Cut(field, "/")
		id := regionID{cloud, region}
		if !ok || cloud == "" || region == "" || strings.Contains(region, "/") {
			return r.errorf("%q is not CLOUD/REGION", field)
		}
		if seen[id] {
			return r.errorf("region %s is named twice", field)
		}
		seen[id] = true
		s.regions = append(s.regions, id)
	}
	return nil
}

// row reads the figures of the region at index self.
func (r *lineReader) row(self, want int, index uint8) ([]cell, error) {
	line, ok := r.next()
	if !ok {
		return nil, r.errorf("the data ends where the figures of region %d should be", self)
	}
	if want == 0 {
		if line != "" {
			return nil, r.errorf("the first row of a symmetric section is empty")
		}
		return nil, nil
	}
	fields := strings.Split(line, "\t")
	if len(fields) != want {
		return nil, r.errorf("%d figures, want %d", len(fields), want)
	}
	cells := make([]cell, want)
	for i, field := range fields {
		if field == "" {
			continue
		}
		if i == self {
			return nil, r.errorf("figure %d is of a region to itself", i+1)
		}
		basis := BasisMeasured
		if trimmed, ok := strings.CutSuffix(field, "+"); ok {
			field, basis = trimmed, BasisUpperEstimate
		}
		milliseconds, err := strconv.ParseFloat(field, 64)
		if err != nil || math.IsNaN(milliseconds) || milliseconds < minMilliseconds || milliseconds > maxMilliseconds {
			return nil, r.errorf("figure %d: %q is not milliseconds between %v and %v", i+1, field, minMilliseconds, float64(maxMilliseconds))
		}
		cells[i] = cell{milliseconds: milliseconds, section: index, basis: basis}
	}
	return cells, nil
}
