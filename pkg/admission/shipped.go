// Package admission says whether the admission policies of the installation are in force as they are shipped: that which
// keeps nodes from changing where they say they are, and those that close the ways round the scheduler in namespaces that
// ask for it. RBAC cannot say either, so that rules are as strong as these policies. It is pure:
// pkg/controller/admissionwatch reads the cluster.
package admission

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"tradewind.dev/tradewind/deploy"
)

// Names of the policies, and of their bindings.
const (
	nodeLocations    = "tradewind-node-locations"
	enforcedPods     = "tradewind-enforced-pods"
	enforcedBindings = "tradewind-enforced-bindings"
	awaitedPolicies  = "tradewind-awaited-policies"
)

// Names returns the names of the policies that are looked at, which are those of their bindings too.
func Names() []string {
	return []string{nodeLocations, enforcedPods, enforcedBindings, awaitedPolicies}
}

// LabelEnforce on a namespace, with the value "true", has the component enforce of the installation refuse pods in it that
// go past the scheduler.
const LabelEnforce = "tradewind.dev/enforce"

// Pair is a policy with its binding; either is nil where there is none.
type Pair struct {
	Policy  *admissionv1.ValidatingAdmissionPolicy
	Binding *admissionv1.ValidatingAdmissionPolicyBinding
}

// Shipped are the policies of the installation with their bindings, by name.
func Shipped() (map[string]Pair, error) {
	out := map[string]Pair{}
	err := fs.WalkDir(deploy.AdmissionPolicies, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := deploy.AdmissionPolicies.ReadFile(path)
		if err != nil {
			return err
		}
		if err := readObjects(text, out); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	for _, name := range Names() {
		if err == nil && (out[name].Policy == nil || out[name].Binding == nil) {
			err = fmt.Errorf("the installation has no policy %s with a binding", name)
		}
	}
	return out, err
}

// readObjects adds the policies and bindings of a YAML text.
func readObjects(text []byte, to map[string]Pair) error {
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	defer func() { _ = documents.Close() }()
	buffer := make([]byte, len(text)+1)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var head metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(buffer[:n], &head); err != nil {
			return err
		}
		found := to[head.Name]
		switch head.Kind {
		case "ValidatingAdmissionPolicy":
			found.Policy = &admissionv1.ValidatingAdmissionPolicy{}
			err = yaml.UnmarshalStrict(buffer[:n], found.Policy)
		case "ValidatingAdmissionPolicyBinding":
			found.Binding = &admissionv1.ValidatingAdmissionPolicyBinding{}
			err = yaml.UnmarshalStrict(buffer[:n], found.Binding)
		default:
			err = fmt.Errorf("kind %q is no admission policy", head.Kind)
		}
		if err != nil {
			return err
		}
		to[head.Name] = found
	}
}

const quoted = `(?:'[^'"\\]*'|"[^'"\\]*")`

var (
	oneQuoted  = regexp.MustCompile(quoted)
	quotedList = regexp.MustCompile(`^\s*\[\s*(?:` + quoted + `(?:\s*,\s*` + quoted + `)*)?\s*\]\s*$`)
)

// list reads a CEL list of strings, as the variables of the shipped policies have them. ok is false for other expressions.
func list(expression string) (values []string, ok bool) {
	if !quotedList.MatchString(expression) {
		return nil, false
	}
	for _, value := range oneQuoted.FindAllString(expression, -1) {
		values = append(values, value[1:len(value)-1])
	}
	return values, true
}

// lacking are the values that are wanted and not there.
func lacking(wanted, there []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(value string) bool { return slices.Contains(there, value) })
}
