package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is a file that is to be read.
type Source struct {
	// Name is what problems call it.
	Name string
	// Found says that it was found in a folder, which may hold files that are none of Kubernetes.
	Found bool

	// path to open; "-" is standard input.
	path string
}

const (
	stdinPath = "-"
	stdinName = "standard input"
)

// extensions of the files of folders that are read; kubectl reads the same.
var extensions = []string{".yaml", ".yml", ".json"}

// IsManifest says whether a file of a folder is read.
func IsManifest(name string) bool { return slices.Contains(extensions, filepath.Ext(name)) }

// finder finds the files that paths name. A file that is reached by several names, as in the folder of a ConfigMap, is
// read once; so is a folder, so that no loop of symbolic links leads on for ever.
type finder struct {
	sources  []Source
	problems []Problem
	// files by their path without symbolic links, with their place in sources; folders that were walked.
	files   map[string]int
	folders map[string]bool
	entries int
}

// Find lists what the paths name: files, the .yaml, .yml and .json files of folders and of the folders in them, "-" for
// standard input. Errors are of paths that cannot be read at all; problems of files in folders that cannot.
func Find(paths []string) ([]Source, []Problem, error) {
	f := &finder{files: map[string]int{}, folders: map[string]bool{}}
	for _, path := range paths {
		if err := f.path(path); err != nil {
			return nil, nil, err
		}
	}
	return f.sources, f.problems, nil
}

func (f *finder) path(path string) error {
	if path == stdinPath {
		return f.add(Source{Name: stdinName, path: stdinPath}, stdinPath)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, irregular(info.Mode()))
	}
	resolved, err := realPath(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.add(Source{Name: path, path: path}, resolved)
	}
	before, problems := len(f.files), len(f.problems)
	if err := f.walk(path, resolved); err != nil {
		return err
	}
	if len(f.files) == before && len(f.problems) == problems && !f.reached(resolved) {
		return fmt.Errorf("folder %s holds no .yaml, .yml or .json file", path)
	}
	return nil
}

// reached says whether a file in a folder was found before, by another path.
func (f *finder) reached(folder string) bool {
	for file := range f.files {
		if strings.HasPrefix(file, folder+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// realPath is an absolute path without symbolic links.
func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

func (f *finder) add(source Source, resolved string) error {
	if at, ok := f.files[resolved]; ok {
		known := &f.sources[at]
		known.Found = known.Found && source.Found
		if depth(source.Name) < depth(known.Name) { // the name that people see of a ConfigMap's file
			known.Name, known.path = source.Name, source.path
		}
		return nil
	}
	if len(f.sources) == maxFiles {
		return fmt.Errorf("%s: there are more than %d files; name a smaller folder", source.Name, maxFiles)
	}
	f.files[resolved] = len(f.sources)
	f.sources = append(f.sources, source)
	return nil
}

func depth(path string) int { return strings.Count(filepath.ToSlash(path), "/") }

// walk finds the files of a folder, in the order of their names.
func (f *finder) walk(folder, resolved string) error {
	if f.folders[resolved] {
		return nil
	}
	f.folders[resolved] = true
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	if f.entries += len(entries); f.entries > maxEntries {
		return fmt.Errorf("%s: there are more than %d files and folders; name a smaller folder", folder, maxEntries)
	}
	for _, entry := range entries {
		if err := f.entry(filepath.Join(folder, entry.Name()), filepath.Join(resolved, entry.Name()), entry.Type()); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) entry(path, resolved string, mode fs.FileMode) error {
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		if err == nil {
			mode = info.Mode()
			resolved, err = realPath(path)
		}
		if err != nil {
			f.problem(path, err)
			return nil
		}
	}
	switch {
	case mode.IsDir():
		return f.walk(path, resolved)
	case !IsManifest(path):
	case !mode.IsRegular():
		f.problem(path, irregular(mode))
	default:
		return f.add(Source{Name: path, Found: true, path: path}, resolved)
	}
	return nil
}

// problem notes a file of a folder that cannot be read, if its name says that it would be.
func (f *finder) problem(path string, err error) {
	if !IsManifest(path) {
		return
	}
	var of *fs.PathError
	if errors.As(err, &of) { // the path stands before the message already
		err = of.Err
	}
	f.problems = append(f.problems, Problem{File: path, Message: err.Error() + "; the file is left out: remove it, or put a file there"})
}

// irregular says why something that is no file is not read.
func irregular(mode fs.FileMode) error {
	what := "no regular file"
	switch {
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("is %s; only regular files are read: give - and send the manifests to standard input", what)
}
