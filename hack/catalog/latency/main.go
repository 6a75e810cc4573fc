// Command latency writes the built-in round-trip matrix and the constants of the great-circle estimate of pkg/latency.
//
//	go run ./hack/catalog/latency --data DIR [--out pkg/latency]
//
// DIR/latency holds latency_2022_symmetric_checked.csv and azure_rtt_p50_ms.csv. The same data gives the same bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	data := flag.String("data", "", "folder of the data: latency/*.csv in it are read")
	out := flag.String("out", filepath.Join("pkg", "latency"), "folder of the package that the files are written to")
	flag.Parse()
	if err := run(*data, *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

// run reads the data and writes the two files.
func run(data, out string, log io.Writer) error {
	if data == "" {
		return fmt.Errorf("--data is missing: name the folder that holds latency/%s", clouds2022File)
	}
	clouds, err := readFile(filepath.Join(data, "latency", clouds2022File), readClouds2022)
	if err != nil {
		return err
	}
	azure, err := readFile(filepath.Join(data, "latency", azure2026File), readAzure2026)
	if err != nil {
		return err
	}
	campaigns := []campaign{clouds, azure}
	points, err := pointsOf(campaigns)
	if err != nil {
		return err
	}
	model, err := fit(points)
	if err != nil {
		return err
	}
	matrix := filepath.Join(out, "data", "matrix.txt")
	if err := os.MkdirAll(filepath.Dir(matrix), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(matrix, encode(campaigns), 0o644); err != nil {
		return err
	}
	constants, err := model.source(points)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "zz_generated_estimate.go"), constants, 0o644); err != nil {
		return err
	}
	for _, c := range campaigns {
		fmt.Fprintf(log, "%s: %d regions, %d figures\n", c.date, len(c.regions()), len(c.figures))
	}
	_, err = fmt.Fprintf(log, "estimate: %.3f ms + 2 km × %.4f / (2/3 c), from %d pairs\n", model.fixed, model.path, len(points))
	return err
}

// readFile reads a campaign from a file.
func readFile(path string, read func(io.Reader) (campaign, error)) (campaign, error) {
	f, err := os.Open(path)
	if err != nil {
		return campaign{}, err
	}
	defer f.Close()
	c, err := read(f)
	if err != nil {
		return campaign{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
