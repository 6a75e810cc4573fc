// Package component holds the programs of a control plane, so that one executable can be each of them.
//
// Components that install signal handlers cannot share a process, so the testbed's executable starts itself once a
// component, with the component's name as the command.
package component

import (
	"fmt"
	"os"
	"slices"
	_ "time/tzdata" // schedules of CronJobs name time zones, which a minimal machine does not have

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	// Counters of the clients and of the version, as the components' own main packages register them.
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// Names lists the components.
var Names = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", heartbeats}

// Is reports whether a component has that name.
func Is(name string) bool { return slices.Contains(Names, name) }

// Run is the main function of the component named args[0] with the arguments args[1:]. It returns the exit status.
func Run(args []string) int {
	Starting()
	os.Args = args // the components read their name and flags from here
	var command *cobra.Command
	switch args[0] {
	case "etcd":
		etcdmain.Main(args) // ends the process
		return 0
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		command = scheduler.NewSchedulerCommand()
	case heartbeats:
		command = newHeartbeats()
	default:
		fmt.Fprintf(os.Stderr, "no component is named %q: want one of %v\n", args[0], Names)
		return 1
	}
	return cli.Run(command)
}
