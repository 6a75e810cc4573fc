package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const acceptedFile = "tables/accepted.csv"

// accepted is what the cloud really charges, though its neighbours contradict it. An empty field stands for all.
type accepted struct {
	cloud, family, instanceType, region, check string
	line                                       int
	used                                       bool
}

func (a *accepted) covers(c *contradiction) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return a.cloud == c.cloud && a.check == c.check && is(a.family, c.family) && is(a.instanceType, c.instanceType) && is(a.region, c.region)
}

func readAccepted() ([]*accepted, error) {
	var out []*accepted
	err := readEmbedded(acceptedFile, []string{"cloud", "family", "instance_type", "region", "check", "reason"}, func(r *row) error {
		switch r.text("check") {
		case checkRegions, checkSizes, checkFamilies, checkSpot:
		default:
			return r.fail("check", "want %s, %s, %s or %s", checkRegions, checkSizes, checkFamilies, checkSpot)
		}
		if r.text("reason") == "" {
			return r.fail("reason", "say why the price is right")
		}
		a := &accepted{line: r.line}
		for column, to := range map[string]*string{
			"cloud": &a.cloud, "family": &a.family, "instance_type": &a.instanceType, "region": &a.region, "check": &a.check,
		} {
			*to = strings.Clone(r.text(column))
		}
		out = append(out, a)
		return nil
	})
	return out, err
}

// unaccepted audits a catalog: it returns the contradictions that nobody has accepted, and of the accepted ones those that are
// none any more.
func unaccepted(file *catalogfile.File) (found []contradiction, unused []*accepted, err error) {
	known, err := readAccepted()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range audit(file) {
		covered := false
		for _, a := range known {
			if a.covers(&c) {
				a.used, covered = true, true
			}
		}
		if !covered {
			found = append(found, c)
		}
	}
	for _, a := range known {
		if !a.used {
			unused = append(unused, a)
		}
	}
	return found, unused, nil
}

// report prints contradictions and says how many there are; nil when there are none.
func report(stdout io.Writer, found []contradiction) error {
	for i := range found {
		fmt.Fprintln(stdout, found[i].String())
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%d prices contradict their neighbours: mend them, drop them in %s, or accept them in %s, with the reason",
		len(found), droppedRows, acceptedFile)
}

// auditBuilt audits the catalog that is in a folder.
func auditBuilt(stdout io.Writer, folder string) error {
	compressed, err := os.ReadFile(filepath.Join(folder, "catalog.bin.gz"))
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	file, err := catalogfile.Decode(compressed)
	if err != nil {
		return err
	}
	found, unused, err := unaccepted(file)
	if err != nil {
		return err
	}
	if err := report(stdout, found); err != nil {
		return err
	}
	for _, a := range unused {
		return fmt.Errorf("%s:%d: contradicts nothing any more; remove the line", acceptedFile, a.line)
	}
	prices := 0
	for i := range file.Clouds {
		for _, usd := range file.Clouds[i].OnDemandUSD {
			if usd > 0 {
				prices++
			}
		}
	}
	fmt.Fprintf(stdout, "%d on-demand prices of %d clouds agree with their neighbours\n", prices, len(file.Clouds))
	return nil
}
