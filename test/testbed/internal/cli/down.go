package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

func newDown(o *options) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Stop a testbed and remove everything of it",
		Long: `Stop a testbed and remove everything of it: when the command returns no process, port or file is left.
A testbed that does not exist is no error.`,
		Example: `  tradewind-testbed down
  tradewind-testbed down --all`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !all {
				return o.down(cmd.Context(), nameArgument(args))
			}
			if len(args) > 0 {
				return errors.New("give a name or --all, not both")
			}
			beds, err := bed.List(o.stateDir)
			for _, b := range beds {
				err = errors.Join(err, o.down(cmd.Context(), b.Name))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop every testbed")
	return cmd
}

func (o *options) down(ctx context.Context, name string) error {
	if err := bed.CheckName("testbed", name); err != nil {
		return err
	}
	dir := filepath.Join(o.stateDir, name) // also a bed that was never finished, which Open does not find
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		o.progress("There is no testbed %s.\n", name)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	begin := time.Now()
	if err := supervisor.Connect(dir).Stop(ctx); err != nil {
		return err
	}
	o.progress("Testbed %s is gone after %.1f s.\n", name, time.Since(begin).Seconds())
	return nil
}
