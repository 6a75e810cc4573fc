package architecture

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOneVersionOfGo: every page and every module names the same version of Go. The README asked for another than go.mod.
func TestOneVersionOfGo(t *testing.T) {
	names := map[string]*regexp.Regexp{
		"README.md": regexp.MustCompile(`Go (1\.\d+)`), "docs/getting-started.md": regexp.MustCompile(`Go (1\.\d+)`),
		"deploy/Containerfile": regexp.MustCompile(`(?:Go |golang:)(1\.\d+)`),
	}
	for _, module := range []string{".", "test", "test/testbed", "hack/tools", "hack/tools/lint", "hack/kubectl"} {
		names[module+"/go.mod"] = regexp.MustCompile(`(?m)^go (1\.\d+)`)
	}
	said := map[string]string{}
	for name, version := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		found := version.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no version of Go", name)
		}
		for _, match := range found {
			said[match[1]] = name
		}
	}
	if len(said) != 1 {
		t.Errorf("versions of Go and where they stand: %v", said)
	}
}

// TestEveryPackageIsNamed: the page on architecture names each package of pkg, plugins and cmd, by its path or by its last part, so that
// none comes without a word on what it is for. What a program is joined together in is part of the program.
func TestEveryPackageIsNamed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	named, asked := string(text), map[string]bool{}
	for _, f := range files(t) {
		top, _, _ := strings.Cut(f.folder, "/")
		if f.foreign || f.test || !slices.Contains([]string{"pkg", "plugins", "cmd"}, top) || path.Base(f.folder) == "app" || asked[f.folder] {
			continue
		}
		asked[f.folder] = true
		if !strings.Contains(named, "`"+f.folder+"`") && !strings.Contains(named, "`"+path.Base(f.folder)+"`") {
			t.Errorf("%s does not say what %s is for", page, f.folder)
		}
	}
	if len(asked) < 40 {
		t.Errorf("%d packages were asked about", len(asked))
	}
}

// TestPagesAreListedOnce: the README leads to every page of docs, and its table to none twice. A row of it stood twice.
func TestPagesAreListedOnce(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	link := regexp.MustCompile(`\]\((docs/[^)#]*\.md)`)
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "|") {
			for _, match := range link.FindAllStringSubmatch(line, -1) {
				times[match[1]]++
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		name := "docs/" + filepath.Base(page)
		if times[name] > 1 {
			t.Errorf("the README's table has %s %d times", name, times[name])
		}
		if !strings.Contains(string(readme), "]("+name) {
			t.Errorf("the README does not lead to %s", name)
		}
	}
}
