package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	egressNewer = "egress/egress_cost_2023-02.csv"
	egressOlder = "egress/egress_cost_2022-05.csv"
	gcpNetwork  = "egress/gcp_network_prices_2026-07.json"

	skyplane       = "skyplane-project/skyplane"
	cyclenerd      = "Cyclenerd/google-cloud-pricing-cost-calculator"
	maxEgressPerGB = 1000 // US dollars a gigabyte
)

// egressLine is one line of egress.csv.
type egressLine struct {
	from, to, above    string // "aws/eu-west-1"; above: terabytes a month
	usd                string // as the source writes it
	source, date       string
	fromCloud, toCloud string
}

func (e egressLine) key() [3]string { return [3]string{e.from, e.to, e.above} }

// buildEgress joins the tables of traffic prices into the text of egress.csv.
func buildEgress(folder string) ([]byte, error) {
	newer, err := readEgress(folder, egressNewer, "2023-02")
	if err != nil {
		return nil, err
	}
	older, err := readEgress(folder, egressOlder, "2022-05")
	if err != nil {
		return nil, err
	}
	network, err := os.Open(filepath.Join(folder, filepath.FromSlash(gcpNetwork)))
	if err != nil {
		return nil, fmt.Errorf("read the raw tables: %w", err)
	}
	defer network.Close()
	internet, err := gcpInternet(network)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", gcpNetwork, err)
	}
	return joinEgress(newer, older, internet)
}

// joinEgress puts the newer price of each pair first, replaces the prices inside a region by one line a cloud, and takes
// the price to other clouds as that to the internet for the clouds that charge the same to all of them (AWS and Azure).
func joinEgress(newer, older, internet []egressLine) ([]byte, error) {
	lines := map[[3]string]egressLine{}
	inside := map[string]egressLine{}
	outside := map[string]egressLine{}
	varies := map[string]bool{} // clouds whose price depends on the destination
	for _, line := range slices.Concat(newer, older) {
		if line.from == line.to {
			known, ok := inside[line.fromCloud]
			if ok && known.usd != line.usd {
				return nil, fmt.Errorf("inside regions of %s: %s in one, %s in %s; they must be the same",
					line.fromCloud, known.usd, line.usd, strings.TrimPrefix(line.from, line.fromCloud+"/"))
			}
			line.from, line.to = line.fromCloud, "same-region"
			inside[line.fromCloud] = line
			continue
		}
		if line.fromCloud != line.toCloud {
			if known, ok := outside[line.from]; !ok {
				outside[line.from] = line
			} else if known.usd != line.usd {
				varies[line.fromCloud] = true
			}
		}
		if _, ok := lines[line.key()]; !ok {
			lines[line.key()] = line
		}
	}
	for _, line := range inside {
		lines[line.key()] = line
	}
	for _, line := range outside {
		if !varies[line.fromCloud] {
			line.to = "internet"
			line.source += " (price to other clouds)"
			lines[line.key()] = line
		}
	}
	for _, line := range internet {
		if _, ok := lines[line.key()]; ok {
			return nil, fmt.Errorf("from %s to %s above %s TB: given twice", line.from, line.to, line.above)
		}
		lines[line.key()] = line
	}
	return writeEgress(slices.SortedFunc(maps.Values(lines), func(a, b egressLine) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), compareNumbers(a.above, b.above))
	}))
}

func compareNumbers(a, b string) int {
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y)
}

const egressHead = `# List prices of traffic, in US dollars a gigabyte (10^9 bytes). Edit a line, and its source and date, to correct a price.
# to: CLOUD/REGION, internet, internet-australia, internet-china, or same-region (from is then a cloud).
# Look-ups use the lines of the first tier (above_tb_per_month 0).
# skyplane-project/skyplane and Cyclenerd/google-cloud-pricing-cost-calculator are under the Apache License 2.0.
`

func writeEgress(lines []egressLine) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(egressHead)
	w := csv.NewWriter(&out)
	records := [][]string{{"from", "to", "above_tb_per_month", "usd_per_gb", "source", "date"}}
	for _, line := range lines {
		records = append(records, []string{line.from, line.to, line.above, line.usd, line.source, line.date})
	}
	if err := w.WriteAll(records); err != nil {
		return nil, fmt.Errorf("write egress.csv: %w", err)
	}
	return out.Bytes(), nil
}

// readEgress reads a table of prices between regions.
func readEgress(folder, file, date string) ([]egressLine, error) {
	in, err := os.Open(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("read the raw tables: %w", err)
	}
	defer in.Close()
	return scanEgress(in, file, date)
}

func scanEgress(in io.Reader, file, date string) ([]egressLine, error) {
	var lines []egressLine
	err := scanTable(in, file, []string{"src", "dest", "cost"}, func(r *row) error {
		from, err := regionOf(r, "src")
		if err != nil {
			return err
		}
		to, err := regionOf(r, "dest")
		if err != nil {
			return err
		}
		usd, err := r.number("cost", maxEgressPerGB)
		if err != nil {
			return err
		}
		if r.text("cost") == "" {
			return r.fail("cost", "want US dollars a gigabyte")
		}
		lines = append(lines, egressLine{
			from: from[0] + "/" + from[1], to: to[0] + "/" + to[1], above: "0", usd: plain(usd),
			source: skyplane, date: date, fromCloud: from[0], toCloud: to[0],
		})
		return nil
	})
	return lines, err
}

// regionOf reads "aws:eu-west-1", or "gcp:europe-west1-b": the tables name zones of Google Cloud, but the price is the region's.
func regionOf(r *row, column string) ([2]string, error) {
	cloud, region, ok := strings.Cut(r.text(column), ":")
	if cloud == "gcp" {
		if dash := strings.LastIndexByte(region, '-'); dash == len(region)-2 {
			region = region[:max(dash, 0)]
		}
	}
	if !ok || cloud == "" || region == "" || strings.ContainsAny(r.text(column), "/ \n#") {
		return [2]string{}, r.fail(column, "want CLOUD:REGION")
	}
	return [2]string{strings.Clone(cloud), strings.Clone(region)}, nil
}

func plain(usd float64) string { return strconv.FormatFloat(usd, 'f', -1, 64) }

// tiers are the names of the tiers in Google Cloud's table, in terabytes a month.
var tiers = map[string]string{"0-1": "0", "1-10": "1", "10n": "10"}

// gcpInternet reads Google Cloud's prices of traffic to the internet: worldwide, to Australia and to China.
func gcpInternet(in io.Reader) ([]egressLine, error) {
	type costs map[string]map[string]struct {
		Month *float64 `json:"month"` // US dollars a gigabyte
	}
	type area struct {
		Cost costs `json:"cost"`
	}
	var document struct {
		Traffic struct {
			Egress struct {
				Internet struct {
					area
					Australia area `json:"australia"`
					China     area `json:"china"`
				} `json:"internet"`
			} `json:"egress"`
		} `json:"traffic"`
	}
	if err := json.NewDecoder(in).Decode(&document); err != nil {
		return nil, fmt.Errorf("read the network prices: %w", err)
	}
	prices := &document.Traffic.Egress.Internet
	var lines []egressLine
	for to, cost := range map[string]costs{
		"internet": prices.Cost, "internet-australia": prices.Australia.Cost, "internet-china": prices.China.Cost,
	} {
		if len(cost) == 0 {
			return nil, fmt.Errorf("traffic.egress.internet: no prices for %s", to)
		}
		for tier, regions := range cost {
			above, ok := tiers[tier]
			if !ok {
				return nil, fmt.Errorf("traffic.egress.internet: unknown tier %q; add it to the table of tiers", tier)
			}
			for region, price := range regions {
				if price.Month == nil || math.IsNaN(*price.Month) || *price.Month < 0 || *price.Month > maxEgressPerGB ||
					region == "" || strings.ContainsAny(region, "/ \n#") {
					return nil, fmt.Errorf("traffic.egress.internet: %s, tier %s, region %q: want a price from 0 to %d", to, tier, region, maxEgressPerGB)
				}
				lines = append(lines, egressLine{
					from: "gcp/" + region, to: to, above: above, usd: plain(*price.Month),
					source: cyclenerd, date: "2026-07", fromCloud: "gcp", toCloud: to,
				})
			}
		}
	}
	return lines, nil
}
