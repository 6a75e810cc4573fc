package main

import (
	"slices"
	"testing"
)

// Every fuzz test of the module is found, each under a label of its own, and none of modules within it.
func TestFind(t *testing.T) {
	targets, err := find("../..")
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, found := range targets {
		if slices.Contains(labels, found.label()) {
			t.Errorf("two tests are %s", found.label())
		}
		labels = append(labels, found.label())
	}
	for _, want := range []string{"files.Read", "kubectl.AsKubectl", "v1alpha1.AdmittedObjects", "app.Changes", "pricing.Table", "location.FromNode"} {
		if !slices.Contains(labels, want) {
			t.Errorf("%s is not found in %v", want, labels)
		}
	}
	for _, not := range []string{"docs.Blocks", "nodes.Build", "bed.Manifests"} {
		if slices.Contains(labels, not) {
			t.Errorf("%s is of another module", not)
		}
	}
}

func TestOutput(t *testing.T) {
	const text = "fuzz: elapsed: 0s, gathering baseline coverage: 0/12 completed\nfuzz: elapsed: 3s, execs: 1 (0/sec), new interesting: 0 (total: 12)\n" +
		"fuzz: elapsed: 6s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)\nPASS\n"
	if got := executions([]byte(text)); got != 325017 {
		t.Errorf("%d executions", got)
	}
	if got := executions([]byte("FAIL\n")); got != 0 {
		t.Errorf("%d executions of none", got)
	}
}

// TestRanOut tells tests whose time was over from those that failed.
func TestRanOut(t *testing.T) {
	over := "fuzz: elapsed: 21s, execs: 3165 (73/sec)\n--- FAIL: FuzzX (21.02s)\n    context deadline exceeded\nFAIL\n"
	for output, want := range map[string]bool{
		over: true,
		"--- FAIL: FuzzX (0.00s)\n    x_test.go:84: wrong\nFAIL\n":                           false,
		over + "    --- FAIL: FuzzX (0.00s)\n        x_test.go:84: wrong\n":                  false,
		over + "    Failing input written to testdata/fuzz/FuzzX/d4ea8f4049e2af71\n":         false,
		"--- FAIL: FuzzX (0.00s)\n    panic: runtime error\n    context deadline exceeded\n": false,
		"PASS\n": false,
	} {
		if got := ranOut([]byte(output)); got != want {
			t.Errorf("%q: %v", output, got)
		}
	}
}
