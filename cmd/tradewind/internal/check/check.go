// Package check checks files of policies, price lists and latency maps before they reach a cluster: as an API server
// would (unknown fields, schema, CEL rules), and then as Tradewind's controllers and scheduler would (jurisdictions,
// regions, contradictions).
package check

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/files"
)

// Problem is what is wrong, and where.
type Problem = files.Problem

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

	document *files.Document
	// said are the fields that something is wrong with.
	said []string
	// policy is the object as it is asked about in a cluster; nil for other kinds.
	policy *state.Objects
	// doubts are its values that no known cloud has.
	doubts []policy.Doubt
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

	// read are the objects that could be decoded, valid or not, and the same by their names.
	read  state.Objects
	named map[string]*Object
	// have are the values of location labels that pools, price lists and nodes have; doubtful the warnings that do not depend on
	// them.
	have     location.Values
	doubtful []Problem
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
	r := &Result{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "PolicyCheck", Objects: []*Object{}, Problems: []Problem{}, named: map[string]*Object{},
		have: location.Values{},
	}
	sources, problems, err := files.Find(paths)
	if err != nil {
		return nil, err
	}
	r.Problems = append(r.Problems, problems...)
	in := files.NewInput(stdin)
	for _, source := range sources {
		data, err := in.Read(source)
		if err != nil {
			r.Problems = append(r.Problems, files.NewProblem(source.Name, 0, "", "", err.Error()))
			continue
		}
		if err := r.file(source, data, namespace); err != nil {
			return nil, err
		}
	}
	if err := r.meaning(now); err != nil {
		return nil, err
	}
	sortProblems(r.Problems)
	r.weigh()
	for _, object := range r.Objects {
		object.Valid = len(object.said) == 0
	}
	return r, nil
}

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Field, b.Field))
	})
}

// isOwn says whether an object is Tradewind's.
func isOwn(apiVersion, _ string) bool {
	return strings.HasPrefix(apiVersion, v1alpha1.GroupVersion.Group+"/")
}

// file reads one file's documents. One that was found in a folder may hold something else than objects of Kubernetes.
func (r *Result) file(source files.Source, data []byte, namespace string) (err error) {
	name := source.Name
	files.Documents(data, isOwn, func(read func() files.ReadDocument) {
		document := read()
		for _, problem := range document.Errors {
			r.Problems = append(r.Problems, files.NewDocumentProblem(name, problem))
		}
		if other := document.Skipped; other != nil {
			r.Ignored = append(r.Ignored, Ignored{File: name, Line: other.Line, Object: fmt.Sprintf("%s (%s)", other.Kind, other.APIVersion)})
		}
		for i := range document.Documents {
			if object := document.Documents[i].Object; source.Found && object["apiVersion"] == nil && object["kind"] == nil {
				r.Ignored = append(r.Ignored, Ignored{File: name, Line: document.Documents[i].LineAt(""), Object: "not a Kubernetes object"})
				continue
			}
			if failed := r.document(name, &document.Documents[i], namespace); failed != nil && err == nil {
				err = failed
			}
		}
	})
	return err
}

func (r *Result) document(file string, d *files.Document, namespace string) error {
	kind, _ := d.Object["kind"].(string)
	version, _ := d.Object["apiVersion"].(string)
	object := &Object{File: file, Line: d.LineAt(""), Kind: kind, document: d}
	if metadata, ok := d.Object["metadata"].(map[string]any); ok {
		object.Name, _ = metadata["name"].(string)
		object.Namespace, _ = metadata["namespace"].(string)
	}
	add := func(field, message string) { r.problem(object, field, message) }
	if kind == "" || version == "" {
		add("", files.ErrNotObject.Error())
		return nil
	}
	if !isOwn(version, kind) {
		if wrong := d.Unreadable(); wrong != nil {
			add(wrong.Field, wrong.Message)
			return nil
		}
		r.Ignored = append(r.Ignored, Ignored{File: file, Line: object.Line, Object: fmt.Sprintf("%s (%s)", object, version)})
		return nil
	}
	definition, err := files.DefinitionOf(kind)
	if err != nil {
		return err
	}
	if definition == nil {
		kinds, err := files.Kinds()
		add("kind", fmt.Sprintf("%s has no kind %s; it has %s", v1alpha1.GroupVersion.Group, printable.Quote(kind), strings.Join(kinds, ", ")))
		return err
	}
	if definition.Version != version {
		add("apiVersion", fmt.Sprintf("%s is not served; write %s", printable.Quote(version), definition.Version))
		return nil
	}
	if object.Namespace == "" && definition.Namespaced {
		object.Namespace = namespace
	}
	r.Objects = append(r.Objects, object)
	refused := definition.Admit(d.Object)
	for _, problem := range refused {
		add(problem.Field, problem.Message)
	}
	if len(refused) > 0 && files.HugeNumber(d.Object["spec"]) {
		return nil
	}
	if err := r.keep(object); err != nil {
		if len(object.said) == 0 { // the schema has said what is wrong with the shape, if it could
			add("", err.Error())
		}
	}
	return nil
}

// String is KIND/NAMESPACE/NAME.
func (o *Object) String() string { return files.Name(o.Kind, o.Namespace, o.Name) }

// problem notes what is wrong with an object.
func (r *Result) problem(object *Object, field, message string) {
	object.said = append(object.said, field)
	r.Problems = append(r.Problems, files.NewProblem(object.File, object.document.LineAt(field), object.String(), field, message))
}
