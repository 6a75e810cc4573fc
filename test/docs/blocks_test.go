package docs

import (
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	page := "text\n```sh test=offline\na\nb\n```\n```yaml\nx: y\n```\n````sh test=cluster expect=\"two words\"\n```\nc\n````\n```sh skip=\"needs a cloud\"\nd\n```\n"
	got, err := Blocks(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{Line: 2, Script: "a\nb", Where: "offline"},
		{Line: 9, Script: "```\nc", Where: "cluster", Expect: "two words"},
		{Line: 13, Script: "d", Skip: "needs a cloud"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d blocks, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("block %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestBlocksThatDoNotSayHowTheyAreTested(t *testing.T) {
	for name, page := range map[string]string{
		"nothing":     "```sh\na\n```\n",
		"unknown bed": "```sh test=moon\na\n```\n",
		"both":        "```sh test=offline skip=\"x\"\na\n```\n",
		"unknown":     "```sh test=offline retry=3\na\n```\n",
		"not closed":  "```sh test=offline\na\n",
		"no value":    "```bash test\na\n```\n",
	} {
		t.Run(name, func(t *testing.T) {
			if blocks, err := Blocks(page); err == nil {
				t.Errorf("no error, got %+v", blocks)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	got := Links("[a](x.md#part) [b](https://example.com/y) [c](#here) [d](../z)")
	if strings.Join(got, " ") != "x.md ../z" {
		t.Errorf("got %q", got)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{"```sh test=offline\na\n```", "```\n```", "````sh skip=\"\"\n```", "```sh test=cluster expect=\"a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, page string) {
		blocks, err := Blocks(page)
		if err != nil {
			return
		}
		lines := strings.Count(page, "\n") + 1
		for _, block := range blocks {
			if block.Line < 1 || block.Line > lines {
				t.Fatalf("block at line %d of %d", block.Line, lines)
			}
			if (block.Where == "") == (block.Skip == "") {
				t.Fatalf("block %+v neither runs nor says why not", block)
			}
		}
	})
}
