package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/pkg/inventory/files"
)

func newSnapshot(env *environment) *cobra.Command {
	var folder string
	var namespaces []string
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Write a cluster's state as files that simulate plans from",
		Long: `Writes what a plan is made from as YAML files: nodes, workloads, running pods, policies, pools, prices, round trips,
volumes, claims, storage classes and namespaces, each reduced to what a plan looks at. Commands, arguments, environment,
images and annotations are never written, nor are Secrets, ConfigMaps, or volumes other than claims.

The folder is made if it is not there. Files of an earlier snapshot in it are replaced.`,
		Args: cobra.NoArgs,
	}
	named(cmd, `  # Write the cluster of the current context, and plan it anew.
  tradewind snapshot -o snapshot
  tradewind simulate -f snapshot --compare current

  # Only the workloads of two namespaces; the pods of others stay where they are.
  tradewind snapshot -o snapshot -n shop -n payments`)
	flags := newClusterFlags()
	flags.workloads, flags.config.Namespace = true, nil
	flags.add(cmd)
	cmd.Flags().StringVarP(&folder, "output-dir", "o", "snapshot", "folder to write to")
	cmd.Flags().StringArrayVarP(&namespaces, "namespace", "n", nil, "only the workloads of this namespace; repeatable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFolder(folder); err != nil {
			return err
		}
		reader, err := flags.client()
		if err != nil {
			return err
		}
		snapshot, err := flags.collect(cmd.Context(), env, reader)
		if err != nil {
			return err
		}
		env.warnOf(snapshot)
		written, err := files.Snapshot(&snapshot.Lists, namespaces)
		if err != nil {
			return err
		}
		if err := writeFolder(folder, written); err != nil {
			return err
		}
		for _, file := range written {
			fmt.Fprintf(env.out, "%s: %d objects\n", filepath.Join(folder, file.Name), file.Objects)
		}
		return nil
	}
	return cmd
}

// checkFolder refuses a folder with other files that simulate would read too.
func checkFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) && !slices.Contains(files.SnapshotFiles(), entry.Name()) {
			return fmt.Errorf("folder %s holds %s, which is of no snapshot and would be planned too; give an empty folder (--output-dir)", folder, entry.Name())
		}
	}
	return nil
}

// writeFolder replaces the files of an earlier snapshot. What is written is complete or, after an error, as it was before
// file by file.
func writeFolder(folder string, written []files.File) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range files.SnapshotFiles() {
		if slices.ContainsFunc(written, func(f files.File) bool { return f.Name == name }) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, file := range written {
		temporary := filepath.Join(folder, "."+file.Name+".part")
		if err := os.WriteFile(temporary, file.Data, 0o644); err != nil {
			return err
		}
		if err := os.Rename(temporary, filepath.Join(folder, file.Name)); err != nil {
			return err
		}
	}
	return nil
}
