package cli

import (
	"os"

	"github.com/spf13/cobra"
)

func newKubeconfig(o *options) *cobra.Command {
	var cluster, user string
	var groups []string
	var raw bool
	cmd := &cobra.Command{
		Use:   "kubeconfig [NAME]",
		Short: "Print the path of a kubeconfig",
		Long: `Print the path of a kubeconfig of a testbed, by default the administrator's.

With --user the client certificate names another user, who may do what roles let that user do. Known by short names:
kube-scheduler and kube-controller-manager (Kubernetes' own), tradewind-scheduler and tradewind-controller (the service
accounts of Tradewind's programs in the namespace tradewind-system). Any other name is taken as it stands;
system:serviceaccount:NAMESPACE:NAME is that service account with its groups.`,
		Example: `  export KUBECONFIG=$(tradewind-testbed kubeconfig)
  kubectl --kubeconfig $(tradewind-testbed kubeconfig --user alice --groups developers) auth whoami`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := o.cluster(nameArgument(args), cluster)
			if err != nil {
				return err
			}
			path, err := c.Kubeconfig(user, groups...)
			if err != nil {
				return err
			}
			if !raw {
				o.print("%s\n", path)
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, err = o.out.Write(data)
			return err
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "", "cluster of the testbed (default: the first)")
	cmd.Flags().StringVar(&user, "user", "", "user that the client certificate names (default: the administrator)")
	cmd.Flags().StringSliceVar(&groups, "groups", nil, "groups that the client certificate names besides the user's own")
	cmd.Flags().BoolVar(&raw, "raw", false, "print the file itself instead of its path")
	return cmd
}
