package files

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/validation"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

// Options say how files are read.
type Options struct {
	// Namespace of objects that name none; "default" when empty.
	Namespace string
	// Progress, if set, is called now and then with the number of files and documents read so far.
	Progress func(files, documents int)
}

// Object is an object of a file.
type Object struct {
	Kind, Namespace, Name string
	// File it is in.
	File string
	// Refused says that an API server would not take it.
	Refused bool
	// Value is a pointer to its Go type.
	Value any

	document *Document
}

// String is KIND/NAMESPACE/NAME.
func (o *Object) String() string { return Name(o.Kind, o.Namespace, o.Name) }

// Line of the file that the object, or a field of it, is on.
func (o *Object) Line(field string) int { return o.document.LineAt(field) }

// Set is what was read.
type Set struct {
	Objects []*Object
	// Problems are bad input; the rest was read.
	Problems []Problem
	// Unread are the names, as far as they are known, of documents that could not be read.
	Unread []string
	// Unplanned are the names of objects of other kinds that run pods, by kind: a plan holds none of these pods.
	Unplanned map[string][]string
	// Ignored counts all other objects, by kind.
	Ignored map[string]int
	// Files is how many files were read.
	Files int
}

// result is what one document came to.
type result struct {
	objects  []*Object
	problems []Problem
	unread   []string
	ignored  []string
	// unplanned are objects whose pods are not planned.
	unplanned []unplanned
}

// Read reads files, folders (their .yaml, .yml and .json files, and those of the folders in them) and, for "-", standard
// input, as "kubectl apply -f" does, within the limits. Errors are of paths that cannot be read at all; what is wrong with
// the content is in the set's Problems.
func Read(paths []string, stdin io.Reader, options Options) (*Set, error) {
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	sources, problems, err := Find(paths)
	if err != nil {
		return nil, err
	}
	out := &Set{Ignored: map[string]int{}, Unplanned: map[string][]string{}, Problems: problems}
	in := NewInput(stdin)
	var results []*result
	var working sync.WaitGroup
	var documents atomic.Int64
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, source := range sources {
		data, err := in.Read(source)
		if err != nil {
			results = append(results, &result{problems: []Problem{NewProblem(source.Name, 0, "", "", err.Error())}})
			continue
		}
		out.Files++
		reader := fileReader{name: source.Name, namespace: options.Namespace, found: source.Found}
		Documents(data, isRead, func(read func() ReadDocument) {
			into := new(result)
			results = append(results, into)
			slots <- struct{}{}
			working.Go(func() {
				*into = reader.read(read())
				documents.Add(1)
				<-slots
			})
		})
		if options.Progress != nil {
			options.Progress(out.Files, int(documents.Load()))
		}
	}
	working.Wait()
	for _, from := range results {
		out.Objects = append(out.Objects, from.objects...)
		out.Problems = append(out.Problems, from.problems...)
		out.Unread = append(out.Unread, from.unread...)
		for _, kind := range from.ignored {
			out.Ignored[kind]++
		}
		for _, left := range from.unplanned {
			out.Unplanned[left.kind] = append(out.Unplanned[left.kind], left.name)
		}
	}
	out.twice()
	return out, nil
}

// isRead says whether objects of a kind are read, or refused for what they say of themselves.
func isRead(apiVersion, kind string) bool {
	info, _ := kindOf(kind, apiVersion)
	return info != nil || unknownOwn(kind, apiVersion) != ""
}

// fileReader reads the documents of one file. found says that the file was found in a folder, which may hold files that
// are none of Kubernetes.
type fileReader struct {
	name, namespace string
	found           bool
}

func (r *fileReader) read(document ReadDocument) (out result) {
	for _, failed := range document.Errors {
		out.problems = append(out.problems, NewDocumentProblem(r.name, failed))
		out.unread = append(out.unread, failed.Unread...)
	}
	if document.Skipped != nil {
		out.ignored = append(out.ignored, document.Skipped.Kind)
	}
	for i := range document.Documents {
		r.document(&document.Documents[i], &out)
	}
	return out
}

func (r *fileReader) document(d *Document, out *result) {
	kind, version := d.kind(), ""
	version, _ = d.Object["apiVersion"].(string)
	object := &Object{Kind: kind, File: r.name, document: d}
	if metadata, ok := d.Object["metadata"].(map[string]any); ok {
		object.Name, _ = metadata["name"].(string)
		object.Namespace, _ = metadata["namespace"].(string)
	}
	problem := func(field, message string) {
		out.problems = append(out.problems, NewProblem(r.name, d.LineAt(field), object.String(), field, message))
	}
	if kind == "" || version == "" {
		if r.found && d.Object["kind"] == nil && d.Object["apiVersion"] == nil {
			out.ignored = append(out.ignored, "other file")
			return
		}
		problem("", ErrNotObject.Error()+"; the document is left out")
		return
	}
	info, message := kindOf(kind, version)
	if info == nil && isScaled(d.Object) {
		info, object.Kind = scaledKind, workload.KindIn(version, kind)
	}
	switch {
	case info == nil:
		if message := unknownOwn(kind, version); message != "" {
			problem("kind", message)
			return
		}
		if wrong := d.Unreadable(); wrong != nil {
			problem(wrong.Field, wrong.Message)
			return
		}
		if runsPods(d.Object) {
			name := object.Name
			if object.Namespace != "" {
				name = object.Namespace + "/" + name
			}
			out.unplanned = append(out.unplanned, unplanned{kind: kindIn(kind, version), name: name})
			return
		}
		out.ignored = append(out.ignored, kind)
		return
	case message != "":
		problem("apiVersion", message+"; the object is left out")
		return
	}
	if info.namespaced && object.Namespace == "" {
		object.Namespace = r.namespace
	}
	if !info.namespaced {
		object.Namespace = ""
	}
	refusals := r.refusals(info, object, d)
	for _, refusal := range refusals {
		problem(refusal.Field, refusal.Message)
	}
	object.Refused = len(refusals) > 0
	if !object.Refused {
		value, unknown, err := info.decode(d)
		if err != nil {
			field, message := "", err.Error()
			if typed := (*fieldTypeError)(nil); errors.As(err, &typed) {
				field = typed.Field
			}
			problem(field, message+"; the object is left out")
			object.Refused = true
		}
		for _, u := range unknown {
			problem(u.Field, u.Message)
		}
		object.Value = value
		d.Object = nil // read; only lines are asked for from now on
	}
	out.objects = append(out.objects, object)
}

// unknownOwn is what is wrong with an object of Tradewind's whose kind is not read; empty for the kinds that controllers
// write, and for objects of others.
func unknownOwn(kind, version string) string {
	if group := v1alpha1.GroupVersion.Group + "/"; len(version) < len(group) || version[:len(group)] != group {
		return ""
	}
	if definition, err := DefinitionOf(kind); err != nil || definition != nil {
		return ""
	}
	return fmt.Sprintf("%s has no kind %q; the object is left out", v1alpha1.GroupVersion.Group, kind)
}

// refusals are why an API server would not take an object.
func (r *fileReader) refusals(info *kindInfo, object *Object, d *Document) []FieldError {
	if info.group == v1alpha1.GroupVersion.Group {
		definition, err := DefinitionOf(object.Kind)
		if err != nil || definition == nil {
			return []FieldError{{"kind", fmt.Sprintf("cannot be checked: %v", err)}}
		}
		return definition.Admit(d.Object)
	}
	out := quantities(d.Object, "")
	if object.Name == "" {
		return append(out, FieldError{"metadata.name", "Required value: give the object a name"})
	}
	for _, message := range validation.NameIsDNSSubdomain(object.Name, false) {
		out = append(out, FieldError{"metadata.name", fmt.Sprintf("Invalid value: %q: %s", object.Name, message)})
	}
	return append(out, counts(d.Object)...)
}

// MaxReplicas of one workload.
const MaxReplicas = 1 << 24

// counts checks the numbers of replicas.
func counts(object map[string]any) []FieldError {
	spec, _ := object["spec"].(map[string]any)
	var out []FieldError
	for _, field := range []string{"replicas", "parallelism", "completions"} {
		if n, ok := spec[field].(int64); ok && (n < 0 || n > MaxReplicas) {
			out = append(out, FieldError{"spec." + field, fmt.Sprintf("%d is no number of replicas; write 0 to %d", n, MaxReplicas)})
		}
	}
	return out
}

// twice takes out objects that are there twice: only one of them could be applied.
func (s *Set) twice() {
	first := map[string]*Object{}
	kept := s.Objects[:0]
	for _, object := range s.Objects {
		key := object.String() + object.cluster()
		if earlier, taken := first[key]; taken && object.Name != "" {
			s.problem(object, "metadata.name", fmt.Sprintf("the same object is in %s:%d already, which counts; remove one, or give it another name",
				earlier.File, earlier.Line("")))
			continue
		}
		first[key] = object
		kept = append(kept, object)
	}
	s.Objects = kept
}

func (s *Set) problem(object *Object, field, message string) {
	s.Problems = append(s.Problems, NewProblem(object.File, object.Line(field), object.String(), field, message))
}
