// Pricing writes the built-in price catalog, pkg/pricing/data, from raw tables:
//
//	go run ./hack/catalog/pricing --data DIR
//
// DIR holds the folders prices, spot and egress. The same input always gives the same bytes. README.md in pkg/pricing/data
// names the tables and their licences. Prices that contradict their neighbours are refused; --audit looks for them in the catalog
// that is there.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "pricing:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("pricing", flag.ContinueOnError)
	flags.SetOutput(stderr)
	data := flags.String("data", "", "folder of the raw tables (required)")
	out := flags.String("out", filepath.FromSlash("pkg/pricing/data"), "folder to write catalog.bin.gz and egress.csv to")
	only := flags.String("only", "", "write catalog or egress only; use catalog to keep an egress.csv that was edited by hand")
	check := flags.Bool("audit", false, "audit the catalog in the folder of --out instead of writing one; needs no --data")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; give the folder as --data DIR", flags.Arg(0))
	}
	if *check {
		return auditBuilt(stdout, *out)
	}
	if *data == "" {
		return fmt.Errorf("--data is missing; give the folder that holds prices, spot and egress")
	}
	if *only != "" && *only != "catalog" && *only != "egress" {
		return fmt.Errorf("--only %q; write catalog or egress", *only)
	}
	file, notes, err := buildCatalog(*data)
	if err != nil {
		return err
	}
	found, _, err := unaccepted(file)
	if err == nil {
		err = report(stdout, found)
	}
	if err != nil {
		return err
	}
	var catalog bytes.Buffer
	if err := catalogfile.Encode(&catalog, file); err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	egress, err := buildEgress(*data)
	if err != nil {
		return err
	}
	if _, err := pricing.Read(catalog.Bytes(), egress); err != nil {
		return fmt.Errorf("the product could not read the result: %w", err)
	}
	if *only != "egress" {
		if err := write(stdout, filepath.Join(*out, "catalog.bin.gz"), catalog.Bytes()); err != nil {
			return err
		}
		for i := range file.Clouds {
			fmt.Fprintln(stdout, summary(&file.Clouds[i]))
		}
		for _, note := range notes {
			fmt.Fprintln(stdout, note)
		}
	}
	if *only != "catalog" {
		return write(stdout, filepath.Join(*out, "egress.csv"), egress)
	}
	return nil
}

func write(stdout io.Writer, path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	fmt.Fprintf(stdout, "%s: %d bytes\n", path, len(content))
	return nil
}

// buildCatalog reads the tables of all clouds, mends and completes them. The notes say what was mended.
func buildCatalog(folder string) (file *catalogfile.File, notes []string, err error) {
	clouds, err := readEurope(folder)
	if err != nil {
		return nil, nil, err
	}
	for _, of := range []func(string) (*cloudBuilder, error){readAWS, readAzure, readGCP} {
		b, err := of(folder)
		if err != nil {
			return nil, nil, err
		}
		clouds[b.cloud.ID] = b
	}
	for i := range windowsFaults {
		fault := &windowsFaults[i]
		notes = append(notes, fmt.Sprintf("azure: %d prices of %s with Windows mended", clouds["azure"].mendWindows(fault), fault.types))
	}
	if err := addRows(clouds); err != nil {
		return nil, nil, err
	}
	if err := dropRows(clouds); err != nil {
		return nil, nil, err
	}
	file = &catalogfile.File{}
	for _, id := range slices.Sorted(maps.Keys(clouds)) {
		if n := clouds[id].capSpot(); n > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d spot prices above the price on demand left out", id, n))
		}
		file.Clouds = append(file.Clouds, clouds[id].build())
	}
	return file, notes, nil
}

// summary says in one line what a cloud's tables hold.
func summary(c *catalogfile.Cloud) string {
	listed, onDemand, spot, bands := 0, 0, 0, 0
	for i, offer := range c.Offers {
		if offer.Listed() {
			listed++
		}
		if offer.Band() != catalogfile.BandUnknown {
			bands++
		}
		if c.OnDemandUSD[i] > 0 {
			onDemand++
		}
		if c.SpotUSD[i] > 0 {
			spot++
		}
	}
	return fmt.Sprintf("%s: %d types, %d regions, %d rows, %d on-demand prices, %d spot prices, %d interruption bands",
		c.ID, len(c.Types), len(c.Regions), listed, onDemand, spot, bands)
}
