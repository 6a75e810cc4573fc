package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/files"
)

func newSnapshot(env *environment) *cobra.Command {
	var folder string
	var options files.SnapshotOptions
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Write a cluster's state as files that simulate plans from",
		Long: `Writes what a plan is made from as YAML files: nodes, workloads, running pods, policies, pools, prices, round trips,
volumes, claims, storage classes, quotas, priority classes and namespaces, each reduced to what a plan looks at. Commands,
arguments, environment, images and annotations are never written, nor are Secrets, ConfigMaps, or volumes other than claims. The ids of
subscriptions, projects and accounts with clouds are replaced by others of the same form, which changes no plan.

The folder is made if it is not there. Files of an earlier snapshot in it are replaced. Only you may read the files.`,
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
	cmd.Flags().StringArrayVarP(&options.Namespaces, "namespace", "n", nil, "only the workloads of this namespace; repeatable")
	cmd.Flags().BoolVar(&options.AccountIDs, "include-account-ids", false, "write the ids of subscriptions, projects and accounts as they are")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFolder(folder); err != nil {
			return err
		}
		_, snapshot, err := flags.read(cmd.Context(), env)
		if err != nil {
			return err
		}
		written, err := files.Snapshot(&snapshot.Lists, options)
		if err != nil {
			return err
		}
		if err := writeFolder(folder, written); err != nil {
			return err
		}
		for _, file := range written {
			fmt.Fprintf(env.out, "%s: %s\n", filepath.Join(folder, file.Name), printable.Number(file.Objects, "object", "objects"))
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
		if files.IsManifest(entry.Name()) && !slices.Contains(files.SnapshotFiles(), entry.Name()) {
			return fmt.Errorf("folder %s holds %s, which is of no snapshot and would be planned too; give an empty folder (--output-dir)", folder, entry.Name())
		}
	}
	return nil
}

// writeFolder replaces the files of an earlier snapshot. What is written is complete or, after an error, as it was before
// file by file. Only the user may read the files, also those that others could read before.
func writeFolder(folder string, written []files.File) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
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
		if err := writePrivate(temporary, file.Data); err != nil {
			return err
		}
		if err := os.Rename(temporary, filepath.Join(folder, file.Name)); err != nil {
			return err
		}
	}
	return nil
}

// writePrivate writes a new file that only the user may read. One of the name that a killed command left is removed, never
// written into: it may have another mode, or be a link.
func writePrivate(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
