package check

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/inventory"
)

// Problem is what is wrong, and where.
type Problem struct {
	File string `json:"file"`
	// Line of the file, from 1; 0 when it is not known.
	Line int `json:"line,omitempty"`
	// Object is KIND/NAME, with the namespace before the name where it has one; empty when the document cannot be read.
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	// Message says what is wrong and what to do about it.
	Message string `json:"message"`
}

// String is "policies.yaml:12: PlacementPolicy/shop/web: spec.residency: …".
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	for _, part := range []string{p.Object, p.Field} {
		if part != "" {
			where += ": " + part
		}
	}
	return where + ": " + p.Message
}

// Object is one checked object.
type Object struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Valid says whether nothing is wrong with it.
	Valid bool `json:"valid"`
	// Cluster is what it would do in a cluster; absent when none was asked.
	Cluster *ClusterCounts `json:"cluster,omitempty"`

	document *document
}

// ClusterCounts is what a policy would do in a cluster.
type ClusterCounts struct {
	// SelectedPods is how many live pods it selects; AllowedNodes how many of the Nodes meet its rules about a node alone.
	SelectedPods int `json:"selectedPods"`
	AllowedNodes int `json:"allowedNodes"`
	Nodes        int `json:"nodes"`
}

// Result is what was found in files.
type Result struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Objects    []*Object `json:"objects"`
	Problems   []Problem `json:"problems"`
	// Warnings are about what can be right but seldom is.
	Warnings []Problem `json:"warnings,omitempty"`
	// Ignored are objects of other kinds.
	Ignored []Ignored `json:"ignored,omitempty"`

	// read are the objects that could be decoded, valid or not.
	read inventory.Objects
}

// Ignored is a document that is none of Tradewind's objects.
type Ignored struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Object string `json:"object"`
}

// Valid says whether nothing is wrong.
func (r *Result) Valid() bool { return len(r.Problems) == 0 }

// Files checks files, folders (their .yaml, .yml and .json files, and those of the folders in them) and, for "-", standard
// input. Objects without a namespace are taken to be in the given one. now decides which samples of LatencyMaps are too
// old. Errors are of reading; what is wrong with the content is in the result.
func Files(paths []string, stdin io.Reader, namespace string, now time.Time) (*Result, error) {
	r := &Result{APIVersion: v1alpha1.GroupVersion.String(), Kind: "PolicyCheck", Objects: []*Object{}, Problems: []Problem{}}
	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := read(file, stdin)
			if err != nil {
				return nil, err
			}
			if err := r.file(file, data, namespace, file != path); err != nil {
				return nil, err
			}
		}
	}
	if err := r.meaning(now); err != nil {
		return nil, err
	}
	for _, problems := range [][]Problem{r.Problems, r.Warnings} {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Field, b.Field))
		})
	}
	for _, object := range r.Objects {
		object.Valid = !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.File == object.File && p.Object == object.String() })
	}
	return r, nil
}

// expand lists the files of a folder; a file is itself.
func expand(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("folder %s holds no .yaml, .yml or .json file", path)
	}
	return files, err
}

// maxFileBytes is the largest file that is read: an API server takes objects up to 3 MiB, and this is room for many.
const maxFileBytes = 64 << 20

func read(file string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	var buffer bytes.Buffer
	n, err := io.Copy(&buffer, io.LimitReader(from, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if n > maxFileBytes {
		return nil, fmt.Errorf("read %s: larger than %d MiB; split it", file, maxFileBytes>>20)
	}
	return buffer.Bytes(), nil
}

// file reads one file's documents. One that was found in a folder may hold something else than objects of Kubernetes.
func (r *Result) file(name string, data []byte, namespace string, found bool) error {
	known, err := definitions()
	if err != nil {
		return fmt.Errorf("built-in definitions: %w", err)
	}
	if name == "-" {
		name = "standard input"
	}
	documents, unread := readDocuments(data)
	for _, problem := range unread {
		r.Problems = append(r.Problems, Problem{File: name, Line: problem.line, Object: problem.object, Message: problem.Error()})
	}
	for i := range documents {
		if object := documents[i].object; found && object["apiVersion"] == nil && object["kind"] == nil {
			r.Ignored = append(r.Ignored, Ignored{File: name, Line: documents[i].line, Object: "not a Kubernetes object"})
			continue
		}
		r.document(name, &documents[i], known, namespace)
	}
	return nil
}

func (r *Result) document(file string, d *document, known map[string]*definition, namespace string) {
	kind, _ := d.object["kind"].(string)
	version, _ := d.object["apiVersion"].(string)
	object := &Object{File: file, Line: d.lineAt(""), Kind: kind, document: d}
	if metadata, ok := d.object["metadata"].(map[string]any); ok {
		object.Name, _ = metadata["name"].(string)
		object.Namespace, _ = metadata["namespace"].(string)
	}
	add := func(field, message string) {
		r.Problems = append(r.Problems, Problem{File: file, Line: d.lineAt(field), Object: object.String(), Field: field, Message: message})
	}
	switch {
	case kind == "" || version == "":
		add("", errNotObject.Error())
		return
	case !strings.HasPrefix(version, v1alpha1.GroupVersion.Group+"/"):
		r.Ignored = append(r.Ignored, Ignored{File: file, Line: object.Line, Object: fmt.Sprintf("%s (%s)", object, version)})
		return
	case known[kind] == nil:
		kinds := make([]string, 0, len(known))
		for kind := range known {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		add("kind", fmt.Sprintf("%s has no kind %q; it has %s", v1alpha1.GroupVersion.Group, kind, strings.Join(kinds, ", ")))
		return
	case known[kind].version != version:
		add("apiVersion", fmt.Sprintf("%q is not served; write %s", version, known[kind].version))
		return
	}
	if object.Namespace == "" && known[kind].namespaced {
		object.Namespace = namespace
	}
	r.Objects = append(r.Objects, object)
	refused := known[kind].admit(d.object)
	for _, problem := range refused {
		add(problem.field, problem.message)
	}
	if len(refused) > 0 && hugeExponent(d.object["spec"]) {
		return
	}
	if err := r.keep(object); err != nil {
		// The schema has said what is wrong with the shape, if it could.
		if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.File == file && p.Object == object.String() }) {
			add("", err.Error())
		}
	}
}

var exponent = regexp.MustCompile(`^[+-]?[0-9.]+[eE][+-]?[0-9]{3,}$`)

// hugeExponent says whether a number in the value has an exponent of three digits or more. Reading one as a quantity takes
// time in proportion to ten to its power, so an object whose number was refused is not read any further.
func hugeExponent(value any) bool {
	switch typed := value.(type) {
	case string:
		return exponent.MatchString(typed)
	case []any:
		return slices.ContainsFunc(typed, hugeExponent)
	case map[string]any:
		for _, inner := range typed {
			if hugeExponent(inner) {
				return true
			}
		}
	}
	return false
}

// String is KIND/NAMESPACE/NAME.
func (o *Object) String() string {
	parts := []string{o.Kind}
	for _, part := range []string{o.Namespace, o.Name} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}
