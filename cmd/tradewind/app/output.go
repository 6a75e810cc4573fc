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

// printable is anything that can be written for people; as JSON it is what encoding/json makes of it.
type printable interface{ Text(io.Writer) error }

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
func (env *environment) print(format string, formats []string, value printable) error {
	if err := checkFormat(format, formats); err != nil {
		return err
	}
	var buffer bytes.Buffer
	var err error
	switch format {
	case formatJSON:
		encoder := json.NewEncoder(&buffer)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(value)
	case formatYAML:
		var data []byte
		data, err = yaml.Marshal(value)
		buffer.Write(data)
	case formatCSV:
		err = value.(interface{ CSV(io.Writer) error }).CSV(&buffer)
	default:
		err = value.Text(&buffer)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	if _, err := buffer.WriteTo(env.out); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}
