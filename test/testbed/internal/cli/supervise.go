package cli

import (
	"os"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/test/testbed/internal/component"
	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// newSupervise is the command that this program runs itself with; see package supervisor.
func newSupervise() *cobra.Command {
	return &cobra.Command{
		Use:    "supervise DIR",
		Short:  "Supervise the programs of a testbed until it ends",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			component.Starting()
			return supervisor.Run(args[0], os.Stdin)
		},
	}
}
