package main

import (
	"embed"
	"errors"
	"fmt"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// tables are the rows that this repository adds to the raw tables, or puts in place of theirs. README.md in pkg/pricing/data
// says what they are.
//
//go:embed tables
var tables embed.FS

const (
	addedRows    = "tables/rows.csv"
	addedSources = "tables/sources.csv"
	droppedRows  = "tables/dropped.csv"
	rates        = "tables/rates.csv"
)

// readEmbedded calls use for every line of a table of this repository.
func readEmbedded(file string, columns []string, use func(*row) error) error {
	in, err := tables.Open(file)
	if err != nil {
		return fmt.Errorf("read the tables of the repository: %w", err)
	}
	defer in.Close()
	return scanTable(in, file, columns, use)
}

// readSources reads the sources that rows name by an id.
func readSources() (map[string]catalogfile.Provenance, error) {
	out := map[string]catalogfile.Provenance{}
	err := readEmbedded(addedSources, []string{"id", "source", "date", "licence"}, func(r *row) error {
		id := strings.Clone(r.text("id"))
		if _, taken := out[id]; taken {
			return r.fail("id", "given twice; remove one of the two lines")
		}
		out[id] = catalogfile.Provenance{
			Source: strings.Clone(r.text("source")), Date: strings.Clone(r.text("date")), Licence: strings.Clone(r.text("licence")),
		}
		return nil
	})
	return out, err
}

var addedColumns = []string{"cloud", "instance_type", "region", "vcpu", "memory_gib", "gpu", "gpu_model", "arch", "usd_h", "source"}

// addRows adds the repository's rows of on-demand prices. One of a type and region that a raw table lists too replaces its price.
func addRows(clouds map[string]*cloudBuilder) error {
	sources, err := readSources()
	if err != nil {
		return err
	}
	return readEmbedded(addedRows, addedColumns, func(r *row) error { return addRow(clouds, sources, r) })
}

func addRow(clouds map[string]*cloudBuilder, sources map[string]catalogfile.Provenance, r *row) error {
	b, ok := clouds[r.text("cloud")]
	if !ok {
		return r.fail("cloud", "no raw table is of this cloud")
	}
	from, ok := sources[r.text("source")]
	if !ok {
		return r.fail("source", "want an id of %s", addedSources)
	}
	t, err := sizeOf(r, "memory_gib")
	if err != nil {
		return err
	}
	gpus, err := r.number("gpu", maxGPUs)
	if err != nil {
		return err
	}
	t.GPUs, t.GPUModel, t.Architecture = int64(gpus), r.text("gpu_model"), r.text("arch")
	region, err := r.name("region")
	if err != nil {
		return err
	}
	usd, err := r.hourly("usd_h")
	if err == nil && usd == 0 {
		err = r.fail("usd_h", "want a price; leave the line out where there is none")
	}
	if err != nil {
		return err
	}
	o := b.offer(pair{t.Name, region})
	if o.source > 0 {
		return r.fail("instance_type", "given twice for %s; remove one of the two lines", region)
	}
	if err := b.size(r, t); err != nil {
		return err
	}
	o.listed, o.onDemand, o.source = true, usd, b.source(from)
	return nil
}

// dropRows makes the on-demand prices unknown that the repository lists as wrong: of a type or a family, in one region or in all.
func dropRows(clouds map[string]*cloudBuilder) error {
	return readEmbedded(droppedRows, []string{"cloud", "family", "instance_type", "region", "reason"}, func(r *row) error {
		b, ok := clouds[r.text("cloud")]
		if !ok {
			return r.fail("cloud", "no table is of this cloud")
		}
		family, name, region := r.text("family"), r.text("instance_type"), r.text("region")
		if family == "" == (name == "") {
			return r.fail("instance_type", "want a family or a type")
		}
		if r.text("reason") == "" {
			return r.fail("reason", "say why the price is wrong")
		}
		for p, o := range b.offers {
			if (p.instanceType == name || family != "" && familyOf(b.cloud.ID, p.instanceType) == family) && (region == "" || p.region == region) {
				o.onDemand, o.source = 0, 0
			}
		}
		return nil
	})
}

// readRate reads how many US dollars a currency is worth, and says in words whose rate of which day that is.
func readRate(currency string) (usd float64, words string, err error) {
	err = readEmbedded(rates, []string{"currency", "usd", "date", "source"}, func(r *row) error {
		if r.text("currency") != currency {
			return nil
		}
		var err error
		if usd, err = r.number("usd", 1000); err != nil {
			return err
		}
		words = fmt.Sprintf("%s 1 = USD %s, %s %s", currency, r.text("usd"), r.text("source"), r.text("date"))
		return nil
	})
	if err == nil && usd == 0 {
		err = errors.New(rates + ": no rate of " + currency + "; add the day's reference rate of a central bank")
	}
	return usd, words, err
}
