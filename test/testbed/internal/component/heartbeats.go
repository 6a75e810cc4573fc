package component

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"tradewind.dev/tradewind/test/testbed/internal/heartbeat"
)

// heartbeats is the component that renews the leases of the simulated nodes.
const heartbeats = "heartbeats"

func newHeartbeats() *cobra.Command {
	var kubeconfig, selector string
	var lease time.Duration
	cmd := &cobra.Command{Use: heartbeats, Args: cobra.NoArgs, SilenceUsage: true, RunE: func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return err
		}
		config.QPS = -1 // as many clients as there are nodes
		config.ContentType = runtime.ContentTypeProtobuf
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return heartbeat.Run(ctx, client, selector, lease)
	}}
	flags := cmd.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "who renews")
	flags.StringVar(&selector, "nodes-with-label-selector", "", "whose leases are renewed")
	flags.DurationVar(&lease, "lease-duration", 40*time.Second, "how long a lease holds")
	return cmd
}
