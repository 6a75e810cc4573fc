// Package architecture checks that the code is laid out as docs/architecture.md says.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "tradewind.dev/tradewind/"
	page   = "docs/architecture.md"
)

// file is one Go file of the repository.
type file struct {
	name    string // from the root
	folder  string
	test    bool
	foreign bool // of a module of its own
	syntax  *ast.File
}

// imports are the paths of the file's imports, with the names that it gives them; empty for their own.
func (f *file) imports() map[string]string {
	out := map[string]string{}
	for _, spec := range f.syntax.Imports {
		name := ""
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			out[imported] = name
		}
	}
	return out
}

// files reads all Go files of the repository.
func files(t *testing.T) []*file {
	t.Helper()
	var out []*file
	var modules []string // folders of modules of their own
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, at)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case entry.IsDir():
			if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil && name != "." {
				modules = append(modules, name+"/")
			}
			return nil
		case filepath.Ext(name) != ".go":
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), at, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		out = append(out, &file{
			name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax,
			foreign: slices.ContainsFunc(modules, func(folder string) bool { return strings.HasPrefix(name, folder) }),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unit is a folder with those below it that are no units themselves, or, when its name ends with "/*", each folder in it.
type unit struct {
	name string
	row  int
	pure bool
}

var tableRow = regexp.MustCompile("^\\| (`[^|]*`) \\|([^|]*)\\|[^|]*\\|$")

// units reads the table of the section Layout.
func units(t *testing.T) []unit {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Layout\n")
	if !found {
		t.Fatalf("%s has no section Layout", page)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var out []unit
	for i, line := range strings.Split(section, "\n") {
		row := tableRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		for _, name := range strings.Fields(row[1]) {
			out = append(out, unit{strings.Trim(name, "`"), i, strings.TrimSpace(row[2]) == "yes"})
		}
	}
	return out
}

// of returns the unit that a folder is in, by its longest name. A folder below "name/*" is in the unit of its own first part.
func of(units []unit, folder string) (found unit, ok bool) {
	best := -1
	for _, u := range units {
		name, each := strings.CutSuffix(u.name, "/*")
		rest, below := strings.CutPrefix(folder+"/", name+"/")
		if !below || len(name) <= best || each && rest == "" {
			continue
		}
		best, found = len(name), u
		if each {
			first, _, _ := strings.Cut(rest, "/")
			found.name = name + "/" + first
		}
	}
	return found, best >= 0
}

// TestImportsPointDown holds the table of docs/architecture.md: what is in a row imports what is in rows below it, and nothing
// else of ours; so there are no cycles, and no controller imports another. Tests may look up, but not from one controller to another.
func TestImportsPointDown(t *testing.T) {
	all := units(t)
	if len(all) < 10 {
		t.Fatalf("read %d names from the table in %s", len(all), page)
	}
	seen := map[string]bool{}
	for _, f := range files(t) {
		if f.foreign {
			continue
		}
		from, ok := of(all, f.folder)
		if !ok {
			t.Errorf("%s is in no row of the table in %s: add its folder", f.name, page)
			continue
		}
		seen[from.name] = true
		for imported := range f.imports() {
			folder, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, ok := of(all, folder)
			switch {
			case !ok:
				t.Errorf("%s imports %s, which is in no row of the table in %s", f.name, folder, page)
			case to.name == from.name || to.row > from.row:
			case f.test && !between(from.name, to.name):
			case to.row == from.row:
				t.Errorf("%s imports %s, which is in the same row of the table in %s: what both need belongs below them", f.name, folder, page)
			default:
				t.Errorf("%s imports %s, which is above it in the table in %s", f.name, folder, page)
			}
		}
	}
	for _, u := range all {
		if name, each := strings.CutSuffix(u.name, "/*"); !each && !seen[name] {
			t.Errorf("the table in %s has %s, where no Go file is", page, name)
		}
	}
}

// between says whether both are controllers.
func between(a, b string) bool {
	const controllers = "pkg/controller/"
	return strings.HasPrefix(a, controllers) && strings.HasPrefix(b, controllers)
}

// outside are imports that pure packages do not have: clients, clocks, files and networks.
var outside = []string{"k8s.io/client-go", "k8s.io/utils/clock", "sigs.k8s.io/controller-runtime", "net", "os"}

// clock are the functions of package time that read the clock or wait for it.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// TestPure: a pure package decides from what it is given.
func TestPure(t *testing.T) {
	all := units(t)
	pure := 0
	for _, f := range files(t) {
		from, ok := of(all, f.folder)
		if f.foreign || f.test || !ok || !from.pure {
			continue
		}
		pure++
		for imported := range f.imports() {
			if slices.ContainsFunc(outside, func(name string) bool { return imported == name || strings.HasPrefix(imported, name+"/") }) {
				t.Errorf("%s is called pure in %s and imports %s", f.name, page, imported)
			}
		}
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok && slices.Contains(clock, selector.Sel.Name) {
				if name, ok := selector.X.(*ast.Ident); ok && name.Name == "time" {
					t.Errorf("%s is called pure in %s and uses time.%s", f.name, page, selector.Sel.Name)
				}
			}
			return true
		})
	}
	if pure == 0 {
		t.Errorf("no package is called pure in %s", page)
	}
}

// TestNames: no controller has the name of another package of pkg/, and no file renames an import of ours, so that a package has
// one name everywhere. Generated files do as their generators do.
func TestNames(t *testing.T) {
	names := map[string]string{}
	var controllers []string
	for _, f := range files(t) {
		if strings.HasPrefix(f.folder, "pkg/controller/") {
			controllers = append(controllers, f.folder)
		} else if strings.HasPrefix(f.folder, "pkg/") {
			names[path.Base(f.folder)] = f.folder
		}
		if ast.IsGenerated(f.syntax) {
			continue
		}
		for imported, name := range f.imports() {
			if strings.HasPrefix(imported, module) && name != "" && name != "_" {
				t.Errorf("%s renames %s to %s", f.name, imported, name)
			}
		}
	}
	slices.Sort(controllers)
	for _, controller := range slices.Compact(controllers) {
		if other, twice := names[path.Base(controller)]; twice {
			t.Errorf("%s has the name of %s", controller, other)
		}
	}
}

// TestTheCheckStandsApart: internal/verify decides nothing and prices nothing that users are told, but for the check that simulate
// makes of its plan; else it would check its own answers.
func TestTheCheckStandsApart(t *testing.T) {
	for _, f := range files(t) {
		_, uses := f.imports()[module+"internal/verify"]
		if !uses || f.test || f.foreign || f.name == "cmd/tradewind/app/simulate_plan.go" ||
			strings.HasPrefix(f.name, "hack/") || f.folder == "pkg/engine/enginetest" {
			continue
		}
		t.Errorf("%s uses internal/verify", f.name)
	}
}
