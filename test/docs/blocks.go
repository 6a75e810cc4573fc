// Package docs runs the shell commands of the documentation, so that none of them can be wrong.
//
// Every block of shell in README.md and docs/*.md says how it is tested, in the line that opens it:
//
//	```sh test=offline                    runs in the repository's folder
//	```sh test=cluster expect="text"      runs in the demo's cluster; its output must contain the text
//	```sh skip="needs a registry"         is not run, and says why
package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is one block of shell in a page.
type Block struct {
	// Line is where the block opens, from 1.
	Line   int
	Script string
	// Where is "offline" or "cluster"; empty when Skip says why the block is not run.
	Where, Skip string
	// Expect, if set, is in the block's output.
	Expect string
}

var (
	fence     = regexp.MustCompile("^(`{3,})([^`]*)$")
	attribute = regexp.MustCompile(`^([a-z]+)=(?:"([^"]*)"|(\S+))\s*`)
	shells    = map[string]bool{"sh": true, "bash": true, "shell": true, "console": true}
)

// Blocks returns the blocks of shell of a page. Errors name the line.
func Blocks(page string) ([]Block, error) {
	var out []Block
	var open *Block
	var script []string
	closing := ""
	for i, line := range strings.Split(page, "\n") {
		if closing != "" {
			if strings.TrimRight(line, " ") != closing {
				script = append(script, line)
				continue
			}
			if open != nil {
				open.Script = strings.Join(script, "\n")
				out = append(out, *open)
			}
			open, script, closing = nil, nil, ""
			continue
		}
		found := fence.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		closing = found[1]
		language, rest, _ := strings.Cut(strings.TrimSpace(found[2]), " ")
		if !shells[language] {
			continue
		}
		block, err := read(rest)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		block.Line = i + 1
		open = &block
	}
	if closing != "" {
		return nil, fmt.Errorf("the last block is not closed")
	}
	return out, nil
}

// read reads what follows the language of a block.
func read(text string) (Block, error) {
	var b Block
	for text = strings.TrimSpace(text); text != ""; {
		found := attribute.FindStringSubmatch(text)
		if found == nil {
			return b, fmt.Errorf("%q is no attribute: write test=offline, test=cluster, expect=\"…\" or skip=\"…\"", text)
		}
		value := found[2] + found[3]
		switch found[1] {
		case "test":
			b.Where = value
		case "skip":
			b.Skip = value
		case "expect":
			b.Expect = value
		default:
			return b, fmt.Errorf("attribute %q is unknown: use test, expect or skip", found[1])
		}
		text = text[len(found[0]):]
	}
	switch {
	case b.Skip != "" && b.Where == "" && b.Expect == "":
	case b.Skip == "" && (b.Where == "offline" || b.Where == "cluster"):
	default:
		return b, fmt.Errorf("the block says not how it is tested: write test=offline, test=cluster or skip=\"why\"")
	}
	return b, nil
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links returns the files that a page links to, without anchors.
func Links(page string) []string {
	var out []string
	for _, found := range link.FindAllStringSubmatch(page, -1) {
		target, _, _ := strings.Cut(found[1], "#")
		if target != "" && !strings.Contains(target, "://") {
			out = append(out, target)
		}
	}
	return out
}
