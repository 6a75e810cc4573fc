package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// bedStatus is what status -o json prints, one a testbed.
type bedStatus struct {
	Name string `json:"name"`
	// State is ready, starting, degraded (a program of it ended) or dead (its supervisor was killed).
	State        string          `json:"state"`
	Created      time.Time       `json:"created"`
	StartSeconds float64         `json:"startSeconds"`
	Dir          string          `json:"dir"`
	Clusters     []clusterStatus `json:"clusters"`
	// Programs are the bed's processes with their memory.
	Programs []supervisor.ProcessStatus `json:"programs,omitempty"`
	// ProportionalBytes is the physical memory that all programs take together; ResidentBytes is the sum of their
	// resident sets, in which memory that they share counts several times.
	ProportionalBytes int64 `json:"proportionalBytes"`
	ResidentBytes     int64 `json:"residentBytes"`
}

type clusterStatus struct {
	bed.ClusterState
	// Nodes and ReadyNodes are -1 when the API server does not answer.
	Nodes      int `json:"nodes"`
	ReadyNodes int `json:"readyNodes"`
}

func newStatus(o *options) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show testbeds, their programs and their memory",
		Long: `Show testbeds, their programs and their memory.

Memory is counted twice over: "memory" is the proportional set size, in which memory shared by several programs is
divided among them, so that the sum is what the testbed really takes; "resident" counts shared memory in full for each.`,
		Example: `  tradewind-testbed status
  tradewind-testbed status demo -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output %q: want table or json", output)
			}
			var beds []*bed.Bed
			var err error
			if len(args) == 0 {
				beds, err = bed.List(o.stateDir)
			} else {
				var b *bed.Bed
				b, err = bed.Open(o.stateDir, args[0])
				beds = []*bed.Bed{b}
			}
			if err != nil {
				return err
			}
			statuses := []bedStatus{}
			for _, b := range beds {
				statuses = append(statuses, statusOf(cmd.Context(), b))
			}
			if output == "json" {
				encoder := json.NewEncoder(o.out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(statuses)
			}
			o.table(statuses)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func statusOf(ctx context.Context, b *bed.Bed) bedStatus {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s := bedStatus{Name: b.Name, State: "ready", Created: b.Created, StartSeconds: b.StartSeconds, Dir: b.Dir}
	programs, err := b.Supervisor().StatusWithMemory(ctx)
	switch {
	case err != nil:
		s.State = "dead"
	case !b.Ready:
		s.State = "starting"
	}
	for _, p := range programs.Processes {
		if !p.Running && s.State == "ready" {
			s.State = "degraded"
		}
		s.ResidentBytes += p.ResidentBytes
		s.ProportionalBytes += p.ProportionalBytes
	}
	s.Programs = programs.Processes
	for _, c := range b.ClusterList() {
		cs := clusterStatus{ClusterState: c.ClusterState, Nodes: -1, ReadyNodes: -1}
		if s.State != "dead" {
			cs.Nodes, cs.ReadyNodes = countNodes(ctx, c)
		}
		s.Clusters = append(s.Clusters, cs)
	}
	return s
}

func countNodes(ctx context.Context, c *bed.Cluster) (all, ready int) {
	client, err := c.Client()
	if err != nil {
		return -1, -1
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return -1, -1
	}
	for i := range list.Items {
		if bed.NodeReady(&list.Items[i]) {
			ready++
		}
	}
	return len(list.Items), ready
}

func (o *options) table(statuses []bedStatus) {
	if len(statuses) == 0 {
		o.print("There is no testbed. Start one with: tradewind-testbed up\n")
		return
	}
	for i, s := range statuses {
		if i > 0 {
			o.print("\n")
		}
		o.print("Testbed %s: %s, started %s, ready after %.1f s\n", s.Name, s.State, s.Created.Format(time.DateTime), s.StartSeconds)
		if s.State == "dead" {
			o.print("Its supervisor was killed. Remove what is left with: tradewind-testbed down %s\n", s.Name)
			continue
		}
		w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "\nCLUSTER\tNODES READY\tSERVER\tKUBECONFIG")
		for _, c := range s.Clusters {
			nodes := "no answer"
			if c.Nodes >= 0 {
				nodes = fmt.Sprintf("%d/%d", c.ReadyNodes, c.Nodes)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Name, nodes, c.Server, c.Kubeconfig)
		}
		_, _ = fmt.Fprintln(w, "\nPROGRAM\tPID\tSTATE\tMEMORY\tRESIDENT")
		for _, p := range s.Programs {
			state := "running"
			if !p.Running {
				state = "ended: " + strings.TrimSpace(p.Exit)
			}
			_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", p.Name, p.PID, state, mebibytes(p.ProportionalBytes), mebibytes(p.ResidentBytes))
		}
		_, _ = fmt.Fprintf(w, "total\t\t\t%s\t%s\n", mebibytes(s.ProportionalBytes), mebibytes(s.ResidentBytes))
		_ = w.Flush()
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
