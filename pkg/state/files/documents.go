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

	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"tradewind.dev/tradewind/pkg/printable"
)

// Document is one object of a file.
type Document struct {
	// Object is the parsed document.
	Object map[string]any
	source *source
	// path leads to the object in its document, for the items of a List.
	path []string
}

// source is one document of a stream, with the positions of its fields once somebody asks for them.
type source struct {
	chunk
	once sync.Once
	root *yaml.Node
	// index finds the values of mappings by their keys, lines counts the lines of the text as files do.
	index map[*yaml.Node]map[string]int
	lines int
}

// ErrNotObject is the error of a document that holds no object.
var ErrNotObject = errors.New("not a Kubernetes object: write apiVersion, kind, metadata and spec")

// DocumentError is a document that cannot be read.
type DocumentError struct {
	// Number of the document in its file, and the line of the file, both from 1.
	Number, Line int
	// Object is KIND/NAME, if that much can be read.
	Object string
	// Unread are the names, as far as they can be read, of the objects that are left out.
	Unread []string
	err    error
}

// Error says what is wrong, without the line and the object.
func (e *DocumentError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *DocumentError) Unwrap() error { return e.err }

// Skipped is a document of a kind that nobody asked for, which was not taken apart.
type Skipped struct {
	Kind, APIVersion string
	Line             int
}

// ReadDocument is what a document came to.
type ReadDocument struct {
	Documents []Document
	Errors    []*DocumentError
	Skipped   *Skipped
}

// errManyDocuments says that a file is not read to its end.
var errManyDocuments = fmt.Errorf("is one of more than %d documents; the rest of the file is left out: split it", maxDocuments)

var errDirective = errors.New("begins with a directive of YAML, which kubectl does not read before ---: remove the line")

// Documents hands out what can be read of the documents of a file, in their order. wanted says which kinds are asked for;
// of others, large documents are passed over.
func Documents(data []byte, wanted func(apiVersion, kind string) bool, each func(read func() ReadDocument)) {
	split(data, func(c chunk) bool {
		if c.number > maxDocuments {
			each(func() ReadDocument {
				return ReadDocument{Errors: []*DocumentError{{Number: c.number, Line: c.line, err: errManyDocuments}}}
			})
			return false
		}
		each(func() ReadDocument { return parse(c, wanted) })
		return true
	})
}

// parse reads one document. Of a List whose items are not all objects the others are returned.
func parse(c chunk, wanted func(apiVersion, kind string) bool) ReadDocument {
	fail := func(line int, err error, unread ...string) ReadDocument {
		problem := &DocumentError{Number: c.number, Line: line, Unread: unread, err: err}
		if len(unread) == 1 {
			problem.Object = unread[0]
		}
		return ReadDocument{Errors: []*DocumentError{problem}}
	}
	if len(c.text) > scannedBytes && c.refusal == "" {
		known, ok := headOf(c)
		switch {
		case ok && !strings.HasSuffix(known.kind, listSuffix) && !wanted(known.apiVersion, known.kind):
			return ReadDocument{Skipped: &Skipped{Kind: known.kind, APIVersion: known.apiVersion, Line: c.line}}
		case ok && !strings.HasSuffix(known.kind, listSuffix) && len(c.text) > maxObjectBytes:
			return fail(c.line, errLargeObject, known.kind)
		case len(c.text) > maxDocumentBytes:
			return fail(c.line, fmt.Errorf("is larger than %s; write each object as a document of its own, or split the list", size(maxDocumentBytes)))
		}
	}
	if c.refusal != "" {
		return fail(c.line, errors.New(c.refusal), namesIn(c.text)...)
	}
	value, rest, err := decode(c)
	if err != nil && bytes.HasPrefix(c.text, []byte("%")) {
		return fail(c.line, errDirective)
	}
	if err != nil {
		line, cleaned := lineOf(err, c)
		return fail(line, cleaned, unreadOf(c, value, rest)...)
	}
	if value == nil {
		return ReadDocument{}
	}
	whole := Document{source: &source{chunk: c}}
	var ok bool
	if whole.Object, ok = value.(map[string]any); !ok {
		return fail(c.line, ErrNotObject)
	}
	var out ReadDocument
	whole.flatten(&out, len(c.text))
	return out
}

func decode(c chunk) (value any, rest []any, err error) {
	if c.isJSON {
		value, err = decodeJSON(c.text)
		return value, nil, err
	}
	return decodeYAML(c.text)
}

const listSuffix = "List"

var errLargeObject = fmt.Errorf("is larger than the %s that an API server takes; make it smaller", size(maxObjectBytes))

// flatten adds the object, or the objects of a List. bytes is how large the text of all is.
func (d *Document) flatten(out *ReadDocument, bytes int) {
	items, has := d.Object["items"]
	list, isList := items.([]any)
	switch inList := len(d.path) > 0; {
	case (!has || inList && !isList) && bytes > maxObjectBytes && tooLarge(d.Object):
		d.fail(out, errLargeObject)
	case !has || inList && !isList:
		out.Documents = append(out.Documents, *d)
	case inList:
		d.fail(out, errors.New("is a list in a list, which kubectl does not read: write its items as documents"))
	case d.kind() == "":
		d.fail(out, ErrNotObject)
	case !isVersion(d.Object["apiVersion"]):
		d.fail(out, errors.New("apiVersion is no version; write v1"))
	case !strings.HasSuffix(d.kind(), listSuffix):
		d.fail(out, errors.New("has a field items, for which kubectl takes it for a list and applies only what is in it: remove the field"))
	case !isList && items != nil:
		d.fail(out, errors.New("items is no list: write one object after the other, each with a dash before it"))
	default:
		for i, value := range list {
			item := Document{source: d.source, path: []string{"items", strconv.Itoa(i)}}
			var ok bool
			if item.Object, ok = value.(map[string]any); !ok {
				item.fail(out, ErrNotObject)
				continue
			}
			// The items of a list of one kind ("PodList") need not repeat it.
			if item.Object["kind"] == nil && item.Object["apiVersion"] == nil && d.kind() != listSuffix {
				item.Object["kind"], item.Object["apiVersion"] = strings.TrimSuffix(d.kind(), listSuffix), d.Object["apiVersion"]
			}
			item.flatten(out, bytes)
		}
	}
}

// fail notes that the object cannot be read.
func (d *Document) fail(out *ReadDocument, err error) {
	if len(d.path) > 0 {
		err = fmt.Errorf("items[%s]: %w", d.path[1], err)
	}
	problem := &DocumentError{Number: d.source.number, Line: d.LineAt(""), Object: nameOf(d.Object), err: err}
	if problem.Object != "" {
		problem.Unread = []string{problem.Object}
	}
	out.Errors = append(out.Errors, problem)
}

// isVersion says whether an apiVersion is VERSION or GROUP/VERSION, or is not there.
func isVersion(apiVersion any) bool {
	text, _ := apiVersion.(string)
	_, err := schema.ParseGroupVersion(text)
	return err == nil
}

// tooLarge says whether no API server would take an object for its size.
func tooLarge(object map[string]any) bool {
	encoded, err := json.Marshal(object)
	return err == nil && len(encoded) > maxObjectBytes
}

func (d *Document) kind() string {
	kind, _ := d.Object["kind"].(string)
	return kind
}

// nameOf is the KIND/NAME of an object; empty when it has no kind.
func nameOf(value any) string {
	object, _ := value.(map[string]any)
	kind, _ := object["kind"].(string)
	if kind == "" {
		return ""
	}
	metadata, _ := object["metadata"].(map[string]any)
	namespace, _ := metadata["namespace"].(string)
	name, _ := metadata["name"].(string)
	return Name(kind, namespace, name)
}

// namesIn are the names of the objects of a text that is not well-formed in the strict sense: with a key that is there
// twice, for instance, or with more than one document.
func namesIn(text []byte) []string {
	decoder := yamlv2.NewDecoder(bytes.NewReader(text))
	var names []string
	for {
		var value any
		if decoder.Decode(&value) != nil {
			return names
		}
		converted, wrong := toJSON(value)
		if name := nameOf(converted); wrong == nil && name != "" {
			names = append(names, name)
		}
	}
}

// unreadOf are the names of the objects that are left out with a document that cannot be read.
func unreadOf(c chunk, value any, rest []any) []string {
	var names []string
	for _, object := range append([]any{value}, rest...) {
		if name := nameOf(object); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = namesIn(c.text)
	}
	return names
}

// maxPositions is the largest document of which the lines of fields are found.
const maxPositions = 8 << 20

// positions parses the document once more for the lines of its fields; nil when that fails, which is harmless.
func (s *source) positions() *yaml.Node {
	s.once.Do(func() {
		var root yaml.Node
		s.lines = textLines(s.text)
		if len(s.text) > maxPositions {
			return
		}
		if err := yaml.Unmarshal(s.text, &root); err == nil && len(root.Content) > 0 {
			s.root, s.index = root.Content[0], map[*yaml.Node]map[string]int{}
		}
	})
	return s.root
}

// begin is the line that the object of the document begins on.
func (s *source) begin() int {
	line := s.line
	for text := range bytes.Lines(s.text) {
		if text = bytes.TrimSpace(text); len(text) > 0 && text[0] != '#' && !bytes.HasPrefix(text, []byte("---")) {
			return line
		}
		line++
	}
	return s.line
}

var yamlLine = regexp.MustCompile(`\bline (\d+):? ?`)

// lineOf takes the line out of an error of the YAML parser and counts it from the beginning of the file. The parser calls
// the end of the text the line after it.
func lineOf(err error, c chunk) (int, error) {
	var value *valueError
	if errors.As(err, &value) {
		d := Document{source: &source{chunk: c}}
		return d.LineAt(value.Field), fmt.Errorf("%s: %w", value.Field, value)
	}
	message := strings.TrimSpace(strings.NewReplacer("error converting YAML to JSON: ", "", "yaml: ", "", "unmarshal errors:\n  ", "").Replace(err.Error()))
	found := yamlLine.FindStringSubmatch(message)
	if found == nil {
		return c.line, errors.New(message)
	}
	line, atoiErr := strconv.Atoi(found[1])
	if atoiErr != nil || line < 1 {
		return c.line, errors.New(message)
	}
	if strings.Contains(message, "did not find expected ") { // errors of the parser, other than of the scanner, count lines from 0
		line++
	}
	return c.line + min(line, textLines(c.text)) - 1, errors.New(strings.Replace(message, found[0], "", 1))
}

// LineAt is the line of a field ("spec.clients[0].location"), or of the nearest of its parents that the document has;
// of the object itself when the field is empty. It is not safe for concurrent use.
func (d *Document) LineAt(field string) int {
	line := d.source.begin()
	if field == "" && len(d.path) == 0 {
		return line
	}
	node := d.source.positions()
	if node == nil {
		return line
	}
	for i, step := range d.path {
		var key int
		if key, node = d.source.child(node, step); node == nil {
			return line
		}
		if line = d.source.fileLine(key); i == len(d.path)-1 {
			line = d.source.fileLine(node.Line)
		}
	}
	for _, step := range steps(field) {
		key, value := d.source.child(node, step)
		if value == nil {
			break
		}
		line, node = d.source.fileLine(key), value
	}
	return line
}

// fileLine counts a line of the document from the beginning of the file. YAML ends lines also with what files do not.
func (s *source) fileLine(line int) int { return s.line + min(line, s.lines) - 1 }

// textLines counts the lines of a text.
func textLines(text []byte) int {
	return 1 + bytes.Count(bytes.TrimRight(text, "\n"), []byte("\n"))
}

// steps splits a field path: "spec.clients[0].location" and "metadata.labels[a.b/c]".
func steps(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// child is a child of a node and the line of its key.
func (s *source) child(node *yaml.Node, step string) (line int, value *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		known, ok := s.index[node]
		if !ok {
			known = make(map[string]int, len(node.Content)/2)
			for i := len(node.Content) - 2; i >= 0; i -= 2 {
				known[node.Content[i].Value] = i
			}
			s.index[node] = known
		}
		if i, ok := known[step]; ok {
			return node.Content[i].Line, node.Content[i+1]
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

// Unreadable says what is wrong with an object of any kind, so that kubectl does not read it: with what all objects have.
// It is nil when nothing is.
func (d *Document) Unreadable() *FieldError {
	if version, _ := d.Object["apiVersion"].(string); !isVersion(version) {
		return &FieldError{"apiVersion", printable.Quote(version) + " is no version; write VERSION or GROUP/VERSION, such as apps/v1"}
	}
	only := map[string]any{"metadata": d.Object["metadata"]}
	decode := func(part json.RawMessage) error { return json.Unmarshal(part, new(metav1.PartialObjectMetadata)) }
	encoded, err := json.Marshal(only)
	if err == nil {
		err = decode(encoded)
	}
	if err == nil {
		return nil
	}
	var typed *fieldTypeError
	if errors.As(namedError(err, only, decode), &typed) {
		return &typed.FieldError
	}
	return &FieldError{"metadata", err.Error()}
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
