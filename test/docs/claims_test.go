package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestClaims(t *testing.T) {
	page := "| a | b |\n|---|---|\n| 1 | 2 |\n\n| claim | who enforces it | which test shows it |\n|---|---|---|\n| it holds | we | `pkg/a.TestB` `test/e2e.TestC` |\n\n| c |\n|---|\n"
	got, err := Claims(page)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Line != 7 || got[0].Text != "it holds" || got[0].By != "we" || len(got[0].Tests) != 2 ||
		got[0].Tests[1] != (TestName{"test/e2e", "TestC"}) {
		t.Errorf("got %+v", got)
	}
	for name, line := range map[string]string{
		"no test": "| x | y | |", "no such form": "| x | y | TestB |", "words beside it": "| x | y | `pkg/a.TestB` mostly |",
		"nobody": "| x | | `pkg/a.TestB` |", "columns": "| x | `pkg/a.TestB` |",
	} {
		if claims, err := Claims("| claim | who enforces it | which test shows it |\n|---|---|---|\n" + line + "\n"); err == nil {
			t.Errorf("%s: no error, got %+v", name, claims)
		}
	}
}

// TestClaimsHaveTests checks that every test which a page says shows a claim is in the repository.
func TestClaimsHaveTests(t *testing.T) {
	const least = 10
	total := 0
	for _, p := range pages(t) {
		claims, err := Claims(p.text)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		total += len(claims)
		for _, claim := range claims {
			for _, test := range claim.Tests {
				if !hasTest(t, test) {
					t.Errorf("%s:%d: there is no test %s in %s", p.name, claim.Line, test.Name, test.Folder)
				}
			}
		}
	}
	if total < least {
		t.Errorf("%d claims in all pages, want at least %d", total, least)
	}
}

func hasTest(t *testing.T, test TestName) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(test.Folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^func ` + test.Name + `\(t \*testing\.T\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if head.Match(text) && !strings.Contains(string(text), "//go:build ignore") {
			return true
		}
	}
	return false
}
