// Package check checks files of policies, price lists and latency maps before they reach a cluster: as an API server
// would (unknown fields, schema, CEL rules), and then as Tradewind's controllers and scheduler would (jurisdictions,
// regions, contradictions).
package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	k8syaml "sigs.k8s.io/yaml"
)

// document is one object of a file.
type document struct {
	// line of the file on which the document begins, from 1.
	line int
	// object is the parsed document; node is the same with positions, nil when they are not known.
	object map[string]any
	node   *yaml.Node
}

// errNotObject is the error of a document that holds no object.
var errNotObject = errors.New("not a Kubernetes object: write apiVersion, kind, metadata and spec")

// documentError is a document that cannot be read.
type documentError struct {
	line int
	// object is KIND/NAME, if that much can be read.
	object string
	err    error
}

func (e *documentError) Error() string { return e.err.Error() }
func (e *documentError) Unwrap() error { return e.err }

// readDocuments splits a stream of YAML or JSON documents, and Lists into their items. What cannot be read is in the
// errors; the rest is returned.
func readDocuments(data []byte) (documents []document, problems []*documentError) {
	for _, chunk := range split(data) {
		if isBlank(chunk.text) {
			continue
		}
		read, err := parse(chunk)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		documents = append(documents, read...)
	}
	return documents, problems
}

// chunk is the text of one document and the line that it begins on.
type chunk struct {
	line int
	text []byte
}

// split cuts a stream at its document markers: lines of "---" and "...". What follows "---" on its line belongs to the
// document.
func split(data []byte) []chunk {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	chunks := []chunk{{line: 1}}
	line := 0
	for len(data) > 0 {
		line++
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		text := data[:end]
		data = data[end:]
		last := &chunks[len(chunks)-1]
		switch {
		case isMarker(text, "---"):
			rest := append([]byte("   "), text[3:]...)
			chunks = append(chunks, chunk{line: line, text: rest})
		case isMarker(text, "..."):
			chunks = append(chunks, chunk{line: line + 1})
		default:
			last.text = append(last.text, text...)
		}
	}
	return chunks
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

func isBlank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

func parse(c chunk) ([]document, *documentError) {
	encoded, err := k8syaml.YAMLToJSONStrict(c.text)
	if err != nil {
		line, cleaned := lineOf(err, c)
		return nil, &documentError{line: line, object: nameOf(c.text), err: cleaned}
	}
	var value any
	if err := utiljson.Unmarshal(encoded, &value); err != nil {
		return nil, &documentError{line: c.line, err: err}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &documentError{line: c.line, err: errNotObject}
	}
	d := document{line: c.line, object: object, node: positions(c)}
	items, isList := object["items"].([]any)
	if kind, _ := object["kind"].(string); !isList || !strings.HasSuffix(kind, "List") {
		return []document{d}, nil
	}
	documents := make([]document, 0, len(items))
	for i, item := range items {
		inner, ok := item.(map[string]any)
		node := child(child(d.node, "items"), strconv.Itoa(i))
		line := c.line
		if node != nil {
			line = node.Line
		}
		if !ok {
			return nil, &documentError{line: line, err: fmt.Errorf("items[%d]: %w", i, errNotObject)}
		}
		documents = append(documents, document{line: line, object: inner, node: node})
	}
	return documents, nil
}

// nameOf is the KIND/NAME of a document that is not well-formed in the strict sense: with a key set twice, for instance.
func nameOf(text []byte) string {
	var object struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"metadata"`
	}
	if err := k8syaml.Unmarshal(text, &object); err != nil || object.Kind == "" {
		return ""
	}
	named := Object{Kind: object.Kind, Namespace: object.Metadata.Namespace, Name: object.Metadata.Name}
	return named.String()
}

// positions parses the document once more for the lines of its fields; nil when that fails, which is harmless.
func positions(c chunk) *yaml.Node {
	var root yaml.Node
	padded := append(bytes.Repeat([]byte("\n"), c.line-1), c.text...)
	if err := yaml.Unmarshal(padded, &root); err != nil || len(root.Content) == 0 {
		return nil
	}
	return root.Content[0]
}

var yamlLine = regexp.MustCompile(`\bline (\d+):? ?`)

// lineOf takes the line out of an error of the YAML parser and counts it from the beginning of the file. The parser calls
// the end of the text the line after it.
func lineOf(err error, c chunk) (int, error) {
	message := strings.TrimSpace(strings.NewReplacer("error converting YAML to JSON: ", "", "yaml: ", "", "unmarshal errors:\n  ", "").Replace(err.Error()))
	found := yamlLine.FindStringSubmatch(message)
	if found == nil {
		return c.line, errors.New(message)
	}
	line, atoiErr := strconv.Atoi(found[1])
	if atoiErr != nil || line < 1 {
		return c.line, errors.New(message)
	}
	lines := 1 + bytes.Count(bytes.TrimRight(c.text, "\n"), []byte("\n"))
	return c.line + min(line, lines) - 1, errors.New(strings.Replace(message, found[0], "", 1))
}

// lineAt is the line of a field, or of the nearest of its parents that the document has.
func (d *document) lineAt(field string) int {
	line, node := d.line, d.node
	if node != nil {
		line = node.Line
	}
	for _, step := range steps(field) {
		key, value := pair(node, step)
		if value == nil {
			break
		}
		line, node = key, value
	}
	return line
}

// steps splits a field path: "spec.clients[0].location" and "metadata.labels[a.b/c]".
func steps(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func child(node *yaml.Node, step string) *yaml.Node {
	_, value := pair(node, step)
	return value
}

// pair is a child of a node and the line of its key.
func pair(node *yaml.Node, step string) (line int, value *yaml.Node) {
	if node == nil {
		return 0, nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i].Line, node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if index, err := strconv.Atoi(step); err == nil && index >= 0 && index < len(node.Content) {
			return node.Content[index].Line, node.Content[index]
		}
	}
	return 0, nil
}

// decode reads the object into its Go type.
func (d *document) decode(into any) error {
	encoded, err := json.Marshal(d.object)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}
