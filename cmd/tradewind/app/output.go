package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/printable"
)

// The formats of output.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatCSV   = "csv"
)

var (
	formatsOfData   = []string{formatTable, formatJSON, formatYAML}
	formatsOfReport = []string{formatTable, formatJSON, formatYAML, formatCSV}
)

// printed is anything that can be written for people; as JSON it is what encoding/json makes of it.
type printed interface{ Text(io.Writer) error }

func outputFlag(cmd *cobra.Command, output *string, formats []string) {
	cmd.Flags().StringVarP(output, "output", "o", formatTable, "format: "+strings.Join(formats, ", "))
	complete(cmd, "output", formats)
}

// complete offers values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values []string) {
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// checkFormat refuses an unknown format before any work is done.
func checkFormat(format string, formats []string) error {
	if !slices.Contains(formats, format) {
		return fmt.Errorf("--output %q is unknown; use one of %s", format, strings.Join(formats, ", "))
	}
	return nil
}

// print writes a value in a format. It is written whole or not at all.
func (env *environment) print(format string, formats []string, value printed) error {
	if err := checkFormat(format, formats); err != nil {
		return err
	}
	var buffer bytes.Buffer
	var err error
	to := env.data
	switch format {
	case formatJSON:
		var data []byte
		data, err = encodeJSON(value)
		buffer.Write(data)
	case formatYAML:
		var data []byte
		data, err = encodeYAML(value)
		buffer.Write(data)
	case formatCSV:
		err = value.(interface{ CSV(io.Writer) error }).CSV(&buffer)
	default:
		to = env.out
		err = value.Text(&buffer)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	if _, err := buffer.WriteTo(to); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// encodeJSON writes what does not show as itself as escapes.
func encodeJSON(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return printable.JSON(buffer.Bytes()), err
}

// encodeYAML writes YAML in blocks, or in the form of JSON, which has escapes for all, where a text in it does not show as
// itself.
func encodeYAML(value any) ([]byte, error) {
	asJSON, err := encodeJSON(value)
	if err != nil {
		return nil, err
	}
	data, err := yaml.JSONToYAML(asJSON)
	if err == nil && printable.Lines(string(data)) != string(data) {
		return asJSON, nil
	}
	return data, err
}

// nodes, replicas and workloads are so many of them: "1 node", "3 nodes".
func nodes(n int) string { return printable.Number(n, "node", "nodes") }

func replicas(n int) string { return printable.Number(n, "replica", "replicas") }

func workloads(n int) string { return printable.Number(n, "workload", "workloads") }
