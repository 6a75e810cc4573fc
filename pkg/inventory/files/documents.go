package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	k8syaml "sigs.k8s.io/yaml"
)

// Document is one object of a file.
type Document struct {
	// Object is the parsed document.
	Object map[string]any
	// raw is the object as JSON.
	raw    json.RawMessage
	source *source
	// path leads to the object in its document, for the items of a List.
	path []string
}

// source is one document of a stream, with the positions of its fields once somebody asks for them.
type source struct {
	chunk
	once sync.Once
	root *yaml.Node
}

// ErrNotObject is the error of a document that holds no object.
var ErrNotObject = errors.New("not a Kubernetes object: write apiVersion, kind, metadata and spec")

// DocumentError is a document that cannot be read.
type DocumentError struct {
	// Line of the file, from 1.
	Line int
	// Object is KIND/NAME, if that much can be read.
	Object string
	err    error
}

// Error says what is wrong, without the line and the object.
func (e *DocumentError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *DocumentError) Unwrap() error { return e.err }

// ReadDocuments splits a stream of YAML or JSON documents, and Lists into their items. What cannot be read is in the
// errors; the rest is returned.
func ReadDocuments(data []byte) (documents []Document, problems []*DocumentError) {
	for _, chunk := range split(data) {
		read, failed := parse(chunk)
		documents = append(documents, read...)
		problems = append(problems, failed...)
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
	var chunks []chunk
	begin, first, line, marked := 0, 1, 0, false
	end := func(at int) {
		text := data[begin:at:at]
		if marked { // as wide as the marker was
			text = append([]byte("   "), text...)
		}
		chunks = append(chunks, chunk{line: first, text: text})
	}
	for at := 0; at < len(data); {
		line++
		next := bytes.IndexByte(data[at:], '\n') + 1
		if next == 0 {
			next = len(data) - at
		}
		switch text := data[at : at+next]; {
		case isMarker(text, "---"):
			end(at)
			begin, first, marked = at+3, line, true
		case isMarker(text, "..."):
			end(at)
			begin, first, marked = at+next, line+1, false
		}
		at += next
	}
	end(len(data))
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

// parse reads one document. Of a List whose items are not all objects the others are returned.
func parse(c chunk) ([]Document, []*DocumentError) {
	if isBlank(c.text) {
		return nil, nil
	}
	encoded, err := k8syaml.YAMLToJSONStrict(c.text)
	if err != nil {
		line, cleaned := lineOf(err, c)
		return nil, []*DocumentError{{Line: line, Object: nameOf(c.text), err: cleaned}}
	}
	from := &source{chunk: c}
	whole, ok := newDocument(encoded, from)
	if !ok {
		return nil, []*DocumentError{{Line: c.line, err: ErrNotObject}}
	}
	if _, isList := whole.Object["items"].([]any); !isList || !strings.HasSuffix(whole.kind(), "List") {
		return []Document{whole}, nil
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(encoded, &list); err != nil {
		return nil, []*DocumentError{{Line: c.line, Object: nameOf(c.text), err: err}}
	}
	documents := make([]Document, 0, len(list.Items))
	var problems []*DocumentError
	for i, raw := range list.Items {
		item, ok := newDocument(raw, from)
		item.path = []string{"items", strconv.Itoa(i)}
		if !ok {
			problems = append(problems, &DocumentError{Line: item.LineAt(""), err: fmt.Errorf("items[%d]: %w", i, ErrNotObject)})
			continue
		}
		// The items of a list of one kind ("PodList") need not repeat it.
		if item.kind() == "" && whole.kind() != "List" {
			item.Object["kind"], item.Object["apiVersion"] = strings.TrimSuffix(whole.kind(), "List"), whole.Object["apiVersion"]
		}
		documents = append(documents, item)
	}
	return documents, problems
}

func newDocument(raw json.RawMessage, from *source) (Document, bool) {
	d := Document{raw: raw, source: from}
	var value any
	if err := utiljson.Unmarshal(raw, &value); err != nil {
		return d, false
	}
	var ok bool
	d.Object, ok = value.(map[string]any)
	return d, ok
}

func (d *Document) kind() string {
	kind, _ := d.Object["kind"].(string)
	return kind
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
	return Name(object.Kind, object.Metadata.Namespace, object.Metadata.Name)
}

// maxPositions is the largest document of which the lines of fields are found.
const maxPositions = 8 << 20

// positions parses the document once more for the lines of its fields; nil when that fails, which is harmless.
func (s *source) positions() *yaml.Node {
	s.once.Do(func() {
		var root yaml.Node
		if len(s.text) > maxPositions {
			return
		}
		padded := append(bytes.Repeat([]byte("\n"), s.line-1), s.text...)
		if err := yaml.Unmarshal(padded, &root); err == nil && len(root.Content) > 0 {
			s.root = root.Content[0]
		}
	})
	return s.root
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

// LineAt is the line of a field ("spec.clients[0].location"), or of the nearest of its parents that the document has;
// of the object itself when the field is empty.
func (d *Document) LineAt(field string) int {
	line, node := d.source.line, d.source.positions()
	if node != nil {
		line = node.Line
	}
	for i, step := range d.path {
		var key int
		if key, node = pair(node, step); node == nil {
			return line
		}
		if line = key; i == len(d.path)-1 {
			line = node.Line
		}
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

// Decode reads the object, as it is after Admit, into its Go type.
func (d *Document) Decode(into any) error {
	encoded, err := json.Marshal(d.Object)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}

// Name is KIND/NAME, with the namespace before the name where it has one.
func Name(kind, namespace, name string) string {
	parts := []string{kind}
	for _, part := range []string{namespace, name} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}
