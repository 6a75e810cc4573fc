package pricing

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// egressColumns is the first line of data/egress.csv.
var egressColumns = []string{"from", "to", "above_tb_per_month", "usd_per_gb", "source", "date"}

const (
	egressFile        = "pkg/pricing/data/egress.csv"
	sameRegion        = "same-region"
	internetAustralia = "internet-australia"
	internetChina     = "internet-china"
	maxEgressRegions  = 1024
	maxEgressRows     = 1 << 18
)

type egressRow struct {
	fromCloud, fromRegion, toCloud, toRegion string
	cell                                     egressCell
}

// readEgress reads the table of egress prices. Lines that begin with # are comments.
func readEgress(data []byte) (*egressTable, error) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comment = '#'
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: read the first line: %w", egressFile, err)
	}
	if !slices.Equal(header, egressColumns) {
		return nil, fmt.Errorf("%s: the columns are %q, want %q", egressFile, header, egressColumns)
	}
	var (
		rows    []egressRow
		table   = &egressTable{clouds: map[string]*egressCloud{}}
		regions = map[string]map[string]bool{}
		intern  = map[string]string{}
	)
	shared := func(s string) string {
		if known, ok := intern[s]; ok {
			return known
		}
		s = strings.Clone(s)
		intern[s] = s
		return s
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", egressFile, err)
		}
		line, _ := reader.FieldPos(0)
		row, use, err := table.parseRow(record, shared)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", egressFile, line, err)
		}
		if !use {
			continue
		}
		if len(rows) == maxEgressRows {
			return nil, fmt.Errorf("%s: more than %d rows", egressFile, maxEgressRows)
		}
		rows = append(rows, row)
		noteRegion(regions, row.fromCloud, row.fromRegion)
		if row.toRegion != "" {
			noteRegion(regions, row.toCloud, row.toRegion)
		}
	}
	if err := table.number(regions); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := table.set(row); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func noteRegion(regions map[string]map[string]bool, cloud, region string) {
	if regions[cloud] == nil {
		regions[cloud] = map[string]bool{}
	}
	if region != "" {
		regions[cloud][region] = true
	}
}

// parseRow reads one line. It is not used when it is of a higher tier than the first.
func (t *egressTable) parseRow(record []string, shared func(string) string) (row egressRow, use bool, err error) {
	fromCloud, fromRegion, _ := strings.Cut(record[0], "/")
	toCloud, toRegion, hasRegion := strings.Cut(record[1], "/")
	if fromCloud == "" || toCloud == "" || hasRegion == (toRegion == "") {
		return row, false, fmt.Errorf("from %q to %q: write CLOUD/REGION", record[0], record[1])
	}
	if !hasRegion && !slices.Contains([]string{sameRegion, Internet, internetAustralia, internetChina}, toCloud) {
		return row, false, fmt.Errorf("to %q: write CLOUD/REGION, %s, %s, %s or %s",
			record[1], sameRegion, Internet, internetAustralia, internetChina)
	}
	if (fromRegion == "") != (toCloud == sameRegion) {
		return row, false, fmt.Errorf("from %q to %q: write CLOUD before %s, and CLOUD/REGION before all others",
			record[0], record[1], sameRegion)
	}
	above, err := strconv.ParseFloat(record[2], 64)
	if err != nil || !(above >= 0) {
		return row, false, fmt.Errorf("above_tb_per_month %q: write the terabytes a month above which the price holds, 0 for the first tier",
			record[2])
	}
	usd, err := strconv.ParseFloat(record[3], 64)
	if err != nil || !(usd >= 0) || math.IsInf(usd, 1) {
		return row, false, fmt.Errorf("usd_per_gb %q: write US dollars a gigabyte, at least 0", record[3])
	}
	if above > 0 {
		return row, false, nil
	}
	origin, err := t.origin(record[4], record[5])
	if err != nil {
		return row, false, err
	}
	return egressRow{
		fromCloud: shared(fromCloud), fromRegion: shared(fromRegion), toCloud: shared(toCloud), toRegion: shared(toRegion),
		cell: egressCell{usd: usd, origin: origin},
	}, true, nil
}

// origin returns 1 + the position of an origin.
func (t *egressTable) origin(source, date string) (uint8, error) {
	for i := range t.origins {
		if o := &t.origins[i]; o.Source == source && o.Date == date {
			return uint8(i + 1), nil
		}
	}
	if len(t.origins) == math.MaxUint8 {
		return 0, fmt.Errorf("source %q: more than %d different sources", source, math.MaxUint8)
	}
	t.origins = append(t.origins, catalogfile.Provenance{Source: strings.Clone(source), Date: strings.Clone(date)})
	return uint8(len(t.origins)), nil
}

// number gives every region its place in the table of pairs.
func (t *egressTable) number(regions map[string]map[string]bool) error {
	ids := make([]string, 0, len(regions))
	for id := range regions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		list := make([]string, 0, len(regions[id]))
		for region := range regions[id] {
			list = append(list, region)
		}
		slices.Sort(list)
		t.clouds[id] = &egressCloud{
			regions:  newNames(list, foldsCase(id)),
			first:    t.count,
			internet: make([][3]egressCell, len(list)),
		}
		t.count += len(list)
	}
	if t.count > maxEgressRegions {
		return fmt.Errorf("%s: %d regions, at most %d are allowed", egressFile, t.count, maxEgressRegions)
	}
	t.pairs = make([]egressCell, t.count*t.count)
	return nil
}

// set puts a row into the tables.
func (t *egressTable) set(row egressRow) error {
	from := t.clouds[row.fromCloud]
	var cell *egressCell
	if row.toCloud == sameRegion {
		cell = &from.sameRegion
	} else {
		index, _ := from.regions.index(row.fromRegion)
		switch row.toCloud {
		case Internet:
			cell = &from.internet[index][areaWorld]
		case internetAustralia:
			cell = &from.internet[index][areaAustralia]
		case internetChina:
			cell = &from.internet[index][areaChina]
		default:
			to := t.clouds[row.toCloud]
			toIndex, _ := to.regions.index(row.toRegion)
			cell = &t.pairs[(from.first+index)*t.count+to.first+toIndex]
		}
	}
	if cell.origin != 0 {
		return fmt.Errorf("%s: from %s/%s to %s/%s: given twice; keep one of the two lines",
			egressFile, row.fromCloud, row.fromRegion, row.toCloud, row.toRegion)
	}
	*cell = row.cell
	return nil
}
