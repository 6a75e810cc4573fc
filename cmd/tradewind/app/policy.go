package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/cmd/tradewind/internal/check"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/files"
)

func newPolicy(env *environment) *cobra.Command {
	return group("policy", "Work with policies", newPolicyCheck(env))
}

func newPolicyCheck(env *environment) *cobra.Command {
	var output string
	var against bool
	cmd := &cobra.Command{
		Use: "check FILE...", Short: "Check policies, price lists and latency maps before they are applied",
		Long: `Checks files of PlacementPolicies, ClusterPlacementPolicies, PriceLists and LatencyMaps without a
cluster: as an API server would (unknown fields, schema, rules) and as the scheduler would (jurisdictions, regions,
contradictions). FILE may be a folder, or - for standard input. Files are read as "kubectl apply -f" reads them; what that
would refuse or leave out is refused. Exit status 0: nothing is wrong; 1: something is, and standard error names file,
line, object and field.

` + files.Limits,
		Args: cobra.MinimumNArgs(1),
	}
	named(cmd, `  # Check a file and a folder.
  tradewind policy check policies.yaml examples/

  # What would it do in the cluster of the current context?
  tradewind policy check policies.yaml --against-cluster`)
	flags := addClusterFlags(cmd)
	outputFlag(cmd, &output, formatsOfData)
	cmd.Flags().BoolVar(&against, "against-cluster", false, "also count the pods that each policy selects in the cluster, and the nodes that it allows")
	cmd.RunE = func(cmd *cobra.Command, arguments []string) error {
		if err := checkFormat(output, formatsOfData); err != nil {
			return err
		}
		// Without a cluster only the namespace of the kubeconfig matters, and it is only for messages.
		namespace, err := flags.namespace()
		if err != nil && against {
			return err
		}
		result, err := check.Files(arguments, env.in, cmp.Or(namespace, "default"), env.now())
		if err != nil {
			return err
		}
		if against {
			reader, err := flags.client()
			if err != nil {
				return err
			}
			snapshot, err := flags.collect(cmd.Context(), env, reader)
			if err != nil {
				return err
			}
			if err := result.Against(snapshot); err != nil {
				return err
			}
		}
		if err := env.print(output, formatsOfData, (*checked)(result)); err != nil {
			return err
		}
		for _, warning := range result.Warnings {
			env.warn(warning.String())
		}
		for _, problem := range result.Problems {
			fmt.Fprintln(env.err, problem)
		}
		if !result.Valid() {
			return errReported
		}
		return nil
	}
	return cmd
}

// checked is a result that can be written for people.
type checked check.Result

// Text writes one line an object. What is wrong goes to standard error.
func (c *checked) Text(w io.Writer) error {
	var names []string
	ignored := map[string][]string{}
	for _, other := range c.Ignored {
		if ignored[other.File] == nil {
			names = append(names, other.File)
		}
		ignored[other.File] = append(ignored[other.File], other.Object)
	}
	for _, file := range names {
		objects := strings.Join(ignored[file], ", ")
		if len(ignored[file]) > 3 {
			objects = fmt.Sprintf("%d objects", len(ignored[file]))
		}
		if _, err := fmt.Fprintln(w, printable.Line(fmt.Sprintf("%s: not Tradewind's, ignored: %s", file, objects))); err != nil {
			return err
		}
	}
	for _, object := range c.Objects {
		verdict := "ok"
		if !object.Valid {
			verdict = "not valid"
		}
		if counts := object.Cluster; counts != nil {
			verdict += fmt.Sprintf("; pods selected: %d, nodes allowed: %d of %d", counts.SelectedPods, counts.AllowedNodes, counts.Nodes)
		}
		if _, err := fmt.Fprintln(w, printable.Line(fmt.Sprintf("%s:%d: %s: %s", object.File, object.Line, object, verdict))); err != nil {
			return err
		}
	}
	if len(c.Objects) == 0 && len(c.Problems) == 0 {
		_, err := fmt.Fprintln(w, "no policies, price lists or latency maps found")
		return err
	}
	return nil
}
