// Package app is the tradewind command.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/printable"
)

const description = `Explains and reports where the pods of a cluster over several clouds are, what they cost
and how fast they answer.`

// environment is what the commands share.
type environment struct {
	version string
	in      io.Reader
	// out and err are what people read: all that is written there is made printable.
	out, err io.Writer
	// data is standard output for formats with an escaping of their own, terminal standard error for a progress line that
	// is drawn anew.
	data, terminal io.Writer
	// now is the time that reports are of.
	now func() time.Time
	// progress is the flag --progress.
	progress bool
}

// errReported ends a command with exit status 1 when it has said already what is wrong.
var errReported = errors.New("reported")

// errUnplaced ends simulate with exit status 2: the plan that it has printed leaves replicas without a place, or has some where
// kube-scheduler would refuse them.
var errUnplaced = errors.New("replicas without a place")

// Run runs the command and returns its exit status: 0 for success, 2 for a plan that leaves replicas without a place, 1 for
// anything else. arguments begins with the name
// that it was called by.
func Run(ctx context.Context, arguments []string, version string, in io.Reader, out, err io.Writer) int {
	env := &environment{
		version: version, in: in, out: printable.Writer{To: out}, err: printable.Writer{To: err}, data: out, terminal: err, now: time.Now,
	}
	root := newCommand(env, arguments[0])
	root.SetArgs(arguments[1:])
	if failure := root.ExecuteContext(ctx); failure != nil {
		if errors.Is(failure, errUnplaced) {
			return 2
		}
		if !errors.Is(failure, errReported) {
			fmt.Fprintf(env.err, "Error: %v\n", failure)
		}
		return 1
	}
	return 0
}

func newCommand(env *environment, calledBy string) *cobra.Command {
	root := &cobra.Command{
		Use: "tradewind", Short: "Explains and reports placements over several clouds", Long: description,
		SilenceErrors: true, SilenceUsage: true,
	}
	if strings.HasPrefix(filepath.Base(calledBy), "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl tradewind"}
	}
	root.SetIn(env.in)
	root.SetOut(env.out)
	root.SetErr(env.err)
	root.PersistentFlags().BoolVar(&env.progress, "progress", false, "say on standard error what is being done, also when that is no terminal")
	root.AddCommand(newExplain(env), newReport(env), newCatalog(env), newPolicy(env), newVersion(env))
	root.AddCommand(newSimulate(env), newSnapshot(env))
	root.AddCommand(newDrain(env), newDrill(env))
	return root
}

// warn writes a warning, in one line whatever is in it, to standard error.
func (env *environment) warn(text string) {
	fmt.Fprintf(env.err, "Warning: %s\n", printable.Line(text))
}

// group is a command that only holds others. Called with a name that none of them has, it fails and names the nearest.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.RunE = func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return cmd.Help()
		}
		remedy := ""
		if near := cmd.SuggestionsFor(arguments[0]); len(near) > 0 {
			remedy = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return fmt.Errorf("unknown command %q for %q%s", arguments[0], cmd.CommandPath(), remedy)
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(commands...)
	return cmd
}

// named puts the name that the user calls the command by into examples.
func named(cmd *cobra.Command, examples string) {
	cmd.Example = examples
	usage := cmd.HelpFunc()
	cmd.SetHelpFunc(func(c *cobra.Command, arguments []string) {
		c.Example = strings.ReplaceAll(c.Example, "tradewind ", c.Root().DisplayName()+" ")
		usage(c, arguments)
	})
}

func newVersion(env *environment) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return env.print(output, formatsOfData, &versionInfo{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "Version",
				Version: env.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
			})
		},
	}
	outputFlag(cmd, &output, formatsOfData)
	return cmd
}

type versionInfo struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

// Text writes the version in one line.
func (v *versionInfo) Text(w io.Writer) error {
	_, err := fmt.Fprintf(w, "tradewind %s (%s, %s)\n", v.Version, v.Go, v.Platform)
	return err
}
